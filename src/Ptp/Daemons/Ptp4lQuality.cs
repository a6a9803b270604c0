// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Daemons;

/// <summary>
/// Rates a clock by the reports of its ptp4l. No I/O, no clock. The statistical part is eight sigma of the last 32 offsets: among 32 none
/// can be further from their mean than 5.6 sigma, so it covers the largest of them, with room for the next one.
/// </summary>
/// <param name="policy">Parts and limits of the bound, and its sigmas.</param>
/// <param name="unknownAccuracyNs">Accuracy assumed of a grandmaster that does not state it, ns.</param>
internal sealed class Ptp4lQuality(QualityPolicy policy, double unknownAccuracyNs)
{
    /// <summary>Offsets in the window, and how many of them make a clock that follows.</summary>
    private const int Window = 32;
    public const int Enough = 8;

    /// <summary>Without an answer for so long, ptp4l may have been replaced by a program that reports nothing: no bound.</summary>
    public const double GoneSeconds = 300;

    /// <summary>ptp4l is queried once a second, and its Sync may arrive right after: a pause of this length is no silence.</summary>
    private const double SpacingSeconds = 2;

    /// <summary>
    /// Gain of ptp4l's servo on an offset, per second (its proportional constant is 0.7 at one Sync a second): the adjustment keeps
    /// this part when the servo stops.
    /// </summary>
    private const double ServoGainPerSecond = 0.7;

    /// <summary>Drift of a common oscillator whose temperature changes, ppb/s: another program's servo hides the real one.</summary>
    private const double DriftPpbPerSecond = 0.1;
    private const double RoundingNs = 1;

    private readonly double[] _offsets = new double[Window];
    private Ptp4lReport _report;
    private int _count;
    private long _heardNs, _freshNs;
    private bool _hasFollowed;
    private double _meanNs, _sigmaNs;

    // Of the last report in which ptp4l followed: otherwise its parent is itself, and there is no path.
    private double _accuracyNs, _pathDelayNs;

    /// <summary>Enough offsets since the last restart.</summary>
    public bool HasEnough => _count >= Enough;

    /// <summary>Adds a report.</summary>
    /// <param name="nowNs">CLOCK_MONOTONIC_RAW.</param>
    /// <returns>True if the report has a new offset.</returns>
    public bool Add(in Ptp4lReport report, long nowNs)
    {
        bool isOther = report.Status.Grandmaster != _report.Status.Grandmaster || report.Own != _report.Own;
        bool isFresh = report.IsFollowing && (isOther || report.Status.IngressNs != _report.Status.IngressNs);
        (_report, _heardNs) = (report, nowNs);
        if (report.IsFollowing)
            (_accuracyNs, _pathDelayNs) = (report.Parent.Quality.AccuracyNs ?? unknownAccuracyNs, report.Current.PathDelayNs);
        if (!isFresh)
            return false;
        // Another grandmaster, or the same after a pause: earlier offsets are void.
        if (isOther || SecondsSince(_freshNs, nowNs) > HoldoverAfter)
            Restart();
        (_freshNs, _hasFollowed) = (nowNs, true);
        _offsets[_count++ % Window] = report.Status.OffsetNs;
        UpdateStatistics();
        return true;
    }

    /// <summary>Forgets the offsets: the clock was moved.</summary>
    public void Restart() => _count = 0;

    /// <param name="readNs">Half the width of the reading of the clock.</param>
    /// <param name="unresolvedNs">Sum of the unexplained moves, ns.</param>
    public ClockQuality At(TaiTime at, long nowNs, double readNs, double unresolvedNs)
    {
        double silent = SecondsSince(_freshNs, nowNs);
        double pause = Math.Max(0, silent - SpacingSeconds);
        // Fewer offsets do not show their spread.
        double statistical = HasEnough ? policy.Sigmas * _sigmaNs : Math.Max(QualityPolicy.NoBoundNs, policy.UselessNs);
        double asymmetry = policy.AsymmetryNs >= 0 ? policy.AsymmetryNs : Math.Max(0, _pathDelayNs / 2);
        double holdover = (ServoGainPerSecond * statistical * pause) + (DriftPpbPerSecond * pause * pause / 2);
        BoundParts parts = new(_accuracyNs, asymmetry, statistical, readNs + RoundingNs, holdover, Math.Abs(unresolvedNs));
        return new(at, State(parts, silent, SecondsSince(_heardNs, nowNs)), _count > 0 ? _meanNs : 0, 0, parts);
    }

    private double HoldoverAfter =>
        Math.Max(policy.HoldoverAfterSeconds, policy.HoldoverAfterMessages * Math.ScaleB(1, _report.Port.LogSync));

    private static double SecondsSince(long thenNs, long nowNs) => (nowNs - thenNs) * 1e-9;

    private SyncState State(in BoundParts parts, double silent, double unheard)
    {
        if (unheard > GoneSeconds)
            return SyncState.Unsynchronised;
        if (!_hasFollowed)
            return _report.Port.State == PtpPortState.Uncalibrated ? SyncState.Acquiring : SyncState.Unsynchronised;
        if (silent > HoldoverAfter)
            return HasEnough && parts.TotalNs <= policy.UselessNs ? SyncState.Holdover : SyncState.Unsynchronised;
        if (!HasEnough)
            return SyncState.Acquiring;
        if (parts.TotalNs > policy.UselessNs)
            return SyncState.Unsynchronised;
        return parts.UnresolvedNs > 0 || parts.TotalNs > policy.TargetNs ? SyncState.Degraded : SyncState.Locked;
    }

    private void UpdateStatistics()
    {
        int count = Math.Min(_count, Window);
        double sum = 0, squares = 0;
        for (int i = 0; i < count; i++)
            sum += _offsets[i];
        _meanNs = sum / count;
        for (int i = 0; i < count; i++)
            squares += (_offsets[i] - _meanNs) * (_offsets[i] - _meanNs);
        _sigmaNs = Math.Sqrt(squares / count);
    }
}
