// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Servo;

/// <summary>Composes the bound and rates it.</summary>
/// <param name="AsymmetryNs">
/// Largest error from a path whose directions differ, ns; negative if unknown: half the path delay is assumed.
/// </param>
/// <param name="Sigmas">Standard deviations in the statistical part.</param>
/// <param name="LockedNs">Largest statistical part of a locked clock, ns; a tenth of the delay if that is more.</param>
/// <param name="TargetNs">Bound beyond which the clock is "degraded", ns.</param>
/// <param name="UselessNs">Bound beyond which the clock is "unsynchronised", ns.</param>
/// <param name="HoldoverAfterSeconds">Silence before holdover, s; at least <see cref="HoldoverAfterMessages"/> messages' time.</param>
/// <param name="HoldoverAfterMessages">Silence before holdover in usual message intervals.</param>
/// <param name="LeastDriftPpbPerSecond">
/// Least drift of the frequency assumed in holdover, ppb/s: the temperature may begin to change.
/// </param>
public sealed record QualityPolicy(
    double AsymmetryNs = -1,
    double Sigmas = 8,
    double LockedNs = 1_000,
    double TargetNs = 100_000,
    double UselessNs = 1_000_000_000,
    double HoldoverAfterSeconds = 5,
    double HoldoverAfterMessages = 5,
    double LeastDriftPpbPerSecond = 0.01)
{
    /// <summary>More than a chunk can carry (docs/internals/segments.md: 32 bits of ns): no bound.</summary>
    internal const double NoBoundNs = 10e9;

    // fbclock's factor: in holdover the frequency may go on changing as before, and half as fast again.
    private const double DriftFactor = 1.5;

    // A stamp is rounded to 1 ns at either end.
    private const double RoundingNs = 1;

    /// <summary>The parts of the bound.</summary>
    public BoundParts Bound(in OffsetEstimate estimate, double grandmasterNs, double readNs)
    {
        double asymmetry = AsymmetryNs >= 0 ? AsymmetryNs : Math.Max(0, estimate.DelayNs / 2);
        double grown = Sigmas * Math.Max(0, estimate.OffsetSigmaNs - estimate.TakenSigmaNs);
        double drift = Math.Max(LeastDriftPpbPerSecond, Math.Abs(estimate.DriftPpbPerSecond));
        double drifted = DriftFactor * drift * estimate.SilentSeconds * estimate.SilentSeconds / 2;
        return new(grandmasterNs, asymmetry, Sigmas * estimate.TakenSigmaNs, readNs + RoundingNs, grown + drifted, estimate.UnresolvedNs);
    }

    /// <summary>The state for a bound.</summary>
    /// <param name="suspect">True while messages are held.</param>
    /// <param name="secondsBetween">Usual time between messages, s.</param>
    public SyncState State(in OffsetEstimate estimate, in BoundParts parts, bool suspect, double secondsBetween)
    {
        if (parts.TotalNs > UselessNs)
            return SyncState.Unsynchronised;
        if (estimate.SilentSeconds > Math.Max(HoldoverAfterSeconds, HoldoverAfterMessages * secondsBetween))
            return SyncState.Holdover;
        if (parts.StatisticalNs > Math.Max(LockedNs, estimate.DelayNs / 10))
            return SyncState.Acquiring;
        return suspect || parts.UnresolvedNs > 0 || parts.TotalNs > TargetNs ? SyncState.Degraded : SyncState.Locked;
    }
}
