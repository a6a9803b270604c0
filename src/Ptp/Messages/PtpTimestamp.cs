using Capbox.Platform.Time;

namespace Capbox.Ptp.Messages;

/// <summary>
/// What a PTP clock showed: nanoseconds since the epoch of its own timescale (IEEE 1588-2019 clause 5.3.3). It is a <see cref="TaiTime"/> only if the
/// grandmaster says that it keeps the PTP timescale; on an ARB timescale the epoch is anything, so there is no conversion here: see <see cref="Timescale"/>.
/// </summary>
/// <param name="Nanoseconds">Nanoseconds since the epoch.</param>
public readonly record struct PtpTimestamp(long Nanoseconds) : IComparable<PtpTimestamp>
{
    /// <summary>The largest number of whole seconds that fits: what comes after, in 2262, is refused. The wire has 48 bits of seconds.</summary>
    public const long MaxSeconds = (long.MaxValue / 1_000_000_000) - 1;

    /// <summary>Whole seconds and the rest, as they stand on the wire. Negative times have none.</summary>
    public (ulong Seconds, uint Nanoseconds) Split() =>
        Nanoseconds < 0 ? throw new InvalidOperationException("no time before the epoch on the wire") : ((ulong)(Nanoseconds / 1_000_000_000), (uint)(Nanoseconds % 1_000_000_000));

    /// <summary>This moment and so many nanoseconds.</summary>
    public PtpTimestamp Plus(long nanoseconds) => new(unchecked(Nanoseconds + nanoseconds));

    /// <inheritdoc/>
    public int CompareTo(PtpTimestamp other) => Nanoseconds.CompareTo(other.Nanoseconds);

    public static bool operator <(PtpTimestamp left, PtpTimestamp right) => left.Nanoseconds < right.Nanoseconds;
    public static bool operator >(PtpTimestamp left, PtpTimestamp right) => left.Nanoseconds > right.Nanoseconds;
    public static bool operator <=(PtpTimestamp left, PtpTimestamp right) => left.Nanoseconds <= right.Nanoseconds;
    public static bool operator >=(PtpTimestamp left, PtpTimestamp right) => left.Nanoseconds >= right.Nanoseconds;
}

/// <summary>What a grandmaster's time counts from (IEEE 1588-2019 clause 7.2.1).</summary>
public enum Timescale
{
    /// <summary>An epoch of the grandmaster's own: its time says nothing about TAI or UTC.</summary>
    Arbitrary,

    /// <summary>TAI seconds since 1970-01-01T00:00:00 TAI.</summary>
    Ptp,
}

/// <summary>
/// Time that a message spent where it was measured, in units of 2^-16 ns (IEEE 1588-2019 clause 5.3.2 TimeInterval). Sums saturate.
/// </summary>
/// <param name="Scaled">Nanoseconds times 65,536.</param>
public readonly record struct Correction(long Scaled)
{
    private const double Unit = 65_536;

    /// <summary>Nanoseconds with their fraction.</summary>
    public double Nanoseconds => Scaled / Unit;

    /// <summary>The value that says "too large to be told" (clause 13.3.2.9): a message with it cannot be used.</summary>
    public bool IsSaturated => Scaled is long.MaxValue or long.MinValue;

    /// <summary>The nearest correction to so many nanoseconds.</summary>
    public static Correction FromNanoseconds(double nanoseconds)
    {
        double scaled = Math.Round(nanoseconds * Unit);
        return new(scaled >= long.MaxValue ? long.MaxValue : scaled <= long.MinValue ? long.MinValue : (long)scaled);
    }

    public static Correction operator +(Correction left, Correction right)
    {
        long sum = unchecked(left.Scaled + right.Scaled);
        // Overflow has happened when both signs differ from the sum's.
        return ((left.Scaled ^ sum) & (right.Scaled ^ sum)) < 0 ? new(left.Scaled < 0 ? long.MinValue : long.MaxValue) : new(sum);
    }

    public static Correction operator -(Correction value) => new(value.Scaled == long.MinValue ? long.MaxValue : -value.Scaled);

    public static Correction operator -(Correction left, Correction right) => left + -right;
}
