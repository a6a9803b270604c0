// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Ptp.Servo;

/// <summary>
/// Estimator, steering and quality of one PHC. The caller adds messages, applies the decision of <see cref="Decide"/> to the clock and
/// reports it by <see cref="Steered"/> and <see cref="Stepped"/>; the servo never touches a clock. One thread.
/// </summary>
public sealed class PtpServo(SteeringPolicy steering, QualityPolicy quality)
{
    private const double SpacingMemory = 0.1;

    private readonly RawClockCheck _raw = new();
    private TaiTime _lastSync;
    private bool _hasSync;
    private bool _isFirst = true;
    private double _secondsBetween = 1;
    // Unexplained move of the clock at the last check, ns.
    private double _suspectNs;

    // Possible error of the last step until messages prove the clock's time, ns; infinity: unknown.
    private double _unprovenNs;

    /// <summary>The estimator, for its counters.</summary>
    public OffsetEstimator Estimator { get; } = new();

    private double NothingKnownNs => Math.Max(QualityPolicy.NoBoundNs, quality.UselessNs);

    /// <summary>Accuracy of the grandmaster by its own clockAccuracy, ns.</summary>
    public double GrandmasterNs { get; set; }

    /// <summary>Half the width of the reading that carries this clock's time to its user, ns.</summary>
    public double ReadNs { get; set; }

    /// <summary>Starts at a PHC time with the current frequency adjustment, ppb.</summary>
    public void Start(TaiTime at, double frequencyPpb)
    {
        Estimator.Start(at, frequencyPpb);
        (_isFirst, _hasSync, _unprovenNs, _suspectNs) = (true, false, 0, 0);
        _raw.Clear();
    }

    /// <summary>Adds one message.</summary>
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

    /// <summary>Adds a complete exchange.</summary>
    public MessageVerdict Add(in Exchange exchange)
    {
        Add(exchange.Sync);
        return Add(exchange.Delay);
    }

    /// <summary>Decides on frequency and step at a PHC time; null before there is an estimate.</summary>
    public SteeringDecision? Decide(TaiTime now)
    {
        if (!Estimator.HasEstimate)
            return null;
        OffsetEstimate estimate = Estimator.At(now);
        return steering.Decide(estimate.OffsetNs, estimate.FrequencyPpb, _isFirst, _secondsBetween);
    }

    /// <summary>Reports a new frequency adjustment of the PHC at a PHC time.</summary>
    public void Steered(TaiTime at, double frequencyPpb)
    {
        Estimator.Steered(at, frequencyPpb);
        _isFirst = false;
    }

    /// <summary>
    /// Reports a step of the PHC when it showed <paramref name="at"/>. Messages stamped before must not be added any more. Only the
    /// messages that follow prove its real size: until there are enough the state is acquiring.
    /// </summary>
    public void Stepped(TaiTime at, long stepNs)
    {
        Renamed(at, stepNs);
        Estimator.ReferenceChanged();
        _unprovenNs = double.PositiveInfinity;
    }

    /// <summary>
    /// Reports that the PHC runs on and its time means another TAI from now on: <see cref="Stepped"/> with nothing to prove.
    /// </summary>
    public void Renamed(TaiTime at, long stepNs)
    {
        Estimator.Stepped(at, stepNs);
        _hasSync = false;
    }

    /// <summary>
    /// Reports a foreign step of the PHC, found by <see cref="CheckRaw"/>: <see cref="Stepped"/> after the fact. The same amount again is
    /// in doubt until messages prove the clock's time.
    /// </summary>
    /// <param name="at">The time it would show now without the step.</param>
    public void SteppedByOthers(TaiTime at, long stepNs)
    {
        double doubtNs = _unprovenNs + Math.Abs((double)stepNs);
        Stepped(at, stepNs);
        _unprovenNs = doubtNs;
        _raw.RemoveStep(stepNs);
    }

    /// <summary>
    /// Reports that the PHC lost its frequency adjustment at <paramref name="at"/> (i40e after a link event or a reset, although
    /// clock_adjtime still returns the old value). Apply the next decision of <see cref="Decide"/>.
    /// </summary>
    public void FrequencyLost(TaiTime at) => Estimator.Steered(at, 0);

    /// <summary>
    /// Compares the PHC with CLOCK_MONOTONIC_RAW, which nobody steers: finds a lost frequency adjustment and foreign steps. Call it about
    /// once a second.
    /// </summary>
    /// <param name="at">The PHC's reading.</param>
    /// <param name="rawNs">The raw clock's reading at the middle of the PHC's read, ns.</param>
    /// <param name="widthNs">Duration of the PHC's reading, ns.</param>
    public RawVerdict CheckRaw(TaiTime at, long rawNs, long widthNs)
    {
        RawVerdict verdict = _raw.Check(Estimator.OscillatorSeconds(at), rawNs, widthNs, Estimator.AdjustmentPpb);
        _suspectNs = verdict.Finding == RawFinding.Suspect ? Math.Abs(verdict.StepNs) : 0;
        return verdict;
    }

    /// <summary>State and bound when the PHC shows <paramref name="now"/>.</summary>
    public ClockQuality Quality(TaiTime now)
    {
        if (!Estimator.HasEstimate)
            return new(now, _hasSync ? SyncState.Acquiring : SyncState.Unsynchronised, 0, 0, new(0, 0, NothingKnownNs, 0, 0, 0));
        OffsetEstimate estimate = Estimator.At(now);
        if (!Estimator.IsCollecting)
            _unprovenNs = 0;
        if (double.IsInfinity(_unprovenNs))
        {
            return new(
                now, SyncState.Acquiring, estimate.OffsetNs, estimate.FrequencyPpb, new(GrandmasterNs, 0, NothingKnownNs, ReadNs, 0, 0));
        }

        double unresolvedNs = estimate.UnresolvedNs + _suspectNs + _unprovenNs;
        BoundParts parts = quality.Bound(estimate with { UnresolvedNs = unresolvedNs }, GrandmasterNs, ReadNs);
        SyncState state = quality.State(estimate, parts, Estimator.IsSuspect, _secondsBetween);
        return new(now, state, estimate.OffsetNs, estimate.FrequencyPpb, parts);
    }
}
