// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Daemons;

/// <summary>
/// Monitors a clock that another program steers against CLOCK_MONOTONIC_RAW: finds moves that its frequency adjustment does not explain.
/// The adjustment is known at the checks only, so a check allows for its recent changes, for the widths of the readings, and for the
/// restlessness of two oscillators: reads of a microsecond find steps of microseconds, not of nanoseconds.
/// </summary>
internal sealed class SteeredClockMonitor
{
    /// <summary>Checks until the clock's own rate is known, and those whose adjustment is remembered.</summary>
    private const int LearningChecks = 4, RememberedChecks = 16;

    /// <summary>Both oscillators together may change by this within a second, ppb.</summary>
    private const double RestlessPpb = 500;
    private const double Memory = 0.1;

    private readonly double[] _adjustmentMoves = new double[RememberedChecks];
    private long _clockNs, _rawNs, _widthNs;
    private double _adjustmentPpb, _ratePpb, _lastExcessNs;
    private int _checks;

    /// <summary>Forgets the past: a known event moved the clock.</summary>
    public void Restart() => _checks = 0;

    /// <summary>Checks the clock, about once a second.</summary>
    /// <param name="clockNs">Time of the clock, ns.</param>
    /// <param name="rawNs">CLOCK_MONOTONIC_RAW at that moment, ns.</param>
    /// <param name="widthNs">Duration of the reading, ns.</param>
    /// <param name="adjustmentPpb">Current frequency adjustment, ppb.</param>
    /// <param name="mayLearn">
    /// True if the daemon reports that the clock follows: a lasting rate is then its new rate. False: each check adds its deviation.
    /// </param>
    /// <returns>Unexplained move of the clock, ns; 0 without one.</returns>
    public double Check(long clockNs, long rawNs, long widthNs, double adjustmentPpb, bool mayLearn)
    {
        double seconds = (rawNs - _rawNs) * 1e-9;
        double movedNs = clockNs - _clockNs - (rawNs - _rawNs) - (seconds * (adjustmentPpb + _adjustmentPpb) / 2);
        double adjustmentMove = Math.Abs(adjustmentPpb - _adjustmentPpb);
        double readNs = (widthNs + _widthNs) / 2.0;
        (_clockNs, _rawNs, _widthNs, _adjustmentPpb) = (clockNs, rawNs, widthNs, adjustmentPpb);
        if (_checks++ == 0 || seconds <= 0)
        {
            (_ratePpb, _lastExcessNs) = (0, 0);
            Array.Clear(_adjustmentMoves);
            return 0;
        }

        _adjustmentMoves[_checks % RememberedChecks] = adjustmentMove;
        double toleranceNs = readNs + (seconds * (RestlessPpb + LargestMove()));
        return Evaluate(movedNs, seconds, toleranceNs, mayLearn);
    }

    private double Evaluate(double movedNs, double seconds, double toleranceNs, bool mayLearn)
    {
        double ratePpb = movedNs / seconds;
        if (_checks == 2)
            _ratePpb = ratePpb;
        double excessNs = movedNs - (_ratePpb * seconds);
        if (Math.Abs(excessNs) <= toleranceNs)
        {
            _ratePpb += (_checks <= LearningChecks ? 1.0 / (_checks - 1) : Memory) * (ratePpb - _ratePpb);
            _lastExcessNs = 0;
            return 0;
        }

        // Two deviations with the same sign: the rate has changed.
        if (mayLearn && Math.Sign(_lastExcessNs) == Math.Sign(excessNs))
            (_ratePpb, _lastExcessNs) = (ratePpb, 0);
        else
            _lastExcessNs = excessNs;
        return excessNs;
    }

    private double LargestMove()
    {
        double largest = 0;
        foreach (double move in _adjustmentMoves)
            largest = Math.Max(largest, move);
        return largest;
    }
}
