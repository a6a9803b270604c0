namespace Capbox.Ptp.Servo;

/// <summary>Where a message lies compared with the others of its direction.</summary>
internal enum MessagePlace
{
    /// <summary>Where messages of this direction are.</summary>
    InPlace,

    /// <summary>Earlier than any noise makes it: nothing arrives before it was sent.</summary>
    Early,

    /// <summary>So late that it tells nothing.</summary>
    Late,

    /// <summary>The last messages of this direction, this one included, are all late: their floor has moved.</summary>
    FloorMoved,
}

/// <summary>
/// One direction's messages: how noisy they are, and whether they still come from where they used to. The noise is read from differences between neighbours, which
/// no error of the estimate can bias; the place from what the estimate left over.
/// </summary>
internal sealed class PathWatch
{
    // In noise units. Early messages are judged by how deep the earliest of the last ones lay below their median: 0.7 units with queueing, 1.5 with Gaussian noise.
    private const double EarlyDepths = 1.5;
    private const double EarlyUnits = 0.5;
    private const double LateUnits = 9;
    private const double FloorUnits = 2.5;
    private const double ShiftUnits = 1.2;
    private const double PredictionSigmas = 5;
    private const int KnownCount = 16;

    private readonly OrderWindow _steps = new(48);
    private readonly OrderWindow _usual = new(32);
    private readonly OrderWindow _recent = new(8);
    private readonly OrderWindow _suspect = new(24);
    private int _sumCount;
    private double _sumT, _sumTt, _sumV, _sumVv, _sumTv;
    private double _lastSeconds = double.NaN;
    private double _lastNs;

    /// <summary>Median absolute difference between two messages, ns.</summary>
    public double MedianStepNs => Math.Max(_steps.Median, 0.5);

    /// <summary>Noise unit: the mean queueing time if all noise were queueing; 1.38 sigma if it were Gaussian. ns.</summary>
    public double UnitNs => MedianStepNs / 0.694;

    /// <summary>Messages since something became suspect.</summary>
    public int SuspectCount => _suspect.Count;

    /// <summary>There are as many of them as are kept.</summary>
    public bool SuspectFull => _suspect.IsFull;

    /// <summary>Of these, how many were in place without one between that was not.</summary>
    public int InPlaceRun { get; private set; }

    /// <summary>Learns the noise from a message's difference, detrended by the frequency.</summary>
    public void Measure(double seconds, double differenceNs, double slopePpb)
    {
        if (!double.IsNaN(_lastSeconds))
            _steps.Add(Math.Abs(differenceNs - _lastNs - (slopePpb * (seconds - _lastSeconds))));
        (_lastSeconds, _lastNs) = (seconds, differenceNs);
    }

    /// <summary>Where a message lies, given what the estimate leaves over of it and how sure the estimate is.</summary>
    public MessagePlace Place(double leftNs, double sigmaNs)
    {
        if (_usual.Count < KnownCount)
            return MessagePlace.InPlace;
        double unit = UnitNs;
        double slack = PredictionSigmas * sigmaNs;
        double e = leftNs - _usual.Median;
        if (e < -((EarlyDepths * (_usual.Median - _usual.Lowest)) + (EarlyUnits * unit) + slack))
            return MessagePlace.Early;
        _recent.Add(leftNs);
        if (_recent.IsFull && _recent.Lowest > _usual.Lowest + (FloorUnits * unit) + slack)
            return MessagePlace.FloorMoved;
        return e > (LateUnits * unit) + slack ? MessagePlace.Late : MessagePlace.InPlace;
    }

    /// <summary>A message that the estimate took.</summary>
    public void Took(double leftNs) => _usual.Add(leftNs);

    /// <summary>A message that is kept from the estimate, some seconds after the suspicion began.</summary>
    public void Kept(double leftNs, MessagePlace place, double seconds)
    {
        _suspect.Add(leftNs);
        InPlaceRun = place == MessagePlace.InPlace ? InPlaceRun + 1 : 0;
        double v = leftNs - _usual.Median;
        (_sumT, _sumTt, _sumV, _sumVv, _sumTv) = (_sumT + seconds, _sumTt + (seconds * seconds), _sumV + v, _sumVv + (v * v), _sumTv + (seconds * v));
        _sumCount++;
    }

    /// <summary>What is left of the kept messages' squares if they are explained by a step, ns squared.</summary>
    public double StepResidual => _sumCount == 0 ? 0 : _sumVv - (_sumV * _sumV / _sumCount);

    /// <summary>The same if they are explained by a change of frequency when the suspicion began, ns squared.</summary>
    public double RampResidual => _sumTt > 0 ? _sumVv - (_sumTv * _sumTv / _sumTt) : _sumVv;

    /// <summary>That change of frequency, ns per second.</summary>
    public double RampPpb => _sumTt > 0 ? _sumTv / _sumTt : 0;

    /// <summary>
    /// How far the messages since the suspicion lie from the usual, ns; 0 if within the noise. A path that is merely busier moves their median and not their
    /// floor: the smaller of both counts.
    /// </summary>
    public double ShiftNs(double sigmaNs)
    {
        double median = _suspect.Median - _usual.Median;
        double floor = _suspect.Lowest - _usual.Lowest;
        if (_suspect.Count == 0 || median * floor <= 0)
            return 0;
        double shift = Math.Abs(median) < Math.Abs(floor) ? median : floor;
        return Math.Abs(shift) > (ShiftUnits * UnitNs) + (3 * sigmaNs) ? shift : 0;
    }

    /// <summary>The suspicion is over.</summary>
    public void EndSuspicion()
    {
        _suspect.Clear();
        _recent.Clear();
        (InPlaceRun, _sumCount) = (0, 0);
        (_sumT, _sumTt, _sumV, _sumVv, _sumTv) = (0, 0, 0, 0, 0);
    }

    /// <summary>Forgets where messages were: another grandmaster, another path.</summary>
    public void Forget()
    {
        EndSuspicion();
        _usual.Clear();
        Interrupt();
    }

    /// <summary>The next difference spans a step and tells nothing about noise.</summary>
    public void Interrupt() => _lastSeconds = double.NaN;
}
