namespace Capbox.Ptp.Estimation;

/// <summary>
/// One direction's messages: how noisy they are, and whether they still come from where they used to. The noise is read from differences between neighbours, which
/// no error of the estimate can bias; the place from the median of what the estimate left over.
/// </summary>
internal sealed class PathWatch
{
    // A message this many noise units early, or late, is no noise: for Gaussian noise 4 units are 5.5 sigma, for queueing the floor lies 0.7 early.
    private const double EarlyUnits = 4.5;
    private const double LateUnits = 9;
    private const double DriftedUnits = 2.5;
    private const double PredictionSigmas = 6;
    private const int RecentCount = 8;

    private readonly MedianWindow _steps = new(48);
    private readonly MedianWindow _centre = new(32);
    private readonly MedianWindow _recent = new(RecentCount);
    private readonly MedianWindow _suspectLeft = new(16);
    private double _lastSeconds = double.NaN;
    private double _lastNs;

    /// <summary>Median absolute difference between two messages, ns.</summary>
    public double MedianStepNs => Math.Max(_steps.Median, 0.5);

    /// <summary>Noise unit: the mean queueing time if all noise were queueing; 1.38 sigma if it were Gaussian. ns.</summary>
    public double UnitNs => MedianStepNs / 0.694;

    /// <summary>Enough messages to judge by.</summary>
    public bool Ready => _steps.Count >= 5;

    /// <summary>Messages since something became suspect, out of place in a row, and in place in a row.</summary>
    public int SuspectCount => _suspectLeft.Count;

    public int OutOfPlaceRun { get; private set; }

    public int InPlaceRun { get; private set; }

    /// <summary>How far the messages since the suspicion lie from the usual place, ns; 0 if within the noise.</summary>
    public double SuspectShiftNs(double sigmaNs)
    {
        double shift = _suspectLeft.Median - _centre.Median;
        return Math.Abs(shift) > (1.5 * UnitNs / Math.Sqrt(Math.Max(SuspectCount, 1) / 6.0)) + (3 * sigmaNs) ? shift : 0;
    }

    /// <summary>Learns the noise from a message's difference, detrended by the frequency.</summary>
    public void Measure(double seconds, double differenceNs, double slopePpb)
    {
        if (!double.IsNaN(_lastSeconds))
            _steps.Add(Math.Abs(differenceNs - _lastNs - (slopePpb * (seconds - _lastSeconds))));
        (_lastSeconds, _lastNs) = (seconds, differenceNs);
    }

    /// <summary>Whether a message is where its direction's messages are, given what the estimate leaves over and how sure it is.</summary>
    public bool InPlace(double leftNs, double sigmaNs)
    {
        if (_centre.Count < 6)
            return true;
        double e = leftNs - _centre.Median;
        double slack = PredictionSigmas * sigmaNs;
        bool inPlace = e > -((EarlyUnits * UnitNs) + slack) && e < (LateUnits * UnitNs) + slack;
        (OutOfPlaceRun, InPlaceRun) = inPlace ? (0, InPlaceRun + 1) : (OutOfPlaceRun + 1, 0);
        return inPlace;
    }

    /// <summary>Whether the last messages together lie elsewhere, though none of them alone does.</summary>
    public bool Drifted(double sigmaNs) =>
        _recent.Count == RecentCount && _centre.Count >= 16
        && Math.Abs(_recent.Median - _centre.Median) > (DriftedUnits * UnitNs) + (PredictionSigmas * sigmaNs);

    /// <summary>A message that the estimate took.</summary>
    public void Took(double leftNs)
    {
        _recent.Add(leftNs);
        _centre.Add(leftNs);
    }

    /// <summary>A message that is kept from the estimate while something is suspect.</summary>
    public void Kept(double leftNs) => _suspectLeft.Add(leftNs);

    /// <summary>The suspicion is over.</summary>
    public void EndSuspicion()
    {
        _suspectLeft.Clear();
        _recent.Clear();
        (OutOfPlaceRun, InPlaceRun) = (0, 0);
    }

    /// <summary>Uses the recent messages as the evidence of a shift.</summary>
    public void SuspectRecent()
    {
        if (_recent.Count > 0)
            _suspectLeft.Add(_recent.Median);
    }

    /// <summary>Forgets where messages were: another grandmaster, another path.</summary>
    public void Forget()
    {
        EndSuspicion();
        _centre.Clear();
        _lastSeconds = double.NaN;
    }

    /// <summary>The next difference spans a step and tells nothing about noise.</summary>
    public void Interrupt() => _lastSeconds = double.NaN;
}
