using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;

namespace Capbox.Ptp.External;

/// <summary>What the clock did without its program saying so, until that has measured it often enough again.</summary>
/// <param name="enough">Measurements after the last finding that the program needs.</param>
internal sealed class UnreportedMoves(int enough)
{
    /// <summary>Around a leap second CLOCK_REALTIME is a second off for up to a tick.</summary>
    private const long LeapQuietNs = 2_000_000_000, SecondNs = 1_000_000_000;

    /// <summary>Looks in which a program that has lost its master may still dial.</summary>
    private const int SettlingLooks = 5;

    private readonly ClockWatch _watch = new();
    private double _movedNs;
    private int _measured, _idle;
    private double _dialPpb;
    private int _leap;
    private TaiTime _leapAt;
    private bool _isLeaping;

    /// <summary>How far off the clock may be by them, ns.</summary>
    public double Ns => _movedNs + (_isLeaping ? SecondNs : 0);
    public long Count { get; private set; }

    /// <summary>Reads the clock.</summary>
    public static (ClockReading Reading, double DialPpb) Read(IClock clock) => (clock.Read(ReferenceClock.MonotonicRaw), clock.FrequencyPpb);

    public static long NowNs() => KernelClock.ReadNs(KernelClock.CLOCK_MONOTONIC_RAW);

    /// <summary>Takes a look at the clock.</summary>
    /// <param name="isFollowing">The program answers, and says that it follows: then what is dialled is its own affair. Else, after a while, nobody is to dial.</param>
    /// <param name="hasMeasured">The program has measured the clock since the last look.</param>
    /// <returns>Something was found.</returns>
    public bool Look(in ClockReading reading, double dialPpb, bool isFollowing, bool hasMeasured)
    {
        _idle = isFollowing ? 0 : _idle + 1;
        if (_idle <= SettlingLooks)
            _dialPpb = dialPpb;
        double foundNs = _watch.Look(reading.Nanoseconds, reading.ReferenceNs, reading.WidthNs, _dialPpb, mayLearn: isFollowing);
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

    /// <summary>A clock that counts UTC moves by a second when a leap second comes, and nobody touched it.</summary>
    public void TakeLeap(UtcForecast? forecast, TaiTime at)
    {
        if (forecast is { Leap: not 0 } utc)
            (_leap, _leapAt) = (utc.Leap, utc.LeapAt);
        _isLeaping = _leap != 0 && Math.Abs(at.Nanoseconds - _leapAt.Nanoseconds) < LeapQuietNs;
        if (_isLeaping)
            _watch.Restart();
    }
}
