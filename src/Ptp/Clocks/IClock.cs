using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Ptp.Clocks;

/// <summary>
/// A clock that is read and steered: a PHC, one of its virtual clocks, or the system clock. What its nanoseconds count (TAI or UTC) is the caller's knowledge. One thread at a time.
/// Reading and steering allocate nothing. Every call that the kernel refuses throws <see cref="ClockException"/>.
/// </summary>
public interface IClock : IDisposable
{
    /// <summary>How errors and logs call it: <c>/dev/ptp0</c>, <c>CLOCK_REALTIME</c>.</summary>
    string Name { get; }

    /// <summary>How far the frequency can be moved either way, ppb; 0 when it cannot.</summary>
    double MaxFrequencyPpb { get; }

    /// <summary>
    /// The frequency that is dialled in, ppb: what the kernel remembers, not what the hardware does. i40e loses the latter at every link change and goes on to report the former.
    /// </summary>
    double FrequencyPpb { get; }

    /// <summary>Reads this clock and a clock of the kernel as nearly at once as can be: the narrowest of several samples.</summary>
    ClockReading Read(ReferenceClock reference);

    /// <summary>Dials a frequency: positive makes the clock faster. The kernel keeps 1/65.536 ppb; what the driver makes of it may be coarser.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Beyond <see cref="MaxFrequencyPpb"/>, or no number.</exception>
    void SetFrequency(double ppb);

    /// <summary>Moves the clock by so many nanoseconds at once; negative sets it back. How exactly is the driver's affair: read the offset again afterwards.</summary>
    void Step(long ns);
}

/// <summary>Clocks of the kernel that others are read against; the numbers of clock_gettime(2).</summary>
public enum ReferenceClock
{
    /// <summary>CLOCK_REALTIME: UTC, steered and stepped.</summary>
    Realtime = KernelClock.CLOCK_REALTIME,

    /// <summary>CLOCK_MONOTONIC_RAW: never steered, never stepped; what rates are measured with.</summary>
    MonotonicRaw = KernelClock.CLOCK_MONOTONIC_RAW,
}

/// <summary>How a reading was made, best first.</summary>
public enum ReadMethod
{
    /// <summary>PTP_SYS_OFFSET_PRECISE: the hardware latched both clocks at one moment.</summary>
    Precise,

    /// <summary>PTP_SYS_OFFSET_EXTENDED: the driver read the reference right before and right after the register.</summary>
    Extended,

    /// <summary>PTP_SYS_OFFSET: the reference before and after the driver's whole function.</summary>
    Basic,

    /// <summary>clock_gettime(2) three times, from user space.</summary>
    GetTime,
}

/// <summary>Two clocks at one moment, as well as it can be told.</summary>
/// <param name="Nanoseconds">The clock that was read.</param>
/// <param name="ReferenceNs">The reference clock at the middle of the read.</param>
/// <param name="WidthNs">How long the read took by the reference clock: the true moment lies within. Never negative.</param>
/// <param name="Method">How it was made.</param>
public readonly record struct ClockReading(long Nanoseconds, long ReferenceNs, long WidthNs, ReadMethod Method)
{
    /// <summary>The clock minus the reference.</summary>
    public long OffsetNs => Nanoseconds - ReferenceNs;

    /// <summary>
    /// <see cref="OffsetNs"/> is at most this wrong: half the width, and 1 ns since all readings are whole ones. The grain of the clock itself (8 ns of a register that counts at 125 MHz)
    /// comes on top: the kernel does not tell it.
    /// </summary>
    public long BoundNs => (WidthNs / 2) + 1;
}
