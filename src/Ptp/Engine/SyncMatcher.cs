// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>
/// Matches Sync and Follow_Up of one master, in either order, and passes each sequenceId once and in ascending order. Four may be
/// incomplete at a time; the oldest is dropped.
/// </summary>
internal sealed class SyncMatcher(EngineCounters counters)
{
    private const int Places = 4;

    private readonly Pending[] _pending = new Pending[Places];
    private ushort _lastDone;
    private bool _hasDone;

    private struct Pending
    {
        public bool HasSync;
        public bool HasFollowUp;
        public ushort SequenceId;
        public long SinceNs;
        public PtpTimestamp T1;
        public PtpTimestamp T2;
        public Correction Correction;

        public readonly bool IsUsed => HasSync || HasFollowUp;
    }

    /// <summary>Adds a Sync. True when it completes a sample.</summary>
    public bool Sync(in PtpMessage sync, PtpTimestamp t2, long nowNs, out PathSample sample)
    {
        sample = default;
        ushort id = sync.Header.SequenceId;
        if (IsOver(id, Cause.SyncDuplicate, Cause.SyncReplayed))
            return false;
        if (!sync.Header.Has(MessageFlags.TwoStep))
        {
            sample = Done(id, sync.Timestamp, t2, sync.Header.Correction);
            return true;
        }

        ref Pending place = ref Place(id, nowNs);
        if (place.HasSync)
        {
            counters.Add(Cause.SyncDuplicate);
            return false;
        }

        (place.HasSync, place.T2, place.Correction) = (true, t2, place.Correction + sync.Header.Correction);
        return Complete(ref place, out sample);
    }

    /// <summary>Adds a Follow_Up. True when it completes a sample.</summary>
    public bool FollowUp(in PtpMessage followUp, long nowNs, out PathSample sample)
    {
        sample = default;
        ushort id = followUp.Header.SequenceId;
        if (IsOver(id, Cause.FollowUpDuplicate, Cause.FollowUpReplayed))
            return false;
        ref Pending place = ref Place(id, nowNs);
        if (place.HasFollowUp)
        {
            counters.Add(Cause.FollowUpDuplicate);
            return false;
        }

        counters.Add(Cause.FollowUpUsed);
        (place.HasFollowUp, place.T1, place.Correction) = (true, followUp.Timestamp, place.Correction + followUp.Header.Correction);
        return Complete(ref place, out sample);
    }

    /// <summary>Drops incomplete pairs by timeout.</summary>
    public void Expire(long nowNs, long waitNs)
    {
        foreach (ref Pending place in _pending.AsSpan())
        {
            if (place.IsUsed && nowNs - place.SinceNs > waitNs)
                GiveUp(ref place);
        }
    }

    /// <summary>Forgets the last sequenceId and drops incomplete pairs: the master was silent and may have restarted.</summary>
    public void Restart()
    {
        Clear();
        _hasDone = false;
    }

    /// <summary>Drops incomplete pairs: the local clock was stepped, earlier stamps do not match later ones.</summary>
    public void Clear()
    {
        foreach (ref Pending place in _pending.AsSpan())
        {
            if (place.IsUsed)
                GiveUp(ref place);
        }
    }

    private bool Complete(ref Pending place, out PathSample sample)
    {
        sample = default;
        if (!place.HasSync || !place.HasFollowUp)
            return false;
        sample = Done(place.SequenceId, place.T1, place.T2, place.Correction);
        place = default;
        return true;
    }

    private PathSample Done(ushort id, PtpTimestamp t1, PtpTimestamp t2, Correction correction)
    {
        (_lastDone, _hasDone) = (id, true);
        return new(true, t1, t2, correction, id);
    }

    /// <summary>Whether a sequenceId is not ahead of the last completed one, in 16-bit circular order.</summary>
    private bool IsOver(ushort id, Cause same, Cause older)
    {
        short ahead = unchecked((short)(id - _lastDone));
        if (!_hasDone || ahead > 0)
            return false;
        counters.Add(ahead == 0 ? same : older);
        return true;
    }

    private ref Pending Place(ushort id, long nowNs)
    {
        int oldest = 0;
        for (int i = 0; i < Places; i++)
        {
            if (_pending[i].IsUsed && _pending[i].SequenceId == id)
                return ref _pending[i];
            if (!_pending[i].IsUsed)
                oldest = i;
            else if (_pending[oldest].IsUsed && _pending[i].SinceNs < _pending[oldest].SinceNs)
                oldest = i;
        }

        if (_pending[oldest].IsUsed)
            GiveUp(ref _pending[oldest]);
        _pending[oldest] = new Pending { SequenceId = id, SinceNs = nowNs };
        return ref _pending[oldest];
    }

    private void GiveUp(ref Pending place)
    {
        counters.Add(place.HasSync ? Cause.FollowUpMissing : Cause.SyncMissing);
        place = default;
    }
}
