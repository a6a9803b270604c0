// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Platform.Linux;

namespace Capbox.Platform.Nic;

/// <summary>Offloads of a port that change what a capture sees; null where the driver does not report it.</summary>
/// <param name="Gro">Generic receive offload: received packets are merged in the kernel.</param>
/// <param name="Lro">Large receive offload: received packets are merged in the NIC.</param>
/// <param name="Gso">Generic segmentation offload: sent packets are seen before they are cut.</param>
/// <param name="Tso">TCP segmentation offload: the same, cut by the NIC.</param>
/// <param name="RxVlan">The NIC takes VLAN tags off (capbox puts them back).</param>
/// <param name="TxVlan">The NIC puts VLAN tags on.</param>
public sealed record PortOffloads(bool? Gro, bool? Lro, bool? Gso, bool? Tso, bool? RxVlan, bool? TxVlan);

/// <summary>The stamping that the driver of a port offers (ETHTOOL_GET_TS_INFO).</summary>
/// <param name="Flags">SOF_TIMESTAMPING_* of linux/net_tstamp.h, bitwise.</param>
/// <param name="PhcIndex">N of /dev/ptpN, or null without a hardware clock.</param>
/// <param name="TxTypes">HWTSTAMP_TX_* by name.</param>
/// <param name="RxFilters">HWTSTAMP_FILTER_* that the NIC offers.</param>
/// <param name="HardwareAll">True when every received packet can be stamped in hardware (HWTSTAMP_FILTER_ALL).</param>
public sealed record PortTimestamping(
    uint Flags, int? PhcIndex, IReadOnlyList<string> TxTypes, IReadOnlyList<StampFilter> RxFilters, bool HardwareAll)
{
    public bool ReceivesHardware => (Flags & StampNames.ReceiveHardware) != 0;
    public bool ReceivesSoftware => (Flags & StampNames.ReceiveSoftware) != 0;

    internal static PortTimestamping From(in EthtoolStampInfo info)
    {
        uint filters = info.RxFilters;
        return new PortTimestamping(
            info.Flags,
            info.PhcIndex >= 0 ? info.PhcIndex : null,
            StampNames.TransmitTypes(info.TxTypes),
            [.. Enumerable.Range(0, 32).Where(bit => (filters & (1u << bit)) != 0).Select(bit => (StampFilter)bit)],
            (filters & (1u << (int)StampFilter.All)) != 0);
    }
}

/// <summary>Counters of a port since its driver was loaded (struct rtnl_link_stats64).</summary>
/// <param name="RxDropped">Dropped by the kernel before any socket saw them.</param>
/// <param name="RxMissed">Dropped by the NIC for want of buffers.</param>
public sealed record PortCounters(
    ulong RxPackets, ulong RxBytes, ulong RxErrors, ulong RxDropped, ulong RxMissed, ulong TxPackets, ulong TxBytes)
{
    internal static PortCounters From(in RtnlLinkStats64 c) =>
        new(c.RxPackets, c.RxBytes, c.RxErrors, c.RxDropped, c.RxMissedErrors, c.TxPackets, c.TxBytes);
}

/// <summary>One network interface of a network namespace, as it is now.</summary>
public sealed record PortInfo
{
    private const PortFacts Facts = PortFacts.Speed | PortFacts.Offloads | PortFacts.Stamping;
    private const long BitsPerMegabit = 1_000_000;

    /// <summary>RFC 2863 states by IF_OPER_ number, linux/if.h.</summary>
    private static readonly string[] s_operStates = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

    public required string Name { get; init; }

    /// <summary>The network namespace that was asked about, by name or path; null for our own.</summary>
    public string? Netns { get; init; }
    public required int Index { get; init; }

    /// <summary>Driver by ethtool; null for a virtual device without one.</summary>
    public string? Driver { get; init; }
    public string? Firmware { get; init; }

    /// <summary>PCI address or the like.</summary>
    public string? Bus { get; init; }

    /// <summary>Null when there is no link, or no such thing as a speed.</summary>
    public long? SpeedBitsPerSecond { get; init; }
    public string? Duplex { get; init; }

    /// <summary>Administratively up (IFF_UP).</summary>
    public required bool Up { get; init; }

    /// <summary>True when a link is detected; null while the port is down.</summary>
    public bool? Carrier { get; init; }

    /// <summary>RFC 2863 state: up, down, unknown, dormant, lowerlayerdown, notpresent, testing.</summary>
    public required string OperState { get; init; }

    /// <summary>Hardware address, or null when the link has none.</summary>
    public string? Mac { get; init; }

    /// <summary>Largest packet without the link header, bytes.</summary>
    public required int MtuBytes { get; init; }

    /// <summary>ARPHRD_* of linux/if_arp.h: 1 Ethernet, 772 loopback, 65534 none.</summary>
    public required int HardwareType { get; init; }
    public required PortOffloads Offloads { get; init; }

    /// <summary>Null when the driver does not report it.</summary>
    public PortTimestamping? Timestamping { get; init; }
    public required PortCounters Counters { get; init; }

    /// <summary>All interfaces of a namespace, by index.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    internal static IReadOnlyList<PortInfo> List(LinkControl links) => [.. PortInventory.List(links, Facts).Select(From)];

    /// <summary>One interface by name, or null when there is none.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    internal static PortInfo? Find(LinkControl links, string name) =>
        PortInventory.Find(links, name, Facts) is { } port ? From(port) : null;

    private static PortInfo From(PortRecord port)
    {
        LinkRecord link = port.Link;
        return new PortInfo
        {
            Name = link.Name,
            Index = link.Index,
            Driver = port.Driver,
            Firmware = port.Firmware,
            Bus = port.Bus,
            SpeedBitsPerSecond =
                port.Settings is { Speed: not (0 or Ethtool.SPEED_UNKNOWN) } settings ? settings.Speed * BitsPerMegabit : null,
            Duplex = port.Settings?.Duplex switch { Ethtool.DUPLEX_HALF => "half", Ethtool.DUPLEX_FULL => "full", _ => null },
            Up = link.IsUp,
            Carrier = link.IsUp ? link.HasCarrier : null,
            OperState = link.OperState < s_operStates.Length ? s_operStates[link.OperState] : "unknown",
            Mac = link.Address.Length == 0
                ? null
                : string.Join(':', link.Address.Select(b => b.ToString("x2", CultureInfo.InvariantCulture))),
            MtuBytes = link.MtuBytes,
            HardwareType = link.HardwareType,
            Offloads = port.Offloads!,
            Timestamping = port.Stamping is { } stamping ? PortTimestamping.From(stamping) : null,
            Counters = PortCounters.From(link.Counters),
        };
    }
}
