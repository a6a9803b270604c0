// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Capture;

/// <summary>What a port is doing.</summary>
public enum PortState
{
    /// <summary>Before the first start, or after the stop.</summary>
    Stopped,
    Capturing,

    /// <summary>The interface exists but is administratively down.</summary>
    Down,

    /// <summary>There is no interface of this name, or no network namespace that it could be in.</summary>
    Missing,
}

/// <summary>
/// The account of one port since the recorder started. Seen = Stored + Filtered + Discarded + Pending + every Lost cause, by definition:
/// each packet is counted where it ends.
/// </summary>
public sealed record PortLedger
{
    /// <summary>Configured name of the port.</summary>
    public required string Port { get; init; }

    /// <summary>The port's name with the name that the interface has now; differs from <see cref="Port"/> after a rename.</summary>
    public required string CurrentName { get; init; }
    public required PortState State { get; init; }

    /// <summary>Why an interface that is up is not captured; null when it is, or when it is not up.</summary>
    public string? Fault { get; init; }

    /// <summary>packet or kmod; null while the port is not captured.</summary>
    public string? Backend { get; init; }

    /// <summary>True when the NIC stamps every packet.</summary>
    public required bool HardwareStamps { get; init; }

    /// <summary>Packets written to a segment.</summary>
    public required ulong StoredPackets { get; init; }

    /// <summary>Bytes of packets as captured.</summary>
    public required ulong StoredBytes { get; init; }

    /// <summary>Packets the port's filter rejected.</summary>
    public required ulong FilteredPackets { get; init; }

    /// <summary>Mode trigger: packets that were retained for a while and discarded, since no trigger asked for them.</summary>
    public ulong DiscardedPackets { get; init; }

    /// <summary>Packets in the ring, not yet written; in mode trigger also those that are retained.</summary>
    public required ulong PendingPackets { get; init; }
    public required ulong LostRing { get; init; }
    public required ulong LostDisk { get; init; }
    public required ulong LostNic { get; init; }
    public required ulong LostHost { get; init; }

    /// <summary>
    /// What the interface counted as dropped (rx_dropped) beyond <see cref="LostHost"/>: packets that no protocol wanted after they were
    /// stored, or that the driver dropped before. Shown, not counted as lost, since the kernel does not distinguish the two.
    /// </summary>
    public ulong InterfaceDrops { get; init; }
    public required ulong TruncatedPackets { get; init; }
    public required ulong RingFreezes { get; init; }

    /// <summary>Its rings, each with its own counts; those that were open before are in it too.</summary>
    public IReadOnlyList<RingLedger> Rings { get; init; } = [];

    /// <summary>Time the port was down or gone while it should have been captured.</summary>
    public required TimeSpan Gap { get; init; }

    public ulong LostPackets => LostRing + LostDisk + LostNic + LostHost;

    public ulong SeenPackets => StoredPackets + FilteredPackets + DiscardedPackets + PendingPackets + LostPackets;
}

/// <summary>The account of one ring, a part of its port's.</summary>
/// <param name="Ring">Number within the port, as in chunks.</param>
/// <param name="Blocks">Blocks of it; 0 while it is not open.</param>
/// <param name="FilledBlocks">
/// Blocks that the kernel cannot fill now: they wait for their thread or the disk; in mode trigger also those that are retained.
/// </param>
/// <param name="FilledHighBlocks">The most of them since the start. As many as <paramref name="Blocks"/>: it was full.</param>
/// <param name="ReceivedPackets">Packets that passed the filter and got into it.</param>
/// <param name="StoredPackets">Of these, on disk.</param>
/// <param name="LostRing">As of the port.</param>
/// <param name="LostDisk">As of the port.</param>
/// <param name="LostHost">
/// Of the port's, those that no block can have (the kernel module): larger than one, or in memory that the CPU cannot read.
/// </param>
/// <param name="Freezes">Times it was found full.</param>
public sealed record RingLedger(int Ring, int Blocks, int FilledBlocks, int FilledHighBlocks, ulong ReceivedPackets, ulong StoredPackets,
    ulong LostRing, ulong LostDisk, ulong LostHost, ulong Freezes)
{
    /// <summary>A ring's share of blocks, 0 to 1; 0 of one that is not open.</summary>
    public static double Share(int filled, int blocks) => blocks > 0 ? (double)filled / blocks : 0;
}

/// <summary>State of the storage side.</summary>
public sealed record StorageSnapshot
{
    /// <summary>Path of the segment being written, or null when there is none (the disk refuses).</summary>
    public string? CurrentSegment { get; init; }
    public required ulong SegmentsSealed { get; init; }

    /// <summary>Of earlier runs that did not end in order, repaired by this one.</summary>
    public ulong SegmentsRepaired { get; init; }
    public required ulong BytesWritten { get; init; }
    public required ulong WriteErrors { get; init; }

    /// <summary>Null when all is well, else the last error of the disk, with the path.</summary>
    public string? Fault { get; init; }

    /// <summary>"io_uring", "threads" or "null", and whether writes bypass the page cache.</summary>
    public required string Engine { get; init; }
    public required bool Direct { get; init; }
    public required long FreeBytes { get; init; }

    /// <summary>Paths of the last segments sealed in this run, newest last, at most 32.</summary>
    public required IReadOnlyList<string> RecentlySealed { get; init; }
}

/// <summary>State of the flight recorder (mode trigger).</summary>
public sealed record TriggerSnapshot
{
    /// <summary>A window is open: packets are written.</summary>
    public required bool Writing { get; init; }

    /// <summary>Windows opened since the start.</summary>
    public required ulong Windows { get; init; }

    /// <summary>Triggers since the start: those that prolonged a window too, not those that the holdoff swallowed.</summary>
    public required ulong Triggers { get; init; }

    /// <summary>How far back a trigger would reach now, seconds; 0 while no port captures.</summary>
    public required double ReachSeconds { get; init; }

    /// <summary>How far back it should reach.</summary>
    public required double BeforeSeconds { get; init; }
    public string? LastReason { get; init; }
    public DateTimeOffset? LastAt { get; init; }
}

/// <summary>All counters at one moment.</summary>
public record RecorderSnapshot
{
    public required DateTimeOffset At { get; init; }
    public required TimeSpan Uptime { get; init; }
    public required IReadOnlyList<PortLedger> Ports { get; init; }
    public required StorageSnapshot Storage { get; init; }

    /// <summary>Null in mode continuous.</summary>
    public TriggerSnapshot? Trigger { get; init; }
}
