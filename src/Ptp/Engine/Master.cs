// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Engine;

/// <summary>
/// One slot in a domain's table of masters: its announcement, its qualification and its measurements. Slots are reused, never allocated.
/// </summary>
internal sealed class Master(EngineOptions options, EngineCounters counters)
{
    /// <summary>FOREIGN_MASTER_TIME_WINDOW in announce intervals; two Announces within it qualify (IEEE 1588-2019, 9.3.2.4.4).</summary>
    private const int WindowIntervals = 4;

    /// <summary>Longest accepted announce interval: the loss of a master must be noticed.</summary>
    private const int MostAnnounceLog = 4;

    private ushort _announceId;
    private long _announcedNs;

    public SyncMatcher Matcher { get; } = new(counters);

    /// <summary>Whether the slot is in use.</summary>
    public bool IsUsed { get; private set; }

    public bool IsQualified { get; private set; }
    public PeerAddress Address { get; private set; }
    public PortIdentity Port => Data.Sender;
    public DataSet Data { get; private set; }
    public TimeProperties Properties { get; private set; }
    public long AnnounceIntervalNs { get; private set; }
    public long SyncIntervalNs { get; private set; }

    /// <summary>When the last Sync became a sample; long.MinValue if none did.</summary>
    public long SyncedNs { get; private set; }

    /// <summary>Whether its Syncs arrive.</summary>
    public bool IsSyncAlive { get; set; }

    public PathSample LastSync { get; private set; }

    /// <summary>Its state in the <see cref="DelayPlanner"/>.</summary>
    public DelayState Delay;

    /// <summary>Offset of the last exchange, for <see cref="MasterComparison"/>.</summary>
    public double OffsetNs { get; private set; }

    /// <summary>When the last exchange was complete; long.MinValue if none was.</summary>
    public long ExchangedNs { get; private set; }

    /// <summary>Silence after which its Syncs are lost.</summary>
    public long SyncTimeoutNs => Math.Max(options.SyncTimeoutIntervals * SyncIntervalNs, options.SyncTimeoutLeastMs * 1_000_000L);

    private long AnnounceTimeoutNs => (IsQualified ? options.AnnounceTimeoutIntervals : WindowIntervals) * AnnounceIntervalNs;

    /// <summary>Occupies the slot with a first Announce.</summary>
    public void Occupy(in PtpMessage announce, PeerAddress address, long nowNs)
    {
        (IsUsed, IsQualified, Address) = (true, false, address);
        SyncIntervalNs = Intervals.SecondNs;
        (SyncedNs, ExchangedNs, IsSyncAlive) = (long.MinValue, long.MinValue, false);
        Matcher.Restart();
        Delay = default;
        Store(announce, nowNs);
    }

    /// <summary>Records a further Announce. Returns whether it qualified the master.</summary>
    public bool Announced(in PtpMessage announce, long nowNs)
    {
        bool qualifies = !IsQualified && nowNs - _announcedNs <= WindowIntervals * AnnounceIntervalNs;
        IsQualified |= qualifies;
        Store(announce, nowNs);
        return qualifies;
    }

    /// <summary>Whether an Announce's sequenceId is ahead of the last one's.</summary>
    public bool IsNewAnnounce(ushort id) => unchecked((short)(id - _announceId)) > 0;

    public bool HasTimedOut(long nowNs) => nowNs - _announcedNs > AnnounceTimeoutNs;

    public bool HasSyncTimedOut(long nowNs) => SyncedNs == long.MinValue || nowNs - SyncedNs > SyncTimeoutNs;

    public void Free()
    {
        Matcher.Restart();
        (IsUsed, IsQualified, IsSyncAlive, Delay) = (false, false, false, default);
    }

    /// <summary>A Sync became a sample.</summary>
    public void Synced(in PathSample sample, long nowNs) => (LastSync, SyncedNs) = (sample, nowNs);

    /// <summary>The Sync interval that the master states.</summary>
    public void SetSyncInterval(sbyte log) => SyncIntervalNs = Intervals.FromLog(log, SyncIntervalNs);

    public void Exchanged(in DelayExchange exchange, long nowNs) => (OffsetNs, ExchangedNs) = (exchange.OffsetNs, nowNs);

    /// <summary>Drops the measurements: the local clock was stepped.</summary>
    public void ClockStepped()
    {
        Matcher.Clear();
        (LastSync, ExchangedNs) = (default, long.MinValue);
        Delay.HasT4 = false;
    }

    /// <summary>Whether the last Sync is fresh enough to be one half of an exchange.</summary>
    public bool HasFreshSync(long nowNs) => LastSync.IsFromMaster && !HasSyncTimedOut(nowNs);

    private void Store(in PtpMessage announce, long nowNs)
    {
        int log = announce.Header.LogInterval;
        (_announceId, _announcedNs) = (announce.Header.SequenceId, nowNs);
        long fallbackNs = AnnounceIntervalNs == 0 ? 2 * Intervals.SecondNs : AnnounceIntervalNs;
        AnnounceIntervalNs = Intervals.FromLog(log > MostAnnounceLog ? int.MaxValue : log, fallbackNs);
        Data = DataSet.From(announce, options.Own);
        Properties = TimeProperties.From(announce);
    }
}

/// <summary>State of the Delay_Req to one master.</summary>
internal struct DelayState
{
    /// <summary>When the next one is due; set when its Syncs begin.</summary>
    public long NextNs;

    /// <summary>logMessageInterval of its last Delay_Resp: the shortest interval that it allows.</summary>
    public sbyte AllowedLog;
    public bool HasAllowedLog;

    /// <summary>sequenceId of the next one sent to this master alone.</summary>
    public ushort NextId;

    /// <summary>The token of the last exchange that it answered: one answer for each.</summary>
    public uint AnsweredToken;

    /// <summary>An answer that waits for the transmit stamp.</summary>
    public bool HasT4;
    public PtpTimestamp T4;
    public Correction Correction;

    /// <summary>Consecutive unanswered exchanges.</summary>
    public int Missing;
}
