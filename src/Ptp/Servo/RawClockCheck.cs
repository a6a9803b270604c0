// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Servo;

/// <summary>Findings of the comparison with the raw clock.</summary>
public enum RawFinding
{
    /// <summary>Too few readings.</summary>
    Learning,

    /// <summary>The PHC ran as its frequency adjustment says.</summary>
    Agrees,

    /// <summary>It did not, in the last reading; the next one decides between a step and a change of rate.</summary>
    Suspect,

    /// <summary>Another program stepped the PHC.</summary>
    Stepped,

    /// <summary>The PHC runs as if its frequency adjustment were zero: a link event or a reset lost it.</summary>
    FrequencyLost,

    /// <summary>The PHC runs at another rate than its frequency adjustment says.</summary>
    RateChanged,
}

/// <param name="Finding">What was found.</param>
/// <param name="StepNs">
/// Size of the step with <see cref="RawFinding.Stepped"/>, ns; the part seen so far with <see cref="RawFinding.Suspect"/>.
/// </param>
/// <param name="RatePpb">Difference of the rate with the last two findings, ppb.</param>
public readonly record struct RawVerdict(RawFinding Finding, double StepNs, double RatePpb);

/// <summary>
/// Compares the PHC's oscillator with CLOCK_MONOTONIC_RAW: two free-running clocks, whose rate difference hardly changes. A move beyond
/// that was not ordered. The resolution is the width of the reads: a read of 2 us once a second finds 2 ppm.
/// </summary>
internal sealed class RawClockCheck
{
    private const int LearnCount = 8;
    private const double Memory = 0.05;

    // Both oscillators together may change by this within seconds, ppb: a processor that becomes busy warms its crystal.
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

    /// <summary>
    /// Removes a step from the oscillator's seconds, and from the last reading too: the next one would show it again with the opposite
    /// sign.
    /// </summary>
    public void RemoveStep(long stepNs) => _lastSeconds -= stepNs * 1e-9;

    public RawVerdict Check(double oscillatorSeconds, long rawNs, long widthNs, double adjustmentPpb)
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
        return agrees ? Agree(deviationPpb) : Disagree(deviationPpb, rawSeconds, tolerancePpb, adjustmentPpb);
    }

    private RawVerdict Agree(double deviationPpb)
    {
        _ratePpb += Memory * deviationPpb;
        RawVerdict verdict = _suspect ? new(RawFinding.Stepped, _suspectNs, 0) : new(RawFinding.Agrees, 0, 0);
        _suspect = false;
        return verdict;
    }

    private RawVerdict Disagree(double deviationPpb, double rawSeconds, double tolerancePpb, double adjustmentPpb)
    {
        if (!_suspect)
        {
            (_suspect, _suspectPpb, _suspectNs) = (true, deviationPpb, deviationPpb * rawSeconds);
            return new(RawFinding.Suspect, _suspectNs, 0);
        }

        // The first reading may have caught only a part of the change.
        bool sameWay = Math.Sign(_suspectPpb) == Math.Sign(deviationPpb);
        _suspect = false;
        if (sameWay && Math.Abs(deviationPpb + adjustmentPpb) <= tolerancePpb + (0.01 * Math.Abs(adjustmentPpb)))
            return new(RawFinding.FrequencyLost, 0, deviationPpb);
        _ratePpb += deviationPpb;
        return new(RawFinding.RateChanged, 0, deviationPpb);
    }
}
