// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;

namespace Capbox.Ptp.Port;

/// <summary>A clock, its timescale, and the conversion of stamps to its time. One thread.</summary>
public sealed class TimeBase
{
    private readonly SoftwareClock? _software;

    private TimeBase(IClock clock, SoftwareClock? software, UtcOffset? utc) => (Clock, _software, Utc) = (clock, software, utc);

    /// <summary>The clock that is read and steered.</summary>
    public IClock Clock { get; }

    /// <summary>TAI - UTC added to a clock that counts UTC; null for one that counts TAI.</summary>
    public UtcOffset? Utc { get; private set; }

    /// <summary>A PHC or one of its virtual clocks, which counts TAI and stamps messages itself.</summary>
    public static TimeBase Hardware(IClock phc) => new(phc, null, null);

    /// <summary>CLOCK_REALTIME, which counts UTC; the kernel stamps messages.</summary>
    /// <param name="utc">TAI - UTC until a grandmaster states one.</param>
    public static TimeBase System(SystemClock clock, UtcOffset utc) => new(clock, null, utc);

    /// <summary>A clock in user space that counts TAI; the kernel's stamps are converted to it.</summary>
    public static TimeBase Software(SoftwareClock clock) => new(clock, clock, null);

    /// <summary>The TAI of a stamp.</summary>
    public TaiTime StampToTai(long stampNs) => new((_software?.At(stampNs) ?? stampNs) + (Utc?.Nanoseconds ?? 0));

    /// <summary>The TAI of a reading.</summary>
    public TaiTime ToTai(in ClockReading reading) => new(reading.Nanoseconds + (Utc?.Nanoseconds ?? 0));

    /// <summary>Sets TAI - UTC of a clock that counts UTC. Returns the change of its TAI, ns.</summary>
    public long SetUtc(UtcOffset offset)
    {
        long movedNs = Utc is { } before ? offset.Nanoseconds - before.Nanoseconds : 0;
        if (movedNs != 0)
            Utc = offset;
        return movedNs;
    }
}
