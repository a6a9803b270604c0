// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Archive;

/// <summary>What the catalog knows of one port in one segment: the port's total record.</summary>
/// <param name="Name">Configured name of the port.</param>
/// <param name="Total">Packets, bytes, losses, times and the worst clock state.</param>
public readonly record struct PortEntry(string Name, TotalRecord Total);

/// <summary>What the catalog knows of one sealed segment; all of it can be read from the segment again.</summary>
public sealed record SegmentEntry
{
    /// <summary>Number in the archive: the key.</summary>
    public required ulong Sequence { get; init; }

    /// <summary>Name in the archive's directory.</summary>
    public required string FileName { get; init; }

    /// <summary>Length of the file.</summary>
    public required long Bytes { get; init; }

    /// <summary>Earliest stamp, UTC nanoseconds; the segment's start if it has no packet.</summary>
    public required long FirstUtcNs { get; init; }

    /// <summary>Latest stamp, UTC nanoseconds; the segment's start if it has no packet.</summary>
    public required long LastUtcNs { get; init; }

    /// <summary>When it was sealed, by the wall clock of then.</summary>
    public required long SealedUtcNs { get; init; }

    public required ulong ConfigRevision { get; init; }

    /// <summary>Sealed by the repair after a crash.</summary>
    public required bool Repaired { get; init; }

    /// <summary>
    /// Sealed by its name, but it cannot be read: no ports are known, and its times are bounds: from before the start in its name until it
    /// was written last.
    /// </summary>
    public bool Damaged { get; init; }

    public required IReadOnlyList<PortEntry> Ports { get; init; }

    /// <summary>When the archive got it, by <see cref="ArchiveClock"/>: what its age is counted from.</summary>
    public long StoredAtNs { get; init; }

    [JsonIgnore]
    public ulong Packets => Ports.Aggregate(0ul, (sum, p) => sum + p.Total.Packets);

    [JsonIgnore]
    public ulong LostPackets => Ports.Aggregate(0ul, (sum, p) => sum + p.Total.LostPackets);

    /// <summary>Reads header and footer of a sealed segment.</summary>
    /// <exception cref="SegmentFormatException">It is damaged, or not sealed.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static SegmentEntry Read(string path)
    {
        using SegmentReader reader = SegmentReader.Open(path);
        FooterContent footer = reader.ReadFooter();
        TrailerRecord trailer = reader.Trailer!.Value;
        string fileName = Path.GetFileName(path);
        if (SegmentName.TryParse(fileName, out SegmentName name) && name.Sequence != trailer.SegmentSequence)
            throw new SegmentFormatException(0, $"segment {trailer.SegmentSequence} under the name of {name.Sequence}");
        long first = long.MaxValue, last = long.MinValue;
        foreach (ref readonly TotalRecord total in footer.Totals.AsSpan())
        {
            first = Math.Min(first, total.FirstUtcNs);
            last = Math.Max(last, total.LastUtcNs);
        }

        bool isEmpty = first > last;
        return new SegmentEntry
        {
            Sequence = trailer.SegmentSequence,
            FileName = fileName,
            Bytes = reader.Length,
            FirstUtcNs = isEmpty ? trailer.StartedUtcNs : first,
            LastUtcNs = isEmpty ? trailer.StartedUtcNs : last,
            SealedUtcNs = trailer.SealedUtcNs,
            ConfigRevision = reader.Origin.ConfigRevision,
            Repaired = (trailer.Flags & TrailerFlags.Repaired) != 0,
            Ports = [.. footer.Totals.Select((total, i) => new PortEntry(reader.Ports[i].Name, total))],
        };
    }

    /// <summary>The entry of a file that <see cref="Read"/> refuses: it lies in the archive all the same.</summary>
    public static SegmentEntry ForDamaged(SegmentName name, long bytes, string path)
    {
        long startNs = name.Start?.Nanoseconds ?? 0;
        return new SegmentEntry
        {
            Sequence = name.Sequence,
            FileName = name.ToString(),
            Bytes = bytes,
            FirstUtcNs = SegmentName.FirstMomentNs(startNs),
            LastUtcNs = SegmentName.LastMomentNs(path, startNs),
            SealedUtcNs = startNs,
            ConfigRevision = 0,
            Repaired = false,
            Damaged = true,
            Ports = [],
        };
    }
}
