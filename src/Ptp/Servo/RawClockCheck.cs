namespace Capbox.Ptp.Servo;

/// <summary>What the raw clock says about the PHC.</summary>
public enum RawFinding
{
    /// <summary>Not enough readings yet.</summary>
    Learning,

    /// <summary>The PHC ran as the dial says.</summary>
    Agrees,

    /// <summary>It did not, in the last reading; the next one tells whether it was a step or a change of rate.</summary>
    Suspect,

    /// <summary>The PHC was stepped by somebody else.</summary>
    Stepped,

    /// <summary>The PHC runs as if its dial were at zero: a link event or a reset lost it.</summary>
    DialLost,

    /// <summary>The PHC runs at another rate than the dial says.</summary>
    RateChanged,
}

/// <param name="Finding">What was found.</param>
/// <param name="StepNs">With <see cref="RawFinding.Stepped"/>: by how much, ns. With <see cref="RawFinding.Suspect"/>: as far as was seen.</param>
/// <param name="RatePpb">With the last two: by how much the rate differs, ppb.</param>
public readonly record struct RawVerdict(RawFinding Finding, double StepNs, double RatePpb);

/// <summary>
/// The PHC's oscillator against CLOCK_MONOTONIC_RAW: two free-running clocks, whose rates differ by something that hardly changes. What the PHC does beyond that, the dial did
/// not order. Sees down to the width of the reads: a read of 2 us once a second finds 2 ppm.
/// </summary>
internal sealed class RawClockCheck
{
    private const int LearnCount = 8;
    private const double Memory = 0.05;

    // Both oscillators together may change by this within seconds: a processor that becomes busy warms its crystal. ppb.
    private const double RestlessPpb = 500;

    private double _lastSeconds;
    private long _lastRawNs;
    private long _lastWidthNs;
    private int _count;
    private double _ratePpb;
    private double _suspectPpb;
    private double _suspectNs;
    private bool _suspect;

    public void Clear() => (_count, _suspect) = (0, false);

    /// <summary>A step that was found here is taken out of the oscillator's seconds from now on: out of the last reading too, or the next one would show it again, the other way.</summary>
    public void TakenOut(long stepNs) => _lastSeconds -= stepNs * 1e-9;

    public RawVerdict Check(double oscillatorSeconds, long rawNs, long widthNs, double dialPpb)
    {
        double rawSeconds = (rawNs - _lastRawNs) * 1e-9;
        double ranSeconds = oscillatorSeconds - _lastSeconds;
        double resolutionPpb = (widthNs + _lastWidthNs) / 2.0 / Math.Max(rawSeconds, 1e-3);
        (_lastSeconds, _lastRawNs, _lastWidthNs) = (oscillatorSeconds, rawNs, widthNs);
        if (_count == 0 || rawSeconds <= 0)
        {
            (_count, _suspect) = (1, false);
            return new(RawFinding.Learning, 0, 0);
        }

        double ratePpb = (ranSeconds - rawSeconds) / rawSeconds * 1e9;
        double deviationPpb = ratePpb - _ratePpb;
        if (_count < LearnCount)
        {
            _ratePpb += deviationPpb / _count;
            _count++;
            return new(RawFinding.Learning, 0, 0);
        }

        double tolerancePpb = resolutionPpb + RestlessPpb;
        bool agrees = Math.Abs(deviationPpb) <= tolerancePpb;
        return agrees ? Agree(deviationPpb) : Disagree(deviationPpb, rawSeconds, tolerancePpb, dialPpb);
    }

    private RawVerdict Agree(double deviationPpb)
    {
        _ratePpb += Memory * deviationPpb;
        RawVerdict verdict = _suspect ? new(RawFinding.Stepped, _suspectNs, 0) : new(RawFinding.Agrees, 0, 0);
        _suspect = false;
        return verdict;
    }

    private RawVerdict Disagree(double deviationPpb, double rawSeconds, double tolerancePpb, double dialPpb)
    {
        if (!_suspect)
        {
            (_suspect, _suspectPpb, _suspectNs) = (true, deviationPpb, deviationPpb * rawSeconds);
            return new(RawFinding.Suspect, _suspectNs, 0);
        }

        // The first reading may have caught only a part of the change.
        bool sameWay = Math.Sign(_suspectPpb) == Math.Sign(deviationPpb);
        _suspect = false;
        if (sameWay && Math.Abs(deviationPpb + dialPpb) <= tolerancePpb + (0.01 * Math.Abs(dialPpb)))
            return new(RawFinding.DialLost, 0, deviationPpb);
        _ratePpb += deviationPpb;
        return new(RawFinding.RateChanged, 0, deviationPpb);
    }
}
