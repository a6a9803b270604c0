// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Ptp.Clocks;

/// <summary>
/// A clock that can be read and steered: a PHC, one of its virtual clocks, or the system clock. The caller knows whether it counts TAI or
/// UTC. One thread at a time. Reading and steering allocate nothing. A call that the kernel rejects throws <see cref="ClockException"/>.
/// </summary>
public interface IClock : IDisposable
{
    /// <summary>Name in errors and logs: <c>/dev/ptp0</c>, <c>CLOCK_REALTIME</c>.</summary>
    string Name { get; }

    /// <summary>Largest frequency adjustment either way, ppb; 0 if it cannot be adjusted.</summary>
    double MaxFrequencyPpb { get; }

    /// <summary>
    /// Current frequency adjustment, ppb: the value the kernel remembers, not that of the hardware. i40e loses the latter at every link
    /// change and still reports the former.
    /// </summary>
    double FrequencyPpb { get; }

    /// <summary>Reads this clock and a clock of the kernel as simultaneously as possible: the narrowest of several samples.</summary>
    ClockReading Read(ReferenceClock reference);

    /// <summary>Sets the frequency adjustment, positive: faster. The kernel keeps 1/65.536 ppb; the driver may be coarser.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Beyond <see cref="MaxFrequencyPpb"/>, or not a number.</exception>
    void SetFrequency(double ppb);

    /// <summary>
    /// Steps the clock by so many nanoseconds; negative sets it back. The accuracy depends on the driver: read the offset again afterwards.
    /// </summary>
    void Step(long ns);
}

/// <summary>Kernel clocks to read against; the numbers of clock_gettime(2).</summary>
public enum ReferenceClock
{
    /// <summary>CLOCK_REALTIME: UTC, steered and stepped.</summary>
    Realtime = KernelClock.CLOCK_REALTIME,

    /// <summary>CLOCK_MONOTONIC_RAW: never steered, never stepped; the base of rate measurements.</summary>
    MonotonicRaw = KernelClock.CLOCK_MONOTONIC_RAW,
}

/// <summary>Method of a reading, best first.</summary>
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

/// <summary>A simultaneous reading of two clocks.</summary>
/// <param name="Nanoseconds">Time of the clock.</param>
/// <param name="ReferenceNs">The reference clock at the middle of the read.</param>
/// <param name="WidthNs">Duration of the read by the reference clock, which contains the true moment. Never negative.</param>
/// <param name="Method">Method of the reading.</param>
public readonly record struct ClockReading(long Nanoseconds, long ReferenceNs, long WidthNs, ReadMethod Method)
{
    /// <summary>The clock minus the reference.</summary>
    public long OffsetNs => Nanoseconds - ReferenceNs;

    /// <summary>
    /// Largest error of <see cref="OffsetNs"/>: half the width, and 1 ns because all readings are whole nanoseconds. The granularity of the
    /// clock itself (8 ns of a register that counts at 125 MHz) adds to it: the kernel does not report it.
    /// </summary>
    public long BoundNs => (WidthNs / 2) + 1;
}
