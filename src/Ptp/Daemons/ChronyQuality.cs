using Capbox.Platform.Time;
using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Daemons;

/// <summary>
/// What CLOCK_REALTIME is worth by what chronyd says of it: root distance (half the root delay, and the root dispersion, in which chronyd has counted the frequency's error since the last measurement), and what is still to
/// be slewed. A pure function.
/// </summary>
internal static class ChronyQuality
{
    /// <summary>Without a measurement for so many intervals, and for at least so long, chronyd runs on what it knows.</summary>
    private const double SilentIntervals = 4, LeastSilentSeconds = 60;

    /// <summary>What chronyd itself assumes that any clock may drift, beside the frequency's error: maxclockerror, ppm.</summary>
    private const double MostDriftPpm = 1;
    private const double RoundingNs = 1, NsPerSecond = 1e9;

    /// <param name="tracking">What it said last.</param>
    /// <param name="unheardSeconds">How long ago.</param>
    /// <param name="at">What the clock shows, in TAI.</param>
    /// <param name="utcNs">What the clock shows.</param>
    /// <param name="unresolvedNs">What the clock did that nobody reported.</param>
    public static ClockQuality At(in ChronyTracking tracking, double unheardSeconds, TaiTime at, long utcNs, double readNs, double unresolvedNs, QualityPolicy policy)
    {
        double grownNs = Math.Max(0, unheardSeconds) * (tracking.SkewPpm + MostDriftPpm) * 1e3;
        BoundParts parts = new(
            tracking.RootDispersionSeconds * NsPerSecond, Math.Abs(tracking.RootDelaySeconds) / 2 * NsPerSecond, 0, readNs + RoundingNs, grownNs, Math.Abs(unresolvedNs));
        double offsetNs = -tracking.CorrectionSeconds * NsPerSecond;
        double silentSeconds = (utcNs - tracking.ReferenceTimeNs) / NsPerSecond;
        return new(at, State(tracking, unheardSeconds, silentSeconds, Math.Abs(offsetNs), parts, policy), offsetNs, tracking.FrequencyPpm * 1e3, parts);
    }

    private static ClockState State(in ChronyTracking tracking, double unheardSeconds, double silentSeconds, double offsetNs, in BoundParts parts, QualityPolicy policy)
    {
        if (!tracking.IsFollowing || unheardSeconds > Ptp4lQuality.GoneSeconds || offsetNs + parts.TotalNs > policy.UselessNs)
            return ClockState.Unsynchronised;
        if (unheardSeconds > policy.HoldoverAfterSeconds || Math.Abs(silentSeconds) > Math.Max(LeastSilentSeconds, SilentIntervals * tracking.UpdateIntervalSeconds))
            return ClockState.Holdover;
        // The first measurement alone: the frequency is not known.
        if (tracking.UpdateIntervalSeconds <= 0)
            return ClockState.Acquiring;
        return parts.UnresolvedNs > 0 || offsetNs + parts.TotalNs > policy.TargetNs ? ClockState.Degraded : ClockState.Locked;
    }
}
