using Capbox.Platform.Time;
using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Daemons;

/// <summary>
/// What a clock is worth by what its ptp4l says of it. No I/O, no clock of its own. The statistical part is eight sigma of the last 32 offsets: among 32 none can be further from their mean than 5.6 sigma, so it covers the
/// largest of them too, with room for the one to come.
/// </summary>
/// <param name="policy">Parts and limits; the sigmas are those of the policy.</param>
/// <param name="unknownAccuracyNs">What is assumed of a grandmaster that does not tell its accuracy, ns.</param>
internal sealed class Ptp4lQuality(QualityPolicy policy, double unknownAccuracyNs)
{
    /// <summary>Offsets that count, and how many there must be until the clock is said to follow.</summary>
    private const int Window = 32;
    public const int Enough = 8;

    /// <summary>Without an answer for so long it may have been replaced by somebody who does not tell: nothing is claimed any more.</summary>
    public const double GoneSeconds = 300;

    /// <summary>ptp4l is asked once a second, and may have had its Sync right after: silence of that length is none.</summary>
    private const double SpacingSeconds = 2;

    /// <summary>What ptp4l's servo dials beyond the frequency to make up for an offset, per second (its proportional constant is 0.7 at one Sync a second), stays dialled in when it stops.</summary>
    private const double ServoGainPerSecond = 0.7;

    /// <summary>Of a common oscillator whose temperature changes, ppb/s: it cannot be seen through somebody else's servo.</summary>
    private const double DriftPpbPerSecond = 0.1;
    private const double RoundingNs = 1;

    private readonly double[] _offsets = new double[Window];
    private Ptp4lReport _report;
    private int _count;
    private long _heardNs, _freshNs;
    private bool _hasFollowed;
    private double _meanNs, _sigmaNs;
    private double _accuracyNs, _pathDelayNs; // of the last report in which it followed: otherwise the parent is itself, and there is no path

    /// <summary>The offsets are many enough since the last thing that happened.</summary>
    public bool HasEnough => _count >= Enough;

    /// <summary>Takes a report.</summary>
    /// <param name="nowNs">CLOCK_MONOTONIC_RAW.</param>
    /// <returns>It has another offset than the one before.</returns>
    public bool Take(in Ptp4lReport report, long nowNs)
    {
        bool isOther = report.Status.Grandmaster != _report.Status.Grandmaster || report.Own != _report.Own;
        bool isFresh = report.IsFollowing && (isOther || report.Status.IngressNs != _report.Status.IngressNs);
        (_report, _heardNs) = (report, nowNs);
        if (report.IsFollowing)
            (_accuracyNs, _pathDelayNs) = (report.Parent.Quality.AccuracyNs ?? unknownAccuracyNs, report.Current.PathDelayNs);
        if (!isFresh)
            return false;
        // Another grandmaster, or the same after a pause: what was measured before says nothing of now.
        if (isOther || SecondsSince(_freshNs, nowNs) > HoldoverAfter)
            Restart();
        (_freshNs, _hasFollowed) = (nowNs, true);
        _offsets[_count++ % Window] = report.Status.OffsetNs;
        Reckon();
        return true;
    }

    /// <summary>Forgets the offsets: the clock was touched, and they are none of its now.</summary>
    public void Restart() => _count = 0;

    /// <param name="readNs">Half the width of the reading of the clock.</param>
    /// <param name="unresolvedNs">What the clock did that nobody reported.</param>
    public ClockQuality At(TaiTime at, long nowNs, double readNs, double unresolvedNs)
    {
        double silent = SecondsSince(_freshNs, nowNs);
        double pause = Math.Max(0, silent - SpacingSeconds);
        // With fewer offsets there is no telling how they spread.
        double statistical = HasEnough ? policy.Sigmas * _sigmaNs : Math.Max(QualityPolicy.NoBoundNs, policy.UselessNs);
        double asymmetry = policy.AsymmetryNs >= 0 ? policy.AsymmetryNs : Math.Max(0, _pathDelayNs / 2);
        double holdover = (ServoGainPerSecond * statistical * pause) + (DriftPpbPerSecond * pause * pause / 2);
        BoundParts parts = new(_accuracyNs, asymmetry, statistical, readNs + RoundingNs, holdover, Math.Abs(unresolvedNs));
        return new(at, State(parts, silent, SecondsSince(_heardNs, nowNs)), _count > 0 ? _meanNs : 0, 0, parts);
    }

    private double HoldoverAfter => Math.Max(policy.HoldoverAfterSeconds, policy.HoldoverAfterMessages * Math.ScaleB(1, _report.Port.LogSync));

    private static double SecondsSince(long thenNs, long nowNs) => (nowNs - thenNs) * 1e-9;

    private ClockState State(in BoundParts parts, double silent, double unheard)
    {
        if (unheard > GoneSeconds)
            return ClockState.Unsynchronised;
        if (!_hasFollowed)
            return _report.Port.State == PtpPortState.Uncalibrated ? ClockState.Acquiring : ClockState.Unsynchronised;
        if (silent > HoldoverAfter)
            return HasEnough && parts.TotalNs <= policy.UselessNs ? ClockState.Holdover : ClockState.Unsynchronised;
        if (!HasEnough)
            return ClockState.Acquiring;
        if (parts.TotalNs > policy.UselessNs)
            return ClockState.Unsynchronised;
        return parts.UnresolvedNs > 0 || parts.TotalNs > policy.TargetNs ? ClockState.Degraded : ClockState.Locked;
    }

    private void Reckon()
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
