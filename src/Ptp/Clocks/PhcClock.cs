// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Ptp.Clocks;

/// <summary>Capabilities of a PHC by its driver (PTP_CLOCK_GETCAPS).</summary>
/// <param name="MaxFrequencyPpb">Largest frequency adjustment either way.</param>
/// <param name="CrossTimestamps">PTP_SYS_OFFSET_PRECISE is supported.</param>
/// <param name="AdjustsPhase">The hardware can work off an offset by itself; not used here.</param>
/// <param name="Pps">The clock can feed the kernel a pulse per second.</param>
/// <param name="Pins">Programmable pins.</param>
/// <param name="ExternalStamps">Channels that stamp edges at a pin.</param>
/// <param name="PeriodicOutputs">Channels that generate a pulse.</param>
public sealed record PhcCapabilities(
    int MaxFrequencyPpb, bool CrossTimestamps, bool AdjustsPhase, bool Pps, int Pins, int ExternalStamps, int PeriodicOutputs);

/// <summary>A PTP hardware clock, or a virtual clock of one: /dev/ptpN. Steering it needs write access to that file.</summary>
public sealed class PhcClock : IClock
{
    /// <summary>Enough for a narrow sample while the processor is busy; each costs 2 to 4 us on PCIe.</summary>
    private const int Samples = 10;

    /// <summary>
    /// PRECISE may fail sometimes (the card did not answer in time); after so many consecutive failures it is not tried again.
    /// </summary>
    private const int MaxPreciseFailures = 3;
    private readonly FileDescriptor _fd;
    private readonly int _clock;
    private readonly ReadMethod[] _methods; // by reference clock
    private int _preciseFailures;
    private PtpSysOffsetExtended _extended;
    private PtpSysOffset _basic;

    private PhcClock(int index, FileDescriptor fd, PhcCapabilities capabilities)
    {
        Index = index;
        Name = PtpSysfs.DevicePath(index);
        _fd = fd;
        _clock = KernelClock.NumberOf(fd.Value);
        Capabilities = capabilities;
        ReadMethod best = capabilities.CrossTimestamps ? ReadMethod.Precise : ReadMethod.Extended;
        _methods = [best, best];
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>N of /dev/ptpN.</summary>
    public int Index { get; }

    /// <summary>Capabilities by its driver.</summary>
    public PhcCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public double MaxFrequencyPpb => Capabilities.MaxFrequencyPpb;

    /// <inheritdoc/>
    public double FrequencyPpb
    {
        get
        {
            Timex timex = default;
            Adjust(ref timex, "read frequency");
            return Frequency.FromKernel(timex.Frequency);
        }
    }

    /// <summary>Opens a clock; read-only where writing is denied.</summary>
    /// <exception cref="ClockException">There is no such clock, access is denied, or the file is no PTP clock.</exception>
    public static PhcClock Open(int index)
    {
        string path = PtpSysfs.DevicePath(index);
        int number = LibC.open(path, FileNumbers.O_RDWR | FileNumbers.O_CLOEXEC, 0);
        if (number < 0 && Marshal.GetLastPInvokeError() is Errno.EACCES or Errno.EPERM)
            number = LibC.open(path, FileNumbers.O_RDONLY | FileNumbers.O_CLOEXEC, 0);
        if (number < 0)
            throw Refused(path, "open", Marshal.GetLastPInvokeError());
        var fd = new FileDescriptor(number);
        PtpClockCaps caps = default;
        int errno = PtpDevice.GetCaps(number, ref caps);
        if (errno == 0)
            return new PhcClock(index, fd, Describe(caps));
        fd.Dispose();
        throw Refused(path, "read capabilities", errno);
    }

    /// <inheritdoc/>
    public ClockReading Read(ReferenceClock reference)
    {
        ref ReadMethod method = ref _methods[reference == ReferenceClock.Realtime ? 0 : 1];
        if (method == ReadMethod.Precise)
        {
            if (TryPrecise(reference, out ClockReading latched))
                return latched;
            if (++_preciseFailures >= MaxPreciseFailures)
                _methods.AsSpan().Fill(ReadMethod.Extended);
        }

        int errno = method <= ReadMethod.Extended
            ? TryExtended(reference, out ClockReading reading)
            : TryOther(method, reference, out reading);
        if (errno is Errno.EOPNOTSUPP or Errno.EINVAL && method != ReadMethod.GetTime)
        {
            // The driver supports no better method, or the kernel no reference other than CLOCK_REALTIME (before 6.12).
            method = reference == ReferenceClock.Realtime && method != ReadMethod.Basic ? ReadMethod.Basic : ReadMethod.GetTime;
            return Read(reference);
        }

        return errno == 0 ? reading : throw Refused(Name, "read time", errno);
    }

    /// <inheritdoc/>
    public void SetFrequency(double ppb)
    {
        Frequency.Check(Name, ppb, MaxFrequencyPpb);
        Timex timex = new() { Modes = Timex.ADJ_FREQUENCY, Frequency = Frequency.ToKernel(ppb) };
        Adjust(ref timex, "set frequency");
    }

    /// <inheritdoc/>
    public void Step(long ns)
    {
        Timex timex = Steps.ToTimex(ns);
        Adjust(ref timex, "step");
    }

    /// <inheritdoc/>
    public void Dispose() => _fd.Dispose();

    private static PhcCapabilities Describe(in PtpClockCaps caps) => new(
        caps.MaxAdjustment,
        caps.CrossTimestamping != 0,
        caps.AdjustPhase != 0,
        caps.Pps != 0,
        caps.Pins,
        caps.ExternalStamps,
        caps.PeriodicOutputs);

    private bool TryPrecise(ReferenceClock reference, out ClockReading reading)
    {
        PtpSysOffsetPrecise precise = default;
        bool good = PtpDevice.GetOffsetPrecise(_fd.Value, ref precise) == 0;
        long referenceNs = reference == ReferenceClock.Realtime ? precise.Realtime.TotalNs : precise.MonotonicRaw.TotalNs;
        reading = new ClockReading(precise.Device.TotalNs, referenceNs, CrossSamples.PreciseWidthNs, ReadMethod.Precise);
        if (good)
            _preciseFailures = 0;
        return good;
    }

    private int TryExtended(ReferenceClock reference, out ClockReading reading)
    {
        (_extended.Samples, _extended.ClockId) = (Samples, (int)reference);
        int errno = PtpDevice.GetOffsetExtended(_fd.Value, ref _extended);
        reading = default;
        return errno != 0 ? errno : Narrowest(_extended.Times, 3, ReadMethod.Extended, out reading);
    }

    private int TryOther(ReadMethod method, ReferenceClock reference, out ClockReading reading)
    {
        if (method == ReadMethod.GetTime)
            return TryGetTime((int)reference, out reading);
        _basic.Samples = Samples;
        int errno = PtpDevice.GetOffset(_fd.Value, ref _basic);
        reading = default;
        return errno != 0 ? errno : Narrowest(_basic.Times, 2, ReadMethod.Basic, out reading);
    }

    private int Narrowest(ReadOnlySpan<PtpClockTime> times, int stride, ReadMethod method, out ClockReading reading) =>
        CrossSamples.TryNarrowest(times, Samples, stride, method, out reading) ? 0 : throw Useless();

    private int TryGetTime(int reference, out ClockReading reading)
    {
        reading = new ClockReading(0, 0, long.MaxValue, ReadMethod.GetTime);
        for (int i = 0; i < Samples; i++)
        {
            long beforeNs = KernelClock.ReadNs(reference);
            if (!KernelClock.TryReadNs(_clock, out long clockNs))
                return Marshal.GetLastPInvokeError();
            CrossSamples.Narrow(ref reading, beforeNs, clockNs, KernelClock.ReadNs(reference));
        }

        return reading.WidthNs != long.MaxValue ? 0 : throw Useless();
    }

    private void Adjust(ref Timex timex, string what)
    {
        if (!KernelClock.Adjust(_clock, ref timex))
            throw Refused(Name, what, Marshal.GetLastPInvokeError());
    }

    private ClockException Useless() => new($"{Name}: read time: the reference clock was stepped back in every sample", 0);

    private static ClockException Refused(string path, string what, int errno)
    {
        string hint = errno switch
        {
            Errno.EBUSY => BusyHint(path),
            Errno.ENOTTY => "; it is no PTP clock",
            Errno.EACCES or Errno.EPERM => "; it needs root or CAP_SYS_TIME, and write access to the file",
            Errno.ENODEV => "; the card, or its driver, is gone",
            _ => "",
        };
        return new ClockException($"{path}: {what}: {Errno.Text(errno)}{hint}", errno);
    }

    private static string BusyHint(string path)
    {
        if (!PtpSysfs.TryParseName(path, out int index) || PtpSysfs.Machine.VirtualClocks(index) is not { Count: > 0 } held)
            return "";
        string names = string.Join(", ", held.Select(PtpSysfs.DevicePath));
        return $"; it runs freely for its virtual clocks: steer {names}, or remove them (n_vclocks)";
    }
}
