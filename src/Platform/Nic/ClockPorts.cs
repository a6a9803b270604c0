using Capbox.Platform.Linux;

namespace Capbox.Platform.Nic;

/// <summary>What the interfaces of a network namespace can do for time.</summary>
public static class ClockPorts
{
    private static readonly string[] s_flagsThatMatter = ["tx_port_ts", "rx_cqe_compress"];

    /// <summary>Asks the kernel about the namespace of the calling thread, by interface index. Changes nothing.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public static IReadOnlyList<ClockPort> Read()
    {
        using InterfaceDevice device = new();
        return [.. InterfaceDevice.List().Select(port => ReadPort(device, port.Index, port.Name))];
    }

    /// <summary>What flags and filters mean for PTP.</summary>
    internal static StampKind PtpStamps(uint flags, int? clock)
    {
        const uint Hardware = StampNames.TransmitHardware | StampNames.ReceiveHardware | StampNames.RawHardware;
        const uint Software = StampNames.TransmitSoftware | StampNames.ReceiveSoftware;
        return clock is not null && (flags & Hardware) == Hardware ? StampKind.Hardware : (flags & Software) == Software ? StampKind.Software : StampKind.None;
    }

    /// <summary>What they mean for captured packets.</summary>
    internal static StampKind PacketStamps(uint flags, uint filters, DriverQuirks quirks)
    {
        const uint Hardware = StampNames.ReceiveHardware | StampNames.RawHardware;
        bool all = (flags & Hardware) == Hardware && (filters & (1u << StampNames.FilterAll)) != 0 && !quirks.HasFlag(DriverQuirks.EventPacketsOnly);
        return all ? StampKind.Hardware : StampKind.Software;
    }

    private static ClockPort ReadPort(InterfaceDevice device, int index, string name)
    {
        bool hasDriver = device.GetDriver(name, out string driver, out string firmware, out string bus, out int flagCount) == 0;
        bool hasInfo = device.GetStampInfo(name, out EthtoolStampInfo info) == 0;
        int? clock = hasInfo && info.PhcIndex >= 0 ? info.PhcIndex : null;
        DriverEntry entry = DriverTable.Find(hasDriver ? driver : null);
        return new ClockPort
        {
            Name = name,
            Index = index,
            Driver = hasDriver ? Known(driver) : null,
            Firmware = hasDriver ? Known(firmware) : null,
            Bus = hasDriver ? Known(bus) : null,
            Clock = clock,
            Stamping = StampNames.Flags(info.Flags),
            TxTypes = StampNames.TransmitTypes(info.TxTypes),
            RxFilters = StampNames.Filters(info.RxFilters),
            Granted = device.GetStampConfig(name, out StampConfig config) == 0 ? new StampGrant(StampNames.TransmitType(config.TxType), StampNames.Filter(config.RxFilter)) : null,
            PtpStamps = PtpStamps(info.Flags, clock),
            PacketStamps = PacketStamps(info.Flags, info.RxFilters, entry.Quirks),
            DriverFlags = flagCount > 0 ? ReadFlags(device, name, flagCount) : [],
            Quirks = entry.Quirks,
            Notes = entry.Notes,
        };
    }

    private static IReadOnlyList<DriverFlag> ReadFlags(InterfaceDevice device, string name, int count) =>
        device.GetPrivateFlags(name, count, out IReadOnlyList<(string Name, bool IsOn)> flags) == 0
            ? [.. flags.Where(flag => s_flagsThatMatter.Contains(flag.Name)).Select(flag => new DriverFlag(flag.Name, flag.IsOn))]
            : [];

    private static string? Known(string text) => text is "" or "N/A" ? null : text;
}
