// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>Knowledge of TAI - UTC.</summary>
public enum UtcKnowledge
{
    /// <summary>Unknown: no grandmaster has flagged one as valid, or its timescale is arbitrary.</summary>
    None,

    /// <summary>The reference flags it as valid.</summary>
    Valid,

    /// <summary>The reference states it without the flag, and the policy is to trust it.</summary>
    Unflagged,

    /// <summary>It was known, and the reference does not flag it as valid any more; it holds until an unannounced leap second.</summary>
    Kept,
}

/// <summary>
/// Tracks TAI - UTC and leap seconds from the announcements of grandmasters. A leap second is accepted only at the end of a UTC month
/// (ITU-R TF.460): flags that stay up too long, or appear on any other day, do nothing. Around the leap the grandmaster's currentUtcOffset
/// may change late or early (IEEE 1588-2019 clause 9.4 allows two announce intervals); the announced moment counts.
/// </summary>
public sealed class UtcTracker(UtcPolicy policy)
{
    private const long Second = 1_000_000_000;
    private const long Day = 86_400 * Second;

    /// <summary>
    /// Time after the leap in which the old currentUtcOffset counts as late, and before the leap in which the new one counts as early.
    /// </summary>
    private const long GraceNs = 300 * Second;

    private int _offset;
    private int _leap;
    private TaiTime _leapAt;
    private int _leapDone;
    private TaiTime _leapDoneAt;

    public UtcKnowledge Knowledge { get; private set; }

    /// <summary>Rejected announcements: both flags, or not at the end of a month.</summary>
    public long Rejected { get; private set; }

    /// <summary>+1 or -1 for an announced insertion or deletion of a second, 0 without one.</summary>
    public int PendingLeap => _leap;

    /// <summary>
    /// The moment from which the offset after the leap holds. As in the kernel: with an inserted second the start of 23:59:60 (UTC shows
    /// 23:59:59 again), with a deleted one the end of 23:59:58.
    /// </summary>
    public TaiTime LeapAt => _leapAt;

    /// <summary>TAI - UTC at a moment from now on, including the announced leap second.</summary>
    public bool TryGetOffset(TaiTime at, out UtcOffset offset)
    {
        offset = new(_leap != 0 && at >= _leapAt ? _offset + _leap : _leapDone != 0 && at < _leapDoneAt ? _offset - _leapDone : _offset);
        return Knowledge != UtcKnowledge.None;
    }

    /// <summary>Whether the moment lies in an announced inserted second, 23:59:60 UTC.</summary>
    public bool IsInsertedSecond(TaiTime at) =>
        (_leap > 0 && IsIn(at, _leapAt)) || (_leapDone > 0 && IsIn(at, _leapDoneAt));

    /// <summary>Applies an announcement of the reference at its time <paramref name="now"/>.</summary>
    public void Announced(in TimeProperties properties, TaiTime now)
    {
        if (properties.Timescale != Timescale.Ptp)
        {
            // Its seconds are not TAI: no time can be computed from them.
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

        UpdateOffset(properties.CurrentUtcOffsetSeconds, now, Knowledge is UtcKnowledge.None);
        Knowledge = stated;
        UpdateLeap(properties, now);
    }

    /// <summary>Advances the time: an announced leap second takes effect.</summary>
    public void Advance(TaiTime now)
    {
        if (_leap == 0 || now < _leapAt)
            return;
        _offset += _leap;
        (_leapDone, _leapDoneAt) = (_leap, _leapAt);
        _leap = 0;
    }

    /// <summary>The reference was lost: offset and announced leap second are kept.</summary>
    public void ReferenceLost()
    {
        if (Knowledge != UtcKnowledge.None)
            Knowledge = UtcKnowledge.Kept;
    }

    private UtcKnowledge Stated(in TimeProperties properties)
    {
        // The difference was 10 s when leap seconds began; see UtcOffset.FromKernel.
        if (properties.CurrentUtcOffsetSeconds is < 10 or > 100)
            return UtcKnowledge.None;
        if (properties.IsUtcOffsetValid)
            return UtcKnowledge.Valid;
        return policy == UtcPolicy.TrustUnflagged ? UtcKnowledge.Unflagged : UtcKnowledge.None;
    }

    private void UpdateOffset(int seconds, TaiTime now, bool isFirst)
    {
        bool isLate = _leapDone != 0 && seconds == _offset - _leapDone && now.Nanoseconds - _leapDoneAt.Nanoseconds < GraceNs;
        bool isEarly = _leap != 0 && seconds == _offset + _leap && _leapAt.Nanoseconds - now.Nanoseconds < GraceNs;
        if (!isFirst && (isLate || isEarly || seconds == _offset))
            return;
        // Another offset without a leap: the grandmaster corrected itself, or is wrong. The engine raises an event; the reference decides
        // the offset.
        (_offset, _leap, _leapDone) = (seconds, 0, 0);
    }

    private void UpdateLeap(in TimeProperties properties, TaiTime now)
    {
        int leap = (properties.Leap61 ? 1 : 0) - (properties.Leap59 ? 1 : 0);
        if (properties.Leap61 && properties.Leap59)
        {
            Rejected++;
            return;
        }

        if (leap == 0)
        {
            // Flags may be cleared early by as much as the offset may change early.
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
            Rejected++;
            return;
        }

        _leap = leap;
        _leapAt = new(midnight + (_offset * Second) - (leap < 0 ? Second : 0));
    }

    private static bool IsIn(TaiTime at, TaiTime start) => at >= start && at.Nanoseconds - start.Nanoseconds < Second;
}
