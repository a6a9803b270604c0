// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Cli;

/// <summary>Numbers as people read them.</summary>
internal static class Humanize
{
    /// <summary>Three significant digits with a decimal prefix: <c>1.25 G</c>.</summary>
    public static string Scaled(double value)
    {
        ReadOnlySpan<string> prefixes = ["", "k", "M", "G", "T", "P", "E"];
        int prefix = 0;
        // 999.5 would print as 1000: it belongs to the next prefix.
        while (value >= 999.5 && prefix < prefixes.Length - 1)
        {
            value /= 1000;
            prefix++;
        }

        string format = prefix == 0 || value >= 99.95 ? "0" : value >= 9.995 ? "0.0" : "0.00";
        return value.ToString(format, CultureInfo.InvariantCulture) + " " + prefixes[prefix];
    }

    public static string Bytes(double bytes) => Scaled(bytes) + "B";

    /// <summary>Digits in groups of three: <c>1,234,567</c>.</summary>
    public static string Count(ulong value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A text in one line: control characters as <c>\n</c> or <c>\u001B</c>, which neither break a table nor steer a terminal.</summary>
    public static string Visible(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(Visible)) : text;

    private static string Visible(char c) => c switch
    {
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        _ => char.IsControl(c) ? string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}") : c.ToString(),
    };

    public static string Duration(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours:D2}:{time.Minutes:D2}:{time.Seconds:D2}");
}
