// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Capbox.Platform.Json;

/// <summary>Sizes and durations in documents and on command lines: a whole number and a unit, <c>64MiB</c>, <c>250ms</c>.</summary>
public static class Units
{
    /// <summary>The syntax of a size, for messages.</summary>
    public const string SizeHelp = "a whole number with B, KiB, MiB, GiB, TiB, kB, MB, GB or TB";

    /// <summary>The syntax of a duration, for messages.</summary>
    public const string DurationHelp = "a whole number with ms, s, m, h or d";

    /// <summary>Parses a size into bytes. KiB and the like count in 1024s, kB and the like in 1000s; the unit is required.</summary>
    public static bool TryParseSize(string text, out long bytes)
    {
        bytes = 0;
        if (!TrySplit(text, out long number, out string? unit))
            return false;
        long? factor = unit switch
        {
            "B" => 1,
            "KiB" => 1L << 10,
            "MiB" => 1L << 20,
            "GiB" => 1L << 30,
            "TiB" => 1L << 40,
            "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            _ => null,
        };
        return TryMultiply(number, factor, out bytes);
    }

    /// <summary>Parses a duration into milliseconds; the unit is required.</summary>
    public static bool TryParseDuration(string text, out long milliseconds)
    {
        milliseconds = 0;
        if (!TrySplit(text, out long number, out string? unit))
            return false;
        long? factor = unit switch
        {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => null,
        };
        return TryMultiply(number, factor, out milliseconds);
    }

    /// <summary>Bytes in the largest binary unit that keeps the number whole, as <see cref="TryParseSize"/> reads it.</summary>
    public static string FormatSize(long bytes)
    {
        ReadOnlySpan<string> units = ["B", "KiB", "MiB", "GiB", "TiB"];
        int unit = 0;
        while (unit < units.Length - 1 && bytes != 0 && bytes % 1024 == 0)
        {
            bytes /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes}{units[unit]}");
    }

    private static bool TrySplit(string text, out long number, [NotNullWhen(true)] out string? unit)
    {
        int digits = 0;
        while (digits < text.Length && char.IsAsciiDigit(text[digits]))
            digits++;
        unit = text[digits..].TrimStart(' ');
        return long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private static bool TryMultiply(long number, long? factor, out long result)
    {
        result = 0;
        if (factor is null || number > long.MaxValue / factor)
            return false;
        result = number * factor.Value;
        return true;
    }
}
