using Capbox.Platform.Time;

namespace Capbox.Ptp.Servo;

/// <summary>What became of a message.</summary>
public enum MessageVerdict
{
    /// <summary>It moved the estimate.</summary>
    Used,

    /// <summary>It is one of the first, collected until there are enough.</summary>
    Collected,

    /// <summary>It lies where no noise reaches, or came while that was being looked into; the estimate holds its course.</summary>
    Held,

    /// <summary>It was the last piece of evidence for a step of the path or of the grandmaster: see <see cref="OffsetEstimator.LastShift"/>.</summary>
    ShiftFound,
}

/// <summary>A step in the messages that the oscillator cannot have made.</summary>
/// <param name="At">PHC time of finding it.</param>
/// <param name="OffsetNs">What it would be worth as a change of the offset, ns: half the change of asymmetry, or the whole of the grandmaster's step.</param>
/// <param name="DelayNs">Change of the mean one-way delay, ns.</param>
public readonly record struct PathShift(TaiTime At, double OffsetNs, double DelayNs)
{
    /// <summary>Both directions moved against each other: the grandmaster's time stepped, not the path.</summary>
    public bool IsTimeStep => Math.Abs(OffsetNs) > 4 * Math.Abs(DelayNs);
}

/// <summary>The estimate at one moment.</summary>
/// <param name="OffsetNs">PHC minus grandmaster, ns.</param>
/// <param name="OffsetSigmaNs">Its standard deviation at that moment, ns.</param>
/// <param name="TakenSigmaNs">The largest standard deviation of the last seconds, each as of when a message was used, ns.</param>
/// <param name="FrequencyPpb">Frequency error of the oscillator without steering, ppb.</param>
/// <param name="FrequencySigmaPpb">Its standard deviation, ppb.</param>
/// <param name="DriftPpbPerSecond">Mean change of the frequency over the last minutes, signed, ppb/s.</param>
/// <param name="DelayNs">Mean one-way path delay, ns.</param>
/// <param name="SilentSeconds">Seconds since the last message that was used.</param>
/// <param name="UnresolvedNs">Sum of steps that were not followed and may yet be true, ns.</param>
public readonly record struct OffsetEstimate(
    double OffsetNs, double OffsetSigmaNs, double TakenSigmaNs, double FrequencyPpb, double FrequencySigmaPpb, double DriftPpbPerSecond, double DelayNs, double SilentSeconds, double UnresolvedNs);

/// <summary>
/// Offset and frequency of a PHC relative to its grandmaster from timed messages. It works on the clock as it would run without steering: the steering that
/// <see cref="Steered"/> and <see cref="Stepped"/> report is taken out of each stamp first. No I/O, no clock of its own, no allocation after the constructor.
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
    private readonly PathWatch[] _paths = [new(), new()];
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
    private PathWatch _suspectPath;
    private double _driftSeconds;
    private double _driftFromPpb;
    private double _driftPpbPerSecond;

    public OffsetEstimator() => _suspectPath = _paths[0];

    /// <summary>True once there is an estimate.</summary>
    public bool HasEstimate { get; private set; }

    /// <summary>True while messages are held back because some were out of place.</summary>
    public bool IsSuspect => _suspect;

    /// <summary>The last step found in the messages.</summary>
    public PathShift LastShift { get; private set; }

    /// <summary>How many steps were found.</summary>
    public long ShiftCount { get; private set; }

    /// <summary>How many messages were held back.</summary>
    public long HeldCount { get; private set; }

    /// <summary>Begins, or begins anew, at a PHC time with the frequency that is dialled in, ppb.</summary>
    public void Start(TaiTime at, double frequencyPpb)
    {
        _steering.Start(at, frequencyPpb);
        _acquisition.Clear();
        foreach (PathWatch path in _paths)
            path.Forget();
        (HasEstimate, _isCollecting, _hasBase, _suspect) = (false, true, false, false);
        (_reserveNs, _reserveErrorNs) = (0, 0);
    }

    /// <summary>The PHC's frequency was set; <paramref name="at"/> is the PHC time at which it took effect.</summary>
    public void Steered(TaiTime at, double frequencyPpb) => _steering.Set(at, frequencyPpb);

    /// <summary>The PHC was stepped when it showed <paramref name="at"/>. Messages stamped before must not be fed any more.</summary>
    public void Stepped(TaiTime at, long stepNs)
    {
        _steering.Step(at, stepNs);
        _baseNs += stepNs;
    }

    /// <summary>
    /// Another grandmaster or port of it: its first messages are collected as after a start, and until there are enough the old estimate runs on. The frequency stays.
    /// </summary>
    public void ReferenceChanged()
    {
        foreach (PathWatch path in _paths)
            path.Forget();
        _acquisition.Clear();
        (_suspect, _isCollecting) = (false, true);
    }

    /// <summary>The estimate is from before the reference or the clock changed: it waits for enough messages.</summary>
    internal bool IsCollecting => _isCollecting;

    /// <summary>Steps that were not followed and may yet be true, with the error of their size, ns.</summary>
    internal double UnresolvedNs => Math.Abs(_reserveNs) + _reserveErrorNs;

    /// <summary>The steps found so far are accepted as true: the estimate follows the messages as they are.</summary>
    public void AcceptShifts() => (_reserveNs, _reserveErrorNs) = (0, 0);

    /// <summary>Seconds of the oscillator, without steering, since the start, at a PHC time.</summary>
    internal double OscillatorSeconds(TaiTime at) => _steering.Undo(at, out _);

    /// <summary>The frequency that is dialled in, ppb.</summary>
    internal double DialPpb => _steering.FrequencyPpb;

    /// <summary>Something touched the oscillator or the dial: its frequency is known to <paramref name="sigmaPpb"/> only.</summary>
    public void DoubtFrequency(double sigmaPpb) => _bank.ShiftFrequency(0, sigmaPpb);

    /// <summary>Takes one message.</summary>
    public MessageVerdict Add(in TimedMessage message)
    {
        double sign = message.Direction == PathDirection.Forward ? 1 : -1;
        double seconds = _steering.Undo(message.LocalTime, out double sumNs);
        long raw = message.RawDifferenceNs;
        if (!_hasBase)
            (_baseNs, _hasBase) = ((long)sign * raw, true);
        double ns = raw - ((long)sign * _baseNs) - message.CorrectionNs - (sign * sumNs);
        PathWatch path = _paths[(int)message.Direction];
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
        return new(offset, _bank.OffsetSigmaNs(ahead), _takenSigmaNs, _bank.FrequencyPpb, _bank.FrequencySigmaPpb, _driftPpbPerSecond, _bank.DelayNs,
            Math.Max(0, seconds - _usedSeconds), UnresolvedNs);
    }

    private MessageVerdict Collect(PathDirection direction, double seconds, double ns)
    {
        if (!_acquisition.Add(direction, seconds, ns, HasEstimate ? _bank.FrequencyPpb : double.NaN, out FirstEstimate first))
            return MessageVerdict.Collected;
        double unit = first.UnitNs;
        // A frequency that was known before the grandmaster changed stays known, as far as it has not wandered since.
        double frequencySigma = HasEstimate ? _bank.FrequencySigmaPpb + (_bank.WanderPpb * Math.Sqrt(Math.Max(0, seconds - _seconds))) : (4 * unit / first.SpanSeconds) + 10;
        _bank.Start(first.OffsetNs, 4 * unit, first.FrequencyPpb, frequencySigma, first.DelayNs);
        if (!HasEstimate)
            (_driftSeconds, _driftFromPpb, _driftPpbPerSecond) = (seconds + DriftSpanSeconds, double.NaN, 0);
        (HasEstimate, _isCollecting, _seconds, _usedSeconds, _takenSigmaNs) = (true, false, seconds, seconds, 4 * unit);
        (_reserveNs, _reserveErrorNs) = (0, 0);
        return MessageVerdict.Used;
    }

    private MessageVerdict Use(PathWatch path, double sign, double seconds, double ns, double left)
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
        path.Took(left);
        return MessageVerdict.Used;
    }

    // A lone early message is an outlier: the next two in place acquit the path. Otherwise enough messages of both directions are collected, and compared with the usual ones.
    private MessageVerdict Hold(PathWatch path, double left, MessagePlace place, double seconds, TaiTime at)
    {
        _suspectSeconds = seconds;
        HeldCount++;
        path.Kept(left, place, seconds - _suspectFromSeconds);
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

    // A frequency that jumped leaves ramps behind, one up, one down; a step of path or grandmaster leaves plateaus. A ramp is the oscillator's, and is followed.
    private bool IsFrequencyChange(double part, out double changePpb)
    {
        (PathWatch forward, PathWatch reverse) = (_paths[0], _paths[1]);
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

    // The clock did not step: what moved is the path or the grandmaster's time. The belief about the messages moves, the output does not.
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
            // A window may straddle the step: only two that say the same are believed.
            (_firstForwardNs, _firstReverseNs) = (forward, reverse);
            (_suspect, _suspectEarly, _suspectFromSeconds) = (true, false, _suspectSeconds);
            return MessageVerdict.Held;
        }

        (_firstForwardNs, _firstReverseNs) = (double.NaN, double.NaN);
        double offset = (forward - reverse) / 2;
        // Both directions alike: a longer or shorter route, which the messages measure better than this comparison.
        if (Math.Abs(offset) < unit)
            offset = 0;
        LastShift = new(at, offset, (forward + reverse) / 2);
        ShiftCount++;
        _bank.Shift(offset, LastShift.DelayNs, unit / 2);
        _reserveNs += offset;
        if (offset != 0)
            _reserveErrorNs += unit / 2;
        // Back where it was: nothing is left to resolve.
        if (Math.Abs(_reserveNs) <= 1.5 * _reserveErrorNs)
            (_reserveNs, _reserveErrorNs) = (0, 0);
        return MessageVerdict.ShiftFound;
    }

    private void EndSuspicion()
    {
        _suspect = false;
        foreach (PathWatch path in _paths)
            path.EndSuspicion();
    }

    private void TrackDrift()
    {
        if (_seconds < _driftSeconds)
            return;
        if (!double.IsNaN(_driftFromPpb))
            _driftPpbPerSecond += DriftMemory * (((_bank.FrequencyPpb - _driftFromPpb) / (DriftSpanSeconds + _seconds - _driftSeconds)) - _driftPpbPerSecond);
        (_driftFromPpb, _driftSeconds) = (_bank.FrequencyPpb, _seconds + DriftSpanSeconds);
    }
}
