// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Ptp.Clocks;

/// <summary>Readings between two clocks of which neither is the kernel's.</summary>
public static class ClockPairs
{
    /// <summary>
    /// Reads a clock against another one: both against CLOCK_MONOTONIC_RAW, the other before and after, so that its time at the moment of
    /// the first is interpolated at any rate. The width is the sum of both clocks' widths.
    /// </summary>
    /// <exception cref="ClockException">One of the clocks rejects the reading.</exception>
    public static ClockReading ReadAgainst(this IClock clock, IClock other)
    {
        ClockReading before = other.Read(ReferenceClock.MonotonicRaw);
        ClockReading reading = clock.Read(ReferenceClock.MonotonicRaw);
        ClockReading after = other.Read(ReferenceClock.MonotonicRaw);
        long spanNs = after.ReferenceNs - before.ReferenceNs;
        double share = spanNs > 0 ? (double)(reading.ReferenceNs - before.ReferenceNs) / spanNs : 0;
        long otherNs = before.Nanoseconds + (long)Math.Round(share * (after.Nanoseconds - before.Nanoseconds));
        ReadMethod worst = (ReadMethod)Math.Max((int)reading.Method, Math.Max((int)before.Method, (int)after.Method));
        return new ClockReading(reading.Nanoseconds, otherNs, reading.WidthNs + Math.Max(before.WidthNs, after.WidthNs), worst);
    }
}
