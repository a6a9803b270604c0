using System.Globalization;
using Capbox.Native;

namespace Capbox.Capture;

/// <summary>What the kernel says of an interface, from /sys/class/net (Documentation/ABI/testing/sysfs-class-net). Read outside the capture threads.</summary>
internal sealed record Link(string Name, int Index, int HardwareType, bool IsUp, byte[]? Mac, long? SpeedBitsPerSecond, string? Driver)
{
    private const int IfNameBytes = 16;

    /// <summary>The interface of this name, or null if there is none.</summary>
    public static Link? Find(string name)
    {
        // A name from the outside must not leave the directory.
        if (name.Length is 0 or >= IfNameBytes || name.Contains('/', StringComparison.Ordinal) || name is "." or "..")
            return null;
        if (!TryReadNumber(name, "ifindex", out long index) || !TryReadNumber(name, "type", out long type))
            return null;
        bool isUp = TryReadFlags(name, out long flags) && (flags & 1) != 0;
        return new Link(name, (int)index, (int)type, isUp, ReadMac(name), ReadSpeed(name), ReadDriver(name));
    }

    /// <summary>The name an interface has now, or null if it is gone.</summary>
    public static string? NameOf(int index) => LibC.InterfaceName((uint)index);

    /// <summary>One of the counters in statistics/, 0 if it cannot be read.</summary>
    public static ulong Counter(string name, string counter) =>
        TryReadNumber(name, "statistics/" + counter, out long value) ? (ulong)value : 0;

    /// <summary>LINKTYPE_ number of what a packet socket delivers from such an interface, or null if capbox does not record it.</summary>
    public static ushort? LinkTypeOf(int hardwareType) => hardwareType switch
    {
        PacketNumbers.ARPHRD_ETHER or PacketNumbers.ARPHRD_LOOPBACK => 1, // LINKTYPE_ETHERNET
        PacketNumbers.ARPHRD_NONE => 101, // LINKTYPE_RAW: tun, WireGuard: IPv4 or IPv6 without a link header
        _ => null,
    };

    /// <summary>Bytes of link header before the network header; it decides the ring's reserve.</summary>
    public static int LinkHeaderBytes(int hardwareType) => hardwareType == PacketNumbers.ARPHRD_NONE ? 0 : 14;

    private static byte[]? ReadMac(string name)
    {
        string? text = Read(name, "address");
        try
        {
            return text is { Length: 17 } ? Convert.FromHexString(text.Replace(":", "", StringComparison.Ordinal)) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static long? ReadSpeed(string name) =>
        TryReadNumber(name, "speed", out long megabits) && megabits > 0 ? megabits * 1_000_000 : null;

    private static string? ReadDriver(string name)
    {
        try
        {
            string? target = Directory.ResolveLinkTarget($"/sys/class/net/{name}/device/driver", returnFinalTarget: false)?.Name;
            return string.IsNullOrEmpty(target) ? null : target;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static bool TryReadFlags(string name, out long flags)
    {
        flags = 0;
        return Read(name, "flags") is { } text
            && text.StartsWith("0x", StringComparison.Ordinal)
            && long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out flags);
    }

    private static bool TryReadNumber(string name, string file, out long value)
    {
        value = 0;
        return Read(name, file) is { } text && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
    }

    private static string? Read(string name, string file)
    {
        try
        {
            return File.ReadAllText($"/sys/class/net/{name}/{file}").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // EINVAL for the speed of a link that is down; ENOENT for an interface that is gone
        }
    }
}

/// <summary>An interface's own counts of what never reached a packet socket, or may not have (Documentation/networking/statistics.rst).</summary>
/// <param name="Missed">rx_missed_errors + rx_fifo_errors: the NIC had no room.</param>
/// <param name="Dropped">rx_dropped: the driver or the kernel dropped, before the rings or after them.</param>
/// <param name="BacklogDropped">Second column of /proc/net/softnet_stat, all CPUs: dropped before the rings, on any interface.</param>
internal readonly record struct InterfaceCounts(ulong Missed, ulong Dropped, ulong BacklogDropped)
{
    public static InterfaceCounts Read(string name) => new(
        Link.Counter(name, "rx_missed_errors") + Link.Counter(name, "rx_fifo_errors"), Link.Counter(name, "rx_dropped"), ReadBacklogDropped());

    private static ulong ReadBacklogDropped()
    {
        ulong sum = 0;
        foreach (string line in File.ReadLines("/proc/net/softnet_stat"))
        {
            string[] columns = line.Split(' ', 3);
            if (columns.Length == 3 && ulong.TryParse(columns[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong dropped))
                sum += dropped;
        }

        return sum;
    }
}
