// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Ptp.Port;

/// <summary>
/// Extrapolates a clock between two readings by CLOCK_MONOTONIC_RAW, which costs next to nothing to read where a card costs tens of
/// microseconds. The error is below a microsecond, plus the changes of the frequency adjustment since the last reading: enough to date an
/// adjustment (10 us times a change of 1 ppm are 0.01 ns), and for nothing finer.
/// </summary>
internal struct Reckoning
{
    /// <summary>A larger rate between two readings means a step between them.</summary>
    private const double MostRate = 1e-3;

    private const long LeastApartNs = 500_000_000;
    private long _atNs;
    private long _rawNs;
    private double _rate;

    /// <summary>Records a reading of the clock.</summary>
    /// <param name="at">Time of the clock.</param>
    /// <param name="rawNs">CLOCK_MONOTONIC_RAW at that moment.</param>
    public void Read(TaiTime at, long rawNs)
    {
        double apart = rawNs - _rawNs;
        double rate = (at.Nanoseconds - _atNs - apart) / apart;
        if (apart >= LeastApartNs && Math.Abs(rate) <= MostRate)
            _rate = rate;
        (_atNs, _rawNs) = (at.Nanoseconds, rawNs);
    }

    /// <summary>Records a step.</summary>
    public void Stepped(long ns) => _atNs += ns;

    /// <summary>Time of the clock at a raw time.</summary>
    public readonly TaiTime At(long rawNs) => new(_atNs + (rawNs - _rawNs) + (long)((rawNs - _rawNs) * _rate));
}
