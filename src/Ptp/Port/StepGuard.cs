using Capbox.Platform.Time;

namespace Capbox.Ptp.Port;

/// <summary>
/// Keeps stamps from before a step of the clock away from what comes after it: they wait in queues of card and kernel. For a little while after a step no stamp is believed; for a little longer
/// none that lies before the time to which the clock was stepped, or in its future.
/// </summary>
internal sealed class StepGuard
{
    /// <summary>Longer than a message waits in card and kernel; less than the interval of Syncs, so that one is lost at most.</summary>
    public const long QuietNs = 60_000_000;

    /// <summary>i40e and the engine forget a stamp after a second.</summary>
    public const long WaryNs = 2_000_000_000;

    /// <summary>Two readings of one clock may differ by this, and by the frequency since.</summary>
    private const long SlackNs = 100_000;

    private long _steppedNs = long.MinValue;
    private TaiTime _from;

    /// <summary>The clock was stepped.</summary>
    /// <param name="monotonicNs">When, by a clock that was not.</param>
    /// <param name="from">What it showed then, after the step.</param>
    public void Stepped(long monotonicNs, TaiTime from) => (_steppedNs, _from) = (monotonicNs, from);

    /// <summary>Whether a stamp was taken after the last step.</summary>
    /// <param name="monotonicNs">Now.</param>
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
