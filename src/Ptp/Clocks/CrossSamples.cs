// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Ptp.Clocks;

/// <summary>
/// Selects the best of several readings of one clock between two readings of another: the narrowest, whose width is the bound.
/// </summary>
internal static class CrossSamples
{
    /// <summary>
    /// Hardware latches both clocks of a PRECISE reading, but the processor's side is converted from a counter of 19.2 to 38.4 MHz (Intel's
    /// ART), and PCIe time measurement has an error of its own. This width is assumed; nothing measures it.
    /// </summary>
    public const long PreciseWidthNs = 100;

    /// <summary>Finds the narrowest sample; false if the reference clock was stepped back in every sample.</summary>
    /// <param name="times">Reference, clock, reference of the first sample, then of the others.</param>
    /// <param name="count">Number of samples.</param>
    /// <param name="stride">Times from one sample to the next: 3, or 2 where samples share a reference reading.</param>
    /// <param name="method">Method of the samples.</param>
    /// <param name="best">The narrowest sample.</param>
    public static bool TryNarrowest(ReadOnlySpan<PtpClockTime> times, int count, int stride, ReadMethod method, out ClockReading best)
    {
        best = new ClockReading(0, 0, long.MaxValue, method);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<PtpClockTime> sample = times.Slice(i * stride, 3);
            Narrow(ref best, sample[0].TotalNs, sample[1].TotalNs, sample[2].TotalNs);
        }

        return best.WidthNs != long.MaxValue;
    }

    /// <summary>Replaces the best sample if this one is narrower.</summary>
    public static void Narrow(ref ClockReading best, long beforeNs, long clockNs, long afterNs)
    {
        long widthNs = afterNs - beforeNs;
        if (widthNs >= 0 && widthNs < best.WidthNs)
            best = best with { Nanoseconds = clockNs, ReferenceNs = beforeNs + (widthNs / 2), WidthNs = widthNs };
    }
}
