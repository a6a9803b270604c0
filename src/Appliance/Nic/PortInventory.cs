using System.Globalization;
using Capbox.Native;

namespace Capbox.Nic;

/// <summary>Which ports this machine has and what they can do: sysfs for state and counters, ethtool for the driver's word.</summary>
public static class PortInventory
{
    private const string Root = "/sys/class/net";
    private const uint IffUp = 1;
    private const long BitsPerMegabit = 1_000_000;
    private static readonly string[] TxTypeNames = ["off", "on", "onestep-sync", "onestep-p2p"];

    /// <summary>All interfaces, by index. One that vanishes while it is read is left out.</summary>
    public static IReadOnlyList<PortInfo> List()
    {
        List<PortInfo> ports = [];
        foreach (string path in Directory.EnumerateFileSystemEntries(Root))
        {
            // Files beside the interfaces exist: bonding_masters.
            if (Directory.Exists(path) && Find(Path.GetFileName(path)) is { } port)
                ports.Add(port);
        }

        ports.Sort((a, b) => a.Index.CompareTo(b.Index));
        return ports;
    }

    /// <summary>One interface by name, or null when there is none.</summary>
    public static PortInfo? Find(string name)
    {
        if (name.Length == 0 || name.Contains('/') || name is "." or ".." || Number(name, "ifindex") is not { } index)
            return null;

        bool up = ((uint)(Number(name, "flags") ?? 0) & IffUp) != 0;
        bool hasDriver = Ethtool.TryGetDriver(name, out string driver, out string firmware, out string bus) == 0;
        long? megabits = Number(name, "speed");
        string? mac = Text(name, "address");
        return new PortInfo
        {
            Name = name,
            Index = (int)index,
            Driver = Known(hasDriver ? driver : null) ?? DriverBySysfs(name),
            Firmware = hasDriver ? Known(firmware) : null,
            Bus = hasDriver ? Known(bus) : null,
            SpeedBitsPerSecond = megabits > 0 ? megabits * BitsPerMegabit : null,
            Duplex = Text(name, "duplex") is { } duplex and not "unknown" ? duplex : null,
            Up = up,
            Carrier = Number(name, "carrier") is { } carrier ? carrier != 0 : null,
            OperState = Text(name, "operstate") ?? "unknown",
            Mac = string.IsNullOrEmpty(mac) ? null : mac,
            MtuBytes = (int)(Number(name, "mtu") ?? 0),
            HardwareType = (int)(Number(name, "type") ?? 0),
            Offloads = ReadOffloads(name),
            Timestamping = ReadTimestamping(name),
            Counters = ReadCounters(name),
        };
    }

    private static PortOffloads ReadOffloads(string name)
    {
        uint? flags = Ethtool.TryGet(name, Ethtool.GetFlags, out uint value) == 0 ? value : null;
        return new PortOffloads(
            Gro: IsOn(name, Ethtool.GetGro),
            Lro: flags is null ? null : (flags & Ethtool.FlagLro) != 0,
            Gso: IsOn(name, Ethtool.GetGso),
            Tso: IsOn(name, Ethtool.GetTso),
            RxVlan: flags is null ? null : (flags & Ethtool.FlagRxVlan) != 0,
            TxVlan: flags is null ? null : (flags & Ethtool.FlagTxVlan) != 0);
    }

    private static bool? IsOn(string name, uint command) => Ethtool.TryGet(name, command, out uint value) == 0 ? value != 0 : null;

    private static PortTimestamping? ReadTimestamping(string name)
    {
        if (Ethtool.TryGetTimestampInfo(name, out EthtoolTimestampInfo info) != 0)
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

    private static PortCounters ReadCounters(string name) => new(
        Counter(name, "rx_packets"),
        Counter(name, "rx_bytes"),
        Counter(name, "rx_errors"),
        Counter(name, "rx_dropped"),
        Counter(name, "rx_missed_errors"),
        Counter(name, "tx_packets"),
        Counter(name, "tx_bytes"));

    private static ulong Counter(string name, string file) =>
        ulong.TryParse(Text(name, "statistics/" + file), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : 0;

    private static long? Number(string name, string file)
    {
        string? text = Text(name, file);
        if (text is null)
            return null;
        bool isHex = text.StartsWith("0x", StringComparison.Ordinal);
        bool parsed = isHex
            ? long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long value)
            : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
        return parsed ? value : null;
    }

    /// <summary>A line of sysfs; null when it is absent or the driver refuses it (speed of a port that is down: EINVAL).</summary>
    private static string? Text(string name, string file)
    {
        try
        {
            return File.ReadAllText($"{Root}/{name}/{file}").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? DriverBySysfs(string name)
    {
        try
        {
            return Path.GetFileName(new DirectoryInfo($"{Root}/{name}/device/driver").LinkTarget);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? Known(string? text) => text is null or "" or "N/A" ? null : text;
}
