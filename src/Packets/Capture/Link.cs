// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Platform.Linux;

namespace Capbox.Packets.Capture;

/// <summary>An interface as the kernel reports it. Read outside the capture threads.</summary>
internal sealed record Link(string Name, int Index, int HardwareType, bool IsUp, byte[]? Mac, long? SpeedBitsPerSecond, string? Driver)
{
    private const int MacBytes = 6;

    /// <summary>The interface of this name in a namespace, or null if there is none.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public static Link? Find(LinkControl links, string name)
    {
        if (links.Find(name) is not { } found)
            return null;
        // The speed that a driver reports of a link that is down means nothing.
        EthtoolLinkSettings settings = default;
        bool hasSpeed = found.IsUp && links.Ethtool.TryGetLinkSettings(name, out settings) == 0 && settings.Speed is not (0 or Ethtool.SPEED_UNKNOWN);
        bool hasDriver = links.Ethtool.TryGetDriver(name, out string driver, out _, out _, out _) == 0 && driver.Length > 0;
        return new Link(
            name, found.Index, found.HardwareType, found.IsUp, found.Address.Length == MacBytes ? found.Address : null,
            hasSpeed ? settings.Speed * 1_000_000L : null,
            hasDriver ? driver : null);
    }

    /// <summary>LINKTYPE_ number of what a packet socket delivers from such an interface, or null if capbox does not record it.</summary>
    public static ushort? LinkTypeOf(int hardwareType) => hardwareType switch
    {
        SocketNumbers.ARPHRD_ETHER or SocketNumbers.ARPHRD_LOOPBACK => 1, // LINKTYPE_ETHERNET
        SocketNumbers.ARPHRD_NONE => 101, // LINKTYPE_RAW: tun, WireGuard: IPv4 or IPv6 without a link header
        _ => null,
    };

    /// <summary>Bytes of link header before the network header; it decides the ring's reserve.</summary>
    public static int LinkHeaderBytes(int hardwareType) => hardwareType == SocketNumbers.ARPHRD_NONE ? 0 : 14;
}

/// <summary>
/// An interface's own counts of what never reached a packet socket, or may not have (Documentation/networking/statistics.rst).
/// </summary>
/// <param name="Missed">rx_missed_errors + rx_fifo_errors: the NIC had no room.</param>
/// <param name="Dropped">rx_dropped: the driver or the kernel dropped, before the rings or after them.</param>
/// <param name="BacklogDropped">
/// Second column of /proc/net/softnet_stat, all CPUs: dropped before the rings, on any interface of any network namespace.
/// </param>
internal readonly record struct InterfaceCounts(ulong Missed, ulong Dropped, ulong BacklogDropped)
{
    public static InterfaceCounts Read(LinkRecord link) => new(
        link.Counters.RxMissedErrors + link.Counters.RxFifoErrors, link.Counters.RxDropped, ReadBacklogDropped());

    private static ulong ReadBacklogDropped()
    {
        ulong sum = 0;
        foreach (string line in File.ReadLines("/proc/net/softnet_stat"))
        {
            string[] columns = line.Split(' ', 3);
            if (columns.Length == 3 && ulong.TryParse(columns[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                out ulong dropped))
                sum += dropped;
        }

        return sum;
    }
}
