// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Clocks;

/// <summary>Converts timex.freq, parts per million with 16 fractional bits, and ppb.</summary>
internal static class Frequency
{
    private const double UnitsPerPpb = 65.536;

    public static long ToKernel(double ppb) => (long)Math.Round(ppb * UnitsPerPpb);

    public static double FromKernel(long units) => units / UnitsPerPpb;

    /// <exception cref="ArgumentOutOfRangeException">Beyond the limit, or not a number.</exception>
    public static void Check(string clock, double ppb, double maxPpb)
    {
        if (!(Math.Abs(ppb) <= maxPpb))
            throw new ArgumentOutOfRangeException(
                nameof(ppb),
                ppb,
                string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{clock}: at most {maxPpb} ppb either way"));
    }
}
