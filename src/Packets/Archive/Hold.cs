// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Packets.Archive;

/// <summary>Sequences from <paramref name="First"/> to <paramref name="Last"/>, both included.</summary>
public readonly record struct SequenceRange(ulong First, ulong Last);

/// <summary>A range of time whose segments survive retention, those still to be recorded too.</summary>
public sealed record Hold
{
    /// <summary>"h" and a number, unique in its archive for ever.</summary>
    public required string Id { get; init; }

    /// <summary>First moment, UTC nanoseconds.</summary>
    public required long FromUtcNs { get; init; }

    /// <summary>First moment after it, UTC nanoseconds.</summary>
    public required long ToUtcNs { get; init; }

    /// <summary>Ports whose packets are meant; empty: all.</summary>
    public IReadOnlyList<string> Ports { get; init; } = [];

    /// <summary>
    /// tcpdump expression: segments that were there when the hold was made and had no such packet are in <see cref="Released"/>.
    /// </summary>
    public string? Filter { get; init; }

    public required string Reason { get; init; }

    /// <summary>Who made it.</summary>
    public required string By { get; init; }
    public required long CreatedUtcNs { get; init; }

    /// <summary>
    /// When it ends by the wall clock, for people. The daemon counts its life by a clock that cannot be stepped:
    /// <see cref="ArchiveClock"/>.
    /// </summary>
    public long? ExpiresUtcNs { get; init; }

    /// <summary>Archive time at which the recorder saw it first: what its life is counted from.</summary>
    public long? SeenNs { get; init; }

    /// <summary>Segments in the range that are not held.</summary>
    public IReadOnlyList<SequenceRange> Released { get; init; } = [];

    /// <summary>
    /// Whether a segment is meant. One with damage or without packets of these ports is meant by its time alone if the hold names no port.
    /// </summary>
    /// <param name="sequence">Of the segment.</param>
    /// <param name="firstNs">Its earliest stamp.</param>
    /// <param name="lastNs">Its latest stamp.</param>
    /// <param name="ports">Ports with packets in it.</param>
    public bool Covers(ulong sequence, long firstNs, long lastNs, IReadOnlyList<string> ports)
    {
        if (firstNs >= ToUtcNs || lastNs < FromUtcNs)
            return false;
        if (Ports.Count > 0 && !Ports.Any(p => ports.Contains(p, StringComparer.Ordinal)))
            return false;
        foreach (SequenceRange range in Released)
        {
            if (sequence >= range.First && sequence <= range.Last)
                return false;
        }

        return true;
    }

    /// <summary>Whether its life has ended, by the archive's clock.</summary>
    public bool HasExpired(long archiveNs) =>
        ExpiresUtcNs is { } expires && SeenNs is { } seen && archiveNs - seen >= expires - CreatedUtcNs;

    public override string ToString() => $"{Id} {new UtcTime(FromUtcNs)} .. {new UtcTime(ToUtcNs)}: {Reason}";
}

/// <summary>All holds of an archive.</summary>
public sealed record HoldSet
{
    public const int MaxHolds = 10_000;

    /// <summary>Number of the next hold.</summary>
    public ulong Next { get; init; } = 1;

    /// <summary>Bytes that holds may retain; 0: half of the file system. Written by the recorder from its configuration.</summary>
    public long QuotaBytes { get; init; }

    public IReadOnlyList<Hold> Holds { get; init; } = [];
}
