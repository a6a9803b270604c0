// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>The outcome of a message or an exchange.</summary>
public enum Cause
{
    /// <summary>A Sync, with its Follow_Up if it has one, became a sample.</summary>
    SyncUsed,

    /// <summary>A Delay_Req and its Delay_Resp became a sample.</summary>
    DelayUsed,

    /// <summary>An Announce of an acceptable master.</summary>
    AnnounceUsed,

    /// <summary>A Follow_Up that matches its Sync, or waits for it.</summary>
    FollowUpUsed,

    /// <summary>Delay_Req sent.</summary>
    DelayReqSent,

    /// <summary>No PTP message: <see cref="EngineCounters.Rejected"/> has the reason.</summary>
    Malformed,
    OtherSdo,
    OtherDomain,

    /// <summary>The engine's own message came back.</summary>
    Own,

    /// <summary>Peer delay, signaling, management, or other slaves' Delay_Req: a slave ignores them.</summary>
    NotForSlave,

    /// <summary>An event message on the general port, or the reverse.</summary>
    WrongChannel,

    /// <summary>An event message without a receive stamp: the card had none left, or does not stamp this kind.</summary>
    NoReceiveStamp,

    /// <summary>correctionField is saturated: the correction is too large to express.</summary>
    CorrectionSaturated,
    GrandmasterNotAllowed,

    /// <summary>stepsRemoved of 255 or more, or no grandmaster identity (IEEE 1588-2019 clause 9.3.2.5).</summary>
    AnnounceUseless,

    /// <summary>From a master that must not be selected (alternateMasterFlag).</summary>
    AlternateMaster,

    /// <summary>A repeated sequenceId, or one older than the last.</summary>
    AnnounceReplayed,

    /// <summary>The table of masters is full of better ones.</summary>
    TableFull,

    /// <summary>Identity of a known master, from another address.</summary>
    WrongAddress,

    /// <summary>Sync, Follow_Up or Delay_Resp of an unqualified master: spoofed, or too early.</summary>
    UnknownMaster,

    /// <summary>From a master that is not selected, while only selected ones are measured.</summary>
    NotSelected,
    SyncDuplicate,

    /// <summary>A Sync older than the last: out of order or replayed.</summary>
    SyncReplayed,
    FollowUpDuplicate,

    /// <summary>A Follow_Up to an older Sync: late or replayed.</summary>
    FollowUpReplayed,

    /// <summary>A Sync without its Follow_Up.</summary>
    FollowUpMissing,

    /// <summary>A Follow_Up without its Sync.</summary>
    SyncMissing,

    /// <summary>An answer to another slave: usual with multicast.</summary>
    DelayRespOfOthers,

    /// <summary>An answer without a request: late, replayed or forged.</summary>
    DelayRespUnmatched,
    DelayRespDuplicate,

    /// <summary>No answer in time.</summary>
    DelayRespMissing,

    /// <summary>No transmit stamp from the card in time.</summary>
    TransmitStampMissing,

    /// <summary>A transmit stamp without a pending request.</summary>
    TransmitStampUnmatched,

    /// <summary>The host could not send a Delay_Req.</summary>
    SendFailed,

    /// <summary>Both leap flags, or one on a day that does not end a month.</summary>
    LeapRejected,
}

/// <summary>Counts since the start, by cause. One writer; readers on other threads read each number whole.</summary>
public sealed class EngineCounters
{
    private readonly long[] _byCause = new long[Enum.GetValues<Cause>().Length];
    private readonly long[] _rejected = new long[Enum.GetValues<ParseError>().Length];

    public long this[Cause cause] => Volatile.Read(ref _byCause[(int)cause]);

    /// <summary>Number of malformed messages for a reason.</summary>
    public long Rejected(ParseError reason) => Volatile.Read(ref _rejected[(int)reason]);

    internal void Add(Cause cause) => Volatile.Write(ref _byCause[(int)cause], _byCause[(int)cause] + 1);

    internal void Add(ParseError reason)
    {
        Volatile.Write(ref _rejected[(int)reason], _rejected[(int)reason] + 1);
        Add(Cause.Malformed);
    }
}
