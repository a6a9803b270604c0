using System.Runtime.InteropServices;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Ptp.Clocks;

/// <summary>A leap second at the end of the UTC day.</summary>
public enum LeapSecond
{
    None,

    /// <summary>23:59:60 comes.</summary>
    Insert,

    /// <summary>23:59:59 is left out.</summary>
    Delete,
}

/// <summary>What the kernel tells everybody about CLOCK_REALTIME.</summary>
/// <param name="IsSynchronised">Somebody disciplines it (STA_UNSYNC is off).</param>
/// <param name="MaxErrorNs">The bound; the kernel adds 500 ns each millisecond until it is told again, and declares the clock unsynchronised beyond 16 s. It keeps microseconds, rounded up here.</param>
/// <param name="EstimatedErrorNs">The likely error, microseconds as well.</param>
/// <param name="Leap">The leap second that the kernel will make at the end of the day.</param>
/// <param name="TaiOffset">TAI - UTC, or null when nobody told the kernel.</param>
public readonly record struct SystemClockStatus(bool IsSynchronised, long MaxErrorNs, long EstimatedErrorNs, LeapSecond Leap, UtcOffset? TaiOffset);

/// <summary>CLOCK_REALTIME, which counts UTC. Reading it needs no right; steering it CAP_SYS_TIME. Only one program on a machine may steer it: nothing here finds out about another.</summary>
public sealed class SystemClock : IClock
{
    private const int Samples = 10;
    private const long NsPerUs = 1000;

    /// <inheritdoc/>
    public string Name => "CLOCK_REALTIME";

    /// <summary>MAXFREQ of linux/timex.h. Beyond it a clock tick would have to be changed.</summary>
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

        return best.WidthNs != long.MaxValue ? best : throw new ClockException($"{Name}: read time: the reference clock was stepped back in every sample", 0);
    }

    /// <inheritdoc/>
    public void SetFrequency(double ppb)
    {
        Frequency.Check(Name, ppb, MaxFrequencyPpb);
        Timex timex = new() { Modes = Timex.ADJ_FREQUENCY, Frequency = Frequency.ToKernel(ppb) };
        Adjust(ref timex, "set frequency");
    }

    /// <summary>Moves the clock at once. The kernel then says that it is unsynchronised, until <see cref="Declare"/> says otherwise.</summary>
    public void Step(long ns)
    {
        Timex timex = Steps.Of(ns);
        Adjust(ref timex, "step");
    }

    /// <summary>What the kernel says of the clock now.</summary>
    public SystemClockStatus ReadStatus()
    {
        Timex timex = default;
        Adjust(ref timex, "read status");
        LeapSecond leap = (timex.Status & Timex.STA_INS) != 0 ? LeapSecond.Insert : (timex.Status & Timex.STA_DEL) != 0 ? LeapSecond.Delete : LeapSecond.None;
        return new SystemClockStatus(
            (timex.Status & Timex.STA_UNSYNC) == 0, timex.MaxError * NsPerUs, timex.EstError * NsPerUs, leap, timex.Tai > 0 ? new UtcOffset(timex.Tai) : null);
    }

    /// <summary>
    /// Tells the kernel, and so everybody who asks, how good the clock is. Once a second while it is disciplined. Pass <see cref="LeapSecond.None"/> and no offset unless a valid source told them:
    /// no announced leap second is one that is called off; an offset that is null stays what it was.
    /// </summary>
    public void Declare(in SystemClockStatus status)
    {
        Timex timex = Describe(status);
        Adjust(ref timex, "set status");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is open: CLOCK_REALTIME has a number of its own.
    }

    /// <summary>STA_PLL stays off: the kernel's own loop would work against the frequency that is dialled.</summary>
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
