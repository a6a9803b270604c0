// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Servo;

/// <summary>Place of a message among the messages of its direction.</summary>
internal enum MessagePlace
{
    /// <summary>Among the usual messages.</summary>
    InPlace,

    /// <summary>Earlier than any noise allows: nothing arrives before it was sent.</summary>
    Early,

    /// <summary>So late that it carries no information.</summary>
    Late,

    /// <summary>The last messages of this direction, this one included, are all late: their floor has moved.</summary>
    FloorMoved,
}

/// <summary>
/// Monitors the messages of one direction: their noise, and whether they still arrive at the usual place. The noise is measured from
/// differences between neighbours, which no error of the estimate can bias; the place from the residuals of the estimate.
/// </summary>
internal sealed class PathMonitor
{
    // In noise units. An early message is compared with the depth of the earliest recent message below their median: 0.7 units with
    // queueing, 1.5 with Gaussian noise.
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

    /// <summary>Messages since the suspicion began.</summary>
    public int SuspectCount => _suspect.Count;

    /// <summary>The window of suspect messages is full.</summary>
    public bool SuspectFull => _suspect.IsFull;

    /// <summary>Length of the current run of suspect messages in place.</summary>
    public int InPlaceRun { get; private set; }

    /// <summary>Learns the noise from a message's difference, detrended by the frequency.</summary>
    public void Measure(double seconds, double differenceNs, double slopePpb)
    {
        if (!double.IsNaN(_lastSeconds))
            _steps.Add(Math.Abs(differenceNs - _lastNs - (slopePpb * (seconds - _lastSeconds))));
        (_lastSeconds, _lastNs) = (seconds, differenceNs);
    }

    /// <summary>Places a message by its residual and the uncertainty of the estimate.</summary>
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

    /// <summary>Records the residual of a used message.</summary>
    public void RecordUsed(double leftNs) => _usual.Add(leftNs);

    /// <summary>Records a held message, some seconds after the suspicion began.</summary>
    public void RecordHeld(double leftNs, MessagePlace place, double seconds)
    {
        _suspect.Add(leftNs);
        InPlaceRun = place == MessagePlace.InPlace ? InPlaceRun + 1 : 0;
        double v = leftNs - _usual.Median;
        (_sumT, _sumTt) = (_sumT + seconds, _sumTt + (seconds * seconds));
        (_sumV, _sumVv, _sumTv) = (_sumV + v, _sumVv + (v * v), _sumTv + (seconds * v));
        _sumCount++;
    }

    /// <summary>Residual sum of squares of the held messages if a step explains them, ns squared.</summary>
    public double StepResidual => _sumCount == 0 ? 0 : _sumVv - (_sumV * _sumV / _sumCount);

    /// <summary>Residual sum of squares if a change of frequency at the start of the suspicion explains them, ns squared.</summary>
    public double RampResidual => _sumTt > 0 ? _sumVv - (_sumTv * _sumTv / _sumTt) : _sumVv;

    /// <summary>That change of frequency, ns per second.</summary>
    public double RampPpb => _sumTt > 0 ? _sumTv / _sumTt : 0;

    /// <summary>
    /// Distance of the suspect messages from the usual ones, ns; 0 if within the noise. A busier path moves their median and not their
    /// floor: the smaller distance counts.
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

    /// <summary>Ends the suspicion.</summary>
    public void EndSuspicion()
    {
        _suspect.Clear();
        _recent.Clear();
        (InPlaceRun, _sumCount) = (0, 0);
        (_sumT, _sumTt, _sumV, _sumVv, _sumTv) = (0, 0, 0, 0, 0);
    }

    /// <summary>Forgets the usual place: another grandmaster, another path.</summary>
    public void Forget()
    {
        EndSuspicion();
        _usual.Clear();
        Interrupt();
    }

    /// <summary>Skips the next difference, which spans a step and carries no noise.</summary>
    public void Interrupt() => _lastSeconds = double.NaN;
}
