// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Platform.Nic;

/// <summary>The clock that stamps packets.</summary>
public enum StampKind
{
    /// <summary>No clock, in one direction at least.</summary>
    None,

    /// <summary>The kernel, by the system clock.</summary>
    Software,

    /// <summary>The NIC, by its own clock.</summary>
    Hardware,
}

/// <summary>The stamping that is in force, read back from the driver.</summary>
/// <param name="TxType">HWTSTAMP_TX_ by name.</param>
/// <param name="RxFilter">HWTSTAMP_FILTER_ by name.</param>
public sealed record StampGrant(string TxType, string RxFilter)
{
    internal static StampGrant From(in StampConfig config) =>
        new(StampNames.TransmitType(config.TxType), StampNames.Filter(config.RxFilter));
}

/// <summary>A private flag of a driver (ethtool --show-priv-flags).</summary>
public sealed record DriverFlag(string Name, bool IsOn);

/// <summary>A network interface with its stamping abilities.</summary>
public sealed record ClockPort
{
    private static readonly string[] s_flagsThatMatter = ["tx_port_ts", "rx_cqe_compress"];

    public required string Name { get; init; }

    /// <summary>The network namespace that was asked about, by name or path; null for our own.</summary>
    public string? Netns { get; init; }
    public required int Index { get; init; }

    /// <summary>Null for a device without one.</summary>
    public string? Driver { get; init; }
    public string? Firmware { get; init; }

    /// <summary>PCI address or the like.</summary>
    public string? Bus { get; init; }

    /// <summary>N of /dev/ptpN, or null without a hardware clock.</summary>
    public int? Clock { get; init; }

    /// <summary>SOF_TIMESTAMPING_ flags that it offers.</summary>
    public IReadOnlyList<string> Stamping { get; init; } = [];
    public IReadOnlyList<string> TxTypes { get; init; } = [];
    public IReadOnlyList<string> RxFilters { get; init; } = [];

    /// <summary>Null when the driver does not report it, which is usual without hardware stamps.</summary>
    public StampGrant? Granted { get; init; }

    /// <summary>The best that PTP can have here: it needs stamps of what is received and of what is sent.</summary>
    public required StampKind PtpStamps { get; init; }

    /// <summary>The best that captured packets can have here: hardware only if the NIC stamps every packet.</summary>
    public required StampKind PacketStamps { get; init; }

    /// <summary>Private flags that matter here: tx_port_ts, rx_cqe_compress.</summary>
    public IReadOnlyList<DriverFlag> DriverFlags { get; init; } = [];

    /// <summary>Known properties of the driver beyond its answers.</summary>
    public required DriverQuirks Quirks { get; init; }

    /// <summary>The same for people, a line each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Asks the kernel about the namespace of the calling thread, by interface index. Changes nothing.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public static IReadOnlyList<ClockPort> List()
    {
        using LinkControl links = new();
        return [.. PortInventory.List(links, PortFacts.Stamping | PortFacts.StampSettings).Select(From)];
    }

    /// <summary>The best stamps for PTP with these flags and this clock.</summary>
    internal static StampKind BestPtpStamps(uint flags, int? clock)
    {
        const uint Hardware = StampNames.TransmitHardware | StampNames.ReceiveHardware | StampNames.RawHardware;
        const uint Software = StampNames.TransmitSoftware | StampNames.ReceiveSoftware;
        if (clock is not null && (flags & Hardware) == Hardware)
            return StampKind.Hardware;
        return (flags & Software) == Software ? StampKind.Software : StampKind.None;
    }

    /// <summary>The best stamps for captured packets with these flags and filters.</summary>
    internal static StampKind BestPacketStamps(uint flags, uint filters, DriverQuirks quirks)
    {
        const uint Hardware = StampNames.ReceiveHardware | StampNames.RawHardware;
        bool offersAll = (flags & Hardware) == Hardware && (filters & (1u << (int)StampFilter.All)) != 0;
        return offersAll && !quirks.HasFlag(DriverQuirks.EventPacketsOnly) ? StampKind.Hardware : StampKind.Software;
    }

    private static ClockPort From(PortRecord port)
    {
        EthtoolStampInfo stamping = port.Stamping ?? new EthtoolStampInfo { PhcIndex = -1 };
        int? clock = stamping.PhcIndex >= 0 ? stamping.PhcIndex : null;
        DriverEntry entry = DriverTable.Find(port.Driver);
        return new ClockPort
        {
            Name = port.Link.Name,
            Index = port.Link.Index,
            Driver = port.Driver,
            Firmware = port.Firmware,
            Bus = port.Bus,
            Clock = clock,
            Stamping = StampNames.Flags(stamping.Flags),
            TxTypes = StampNames.TransmitTypes(stamping.TxTypes),
            RxFilters = StampNames.Filters(stamping.RxFilters),
            Granted = port.Granted is { } granted ? StampGrant.From(granted) : null,
            PtpStamps = BestPtpStamps(stamping.Flags, clock),
            PacketStamps = BestPacketStamps(stamping.Flags, stamping.RxFilters, entry.Quirks),
            DriverFlags = [.. port.PrivateFlags.Where(flag => s_flagsThatMatter.Contains(flag.Name))],
            Quirks = entry.Quirks,
            Notes = entry.Notes,
        };
    }
}
