// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>Feeds a <see cref="UtcTracker"/> with the announcements of the reference, and raises the events of its changes.</summary>
internal sealed class ReferenceUtc(UtcPolicy policy, EngineCounters counters, EventRaiser events)
{
    private bool _isDue; // an announcement waits for the reference's first Sync
    private int _raisedOffset; // of the last event: a leap second takes effect between two messages

    public UtcTracker Tracker { get; } = new(policy);

    /// <summary>Applies an announcement of the reference once its time is known: with its first Sync at the latest.</summary>
    public void Announced(DomainTable domain, Master reference, long nowNs)
    {
        _isDue = !reference.IsSyncAlive && reference.Properties.Timescale == Timescale.Ptp;
        if (_isDue)
            return;
        long rejected = Tracker.Rejected;
        (UtcKnowledge knowledge, int pendingLeap) = (Tracker.Knowledge, Tracker.PendingLeap);
        Tracker.Announced(reference.Properties, TimeOf(reference, nowNs));
        if (Tracker.Rejected != rejected)
            counters.Add(Cause.LeapRejected);
        RaiseChanges(knowledge, pendingLeap, domain, reference, nowNs);
    }

    /// <summary>Advances the time by a Sync of the reference.</summary>
    public void Synced(DomainTable domain, Master reference, long nowNs)
    {
        if (_isDue)
            Announced(domain, reference, nowNs);
        if (reference.Properties.Timescale != Timescale.Ptp)
            return;
        (UtcKnowledge knowledge, int pendingLeap) = (Tracker.Knowledge, Tracker.PendingLeap);
        Tracker.Advance(TimeOf(reference, nowNs));
        RaiseChanges(knowledge, pendingLeap, domain, reference, nowNs);
    }

    /// <summary>
    /// The master's time now: its last Sync's, plus the host's monotonic time since. Accurate to a few ms: for dates, not for measurements.
    /// </summary>
    private static TaiTime TimeOf(Master master, long nowNs) =>
        master.SyncedNs == long.MinValue ? default : new(master.LastSync.Sent.Nanoseconds + (nowNs - master.SyncedNs));

    private void RaiseChanges(UtcKnowledge oldKnowledge, int oldLeap, DomainTable domain, Master master, long nowNs)
    {
        TaiTime time = TimeOf(master, nowNs);
        Tracker.TryGetOffset(time, out UtcOffset now);
        int offset = Tracker.Knowledge == UtcKnowledge.None ? 0 : now.Seconds;
        events.RaiseIfChanged(EventKind.UtcOffsetChanged, nowNs, domain, master, _raisedOffset, offset);
        _raisedOffset = offset;
        events.RaiseIfChanged(EventKind.UtcValidityChanged, nowNs, domain, master, Validity(oldKnowledge), Validity(Tracker.Knowledge));
        if (Tracker.PendingLeap != 0 && oldLeap == 0)
        {
            long leapSecond = Tracker.LeapAt.Nanoseconds / Intervals.SecondNs;
            events.Raise(EventKind.LeapAnnounced, nowNs, domain, master, Tracker.PendingLeap, leapSecond);
        }

        bool isOver = time >= Tracker.LeapAt;
        if (Tracker.PendingLeap == 0 && oldLeap != 0 && !isOver)
            events.Raise(EventKind.LeapWithdrawn, nowNs, domain, master, oldLeap, 0);
    }

    private static long Validity(UtcKnowledge knowledge) => knowledge == UtcKnowledge.Valid ? 1 : 0;
}
