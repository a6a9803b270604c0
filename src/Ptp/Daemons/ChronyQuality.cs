// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Daemons;

/// <summary>
/// Rates CLOCK_REALTIME by chronyd's tracking report: the root distance (half the root delay, and the root dispersion, which includes the
/// frequency's error since the last measurement), and the remaining slew. A pure function.
/// </summary>
internal static class ChronyQuality
{
    /// <summary>Without a measurement for so many intervals, and for at least so long, chronyd is in holdover.</summary>
    private const double SilentIntervals = 4, LeastSilentSeconds = 60;

    /// <summary>Drift that chronyd assumes of any clock beside the frequency's error: maxclockerror, ppm.</summary>
    private const double MostDriftPpm = 1;
    private const double RoundingNs = 1, NsPerSecond = 1e9;

    /// <param name="tracking">The last tracking report.</param>
    /// <param name="unheardSeconds">Age of the report, s.</param>
    /// <param name="at">The clock's time as TAI.</param>
    /// <param name="utcNs">The clock's time, UTC, ns.</param>
    /// <param name="unresolvedNs">Sum of the unexplained moves, ns.</param>
    public static ClockQuality At(
        in ChronyTracking tracking, double unheardSeconds, TaiTime at, long utcNs, double readNs, double unresolvedNs, QualityPolicy policy)
    {
        double grownNs = Math.Max(0, unheardSeconds) * (tracking.SkewPpm + MostDriftPpm) * 1e3;
        BoundParts parts = new(
            tracking.RootDispersionSeconds * NsPerSecond,
            Math.Abs(tracking.RootDelaySeconds) / 2 * NsPerSecond,
            0,
            readNs + RoundingNs,
            grownNs,
            Math.Abs(unresolvedNs));
        double offsetNs = -tracking.CorrectionSeconds * NsPerSecond;
        double silentSeconds = (utcNs - tracking.ReferenceTimeNs) / NsPerSecond;
        SyncState state = State(tracking, unheardSeconds, silentSeconds, Math.Abs(offsetNs), parts, policy);
        return new(at, state, offsetNs, tracking.FrequencyPpm * 1e3, parts);
    }

    private static SyncState State(
        in ChronyTracking tracking, double unheardSeconds, double silentSeconds, double offsetNs, in BoundParts parts, QualityPolicy policy)
    {
        if (!tracking.IsFollowing || unheardSeconds > Ptp4lQuality.GoneSeconds || offsetNs + parts.TotalNs > policy.UselessNs)
            return SyncState.Unsynchronised;
        double holdoverSeconds = Math.Max(LeastSilentSeconds, SilentIntervals * tracking.UpdateIntervalSeconds);
        if (unheardSeconds > policy.HoldoverAfterSeconds || Math.Abs(silentSeconds) > holdoverSeconds)
            return SyncState.Holdover;
        // Only one measurement: the frequency is unknown.
        if (tracking.UpdateIntervalSeconds <= 0)
            return SyncState.Acquiring;
        return parts.UnresolvedNs > 0 || offsetNs + parts.TotalNs > policy.TargetNs ? SyncState.Degraded : SyncState.Locked;
    }
}
