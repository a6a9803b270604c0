using Capbox.Ptp.Estimation;

namespace Capbox.Ptp.Quality;

/// <summary>What a bound is made of, and when it is too wide.</summary>
/// <param name="AsymmetryNs">Largest error by a path whose directions differ, ns; negative: not known, half the path delay is taken.</param>
/// <param name="Sigmas">How many standard deviations the statistical part has.</param>
/// <param name="LockedNs">The statistical part must be within this, or within a tenth of the delay, to call the clock locked, ns.</param>
/// <param name="TargetNs">A wider bound than this is "degraded", ns.</param>
/// <param name="UselessNs">A wider bound than this is "unsynchronised", ns.</param>
/// <param name="HoldoverAfterSeconds">Silence after which holdover is declared; at least <see cref="HoldoverAfterMessages"/> messages' time.</param>
/// <param name="HoldoverAfterMessages">Silence in messages' usual spacing.</param>
/// <param name="LeastDriftPpbPerSecond">Drift of the frequency to expect in holdover even if none was seen: the temperature may begin to change, ppb/s.</param>
public sealed record QualityPolicy(
    double AsymmetryNs = -1, double Sigmas = 8, double LockedNs = 1_000, double TargetNs = 100_000, double UselessNs = 1_000_000_000, double HoldoverAfterSeconds = 5, double HoldoverAfterMessages = 5,
    double LeastDriftPpbPerSecond = 0.01)
{
    /// <summary>More than a chunk can tell (docs/internals/segments.md: 32 bits of ns): no bound is claimed.</summary>
    internal const double NoBoundNs = 10e9;

    // fbclock's factor: in holdover the frequency may go on changing as it did, and half as fast again.
    private const double DriftFactor = 1.5;

    // A stamp is rounded to 1 ns at either end.
    private const double RoundingNs = 1;

    /// <summary>The parts of the bound.</summary>
    public BoundParts Bound(in OffsetEstimate estimate, double grandmasterNs, double readNs)
    {
        double asymmetry = AsymmetryNs >= 0 ? AsymmetryNs : Math.Max(0, estimate.DelayNs / 2);
        double grown = Sigmas * Math.Max(0, estimate.OffsetSigmaNs - estimate.TakenSigmaNs);
        double drifted = DriftFactor * Math.Max(LeastDriftPpbPerSecond, Math.Abs(estimate.DriftPpbPerSecond)) * estimate.SilentSeconds * estimate.SilentSeconds / 2;
        return new(grandmasterNs, asymmetry, Sigmas * estimate.TakenSigmaNs, readNs + RoundingNs, grown + drifted, estimate.UnresolvedNs);
    }

    /// <summary>The state that follows from the bound.</summary>
    /// <param name="suspect">Messages are being held back.</param>
    /// <param name="secondsBetween">Usual spacing of messages, s.</param>
    public ClockState State(in OffsetEstimate estimate, in BoundParts parts, bool suspect, double secondsBetween)
    {
        if (parts.TotalNs > UselessNs)
            return ClockState.Unsynchronised;
        if (estimate.SilentSeconds > Math.Max(HoldoverAfterSeconds, HoldoverAfterMessages * secondsBetween))
            return ClockState.Holdover;
        if (parts.StatisticalNs > Math.Max(LockedNs, estimate.DelayNs / 10))
            return ClockState.Acquiring;
        return suspect || parts.UnresolvedNs > 0 || parts.TotalNs > TargetNs ? ClockState.Degraded : ClockState.Locked;
    }
}
