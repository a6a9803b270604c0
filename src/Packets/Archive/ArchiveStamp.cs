// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Archive;

/// <summary>
/// What an archive's directory looked like: its modification time, which any file that comes, goes or is renamed changes, and the parts in
/// it. A catalog that was closed with this stamp is the directory's equal as long as the stamp is the same.
/// </summary>
internal static class ArchiveStamp
{
    private const int MaxParts = 1000;

    /// <summary>The stamp now: the time in the first line, then a line for each part.</summary>
    public static string Compute(string archive)
    {
        string time = Time(archive);
        string[] parts = [.. Parts(archive).Take(MaxParts + 1)];
        return parts.Length > MaxParts ? "" : string.Join('\n', [time, .. parts]);
    }

    /// <summary>The parts in a stamp, or null if the directory has changed since.</summary>
    public static IReadOnlyList<string>? PartsIfCurrent(string archive, string stamp)
    {
        string[] lines = stamp.Split('\n');
        return stamp.Length > 0 && lines[0] == Time(archive) ? lines[1..] : null;
    }

    /// <summary>File names of the segments that are not sealed.</summary>
    public static IEnumerable<string> Parts(string archive) => Directory.EnumerateFiles(archive, "*" + SegmentName.InProgressExtension)
        .Select(path => Path.GetFileName(path)).Where(name => SegmentName.TryParse(name, out SegmentName segment) && segment.InProgress);

    private static string Time(string archive) => Directory.GetLastWriteTimeUtc(archive).Ticks.ToString(CultureInfo.InvariantCulture);
}
