// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using Capbox.Packets.Capture;
using Capbox.Platform.Linux;
using Capbox.Platform.Nic;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;

namespace Capbox.Cli;

/// <summary><c>capbox clock grant</c>, <c>read</c> and <c>adjust</c>: tools for commissioning.</summary>
internal static class ClockToolCommand
{
    public static int Read(string name, string against, bool json) => Guarded(() =>
    {
        using IClock? clock = Open(name);
        if (clock is null)
            return NoClock("clock read", name);
        if (against is "raw" or "system")
            return Report(clock, against == "raw" ? "CLOCK_MONOTONIC_RAW" : "CLOCK_REALTIME", clock.Read(against == "raw" ? ReferenceClock.MonotonicRaw : ReferenceClock.Realtime), json);
        using IClock? other = Open(against);
        return other is null ? NoClock("--against", against) : Report(clock, other.Name, clock.ReadAgainst(other), json);
    });

    /// <summary>Asks for what PTP over Ethernet and UDP needs, or for every packet, and puts back what was found.</summary>
    public static int Grant(string port, bool everyPacket, bool json) => Guarded(() =>
    {
        if (PortName.CheckInterface(port) is { } problem)
            return ErrorOutput.BadUse($"clock grant: {problem}");
        using PortStamping stamping = PortStamping.Enable(port, everyPacket ? StampNeeds.EveryPacket : StampNeeds.EthernetEvents | StampNeeds.UdpEvents);
        if (json)
            Console.Out.WriteLine(JsonSerializer.Serialize(new GrantReport(port, stamping.Granted, stamping.Covers), ClockJson.Default.GrantReport));
        else
            Console.Out.WriteLine($"{port}: receives with filter {stamping.Granted.RxFilter}, stamps what it sends: {stamping.Granted.TxType}");
        return ExitCode.Good;
    });

    /// <summary>Does something to a clock and reads it again.</summary>
    /// <param name="name">The clock.</param>
    /// <param name="change">What is done.</param>
    /// <param name="yes">The system clock may be touched.</param>
    /// <param name="json">For programs.</param>
    public static int Adjust(string name, Action<IClock> change, bool yes, bool json) => Guarded(() =>
    {
        using IClock? clock = Open(name);
        if (clock is null)
            return NoClock("clock adjust", name);
        if (clock is SystemClock && !yes)
            return ErrorOutput.BadUse($"{clock.Name}: every program and every recording has its time from it; --yes if it shall be set by hand");
        if (LibC.geteuid() != 0)
            return ErrorOutput.Failed($"{clock.Name}: clock adjust needs root");
        change(clock);
        return Report(clock, "CLOCK_REALTIME", clock.Read(ReferenceClock.Realtime), json);
    });

    /// <summary>Tells whether two PHCs are one clock, by moving the first one a little.</summary>
    public static int IsSame(string name, string otherName) => Guarded(() =>
    {
        if (!PtpSysfs.TryParseName(name, out int index) || !PtpSysfs.TryParseName(otherName, out int otherIndex))
            return ErrorOutput.BadUse($"clock adjust {name} --same-as {otherName}: both must be PHCs, /dev/ptpN");
        if (LibC.geteuid() != 0)
            return ErrorOutput.Failed($"{PtpSysfs.DevicePath(index)}: clock adjust needs root");
        using PhcClock clock = PhcClock.Open(index), other = PhcClock.Open(otherIndex);
        Console.Out.WriteLine(SharedClock.IsOne(clock, other) ? "the same clock: steer one of them" : "two clocks");
        return ExitCode.Good;
    });

    /// <summary>Tells the kernel TAI - UTC; everything else that it says of the system clock stays.</summary>
    public static void SetTai(IClock clock, int seconds)
    {
        if (clock is not SystemClock system)
            throw new ClockException($"{clock.Name}: --tai is for the system clock", 0);
        system.Declare(system.ReadStatus() with { TaiOffset = new UtcOffset(seconds) });
    }

    public static int SetVirtual(string name, int count, bool json) => Guarded(() =>
    {
        if (!PtpSysfs.TryParseName(name, out int index))
            return ErrorOutput.BadUse($"clock adjust {name}: only a PHC, /dev/ptpN, can have virtual clocks");
        if (LibC.geteuid() != 0)
            return ErrorOutput.Failed($"{PtpSysfs.DevicePath(index)}: clock adjust needs root");
        IReadOnlyList<int> clocks = PtpSysfs.Machine.SetVirtualClocks(index, count);
        string text = clocks.Count == 0 ? "none" : string.Join(' ', clocks.Select(PtpSysfs.DevicePath));
        Console.Out.WriteLine(json
            ? JsonSerializer.Serialize(new VirtualClocksReport(PtpSysfs.DevicePath(index), clocks), ClockJson.Default.VirtualClocksReport)
            : $"{PtpSysfs.DevicePath(index)}: virtual clocks: {text}");
        return ExitCode.Good;
    });

    private static IClock? Open(string name) =>
        name is "system" or "CLOCK_REALTIME" ? new SystemClock() : PtpSysfs.TryParseName(name, out int index) ? PhcClock.Open(index) : null;

    private static int NoClock(string what, string name) => ErrorOutput.BadUse($"{what} {name}: not a clock: /dev/ptpN, ptpN or system");

    private static int Report(IClock clock, string against, ClockReading reading, bool json)
    {
        double? dialled = null;
        try
        {
            dialled = clock.FrequencyPpb;
        }
        catch (ClockException)
        {
            // A clock that may be read but not written does not tell it either.
        }

        SystemClockStatus? status = (clock as SystemClock)?.ReadStatus();
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(new ClockReport(clock.Name, against, dialled, clock.MaxFrequencyPpb, reading, status), ClockJson.Default.ClockReport));
            return ExitCode.Good;
        }

        string frequency = dialled is { } ppb ? ppb.ToString("N3", CultureInfo.InvariantCulture) + " ppb dialled" : "dialled frequency unknown";
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{clock.Name}: {reading.OffsetNs:N0} ns ahead of {against}, within {reading.BoundNs:N0} ns ({MethodText(reading.Method)}); {frequency}"));
        if (status is { } told)
            Console.Out.WriteLine(StatusText(told));
        return ExitCode.Good;
    }

    private static string StatusText(in SystemClockStatus status)
    {
        string tai = status.TaiOffset is { } offset ? offset.Seconds.ToString(CultureInfo.InvariantCulture) + " s" : "unknown";
        string leap = status.Leap switch { LeapSecond.Insert => ", a leap second comes", LeapSecond.Delete => ", a second will be left out", _ => "" };
        string synchronised = status.IsSynchronised ? "synchronised" : "unsynchronised";
        return string.Create(CultureInfo.InvariantCulture, $"the kernel says: {synchronised}, at most {status.MaxErrorNs / 1000:N0} us off, TAI - UTC {tai}{leap}");
    }

    private static string MethodText(ReadMethod method) => method switch
    {
        ReadMethod.Precise => "latched by hardware",
        ReadMethod.Extended => "read by the driver",
        ReadMethod.Basic => "read around the driver",
        _ => "read from user space",
    };

    private static int Guarded(Func<int> work)
    {
        try
        {
            return work();
        }
        catch (ClockException e)
        {
            return ErrorOutput.Failed(e.Message);
        }
        catch (ArgumentOutOfRangeException e) when (e.ParamName == "ppb")
        {
            return ErrorOutput.BadUse($"--ppb: {e.Message.Split(" (Parameter", 2)[0]}");
        }
    }
}
