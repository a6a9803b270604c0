// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Custody;

/// <summary>The sealed segments that lie in an archive; every other file is foreign.</summary>
internal static class ArchiveListing
{
    /// <exception cref="IOException">The directory cannot be read.</exception>
    public static IEnumerable<SegmentName> Sealed(string archive)
    {
        foreach (string path in Directory.EnumerateFiles(archive))
        {
            if (SegmentName.TryParse(Path.GetFileName(path), out SegmentName name) && !name.InProgress && name.Sequence > 0)
                yield return name;
        }
    }
}
