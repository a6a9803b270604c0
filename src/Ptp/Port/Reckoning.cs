using Capbox.Platform.Time;

namespace Capbox.Ptp.Port;

/// <summary>
/// What a clock shows between two readings of it, reckoned from CLOCK_MONOTONIC_RAW, which costs next to nothing to read, where a card costs tens of microseconds. It is wrong by less than a microsecond, or by the dial's
/// changes since the last reading: enough to tell when the clock was dialled (10 us times a change of 1 ppm are 0.01 ns), and for nothing finer.
/// </summary>
internal struct Reckoning
{
    /// <summary>Two readings that say more hold a step between them.</summary>
    private const double MostRate = 1e-3;

    private const long LeastApartNs = 500_000_000;
    private long _atNs;
    private long _rawNs;
    private double _rate;

    /// <summary>The clock was read.</summary>
    /// <param name="at">What it showed.</param>
    /// <param name="rawNs">CLOCK_MONOTONIC_RAW then.</param>
    public void Read(TaiTime at, long rawNs)
    {
        double apart = rawNs - _rawNs;
        double rate = (at.Nanoseconds - _atNs - apart) / apart;
        if (apart >= LeastApartNs && Math.Abs(rate) <= MostRate)
            _rate = rate;
        (_atNs, _rawNs) = (at.Nanoseconds, rawNs);
    }

    /// <summary>It was stepped.</summary>
    public void Stepped(long ns) => _atNs += ns;

    /// <summary>What it shows.</summary>
    public readonly TaiTime At(long rawNs) => new(_atNs + (rawNs - _rawNs) + (long)((rawNs - _rawNs) * _rate));
}
