// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Custody;

/// <summary>A difference between the chain and the archive, in either direction.</summary>
/// <param name="Entry">Number of the entry it is about; 0 if there is none.</param>
/// <param name="File">Name of the segment, or of the chain.</param>
/// <param name="Reason">One line.</param>
public sealed record ChainBreak(ulong Entry, string File, string Reason);

/// <summary>A run of segment numbers without an entry.</summary>
public sealed record ChainGap(ulong First, ulong Last);

/// <summary>What a verification found.</summary>
public sealed record ChainReport
{
    public required string Archive { get; init; }

    /// <summary>Nothing is broken.</summary>
    public bool Good => Breaks.Count == 0 && BreaksLeftOut == 0;

    /// <summary>Random id of the chain, from its genesis.</summary>
    public string ChainId { get; init; } = "";
    public ulong Entries { get; init; }

    /// <summary>Segments that are there and were compared with their digest.</summary>
    public ulong Segments { get; init; }

    /// <summary>Bytes of those.</summary>
    public ulong Bytes { get; init; }

    /// <summary>Segments with a tombstone.</summary>
    public ulong Deleted { get; init; }

    /// <summary>Hash of the last entry: note it down to find out later whether the end was cut off.</summary>
    public string Head { get; init; } = "";

    /// <summary>When the first and the last entry were made, by the clock of the box.</summary>
    public string? FirstTime { get; init; }
    public string? LastTime { get; init; }

    /// <summary>Ids of the keys that signed the chain, in turn.</summary>
    public IReadOnlyList<string> Keys { get; init; } = [];

    /// <summary>Numbers up to the highest that no sealed segment in the chain bears; at most 1000 runs.</summary>
    public IReadOnlyList<ChainGap> Gaps { get; init; } = [];

    /// <summary>By entry, the first break first; at most 1000.</summary>
    public IReadOnlyList<ChainBreak> Breaks { get; init; } = [];
    public ulong BreaksLeftOut { get; init; }

    /// <summary>What is worth knowing and breaks nothing.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}

/// <summary>How far a verification is.</summary>
/// <param name="BytesDone">Bytes of chain or segments.</param>
/// <param name="BytesTotal">Of the same; grows once the chain has been read.</param>
/// <param name="What">What is being read.</param>
public readonly record struct ChainProgress(ulong BytesDone, ulong BytesTotal, string What);
