// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;

namespace Capbox.Ptp.Daemons;

/// <summary>Sums the moves of the clock that its daemon did not report, until the daemon has measured it often enough again.</summary>
/// <param name="enough">Measurements of the daemon needed after the last move.</param>
internal sealed class UnreportedMoves(int enough)
{
    /// <summary>Around a leap second CLOCK_REALTIME is a second off for up to a tick.</summary>
    private const long LeapQuietNs = 2_000_000_000, SecondNs = 1_000_000_000;

    /// <summary>Checks during which a daemon that lost its master may still change the frequency adjustment.</summary>
    private const int SettlingChecks = 5;

    private readonly SteeredClockMonitor _monitor = new();
    private double _movedNs;
    private int _measured, _idle;
    private double _adjustmentPpb;
    private int _leap;
    private TaiTime _leapAt;
    private bool _isLeaping;

    /// <summary>Possible error of the clock by these moves, ns.</summary>
    public double Ns => _movedNs + (_isLeaping ? SecondNs : 0);
    public long Count { get; private set; }

    /// <summary>Reads the clock and its frequency adjustment.</summary>
    public static (ClockReading Reading, double AdjustmentPpb) Read(IClock clock) =>
        (clock.Read(ReferenceClock.MonotonicRaw), clock.FrequencyPpb);

    public static long NowNs() => KernelClock.ReadNs(KernelClock.CLOCK_MONOTONIC_RAW);

    /// <summary>Checks the clock.</summary>
    /// <param name="isFollowing">
    /// The daemon answers and reports that it follows, so it may change the frequency adjustment. Otherwise, after a while, nobody may.
    /// </param>
    /// <param name="hasMeasured">The daemon has measured the clock since the last check.</param>
    /// <returns>True if a move was found.</returns>
    public bool Check(in ClockReading reading, double adjustmentPpb, bool isFollowing, bool hasMeasured)
    {
        _idle = isFollowing ? 0 : _idle + 1;
        if (_idle <= SettlingChecks)
            _adjustmentPpb = adjustmentPpb;
        double foundNs = _monitor.Check(reading.Nanoseconds, reading.ReferenceNs, reading.WidthNs, _adjustmentPpb, mayLearn: isFollowing);
        if (foundNs != 0)
        {
            _movedNs += Math.Abs(foundNs);
            (_measured, Count) = (0, Count + 1);
            return true;
        }

        if (hasMeasured && _movedNs > 0 && ++_measured >= enough)
            _movedNs = 0;
        return false;
    }

    /// <summary>Tracks the leap second: a clock that counts UTC moves by a second, and nobody stepped it.</summary>
    public void TrackLeap(UtcForecast? forecast, TaiTime at)
    {
        if (forecast is { Leap: not 0 } utc)
            (_leap, _leapAt) = (utc.Leap, utc.LeapAt);
        _isLeaping = _leap != 0 && Math.Abs(at.Nanoseconds - _leapAt.Nanoseconds) < LeapQuietNs;
        if (_isLeaping)
            _monitor.Restart();
    }
}
