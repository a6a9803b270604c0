// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Ptp.Clocks;

/// <summary>A leap second at the end of the UTC day.</summary>
public enum LeapSecond
{
    None,

    /// <summary>The day ends with 23:59:60.</summary>
    Insert,

    /// <summary>The day ends with 23:59:58.</summary>
    Delete,
}

/// <summary>Status of CLOCK_REALTIME in the kernel, which any program can query.</summary>
/// <param name="IsSynchronised">A program disciplines the clock (STA_UNSYNC is off).</param>
/// <param name="MaxErrorNs">
/// The bound; the kernel adds 500 ns each millisecond until the next update, and declares the clock unsynchronised beyond 16 s. It keeps
/// microseconds, rounded up here.
/// </param>
/// <param name="EstimatedErrorNs">The likely error, also in microseconds.</param>
/// <param name="Leap">The leap second that the kernel will make at the end of the day.</param>
/// <param name="TaiOffset">TAI - UTC, or null if the kernel does not know it.</param>
public readonly record struct SystemClockStatus(
    bool IsSynchronised, long MaxErrorNs, long EstimatedErrorNs, LeapSecond Leap, UtcOffset? TaiOffset);

/// <summary>
/// CLOCK_REALTIME, which counts UTC. Reading it needs no privilege; steering it needs CAP_SYS_TIME. Only one program of a machine may steer
/// it: this class does not detect another one.
/// </summary>
public sealed class SystemClock : IClock
{
    private const int Samples = 10;
    private const long NsPerUs = 1000;

    /// <inheritdoc/>
    public string Name => "CLOCK_REALTIME";

    /// <summary>MAXFREQ of linux/timex.h. A larger adjustment would need another tick length.</summary>
    public double MaxFrequencyPpb => 500_000;

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

    /// <inheritdoc/>
    public ClockReading Read(ReferenceClock reference)
    {
        ClockReading best = new(0, 0, long.MaxValue, ReadMethod.GetTime);
        for (int i = 0; i < Samples; i++)
        {
            long beforeNs = KernelClock.ReadNs((int)reference);
            long clockNs = KernelClock.ReadNs(KernelClock.CLOCK_REALTIME);
            CrossSamples.Narrow(ref best, beforeNs, clockNs, KernelClock.ReadNs((int)reference));
        }

        return best.WidthNs != long.MaxValue
            ? best
            : throw new ClockException($"{Name}: read time: the reference clock was stepped back in every sample", 0);
    }

    /// <inheritdoc/>
    public void SetFrequency(double ppb)
    {
        Frequency.Check(Name, ppb, MaxFrequencyPpb);
        Timex timex = new() { Modes = Timex.ADJ_FREQUENCY, Frequency = Frequency.ToKernel(ppb) };
        Adjust(ref timex, "set frequency");
    }

    /// <summary>Steps the clock. The kernel then reports it as unsynchronised, until <see cref="Declare"/> says otherwise.</summary>
    public void Step(long ns)
    {
        Timex timex = Steps.ToTimex(ns);
        Adjust(ref timex, "step");
    }

    /// <summary>Reads the kernel's status of the clock.</summary>
    public SystemClockStatus ReadStatus()
    {
        Timex timex = default;
        Adjust(ref timex, "read status");
        LeapSecond leap = (timex.Status & Timex.STA_INS) != 0 ? LeapSecond.Insert
            : (timex.Status & Timex.STA_DEL) != 0 ? LeapSecond.Delete
            : LeapSecond.None;
        return new SystemClockStatus(
            (timex.Status & Timex.STA_UNSYNC) == 0,
            timex.MaxError * NsPerUs,
            timex.EstError * NsPerUs,
            leap,
            timex.Tai > 0 ? new UtcOffset(timex.Tai) : null);
    }

    /// <summary>
    /// Declares the quality of the clock to the kernel. Once a second while it is disciplined. Pass <see cref="LeapSecond.None"/> and a
    /// null offset unless a valid source stated them: None cancels an announced leap second; a null offset keeps the current one.
    /// </summary>
    public void Declare(in SystemClockStatus status)
    {
        Timex timex = Describe(status);
        Adjust(ref timex, "set status");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is open: CLOCK_REALTIME has a fixed number.
    }

    /// <summary>STA_PLL stays off: the kernel's own loop would work against the frequency adjustment.</summary>
    internal static Timex Describe(in SystemClockStatus status)
    {
        int leap = status.Leap switch { LeapSecond.Insert => Timex.STA_INS, LeapSecond.Delete => Timex.STA_DEL, _ => 0 };
        return new Timex
        {
            Modes = Timex.ADJ_STATUS | Timex.ADJ_MAXERROR | Timex.ADJ_ESTERROR | (status.TaiOffset is null ? 0 : Timex.ADJ_TAI),
            Status = leap | (status.IsSynchronised ? 0 : Timex.STA_UNSYNC),
            MaxError = Microseconds(status.MaxErrorNs),
            EstError = Microseconds(status.EstimatedErrorNs),
            Constant = status.TaiOffset?.Seconds ?? 0,
        };
    }

    private static long Microseconds(long ns) => (ns / NsPerUs) + (ns % NsPerUs > 0 ? 1 : 0);

    private void Adjust(ref Timex timex, string what)
    {
        if (KernelClock.Adjust(KernelClock.CLOCK_REALTIME, ref timex))
            return;
        int errno = Marshal.GetLastPInvokeError();
        string hint = errno is Errno.EPERM ? "; it needs root or CAP_SYS_TIME" : "";
        throw new ClockException($"{Name}: {what}: {Errno.Text(errno)}{hint}", errno);
    }
}
