// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Platform.Nic;

/// <summary>The facts of an interface that cost calls of the driver: a caller names those that it shows.</summary>
[Flags]
internal enum PortFacts
{
    /// <summary>Speed and duplex.</summary>
    Speed = 1,
    Offloads = 2,

    /// <summary>Stamping: what the driver offers.</summary>
    Stamping = 4,

    /// <summary>Stamping: what is in force, and the private flags of the driver.</summary>
    StampSettings = 8,
}

/// <summary>
/// One interface as the kernel and its driver describe it. A fact is null when the driver does not report it, or the caller did not
/// name it.
/// </summary>
internal sealed record PortRecord
{
    public required LinkRecord Link { get; init; }
    public required string? Driver { get; init; }
    public required string? Firmware { get; init; }

    /// <summary>PCI address or the like.</summary>
    public required string? Bus { get; init; }

    /// <summary>Null, too, while the port is down: what a driver reports then means nothing.</summary>
    public EthtoolLinkSettings? Settings { get; init; }
    public PortOffloads? Offloads { get; init; }
    public EthtoolStampInfo? Stamping { get; init; }
    public StampConfig? Granted { get; init; }
    public IReadOnlyList<DriverFlag> PrivateFlags { get; init; } = [];
}

/// <summary>
/// The interfaces of one network namespace: rtnetlink for state and counters, ethtool for the driver's answers.
/// <see cref="PortInfo"/> and <see cref="ClockPort"/> are its two views.
/// </summary>
internal static class PortInventory
{
    /// <summary>All interfaces, by index. Changes nothing.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public static IReadOnlyList<PortRecord> List(LinkControl links, PortFacts facts) =>
        [.. links.List().Select(link => Read(links.Ethtool, link, facts))];

    /// <summary>One interface by name, or null when there is none.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public static PortRecord? Find(LinkControl links, string name, PortFacts facts) =>
        links.Find(name) is { } link ? Read(links.Ethtool, link, facts) : null;

    private static PortRecord Read(Ethtool ethtool, LinkRecord link, PortFacts facts)
    {
        string name = link.Name;
        _ = ethtool.TryGetDriver(name, out string driver, out string firmware, out string bus, out int flagCount);
        bool asksSpeed = facts.HasFlag(PortFacts.Speed) && link.IsUp, asksSettings = facts.HasFlag(PortFacts.StampSettings);
        return new PortRecord
        {
            Link = link,
            Driver = Known(driver),
            Firmware = Known(firmware),
            Bus = Known(bus),
            Settings = asksSpeed && ethtool.TryGetLinkSettings(name, out EthtoolLinkSettings settings) == 0 ? settings : null,
            Offloads = facts.HasFlag(PortFacts.Offloads) ? ReadOffloads(ethtool, name) : null,
            Stamping = facts.HasFlag(PortFacts.Stamping) && ethtool.TryGetStampInfo(name, out EthtoolStampInfo info) == 0 ? info : null,
            Granted = asksSettings && ethtool.TryGetStampConfig(name, out StampConfig config) == 0 ? config : null,
            PrivateFlags = asksSettings && flagCount > 0 ? ReadPrivateFlags(ethtool, name, flagCount) : [],
        };
    }

    private static PortOffloads ReadOffloads(Ethtool ethtool, string name)
    {
        uint? flags = ethtool.TryGet(name, Ethtool.ETHTOOL_GFLAGS, out uint value) == 0 ? value : null;
        return new PortOffloads(
            Gro: IsOn(ethtool, name, Ethtool.ETHTOOL_GGRO),
            Lro: flags is null ? null : (flags & Ethtool.ETH_FLAG_LRO) != 0,
            Gso: IsOn(ethtool, name, Ethtool.ETHTOOL_GGSO),
            Tso: IsOn(ethtool, name, Ethtool.ETHTOOL_GTSO),
            RxVlan: flags is null ? null : (flags & Ethtool.ETH_FLAG_RXVLAN) != 0,
            TxVlan: flags is null ? null : (flags & Ethtool.ETH_FLAG_TXVLAN) != 0);
    }

    private static bool? IsOn(Ethtool ethtool, string name, uint command) =>
        ethtool.TryGet(name, command, out uint value) == 0 ? value != 0 : null;

    private static IReadOnlyList<DriverFlag> ReadPrivateFlags(Ethtool ethtool, string name, int count) =>
        ethtool.TryGetPrivateFlags(name, count, out IReadOnlyList<(string Name, bool IsOn)> flags) == 0
            ? [.. flags.Select(flag => new DriverFlag(flag.Name, flag.IsOn))]
            : [];

    private static string? Known(string text) => text is "" or "N/A" ? null : text;
}
