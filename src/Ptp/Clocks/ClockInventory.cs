// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Nic;
using Capbox.Platform.Time;

namespace Capbox.Ptp.Clocks;

/// <summary>The ports of a network namespace and the clocks of the machine.</summary>
/// <param name="Ports">By interface index.</param>
/// <param name="Clocks">By number, including virtual ones.</param>
public sealed record ClockInventory(IReadOnlyList<ClockPort> Ports, IReadOnlyList<ClockDevice> Clocks)
{
    /// <summary>Queries the kernel in the namespace of the calling thread. Changes nothing.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public static ClockInventory Read()
    {
        IReadOnlyList<ClockPort> ports = ClockPort.List();
        return new ClockInventory(ports, [.. PtpSysfs.Machine.Clocks().Select(index => ReadClock(PtpSysfs.Machine, index, ports))]);
    }

    /// <summary>Clocks of the same card (PCI address up to the function) that may be aliases; only with drivers known for it.</summary>
    internal static IReadOnlyList<int> MayBeSame(int clock, IReadOnlyList<ClockPort> ports)
    {
        ClockPort? own = ports.FirstOrDefault(port => port.Clock == clock);
        if (own is null || !own.Quirks.HasFlag(DriverQuirks.MayShareClock) || Card(own.Bus) is not { } card)
            return [];
        return
        [
            .. ports.Where(port => port.Driver == own.Driver && Card(port.Bus) == card)
                .Select(port => port.Clock).OfType<int>().Where(other => other != clock).Distinct().Order(),
        ];
    }

    private static string? Card(string? bus) => bus?.LastIndexOf('.') is > 0 and int dot ? bus[..dot] : null;

    private static ClockDevice ReadClock(PtpSysfs sysfs, int index, IReadOnlyList<ClockPort> ports)
    {
        ClockDevice known = new()
        {
            Index = index,
            Device = PtpSysfs.DevicePath(index),
            Name = sysfs.ClockName(index),
            VirtualOf = sysfs.PhysicalOf(index),
            VirtualClocks = sysfs.VirtualClocks(index),
            MaxVirtualClocks = sysfs.MaxVirtualClocks(index),
            Ports = [.. ports.Where(port => port.Clock == index).Select(port => port.Name)],
            MayBeSameAs = MayBeSame(index, ports),
        };
        try
        {
            using PhcClock clock = PhcClock.Open(index);
            known = known with { Capabilities = clock.Capabilities, Reading = clock.Read(ReferenceClock.Realtime) };
            return known with { FrequencyPpb = clock.FrequencyPpb };
        }
        catch (ClockException e)
        {
            return known with { Problem = e.Message };
        }
    }
}
