using Capbox.Platform.Time;

namespace Capbox.Ptp.Port;

/// <summary>
/// For a clock that counts UTC, around an announced leap second: the kernel makes it with a tick of its own, and while it shows a second of UTC twice or leaves one out, what the clock shows may be a second off in TAI. One thread.
/// </summary>
internal sealed class LeapGuard
{
    /// <summary>The second itself, and half of one for the tick and for stamps that wait.</summary>
    public const long QuietNs = 1_500_000_000;

    /// <summary>What the clock may be off by in that time.</summary>
    public const long LeapNs = 1_000_000_000;

    private TaiTime _leapAt;
    private bool _hasLeap;

    /// <summary>What is announced now; it is remembered until it is over.</summary>
    public void Take(int pendingLeap, TaiTime leapAt, TaiTime now)
    {
        if (pendingLeap != 0)
            (_leapAt, _hasLeap) = (leapAt, true);
        else
            _hasLeap &= IsNear(now);
    }

    /// <summary>Whether a time by the clock is so near to the leap that it may be a second off.</summary>
    public bool IsNear(TaiTime at) => _hasLeap && Math.Abs(at.Nanoseconds - _leapAt.Nanoseconds) < QuietNs;
}
