using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;

namespace Capbox.Ptp.Port;

/// <summary>A clock, what its nanoseconds count, and how a message's stamp becomes its time. One thread.</summary>
public sealed class TimeBase
{
    private readonly SoftwareClock? _software;

    private TimeBase(IClock clock, SoftwareClock? software, UtcOffset? utc) => (Clock, _software, Utc) = (clock, software, utc);

    /// <summary>The clock that is read and steered.</summary>
    public IClock Clock { get; }

    /// <summary>TAI - UTC that is added to a clock that counts UTC; null for one that counts TAI.</summary>
    public UtcOffset? Utc { get; private set; }

    /// <summary>A PHC or one of its virtual clocks, which counts TAI and stamps messages itself.</summary>
    public static TimeBase Hardware(IClock phc) => new(phc, null, null);

    /// <summary>CLOCK_REALTIME, which counts UTC and stamps messages by the kernel.</summary>
    /// <param name="utc">What to take for TAI - UTC until a grandmaster says.</param>
    public static TimeBase System(SystemClock clock, UtcOffset utc) => new(clock, null, utc);

    /// <summary>A clock in user space, said to count TAI; the kernel's stamps are brought to it.</summary>
    public static TimeBase Software(SoftwareClock clock) => new(clock, clock, null);

    /// <summary>The time of a stamp.</summary>
    public TaiTime OfStamp(long stampNs) => new((_software?.At(stampNs) ?? stampNs) + (Utc?.Nanoseconds ?? 0));

    /// <summary>The time of a reading.</summary>
    public TaiTime Of(in ClockReading reading) => new(reading.Nanoseconds + (Utc?.Nanoseconds ?? 0));

    /// <summary>Takes another TAI - UTC for a clock that counts UTC. Returns by how much its TAI moves, ns.</summary>
    public long TakeUtc(UtcOffset offset)
    {
        long movedNs = Utc is { } before ? offset.Nanoseconds - before.Nanoseconds : 0;
        if (movedNs != 0)
            Utc = offset;
        return movedNs;
    }
}
