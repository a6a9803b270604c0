// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Platform.Time;

namespace Capbox.Packets.Extract;

/// <summary>
/// Times as people write them on a command line, to the nanosecond:
/// RFC 3339 (<c>2026-11-23T09:30:00.000000250Z</c>, <c>...+01:00</c>, a space for the T, seconds and fraction optional), the same without a
/// zone (local time), a time of today (<c>09:30</c>), seconds since 1970 (<c>1795431951.214271220</c>), relative to now (<c>-5m</c>) and
/// <c>now</c>.
/// </summary>
public static class TimeArgument
{
    private const long NsPerSecond = 1_000_000_000;
    private static readonly string[] s_formats =
    [
        "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd HH:mm", "yyyy-MM-dd", "HH:mm:ss", "HH:mm",
    ];

    /// <summary>A moment.</summary>
    /// <param name="text">What was written.</param>
    /// <param name="now">The moment that "now" and "-5m" mean.</param>
    /// <param name="time">The result.</param>
    /// <param name="zone">What a time without a zone means.</param>
    public static bool TryParse(string text, UtcTime now, out UtcTime time, TimeZoneInfo? zone = null)
    {
        time = now;
        text = text.Trim();
        if (text is "now")
            return true;
        if (text.Length > 1 && text[0] is '-' or '+' && TryParseDuration(text[1..], out long offsetNs))
        {
            time = new UtcTime(text[0] == '-' ? now.Nanoseconds - offsetNs : now.Nanoseconds + offsetNs);
            return true;
        }

        return TryParseEpoch(text, out time) || TryParseCalendar(text, now, zone ?? TimeZoneInfo.Local, out time);
    }

    /// <summary>The end of a range: a moment, or <c>+1s</c> counted from its start.</summary>
    public static bool TryParseEnd(string text, UtcTime start, UtcTime now, out UtcTime time, TimeZoneInfo? zone = null)
    {
        if (text.StartsWith('+') && TryParseDuration(text.AsSpan(1).Trim().ToString(), out long durationNs))
        {
            time = new UtcTime(start.Nanoseconds + durationNs);
            return true;
        }

        return TryParse(text, now, out time, zone);
    }

    /// <summary>250ns, 10us, 5ms, 1s, 1.5s, 5m, 2h, 1d.</summary>
    public static bool TryParseDuration(string text, out long nanoseconds)
    {
        nanoseconds = 0;
        int unitAt = 0;
        while (unitAt < text.Length && (char.IsAsciiDigit(text[unitAt]) || text[unitAt] == '.'))
            unitAt++;
        if (unitAt == 0)
            return false;
        long unitNs = text[unitAt..] switch
        {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => NsPerSecond,
            "m" => 60 * NsPerSecond,
            "h" => 3600 * NsPerSecond,
            "d" => 86400 * NsPerSecond,
            _ => 0,
        };
        if (unitNs == 0 || !decimal.TryParse(text.AsSpan(0, unitAt), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
            out decimal value))
            return false;
        decimal total = value * unitNs;
        if (total > long.MaxValue / 4)
            return false;
        nanoseconds = (long)total;
        return true;
    }

    private static bool TryParseEpoch(string text, out UtcTime time)
    {
        time = default;
        int point = text.IndexOf('.', StringComparison.Ordinal);
        ReadOnlySpan<char> whole = point < 0 ? text : text.AsSpan(0, point);
        // Fewer digits are a year or a clock time, more would leave 64 bits of nanoseconds.
        if (whole.Length is < 6 or > 10 || !long.TryParse(whole, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds))
            return false;
        if (!TryParseFraction(point < 0 ? "" : text[(point + 1)..], out long fractionNs) || seconds > 9_000_000_000)
            return false;
        time = new UtcTime((seconds * NsPerSecond) + fractionNs);
        return true;
    }

    private static bool TryParseCalendar(string text, UtcTime now, TimeZoneInfo zone, out UtcTime time)
    {
        time = default;
        if (!TrySplitZone(text, out string local, out TimeSpan? offset))
            return false;
        long fractionNs = 0;
        int point = local.IndexOf('.', StringComparison.Ordinal);
        if (point >= 0)
        {
            if (!TryParseFraction(local[(point + 1)..], out fractionNs) || local.AsSpan(0, point).Count(':') != 2)
                return false;
            local = local[..point];
        }

        if (!DateTime.TryParseExact(local, s_formats, CultureInfo.InvariantCulture, DateTimeStyles.NoCurrentDateDefault, out DateTime wall))
            return false;
        if (wall.Year == 1)
        {
            DateTime nowThere = DateTime.UnixEpoch.AddTicks(now.Nanoseconds / 100)
                + (offset ?? zone.GetUtcOffset(DateTime.UnixEpoch.AddTicks(now.Nanoseconds / 100)));
            wall = nowThere.Date + wall.TimeOfDay;
        }

        // A local time that a change of clocks skipped names no moment.
        if (wall.Year is < 1970 or > 2261 || (offset is null && zone.IsInvalidTime(wall)))
            return false;
        DateTime utc = wall - (offset ?? zone.GetUtcOffset(wall));
        time = new UtcTime(((utc - DateTime.UnixEpoch).Ticks * 100) + fractionNs);
        return true;
    }

    private static bool TrySplitZone(string text, out string local, out TimeSpan? offset)
    {
        offset = null;
        local = text;
        if (text.EndsWith('Z') || text.EndsWith('z'))
        {
            offset = TimeSpan.Zero;
            local = text[..^1];
            return true;
        }

        if (text.Length <= 6 || text[^6] is not ('+' or '-') || text[^3] != ':' || !text.AsSpan(0, text.Length - 6).Contains(':'))
            return true;
        if (!int.TryParse(text.AsSpan(text.Length - 5, 2), NumberStyles.None, CultureInfo.InvariantCulture, out int hours)
            || !int.TryParse(text.AsSpan(text.Length - 2), NumberStyles.None, CultureInfo.InvariantCulture, out int minutes) || hours > 14
                || minutes > 59)
            return false;
        var size = new TimeSpan(hours, minutes, 0);
        offset = text[^6] == '-' ? -size : size;
        local = text[..^6];
        return true;
    }

    private static bool TryParseFraction(string digits, out long nanoseconds)
    {
        nanoseconds = 0;
        if (digits.Length > 9)
            return false;
        return digits.Length == 0 || long.TryParse(digits.PadRight(9, '0'), NumberStyles.None, CultureInfo.InvariantCulture,
            out nanoseconds);
    }
}
