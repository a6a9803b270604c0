using Capbox.Platform.Time;

namespace Capbox.Ptp.Clocks;

/// <summary>
/// Whether two PHCs are one physical clock: mlx5 registers one per function of a card even where the functions share a register. Nothing tells but trying.
/// </summary>
public static class SharedClock
{
    /// <summary>Far below what matters while nobody trusts the clock yet, far above the width of a reading.</summary>
    private const long LeastNudgeNs = 10_000;

    /// <summary>
    /// Steps one clock forth and back and looks whether the other one goes along. Takes some 100 us. Only at the start, before either is trusted, and while nobody else steers them.
    /// </summary>
    /// <param name="nudged">Is stepped by at least 10 us, then back.</param>
    /// <param name="other">Is read.</param>
    /// <returns>True: steering one of them is steering both.</returns>
    /// <exception cref="ClockException">A clock refuses, or the other one moved by something else: somebody steers it.</exception>
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

        // A step that is read, changed and written loses the time in between: a quarter is room for that.
        long apartNs = after.OffsetNs - before.OffsetNs;
        long toleranceNs = (nudgeNs / 4) + before.BoundNs + after.BoundNs;
        return Math.Abs(apartNs) <= toleranceNs ? true
            : Math.Abs(apartNs - nudgeNs) <= toleranceNs ? false
            : throw new ClockException(string.Create(
                System.Globalization.CultureInfo.InvariantCulture, $"{nudged.Name}: stepped by {nudgeNs} ns, it moved against {other.Name} by {apartNs} ns: somebody else steers one of them"), 0);
    }
}
