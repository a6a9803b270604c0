// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Storage;

/// <summary>How blocks reach the disk.</summary>
public enum WriteEngine
{
    /// <summary>io_uring where the kernel permits it, else threads.</summary>
    Auto,
    IoUring,
    Threads,

    /// <summary>Blocks are counted and released without a write: a measuring stage of the bench.</summary>
    Null,
}

/// <summary>Where and how segments are written.</summary>
public sealed record StorageOptions
{
    /// <summary>Directory of the archive; made if it is missing.</summary>
    public required string Directory { get; init; }

    /// <summary>A segment is sealed before it would grow past this, bytes: 16 MiB to 1 TiB, at least 4 blocks.</summary>
    public long SegmentBytes { get; init; } = 1L << 30;

    /// <summary>A segment is sealed at each multiple of this many seconds of UTC (60: on the minute); 0: by size alone.</summary>
    public int RotateSeconds { get; init; }

    /// <summary>Writes in flight per ring, 1 to 64.</summary>
    public int WritesInFlight { get; init; } = 8;
    public WriteEngine Engine { get; init; } = WriteEngine.Auto;
}
