// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;

namespace Capbox.Testing;

/// <summary>Sealed segments that consist of header and footer alone: all that a catalog looks at.</summary>
public static class BareSegment
{
    /// <summary>Writes one and gives back its path.</summary>
    /// <param name="directory">Of the archive.</param>
    /// <param name="sequence">Its number.</param>
    /// <param name="firstNs">Earliest stamp of every port, UTC; also its start.</param>
    /// <param name="lastNs">Latest stamp.</param>
    /// <param name="extraBytes">Made longer by this, as a hole between header and footer; a multiple of 4096.</param>
    /// <param name="ports">Names; each has 10 packets.</param>
    public static string Write(string directory, ulong sequence, long firstNs, long lastNs, long extraBytes, params string[] ports)
    {
        var origin = new OriginRecord { Magic = Format.RecordMagic, Version = Format.RecordVersion, Kind = RecordKind.Origin, SegmentSequence = sequence, StartedUtcNs = firstNs, ConfigRevision = 3 };
        InterfaceInfo[] interfaces = [.. ports.Select(p => new InterfaceInfo(p, null, null, null, null, UtcOffset.Since2017))];
        byte[] header = SegmentHeader.Build(origin, "", interfaces, 1, Format.MaxSnapLength);
        TotalRecord[] totals = [.. ports.Select((_, i) => TotalRecord.Empty(i) with { Packets = 10, FirstUtcNs = firstNs, LastUtcNs = lastNs, CapturedBytes = 600, LostRing = (ulong)i })];
        var trailer = new TrailerRecord { SegmentSequence = sequence, StartedUtcNs = firstNs, SealedUtcNs = lastNs };
        byte[] footer = Footer.Build([], totals, trailer, header.Length + extraBytes);
        string path = Path.Combine(directory, SegmentName.Create(new UtcTime(firstNs), sequence).Sealed().ToString());
        using FileStream file = File.Create(path);
        file.Write(header);
        file.Seek(extraBytes, SeekOrigin.Current);
        file.Write(footer);
        return path;
    }
}
