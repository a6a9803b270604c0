// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Ptp.Servo;

/// <summary>The outcome of a message.</summary>
public enum MessageVerdict
{
    /// <summary>It moved the estimate.</summary>
    Used,

    /// <summary>It was one of the first messages and is collected until there are enough.</summary>
    Collected,

    /// <summary>It was outside the noise, or arrived during a suspicion; the estimate ignores it.</summary>
    Held,

    /// <summary>
    /// It completed the evidence for a step of the path or of the grandmaster: see <see cref="OffsetEstimator.LastShift"/>.
    /// </summary>
    ShiftFound,
}

/// <summary>A step in the messages that the oscillator cannot have made.</summary>
/// <param name="At">PHC time of the detection.</param>
/// <param name="OffsetNs">
/// The step as a change of the offset, ns: half the change of asymmetry, or the whole step of the grandmaster.
/// </param>
/// <param name="DelayNs">Change of the mean one-way delay, ns.</param>
public readonly record struct PathShift(TaiTime At, double OffsetNs, double DelayNs)
{
    /// <summary>The directions moved against each other: the grandmaster's time stepped, not the path.</summary>
    public bool IsTimeStep => Math.Abs(OffsetNs) > 4 * Math.Abs(DelayNs);
}

/// <summary>The estimate at one moment.</summary>
/// <param name="OffsetNs">PHC minus grandmaster, ns.</param>
/// <param name="OffsetSigmaNs">Its standard deviation at that moment, ns.</param>
/// <param name="TakenSigmaNs">Largest standard deviation of the last seconds, each at a used message, ns.</param>
/// <param name="FrequencyPpb">Frequency error of the unsteered oscillator, ppb.</param>
/// <param name="FrequencySigmaPpb">Its standard deviation, ppb.</param>
/// <param name="DriftPpbPerSecond">Mean change of the frequency over the last minutes, signed, ppb/s.</param>
/// <param name="DelayNs">Mean one-way path delay, ns.</param>
/// <param name="SilentSeconds">Seconds since the last used message.</param>
/// <param name="UnresolvedNs">Sum of steps that were not followed and may be true, ns.</param>
public readonly record struct OffsetEstimate(
    double OffsetNs,
    double OffsetSigmaNs,
    double TakenSigmaNs,
    double FrequencyPpb,
    double FrequencySigmaPpb,
    double DriftPpbPerSecond,
    double DelayNs,
    double SilentSeconds,
    double UnresolvedNs);

/// <summary>
/// Estimates offset and frequency of a PHC relative to its grandmaster from timed messages. It models the clock as it would run unsteered:
/// the steering reported by <see cref="Steered"/> and <see cref="Stepped"/> is removed from each stamp first. No I/O, no clock, no
/// allocation after the constructor.
/// </summary>
public sealed class OffsetEstimator
{
    private const int ShiftMessages = 6;
    private const int OtherMessages = 4;
    private const double ShiftSeconds = 5;
    private const double SigmaHoldSeconds = 15;
    private const int InPlaceToAcquit = 2;
    private const int RampMessages = 3;
    private const double ShiftAgreeUnits = 1.5;
    private const double DriftSpanSeconds = 10;
    private const double DriftMemory = 0.1;

    private readonly SteeringHistory _steering = new();
    private readonly FilterBank _bank = new();
    private readonly Acquisition _acquisition = new();
    private readonly PathMonitor[] _paths = [new(), new()];
    private long _baseNs;
    private bool _hasBase;
    private bool _isCollecting = true;
    private double _seconds;
    private double _usedSeconds;
    private double _takenSigmaNs;
    private double _reserveNs;
    private double _reserveErrorNs;
    private bool _suspect;
    private double _suspectFromSeconds;
    private double _suspectSeconds;
    private double _firstForwardNs = double.NaN;
    private double _firstReverseNs = double.NaN;
    private bool _suspectEarly;
    private PathMonitor _suspectPath;
    private double _driftSeconds;
    private double _driftFromPpb;
    private double _driftPpbPerSecond;

    public OffsetEstimator() => _suspectPath = _paths[0];

    /// <summary>True once there is an estimate.</summary>
    public bool HasEstimate { get; private set; }

    /// <summary>True while messages are held because some were out of place.</summary>
    public bool IsSuspect => _suspect;

    /// <summary>The last step found in the messages.</summary>
    public PathShift LastShift { get; private set; }

    /// <summary>Number of steps found.</summary>
    public long ShiftCount { get; private set; }

    /// <summary>Number of messages held.</summary>
    public long HeldCount { get; private set; }

    /// <summary>Starts, or restarts, at a PHC time with the current frequency adjustment, ppb.</summary>
    public void Start(TaiTime at, double frequencyPpb)
    {
        _steering.Start(at, frequencyPpb);
        _acquisition.Clear();
        foreach (PathMonitor path in _paths)
            path.Forget();
        (HasEstimate, _isCollecting, _hasBase, _suspect) = (false, true, false, false);
        (_reserveNs, _reserveErrorNs) = (0, 0);
    }

    /// <summary>Reports a new frequency adjustment; <paramref name="at"/> is the PHC time at which it took effect.</summary>
    public void Steered(TaiTime at, double frequencyPpb) => _steering.Set(at, frequencyPpb);

    /// <summary>
    /// Reports a step of the PHC when it showed <paramref name="at"/>. Messages stamped before must not be added any more.
    /// </summary>
    public void Stepped(TaiTime at, long stepNs)
    {
        _steering.Step(at, stepNs);
        _baseNs += stepNs;
    }

    /// <summary>
    /// Reports another grandmaster or another port of it: its first messages are collected as after a start, and until there are enough the
    /// old estimate continues. The frequency stays.
    /// </summary>
    public void ReferenceChanged()
    {
        foreach (PathMonitor path in _paths)
            path.Forget();
        _acquisition.Clear();
        (_suspect, _isCollecting) = (false, true);
    }

    /// <summary>True while the estimate is older than the last change of reference or clock, and waits for messages.</summary>
    internal bool IsCollecting => _isCollecting;

    /// <summary>Steps that were not followed and may be true, with the error of their size, ns.</summary>
    internal double UnresolvedNs => Math.Abs(_reserveNs) + _reserveErrorNs;

    /// <summary>Accepts the steps found so far as true: the estimate follows the messages.</summary>
    public void AcceptShifts() => (_reserveNs, _reserveErrorNs) = (0, 0);

    /// <summary>Seconds of the unsteered oscillator since the start, at a PHC time.</summary>
    internal double OscillatorSeconds(TaiTime at) => _steering.Undo(at, out _);

    /// <summary>The current frequency adjustment, ppb.</summary>
    internal double AdjustmentPpb => _steering.FrequencyPpb;

    /// <summary>
    /// Widens the frequency to <paramref name="sigmaPpb"/>: something changed the oscillator or the frequency adjustment.
    /// </summary>
    public void DoubtFrequency(double sigmaPpb) => _bank.ShiftFrequency(0, sigmaPpb);

    /// <summary>Adds one message.</summary>
    public MessageVerdict Add(in TimedMessage message)
    {
        double sign = message.Direction == PathDirection.Forward ? 1 : -1;
        double seconds = _steering.Undo(message.LocalTime, out double sumNs);
        long raw = message.RawDifferenceNs;
        if (!_hasBase)
            (_baseNs, _hasBase) = ((long)sign * raw, true);
        double ns = raw - ((long)sign * _baseNs) - message.CorrectionNs - (sign * sumNs);
        PathMonitor path = _paths[(int)message.Direction];
        path.Measure(seconds, ns, HasEstimate ? sign * _bank.FrequencyPpb : 0);
        if (_isCollecting)
            return Collect(message.Direction, seconds, ns);
        double ahead = seconds - _seconds;
        double left = ns - _bank.Expect(sign, ahead, out double sigmaNs);
        MessagePlace place = path.Place(left, sigmaNs);
        if (!_suspect && place is (MessagePlace.Early or MessagePlace.FloorMoved))
            (_suspect, _suspectEarly, _suspectPath, _suspectFromSeconds) = (true, place == MessagePlace.Early, path, seconds);
        if (_suspect)
            return Hold(path, left, place, seconds, message.LocalTime);
        if (place == MessagePlace.InPlace)
            return Use(path, sign, seconds, ns, left);
        HeldCount++;
        return MessageVerdict.Held;
    }

    /// <summary>The estimate at a PHC time.</summary>
    public OffsetEstimate At(TaiTime now)
    {
        double seconds = _steering.Undo(now, out double sumNs);
        double ahead = seconds - _seconds;
        double offset = _bank.OffsetNs + (_bank.FrequencyPpb * ahead) + sumNs + _baseNs - _reserveNs;
        return new(
            offset,
            _bank.OffsetSigmaNs(ahead),
            _takenSigmaNs,
            _bank.FrequencyPpb,
            _bank.FrequencySigmaPpb,
            _driftPpbPerSecond,
            _bank.DelayNs,
            Math.Max(0, seconds - _usedSeconds),
            UnresolvedNs);
    }

    private MessageVerdict Collect(PathDirection direction, double seconds, double ns)
    {
        if (!_acquisition.Add(direction, seconds, ns, HasEstimate ? _bank.FrequencyPpb : double.NaN, out FirstEstimate first))
            return MessageVerdict.Collected;
        double unit = first.UnitNs;
        // A frequency that was known before the change of grandmaster stays known, less its wander since then.
        double frequencySigma = HasEstimate
            ? _bank.FrequencySigmaPpb + (_bank.WanderPpb * Math.Sqrt(Math.Max(0, seconds - _seconds)))
            : (4 * unit / first.SpanSeconds) + 10;
        _bank.Start(first.OffsetNs, 4 * unit, first.FrequencyPpb, frequencySigma, first.DelayNs);
        if (!HasEstimate)
            (_driftSeconds, _driftFromPpb, _driftPpbPerSecond) = (seconds + DriftSpanSeconds, double.NaN, 0);
        (HasEstimate, _isCollecting, _seconds, _usedSeconds, _takenSigmaNs) = (true, false, seconds, seconds, 4 * unit);
        (_reserveNs, _reserveErrorNs) = (0, 0);
        return MessageVerdict.Used;
    }

    private MessageVerdict Use(PathMonitor path, double sign, double seconds, double ns, double left)
    {
        if (seconds > _seconds)
        {
            _bank.Predict(seconds - _seconds);
            _takenSigmaNs *= Math.Exp((_seconds - seconds) / SigmaHoldSeconds);
            _seconds = seconds;
        }

        _bank.Update(sign, seconds - _seconds, ns, path.MedianStepNs);
        // One lucky message may look like certainty: the bound narrows slowly and widens at once.
        _takenSigmaNs = Math.Max(_takenSigmaNs, Math.Max(_bank.OffsetSigmaNs(0), _bank.SentrySigmaNs));
        _usedSeconds = Math.Max(_usedSeconds, seconds);
        TrackDrift();
        path.RecordUsed(left);
        return MessageVerdict.Used;
    }

    // A single early message is an outlier: two messages in place end the suspicion. Otherwise enough messages of both directions are
    // collected and compared with the usual ones.
    private MessageVerdict Hold(PathMonitor path, double left, MessagePlace place, double seconds, TaiTime at)
    {
        _suspectSeconds = seconds;
        HeldCount++;
        path.RecordHeld(left, place, seconds - _suspectFromSeconds);
        if (_suspectEarly && _suspectPath.InPlaceRun >= InPlaceToAcquit)
            EndSuspicion();
        else if (IsFrequencyChange(0.1, out double changePpb) || (HasEvidence(seconds) && IsFrequencyChange(0.5, out changePpb)))
            return FollowFrequency(changePpb);
        else if (HasEvidence(seconds))
            return Absorb(at);
        return MessageVerdict.Held;
    }

    private bool HasEvidence(double seconds) =>
        (_suspectPath.SuspectFull || seconds - _suspectFromSeconds >= ShiftSeconds)
        && _suspectPath.SuspectCount >= ShiftMessages && Math.Min(_paths[0].SuspectCount, _paths[1].SuspectCount) >= OtherMessages;

    // A frequency jump leaves ramps, one up, one down; a step of path or grandmaster leaves plateaus. The estimate follows a ramp, because
    // it is the oscillator's.
    private bool IsFrequencyChange(double part, out double changePpb)
    {
        (PathMonitor forward, PathMonitor reverse) = (_paths[0], _paths[1]);
        changePpb = (forward.RampPpb - reverse.RampPpb) / 2;
        return Math.Min(forward.SuspectCount, reverse.SuspectCount) >= RampMessages
            && forward.RampResidual + reverse.RampResidual < part * (forward.StepResidual + reverse.StepResidual)
            && Math.Abs(forward.RampPpb + reverse.RampPpb) < Math.Abs(changePpb);
    }

    private MessageVerdict FollowFrequency(double changePpb)
    {
        _bank.ShiftFrequency(changePpb, Math.Abs(changePpb) / 2);
        EndSuspicion();
        return MessageVerdict.Held;
    }

    // The clock did not step: the path or the grandmaster's time moved. The model of the messages moves, the output does not.
    private MessageVerdict Absorb(TaiTime at)
    {
        double sigma = _bank.OffsetSigmaNs(_suspectSeconds - _seconds);
        double forward = _paths[0].ShiftNs(sigma);
        double reverse = _paths[1].ShiftNs(sigma);
        EndSuspicion();
        if (forward == 0 && reverse == 0)
        {
            (_firstForwardNs, _firstReverseNs) = (double.NaN, double.NaN);
            return MessageVerdict.Held;
        }

        double unit = (_paths[0].UnitNs + _paths[1].UnitNs) / 2;
        double apart = Math.Max(Math.Abs(forward - _firstForwardNs), Math.Abs(reverse - _firstReverseNs));
        if (!(apart <= (ShiftAgreeUnits * unit) + (3 * sigma)))
        {
            // A window may straddle the step: only two windows that agree are trusted.
            (_firstForwardNs, _firstReverseNs) = (forward, reverse);
            (_suspect, _suspectEarly, _suspectFromSeconds) = (true, false, _suspectSeconds);
            return MessageVerdict.Held;
        }

        (_firstForwardNs, _firstReverseNs) = (double.NaN, double.NaN);
        double offset = (forward - reverse) / 2;
        // Both directions moved alike: a longer or shorter route, which the messages measure better than this comparison.
        if (Math.Abs(offset) < unit)
            offset = 0;
        LastShift = new(at, offset, (forward + reverse) / 2);
        ShiftCount++;
        _bank.Shift(offset, LastShift.DelayNs, unit / 2);
        _reserveNs += offset;
        if (offset != 0)
            _reserveErrorNs += unit / 2;
        // Back at the start: nothing is unresolved.
        if (Math.Abs(_reserveNs) <= 1.5 * _reserveErrorNs)
            (_reserveNs, _reserveErrorNs) = (0, 0);
        return MessageVerdict.ShiftFound;
    }

    private void EndSuspicion()
    {
        _suspect = false;
        foreach (PathMonitor path in _paths)
            path.EndSuspicion();
    }

    private void TrackDrift()
    {
        if (_seconds < _driftSeconds)
            return;
        if (!double.IsNaN(_driftFromPpb))
            _driftPpbPerSecond +=
                DriftMemory * (((_bank.FrequencyPpb - _driftFromPpb) / (DriftSpanSeconds + _seconds - _driftSeconds)) - _driftPpbPerSecond);
        (_driftFromPpb, _driftSeconds) = (_bank.FrequencyPpb, _seconds + DriftSpanSeconds);
    }
}
