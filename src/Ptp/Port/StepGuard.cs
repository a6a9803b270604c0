// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Ptp.Port;

/// <summary>
/// Rejects stamps from before a step of the clock that arrive after it: they wait in queues of card and kernel. For a short time after a
/// step it rejects every stamp; for a longer time those before the clock's new time or in its future.
/// </summary>
internal sealed class StepGuard
{
    /// <summary>Longer than a message waits in card and kernel; less than the Sync interval, so that at most one is lost.</summary>
    public const long QuietNs = 60_000_000;

    /// <summary>i40e and the engine drop a stamp after a second.</summary>
    public const long WaryNs = 2_000_000_000;

    /// <summary>Two readings of one clock may differ by this, and by the frequency since.</summary>
    private const long SlackNs = 100_000;

    private long _steppedNs = long.MinValue;
    private TaiTime _from;

    /// <summary>Records a step of the clock.</summary>
    /// <param name="monotonicNs">Time of the step by a clock that was not stepped.</param>
    /// <param name="from">Time of the clock right after the step.</param>
    public void Stepped(long monotonicNs, TaiTime from) => (_steppedNs, _from) = (monotonicNs, from);

    /// <summary>Whether a stamp was taken after the last step.</summary>
    /// <param name="monotonicNs">Current time.</param>
    public bool Admits(long monotonicNs, TaiTime stamp)
    {
        if (_steppedNs == long.MinValue)
            return true;
        long sinceNs = monotonicNs - _steppedNs;
        if (sinceNs < QuietNs)
            return false;
        return sinceNs > WaryNs || (stamp.Nanoseconds >= _from.Nanoseconds && stamp.Nanoseconds <= _from.Nanoseconds + sinceNs + SlackNs);
    }
}
