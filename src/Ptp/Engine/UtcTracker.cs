using Capbox.Platform.Time;
using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>How well TAI - UTC is known.</summary>
public enum UtcKnowledge
{
    /// <summary>Not at all: no grandmaster has vouched for one, or its timescale is arbitrary.</summary>
    None,

    /// <summary>The reference vouches for it.</summary>
    Valid,

    /// <summary>The reference states it without vouching, and the policy is to trust it.</summary>
    Unflagged,

    /// <summary>It was known, the reference does not vouch for it any more; it still holds but for a leap second nobody announced.</summary>
    Kept,
}

/// <summary>
/// TAI - UTC over time, out of what grandmasters announce, and leap seconds before and after they come. A leap second is believed only at the end of a UTC month
/// (ITU-R TF.460): flags that stay up a little too long, or come up on any other day, do nothing. Around the leap the grandmaster's currentUtcOffset may change late or
/// early (IEEE 1588-2019 clause 9.4 allows two announce intervals); what counts is the moment that was announced.
/// </summary>
public sealed class UtcTracker(UtcPolicy policy)
{
    private const long Second = 1_000_000_000;
    private const long Day = 86_400 * Second;

    /// <summary>How long after the leap the old currentUtcOffset is taken for a late one, and how long before the new one for an early one.</summary>
    private const long GraceNs = 300 * Second;

    private int _offset;
    private int _leap;
    private TaiTime _leapAt;
    private int _leapDone;
    private TaiTime _leapDoneAt;

    public UtcKnowledge Knowledge { get; private set; }

    /// <summary>Number of announcements that were refused: both flags, or not at a month's end.</summary>
    public long Refused { get; private set; }

    /// <summary>+1 or -1 when a second is to be inserted or left out, 0 when none is announced.</summary>
    public int PendingLeap => _leap;

    /// <summary>
    /// The moment from which the offset after the leap holds. As the kernel does it: with a second to insert that is the start of 23:59:60 (UTC shows 23:59:59
    /// again), with one to leave out the end of 23:59:58.
    /// </summary>
    public TaiTime LeapAt => _leapAt;

    /// <summary>TAI - UTC at a moment from now on, the leap second that is announced included.</summary>
    public bool TryGetOffset(TaiTime at, out UtcOffset offset)
    {
        offset = new(_leap != 0 && at >= _leapAt ? _offset + _leap : _leapDone != 0 && at < _leapDoneAt ? _offset - _leapDone : _offset);
        return Knowledge != UtcKnowledge.None;
    }

    /// <summary>Whether the moment lies in an inserted second, 23:59:60 UTC, that was announced.</summary>
    public bool IsInsertedSecond(TaiTime at) =>
        (_leap > 0 && IsIn(at, _leapAt)) || (_leapDone > 0 && IsIn(at, _leapDoneAt));

    /// <summary>Takes what the reference announced when its time was <paramref name="now"/>.</summary>
    public void Announced(in TimeProperties properties, TaiTime now)
    {
        if (properties.Timescale != Timescale.Ptp)
        {
            // Its seconds are not TAI: nothing may be reckoned with them.
            (Knowledge, _leap, _leapDone) = (UtcKnowledge.None, 0, 0);
            return;
        }

        Advance(now);
        UtcKnowledge stated = Stated(properties);
        if (stated == UtcKnowledge.None)
        {
            Knowledge = Knowledge == UtcKnowledge.None ? UtcKnowledge.None : UtcKnowledge.Kept;
            return;
        }

        TakeOffset(properties.CurrentUtcOffsetSeconds, now, Knowledge is UtcKnowledge.None);
        Knowledge = stated;
        TakeLeap(properties, now);
    }

    /// <summary>Time went on: a leap that was announced comes to pass.</summary>
    public void Advance(TaiTime now)
    {
        if (_leap == 0 || now < _leapAt)
            return;
        _offset += _leap;
        (_leapDone, _leapDoneAt) = (_leap, _leapAt);
        _leap = 0;
    }

    /// <summary>There is no reference: what is known is kept, the leap that was announced too.</summary>
    public void ReferenceLost()
    {
        if (Knowledge != UtcKnowledge.None)
            Knowledge = UtcKnowledge.Kept;
    }

    private UtcKnowledge Stated(in TimeProperties properties)
    {
        // 10 s was the difference when leap seconds began; see UtcOffset.FromKernel.
        if (properties.CurrentUtcOffsetSeconds is < 10 or > 100)
            return UtcKnowledge.None;
        if (properties.IsUtcOffsetValid)
            return UtcKnowledge.Valid;
        return policy == UtcPolicy.TrustUnflagged ? UtcKnowledge.Unflagged : UtcKnowledge.None;
    }

    private void TakeOffset(int seconds, TaiTime now, bool isFirst)
    {
        bool isLate = _leapDone != 0 && seconds == _offset - _leapDone && now.Nanoseconds - _leapDoneAt.Nanoseconds < GraceNs;
        bool isEarly = _leap != 0 && seconds == _offset + _leap && _leapAt.Nanoseconds - now.Nanoseconds < GraceNs;
        if (!isFirst && (isLate || isEarly || seconds == _offset))
            return;
        // Another offset without a leap: the grandmaster has learnt better, or lies. The engine tells; the offset is the reference's to say.
        (_offset, _leap, _leapDone) = (seconds, 0, 0);
    }

    private void TakeLeap(in TimeProperties properties, TaiTime now)
    {
        int leap = (properties.Leap61 ? 1 : 0) - (properties.Leap59 ? 1 : 0);
        if (properties.Leap61 && properties.Leap59)
        {
            Refused++;
            return;
        }

        if (leap == 0)
        {
            // Flags may go down early by as much as the offset may change early.
            if (_leap != 0 && _leapAt.Nanoseconds - now.Nanoseconds > GraceNs)
                _leap = 0;
            return;
        }

        if (_leap == leap || (_leapDone != 0 && now.Nanoseconds - _leapDoneAt.Nanoseconds < GraceNs))
            return;
        long utc = now.Nanoseconds - (_offset * Second);
        long midnight = (Math.DivRem(utc, Day).Quotient + 1) * Day;
        if (DateTime.UnixEpoch.AddSeconds(midnight / Second).Day != 1)
        {
            Refused++;
            return;
        }

        _leap = leap;
        _leapAt = new(midnight + (_offset * Second) - (leap < 0 ? Second : 0));
    }

    private static bool IsIn(TaiTime at, TaiTime start) => at >= start && at.Nanoseconds - start.Nanoseconds < Second;
}
