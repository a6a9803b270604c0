// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Ptp.Clocks;

/// <summary>
/// Finds out whether two PHCs are one physical clock: mlx5 registers one per function of a card even where the functions share a register.
/// Only a trial shows it.
/// </summary>
public static class SharedClock
{
    /// <summary>Far below what matters before the clock is trusted, far above the width of a reading.</summary>
    private const long LeastNudgeNs = 10_000;

    /// <summary>
    /// Steps one clock forth and back and checks whether the other one follows. Takes some 100 us. Only at the start, before either clock
    /// is trusted, and while nobody else steers them.
    /// </summary>
    /// <param name="nudged">The clock to step, by at least 10 us, and back.</param>
    /// <param name="other">The clock to read.</param>
    /// <returns>True: both are one clock.</returns>
    /// <exception cref="ClockException">
    /// A clock rejects the step, or the other one moved for another reason: another program steers it.
    /// </exception>
    public static bool IsOne(IClock nudged, IClock other)
    {
        ClockReading before = nudged.ReadAgainst(other);
        long nudgeNs = Math.Max(LeastNudgeNs, 8 * before.WidthNs);
        nudged.Step(nudgeNs);
        ClockReading after;
        try
        {
            after = nudged.ReadAgainst(other);
        }
        finally
        {
            nudged.Step(-nudgeNs);
        }

        // A step by read, add and write loses the time in between: a quarter is tolerance for that.
        long apartNs = after.OffsetNs - before.OffsetNs;
        long toleranceNs = (nudgeNs / 4) + before.BoundNs + after.BoundNs;
        if (Math.Abs(apartNs) <= toleranceNs)
            return true;
        if (Math.Abs(apartNs - nudgeNs) <= toleranceNs)
            return false;
        FormattableString problem =
            $"{nudged.Name}: stepped by {nudgeNs} ns, it moved against {other.Name} by {apartNs} ns: another program steers one of them";
        throw new ClockException(FormattableString.Invariant(problem), 0);
    }
}
