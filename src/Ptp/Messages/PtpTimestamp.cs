// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Ptp.Messages;

/// <summary>
/// A time of a PTP clock: nanoseconds since the epoch of its own timescale (IEEE 1588-2019 clause 5.3.3). It is a <see cref="TaiTime"/>
/// only if the grandmaster keeps the PTP timescale; an ARB timescale has any epoch, so there is no conversion here: see <see
/// cref="Timescale"/>.
/// </summary>
/// <param name="Nanoseconds">Nanoseconds since the epoch.</param>
public readonly record struct PtpTimestamp(long Nanoseconds) : IComparable<PtpTimestamp>
{
    /// <summary>
    /// The largest number of whole seconds that fits: later times, from 2262 on, are rejected. The wire has 48 bits of seconds.
    /// </summary>
    public const long MaxSeconds = (long.MaxValue / 1_000_000_000) - 1;

    /// <summary>Whole seconds and the rest, as on the wire. Negative times have none.</summary>
    public (ulong Seconds, uint Nanoseconds) Split() => Nanoseconds < 0
        ? throw new InvalidOperationException("the wire has no time before the epoch")
        : ((ulong)(Nanoseconds / 1_000_000_000), (uint)(Nanoseconds % 1_000_000_000));

    /// <summary>This moment plus nanoseconds.</summary>
    public PtpTimestamp Plus(long nanoseconds) => new(unchecked(Nanoseconds + nanoseconds));

    /// <inheritdoc/>
    public int CompareTo(PtpTimestamp other) => Nanoseconds.CompareTo(other.Nanoseconds);

    public static bool operator <(PtpTimestamp left, PtpTimestamp right) => left.Nanoseconds < right.Nanoseconds;
    public static bool operator >(PtpTimestamp left, PtpTimestamp right) => left.Nanoseconds > right.Nanoseconds;
    public static bool operator <=(PtpTimestamp left, PtpTimestamp right) => left.Nanoseconds <= right.Nanoseconds;
    public static bool operator >=(PtpTimestamp left, PtpTimestamp right) => left.Nanoseconds >= right.Nanoseconds;
}

/// <summary>Epoch of a grandmaster's time (IEEE 1588-2019 clause 7.2.1).</summary>
public enum Timescale
{
    /// <summary>An epoch of the grandmaster's own: its time says nothing about TAI or UTC.</summary>
    Arbitrary,

    /// <summary>TAI seconds since 1970-01-01T00:00:00 TAI.</summary>
    Ptp,
}

/// <summary>Residence time of a message, in units of 2^-16 ns (IEEE 1588-2019 clause 5.3.2 TimeInterval). Sums saturate.</summary>
/// <param name="Scaled">Nanoseconds times 65,536.</param>
public readonly record struct Correction(long Scaled)
{
    private const double Unit = 65_536;

    /// <summary>Nanoseconds including the fraction.</summary>
    public double Nanoseconds => Scaled / Unit;

    /// <summary>The value of a correction too large to express (clause 13.3.2.9): such a message is unusable.</summary>
    public bool IsSaturated => Scaled is long.MaxValue or long.MinValue;

    /// <summary>The correction nearest to a number of nanoseconds.</summary>
    public static Correction FromNanoseconds(double nanoseconds)
    {
        double scaled = Math.Round(nanoseconds * Unit);
        return new(scaled >= long.MaxValue ? long.MaxValue : scaled <= long.MinValue ? long.MinValue : (long)scaled);
    }

    public static Correction operator +(Correction left, Correction right)
    {
        long sum = unchecked(left.Scaled + right.Scaled);
        // Both signs differ from the sum's on overflow.
        return ((left.Scaled ^ sum) & (right.Scaled ^ sum)) < 0 ? new(left.Scaled < 0 ? long.MinValue : long.MaxValue) : new(sum);
    }

    public static Correction operator -(Correction value) => new(value.Scaled == long.MinValue ? long.MaxValue : -value.Scaled);

    public static Correction operator -(Correction left, Correction right) => left + -right;
}
