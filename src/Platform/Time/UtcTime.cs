// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Platform.Time;

/// <summary>
/// A moment in UTC as POSIX counts it: nanoseconds since 1970-01-01T00:00:00Z, every day 86,400 s long. CLOCK_REALTIME shows it and
/// a PCAPNG
/// reader displays it.
/// </summary>
/// <param name="Nanoseconds">Nanoseconds since the Unix epoch; signed 64 bits reach from 1677 to 2262.</param>
public readonly record struct UtcTime(long Nanoseconds) : IComparable<UtcTime>
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>The system clock now, to the 100 ns that <see cref="DateTime"/> resolves.</summary>
    public static UtcTime Now => new((DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100);

    /// <summary>The same moment in TAI, given the TAI-UTC difference that is in force at that moment.</summary>
    /// <exception cref="OverflowException">The result does not fit 64 bits.</exception>
    public TaiTime ToTai(UtcOffset offset) => new(checked(Nanoseconds + offset.Nanoseconds));

    /// <summary>RFC 3339 with nine digits: <c>2026-11-23T08:30:00.123456789Z</c>.</summary>
    public override string ToString() => Format("yyyy-MM-dd'T'HH:mm:ss");

    /// <summary>ISO 8601 basic form, safe in file names and sorted by time: <c>20261123T083000.123456789Z</c>.</summary>
    public string ToFileName() => Format("yyyyMMdd'T'HHmmss");

    /// <summary>Parses the output of <see cref="ToFileName"/>.</summary>
    public static bool TryParseFileName(string text, out UtcTime time)
    {
        time = default;
        const string Whole = "yyyyMMdd'T'HHmmss";
        const int WholeLength = 15;
        if (text.Length != WholeLength + 11 || text[WholeLength] != '.' || text[^1] != 'Z'
            || !DateTime.TryParseExact(
                text.AsSpan(0, WholeLength), Whole, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime whole)
            || !uint.TryParse(text.AsSpan(WholeLength + 1, 9), NumberStyles.None, CultureInfo.InvariantCulture, out uint fraction)
            || whole.Year is < 1678 or > 2261)
            return false;
        time = new UtcTime(((whole - DateTime.UnixEpoch).Ticks * 100) + fraction);
        return true;
    }

    private string Format(string secondsFormat)
    {
        // Floor division, so that a moment before 1970 keeps a positive fraction.
        long seconds = Math.DivRem(Nanoseconds, NanosecondsPerSecond, out long fraction);
        if (fraction < 0)
        {
            seconds--;
            fraction += NanosecondsPerSecond;
        }

        DateTime whole = DateTime.UnixEpoch.AddSeconds(seconds);
        return whole.ToString(secondsFormat, CultureInfo.InvariantCulture)
            + "." + fraction.ToString("D9", CultureInfo.InvariantCulture) + "Z";
    }

    /// <inheritdoc/>
    public int CompareTo(UtcTime other) => Nanoseconds.CompareTo(other.Nanoseconds);

    public static bool operator <(UtcTime left, UtcTime right) => left.Nanoseconds < right.Nanoseconds;
    public static bool operator >(UtcTime left, UtcTime right) => left.Nanoseconds > right.Nanoseconds;
    public static bool operator <=(UtcTime left, UtcTime right) => left.Nanoseconds <= right.Nanoseconds;
    public static bool operator >=(UtcTime left, UtcTime right) => left.Nanoseconds >= right.Nanoseconds;
}
