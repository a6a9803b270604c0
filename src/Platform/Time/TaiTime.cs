// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Time;

/// <summary>
/// A moment on the TAI scale: nanoseconds since 1970-01-01T00:00:00 TAI, the scale that a PTP hardware clock counts
/// (IEEE 1588-2019 clause 7.2). It has no leap seconds and is never mixed with <see cref="UtcTime"/>: going from one to
/// the other takes a <see cref="UtcOffset"/>.
/// </summary>
/// <param name="Nanoseconds">Nanoseconds since the PTP epoch; signed 64 bits reach from 1677 to 2262.</param>
public readonly record struct TaiTime(long Nanoseconds) : IComparable<TaiTime>
{
    /// <summary>The same moment in UTC, given the TAI-UTC difference that is in force at that moment.</summary>
    /// <exception cref="OverflowException">The result does not fit 64 bits.</exception>
    public UtcTime ToUtc(UtcOffset offset) => new(checked(Nanoseconds - offset.Nanoseconds));

    /// <inheritdoc/>
    public int CompareTo(TaiTime other) => Nanoseconds.CompareTo(other.Nanoseconds);

    public static bool operator <(TaiTime left, TaiTime right) => left.Nanoseconds < right.Nanoseconds;
    public static bool operator >(TaiTime left, TaiTime right) => left.Nanoseconds > right.Nanoseconds;
    public static bool operator <=(TaiTime left, TaiTime right) => left.Nanoseconds <= right.Nanoseconds;
    public static bool operator >=(TaiTime left, TaiTime right) => left.Nanoseconds >= right.Nanoseconds;
}
