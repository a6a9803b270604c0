// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Storage;

namespace Capbox.Packets.Capture;

/// <summary>Which packets of a port are recorded, seen from the port.</summary>
public enum Direction
{
    Both,
    In,
    Out,
}

/// <summary>How a port's packets are spread over its rings (packet(7), PACKET_FANOUT).</summary>
public enum FanoutMode
{
    /// <summary>By flow hash: both directions of a conversation stay in one ring.</summary>
    Hash,

    /// <summary>By the CPU the packet arrived on.</summary>
    Cpu,
}

/// <summary>Where the packets of a port are taken from.</summary>
public enum Backend
{
    /// <summary>The kernel module where it is loaded and fits, else packet sockets.</summary>
    Auto,

    /// <summary>Packet sockets with memory-mapped rings (TPACKET_V3).</summary>
    Packet,

    /// <summary>capbox.ko, or refuse to start.</summary>
    Kmod,
}

/// <summary>Hook points of the kernel module (docs/internals/ring.md); the numbers are those of kmod/uapi/capbox.h.</summary>
public enum Hook
{
    Ingress = 0,
    Egress = 1,
    PreRouting = 2,
    LocalIn = 3,
    Forward = 4,
    LocalOut = 5,
    PostRouting = 6,
}

/// <summary>What a full ring loses.</summary>
public enum Overflow
{
    /// <summary>New packets: history is retained.</summary>
    DropNewest,

    /// <summary>The oldest packets that no one has begun to write. The kernel module only.</summary>
    DropOldest,
}

/// <summary>Which clock stamps the packets of a port.</summary>
public enum TimestampSource
{
    /// <summary>Hardware where the NIC grants a stamp for every packet, else software.</summary>
    Auto,
    Software,

    /// <summary>Hardware or refuse to start.</summary>
    Hardware,
}

/// <summary>What happens to receive offloads that change packets (GRO, LRO, VLAN stripping is always undone).</summary>
public enum OffloadMode
{
    Keep,

    /// <summary>GRO and LRO are turned off while the port is captured and restored afterwards.</summary>
    Off,
}

/// <summary>One port to capture. Immutable; validated by its maker (Config for documents).</summary>
public sealed record PortOptions
{
    /// <summary>What the port is called everywhere, segments included: see <see cref="PortName"/>.</summary>
    public required string Name { get; init; }

    /// <summary>The interface as the kernel knows it (at most 15 bytes).</summary>
    public string Interface => PortName.InterfaceOf(Name);

    /// <summary>
    /// Network namespace that the interface is in, by name (ip-netns(8)) or absolute path; null: the one that capbox runs in.
    /// </summary>
    public string? Netns => PortName.NetnsOf(Name);

    /// <summary>tcpdump expression (pcap-filter(7)) with named filters already expanded; null records everything.</summary>
    public string? Filter { get; init; }

    /// <summary>Captured bytes of each packet, 32 to 262144.</summary>
    public int SnapLength { get; init; } = Packets.Pcapng.Format.MaxSnapLength;
    public Direction Direction { get; init; } = Direction.Both;

    /// <summary>Number of rings, each with a thread of its own: 1 to 64.</summary>
    public int Rings { get; init; } = 1;
    public FanoutMode Fanout { get; init; } = FanoutMode.Hash;

    /// <summary>Memory of each ring, bytes; a multiple of <see cref="BlockBytes"/>, at least 3 blocks.</summary>
    public long RingBytes { get; init; } = 64L << 20;

    /// <summary>Bytes of one block, a power of two from 64 KiB to 16 MiB.</summary>
    public int BlockBytes { get; init; } = 1 << 20;

    /// <summary>A block that is not full is handed over after this long, 1 to 10000 ms.</summary>
    public int HandoverMs { get; init; } = 100;
    public TimestampSource Timestamps { get; init; } = TimestampSource.Auto;
    public OffloadMode Offloads { get; init; } = OffloadMode.Keep;

    public Backend Backend { get; init; } = Backend.Auto;

    /// <summary>Hook points of the kernel module; empty: ingress and egress, as the direction says.</summary>
    public IReadOnlyList<Hook> Hooks { get; init; } = [];

    /// <summary>The kernel module drops every packet that arrives after it was looked at: the stack does no more with the port.</summary>
    public bool Consume { get; init; }
    public Overflow Overflow { get; init; } = Overflow.DropNewest;

    /// <summary>True if packet sockets cannot do what is asked for.</summary>
    public bool NeedsModule => Hooks.Count > 0 || Consume || Overflow == Overflow.DropOldest;

    /// <summary>True if some of its packets come without a link header.</summary>
    public bool HasNetworkHooks => Hooks.Any(h => h is not (Hook.Ingress or Hook.Egress));

    /// <summary>CPUs for the ring threads, ring i on Cpus[i % count]; empty: spread over the CPUs this process may use.</summary>
    public IReadOnlyList<int> Cpus { get; init; } = [];
}

/// <summary>
/// Mode trigger, the flight recorder: rings retain the newest packets in memory, a trigger writes those before it and after it.
/// </summary>
public sealed record TriggerOptions
{
    /// <summary>Time to be retained; a ring that is too small for it holds less, and reports so.</summary>
    public TimeSpan Before { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a trigger writes on.</summary>
    public TimeSpan After { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After a packet that matched <see cref="Filter"/> others do not trigger for this long.</summary>
    public TimeSpan Holdoff { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// tcpdump expression, named filters expanded: a packet that matches on any port triggers. Null: only people and programs do.
    /// </summary>
    public string? Filter { get; init; }
}

/// <summary>All that the packet line is started with. It never changes while it runs.</summary>
public sealed record RecorderOptions
{
    public required IReadOnlyList<PortOptions> Ports { get; init; }
    public required StorageOptions Storage { get; init; }

    /// <summary>Mode trigger; null: everything is written (mode continuous).</summary>
    public TriggerOptions? Trigger { get; init; }

    /// <summary>Serial of the box, written into every segment.</summary>
    public string Serial { get; init; } = "";

    /// <summary>Revision of the configuration document this was made from; 0 when there is none.</summary>
    public ulong ConfigRevision { get; init; }

    /// <summary>
    /// Filters compiled when the document was accepted, and may not now: a port whose filter does not waits until it does. False: nothing
    /// starts then.
    /// </summary>
    public bool FiltersMayWait { get; init; }
}
