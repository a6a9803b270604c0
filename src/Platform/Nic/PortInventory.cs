using Capbox.Platform.Linux;

namespace Capbox.Platform.Nic;

/// <summary>Which ports a network namespace has and what they can do: rtnetlink for state and counters, ethtool for the driver's word.</summary>
internal static class PortInventory
{
    private const long BitsPerMegabit = 1_000_000;
    private static readonly string[] TxTypeNames = ["off", "on", "onestep-sync", "onestep-p2p"];

    /// <summary>RFC 2863 states by IF_OPER_ number, linux/if.h.</summary>
    private static readonly string[] OperStateNames = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

    /// <summary>All interfaces, by index.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public static IReadOnlyList<PortInfo> List(LinkControl links) => [.. links.List().Select(link => Describe(links, link))];

    /// <summary>One interface by name, or null when there is none.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public static PortInfo? Find(LinkControl links, string name) => links.Find(name) is { } link ? Describe(links, link) : null;

    private static PortInfo Describe(LinkControl links, LinkRecord link)
    {
        string name = link.Name;
        bool hasDriver = Ethtool.TryGetDriver(links, name, out string driver, out string firmware, out string bus) == 0;
        // What a driver says of a link that is down means nothing.
        EthtoolLinkSettings? settings = link.IsUp && Ethtool.TryGetLinkSettings(links, name, out EthtoolLinkSettings told) == 0 ? told : null;
        return new PortInfo
        {
            Name = name,
            Index = link.Index,
            Driver = hasDriver ? Known(driver) : null,
            Firmware = hasDriver ? Known(firmware) : null,
            Bus = hasDriver ? Known(bus) : null,
            SpeedBitsPerSecond = settings is { Speed: not (0 or Ethtool.SpeedUnknown) } ? settings.Value.Speed * BitsPerMegabit : null,
            Duplex = settings?.Duplex switch { Ethtool.DuplexHalf => "half", Ethtool.DuplexFull => "full", _ => null },
            Up = link.IsUp,
            Carrier = link.IsUp ? link.HasCarrier : null,
            OperState = link.OperState < OperStateNames.Length ? OperStateNames[link.OperState] : "unknown",
            Mac = link.Address.Length == 0 ? null : string.Join(':', link.Address.Select(b => b.ToString("x2", System.Globalization.CultureInfo.InvariantCulture))),
            MtuBytes = link.MtuBytes,
            HardwareType = link.HardwareType,
            Offloads = ReadOffloads(links, name),
            Timestamping = ReadTimestamping(links, name),
            Counters = Counters(link.Counters),
        };
    }

    private static PortOffloads ReadOffloads(LinkControl links, string name)
    {
        uint? flags = Ethtool.TryGet(links, name, Ethtool.GetFlags, out uint value) == 0 ? value : null;
        return new PortOffloads(
            Gro: IsOn(links, name, Ethtool.GetGro),
            Lro: flags is null ? null : (flags & Ethtool.FlagLro) != 0,
            Gso: IsOn(links, name, Ethtool.GetGso),
            Tso: IsOn(links, name, Ethtool.GetTso),
            RxVlan: flags is null ? null : (flags & Ethtool.FlagRxVlan) != 0,
            TxVlan: flags is null ? null : (flags & Ethtool.FlagTxVlan) != 0);
    }

    private static bool? IsOn(LinkControl links, string name, uint command) => Ethtool.TryGet(links, name, command, out uint value) == 0 ? value != 0 : null;

    private static PortTimestamping? ReadTimestamping(LinkControl links, string name)
    {
        if (Ethtool.TryGetTimestampInfo(links, name, out EthtoolTimestampInfo info) != 0)
            return null;
        return new PortTimestamping(
            info.SoTimestamping,
            info.PhcIndex >= 0 ? info.PhcIndex : null,
            [.. Bits(info.TxTypes).Select(bit => bit < TxTypeNames.Length ? TxTypeNames[bit] : $"type-{bit}")],
            [.. Bits(info.RxFilters).Select(bit => (StampFilter)bit)],
            (info.RxFilters & (1u << (int)StampFilter.All)) != 0);
    }

    private static IEnumerable<int> Bits(uint mask)
    {
        for (int bit = 0; bit < 32; bit++)
        {
            if ((mask & (1u << bit)) != 0)
                yield return bit;
        }
    }

    private static PortCounters Counters(in RtnlLinkStats64 c) => new(c.RxPackets, c.RxBytes, c.RxErrors, c.RxDropped, c.RxMissedErrors, c.TxPackets, c.TxBytes);

    private static string? Known(string? text) => text is null or "" or "N/A" ? null : text;
}
