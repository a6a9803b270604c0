namespace Capbox.Ptp.Daemons;

/// <summary>
/// A clock that another program steers, against CLOCK_MONOTONIC_RAW: what it does beyond what its dial explains, somebody did to it. The dial is known at the looks alone, so a look allows for as much as the dial moved
/// lately, for the widths of the reads, and for the restlessness of two oscillators: steps of microseconds are seen with reads of a microsecond, not those of nanoseconds.
/// </summary>
internal sealed class ClockWatch
{
    /// <summary>Looks until the clock's own rate is known, and those whose dial is remembered.</summary>
    private const int LearnLooks = 4, DialLooks = 16;

    /// <summary>Both oscillators together may change by this within a second, ppb.</summary>
    private const double RestlessPpb = 500;
    private const double Memory = 0.1;

    private readonly double[] _dialMoves = new double[DialLooks];
    private long _clockNs, _rawNs, _widthNs;
    private double _dialPpb, _ratePpb, _lastExcessNs;
    private int _looks;

    /// <summary>Forgets what was: something is known to have happened.</summary>
    public void Restart() => _looks = 0;

    /// <summary>Takes a look, about once a second.</summary>
    /// <param name="clockNs">The clock.</param>
    /// <param name="rawNs">CLOCK_MONOTONIC_RAW at that moment.</param>
    /// <param name="widthNs">How long the reading took.</param>
    /// <param name="dialPpb">What is dialled in.</param>
    /// <param name="mayLearn">The outside program reports that the clock follows: a rate that lasts is its new rate. Else each look adds what it is off.</param>
    /// <returns>What the clock moved without a reason that can be seen, ns; 0: nothing.</returns>
    public double Look(long clockNs, long rawNs, long widthNs, double dialPpb, bool mayLearn)
    {
        double seconds = (rawNs - _rawNs) * 1e-9;
        double movedNs = clockNs - _clockNs - (rawNs - _rawNs) - (seconds * (dialPpb + _dialPpb) / 2);
        double dialMove = Math.Abs(dialPpb - _dialPpb);
        double readNs = (widthNs + _widthNs) / 2.0;
        (_clockNs, _rawNs, _widthNs, _dialPpb) = (clockNs, rawNs, widthNs, dialPpb);
        if (_looks++ == 0 || seconds <= 0)
        {
            (_ratePpb, _lastExcessNs) = (0, 0);
            Array.Clear(_dialMoves);
            return 0;
        }

        _dialMoves[_looks % DialLooks] = dialMove;
        double toleranceNs = readNs + (seconds * (RestlessPpb + LargestMove()));
        return Judge(movedNs, seconds, toleranceNs, mayLearn);
    }

    private double Judge(double movedNs, double seconds, double toleranceNs, bool mayLearn)
    {
        double ratePpb = movedNs / seconds;
        if (_looks == 2)
            _ratePpb = ratePpb;
        double excessNs = movedNs - (_ratePpb * seconds);
        if (Math.Abs(excessNs) <= toleranceNs)
        {
            _ratePpb += (_looks <= LearnLooks ? 1.0 / (_looks - 1) : Memory) * (ratePpb - _ratePpb);
            _lastExcessNs = 0;
            return 0;
        }

        // Twice the same way: it runs at another rate from now on.
        if (mayLearn && Math.Sign(_lastExcessNs) == Math.Sign(excessNs))
            (_ratePpb, _lastExcessNs) = (ratePpb, 0);
        else
            _lastExcessNs = excessNs;
        return excessNs;
    }

    private double LargestMove()
    {
        double largest = 0;
        foreach (double move in _dialMoves)
            largest = Math.Max(largest, move);
        return largest;
    }
}
