// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Ptp.Port;

/// <summary>
/// Guards a clock that counts UTC around an announced leap second: the kernel makes the leap with a tick of its own, and while it repeats
/// or skips a second of UTC, the clock's TAI may be a second off. One thread.
/// </summary>
internal sealed class LeapGuard
{
    /// <summary>The second itself, and half a second for the tick and for queued stamps.</summary>
    public const long QuietNs = 1_500_000_000;

    /// <summary>Largest error of the clock in that time.</summary>
    public const long LeapNs = 1_000_000_000;

    private TaiTime _leapAt;
    private bool _hasLeap;

    /// <summary>Updates the announced leap second, and keeps it until it is over.</summary>
    public void Update(int pendingLeap, TaiTime leapAt, TaiTime now)
    {
        if (pendingLeap != 0)
            (_leapAt, _hasLeap) = (leapAt, true);
        else
            _hasLeap &= IsNear(now);
    }

    /// <summary>Whether a time of the clock is so near to the leap that it may be a second off.</summary>
    public bool IsNear(TaiTime at) => _hasLeap && Math.Abs(at.Nanoseconds - _leapAt.Nanoseconds) < QuietNs;
}
