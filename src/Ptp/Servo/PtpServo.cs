using Capbox.Platform.Time;

namespace Capbox.Ptp.Servo;

/// <summary>
/// Estimator, steering and quality of one PHC. The caller feeds messages, dials what <see cref="Decide"/> says and reports it by <see cref="Steered"/> and
/// <see cref="Stepped"/>; the servo never touches a clock. One thread.
/// </summary>
public sealed class PtpServo(SteeringPolicy steering, QualityPolicy quality)
{
    private const double SpacingMemory = 0.1;

    private readonly RawClockCheck _raw = new();
    private TaiTime _lastSync;
    private bool _hasSync;
    private bool _isFirst = true;
    private double _secondsBetween = 1;
    private double _suspectNs; // what the clock ran beyond its dial at the last look, and nobody knows yet why
    private double _unprovenNs; // what the last step may be wrong by until messages have shown where the clock stands; infinity: there is no telling

    /// <summary>The estimator, for its counters.</summary>
    public OffsetEstimator Estimator { get; } = new();

    private double NothingKnownNs => Math.Max(QualityPolicy.NoBoundNs, quality.UselessNs);

    /// <summary>What the grandmaster says about its own accuracy, ns.</summary>
    public double GrandmasterNs { get; set; }

    /// <summary>Half the width of the read that carries this clock's time to where it is used, ns.</summary>
    public double ReadNs { get; set; }

    /// <summary>Begins at a PHC time with the frequency that is dialled in, ppb.</summary>
    public void Start(TaiTime at, double frequencyPpb)
    {
        Estimator.Start(at, frequencyPpb);
        (_isFirst, _hasSync, _unprovenNs, _suspectNs) = (true, false, 0, 0);
        _raw.Clear();
    }

    /// <summary>Takes one message.</summary>
    public MessageVerdict Add(in TimedMessage message)
    {
        if (message.Direction == PathDirection.Forward)
        {
            double apart = (message.Received.Nanoseconds - _lastSync.Nanoseconds) * 1e-9;
            if (_hasSync && apart is > 0 and < 60)
                _secondsBetween += SpacingMemory * (apart - _secondsBetween);
            (_lastSync, _hasSync) = (message.Received, true);
        }

        return Estimator.Add(message);
    }

    /// <summary>Takes a completed exchange.</summary>
    public MessageVerdict Add(in Exchange exchange)
    {
        Add(exchange.Sync);
        return Add(exchange.Delay);
    }

    /// <summary>What to dial at a PHC time; nothing before there is an estimate.</summary>
    public SteeringDecision? Decide(TaiTime now)
    {
        if (!Estimator.HasEstimate)
            return null;
        OffsetEstimate estimate = Estimator.At(now);
        return steering.Decide(estimate.OffsetNs, estimate.FrequencyPpb, _isFirst, _secondsBetween);
    }

    /// <summary>The PHC's frequency was set at a PHC time.</summary>
    public void Steered(TaiTime at, double frequencyPpb)
    {
        Estimator.Steered(at, frequencyPpb);
        _isFirst = false;
    }

    /// <summary>
    /// The PHC was stepped when it showed <paramref name="at"/>. Messages stamped before must not be fed any more. By how much it was really stepped nobody knows but the messages that follow: until there are enough of them it is acquiring.
    /// </summary>
    public void Stepped(TaiTime at, long stepNs)
    {
        Renamed(at, stepNs);
        Estimator.ReferenceChanged();
        _unprovenNs = double.PositiveInfinity;
    }

    /// <summary>The PHC runs on, and what it shows is called another TAI from now on: <see cref="Stepped"/> with nothing to be proved.</summary>
    public void Renamed(TaiTime at, long stepNs)
    {
        Estimator.Stepped(at, stepNs);
        _hasSync = false;
    }

    /// <summary>The PHC was stepped by somebody else, as <see cref="CheckRaw"/> found: <see cref="Stepped"/> after the fact. As much again is doubted until messages have shown where the clock stands.</summary>
    /// <param name="at">What it would show now without the step.</param>
    public void SteppedByOthers(TaiTime at, long stepNs)
    {
        double doubtNs = _unprovenNs + Math.Abs((double)stepNs);
        Stepped(at, stepNs);
        _unprovenNs = doubtNs;
        _raw.TakenOut(stepNs);
    }

    /// <summary>
    /// The PHC runs without the dialled frequency since <paramref name="at"/> (i40e after a link event or a reset, although clock_adjtime still returns the old value).
    /// Dial what <see cref="Decide"/> says next.
    /// </summary>
    public void FrequencyLost(TaiTime at) => Estimator.Steered(at, 0);

    /// <summary>
    /// Compares the PHC with CLOCK_MONOTONIC_RAW, which nobody steers: finds a dial that lost its value and steps that nobody reported. Once a second or so.
    /// </summary>
    /// <param name="at">The PHC's reading.</param>
    /// <param name="rawNs">The raw clock's reading at the middle of the PHC's read, ns.</param>
    /// <param name="widthNs">How long the PHC's read took, ns.</param>
    public RawVerdict CheckRaw(TaiTime at, long rawNs, long widthNs)
    {
        RawVerdict verdict = _raw.Check(Estimator.OscillatorSeconds(at), rawNs, widthNs, Estimator.DialPpb);
        _suspectNs = verdict.Finding == RawFinding.Suspect ? Math.Abs(verdict.StepNs) : 0;
        return verdict;
    }

    /// <summary>State and bound when the PHC shows <paramref name="now"/>.</summary>
    public ClockQuality Quality(TaiTime now)
    {
        if (!Estimator.HasEstimate)
            return new(now, _hasSync ? ClockState.Acquiring : ClockState.Unsynchronised, 0, 0, new(0, 0, NothingKnownNs, 0, 0, 0));
        OffsetEstimate estimate = Estimator.At(now);
        if (!Estimator.IsCollecting)
            _unprovenNs = 0;
        if (double.IsInfinity(_unprovenNs))
            return new(now, ClockState.Acquiring, estimate.OffsetNs, estimate.FrequencyPpb, new(GrandmasterNs, 0, NothingKnownNs, ReadNs, 0, 0));
        BoundParts parts = quality.Bound(estimate with { UnresolvedNs = estimate.UnresolvedNs + _suspectNs + _unprovenNs }, GrandmasterNs, ReadNs);
        return new(now, quality.State(estimate, parts, Estimator.IsSuspect, _secondsBetween), estimate.OffsetNs, estimate.FrequencyPpb, parts);
    }
}
