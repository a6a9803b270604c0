// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Archive;

/// <summary>Retention and holds of an archive.</summary>
public sealed record ArchivistOptions
{
    /// <summary>Directory of the archive.</summary>
    public required string Directory { get; init; }

    /// <summary>What is deleted; null deletes nothing.</summary>
    public RetentionRules? Retention { get; init; }

    /// <summary>Bytes that holds may retain; 0: half of the file system.</summary>
    public long HoldQuotaBytes { get; init; }
}

/// <summary>The archive at one moment.</summary>
public sealed record ArchiveSnapshot
{
    /// <summary>False until catalog and directory have been compared after the start.</summary>
    public required bool Ready { get; init; }
    public required long Segments { get; init; }
    public required long Bytes { get; init; }

    /// <summary>Earliest sequence.</summary>
    public required ulong Oldest { get; init; }

    /// <summary>Age of the oldest segment, seconds, as retention counts it.</summary>
    public required long OldestAgeSeconds { get; init; }

    /// <summary>Holds in force, segments they cover and their bytes.</summary>
    public required int Holds { get; init; }
    public required long HeldSegments { get; init; }
    public required long HeldBytes { get; init; }

    /// <summary>Deletions since the start.</summary>
    public required long Deleted { get; init; }
    public required long DeletedBytes { get; init; }

    /// <summary>A retention rule that cannot be met, a catalog or a holds file that cannot be used; null: all is well.</summary>
    public string? Fault { get; init; }
}
