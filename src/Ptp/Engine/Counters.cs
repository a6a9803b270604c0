using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>Where a message, or an exchange that was hoped for, ended.</summary>
public enum Cause
{
    /// <summary>A Sync, with its Follow_Up if it has one, became a sample.</summary>
    SyncUsed,

    /// <summary>A Delay_Req and its Delay_Resp became a sample.</summary>
    DelayUsed,

    /// <summary>An Announce of a master that may be followed.</summary>
    AnnounceUsed,

    /// <summary>A Follow_Up that found its Sync, or waits for it.</summary>
    FollowUpUsed,

    /// <summary>Delay_Req sent.</summary>
    DelayReqSent,

    /// <summary>Not a PTP message: see <see cref="EngineCounters.Refused"/> for why.</summary>
    Malformed,
    OtherSdo,
    OtherDomain,

    /// <summary>Our own message came back.</summary>
    Own,

    /// <summary>Peer delay, signaling, management, or other slaves' Delay_Req: nothing to do with them.</summary>
    NotForSlave,

    /// <summary>An event message from the general port, or the other way round.</summary>
    WrongChannel,

    /// <summary>An event message without a receive stamp: the card had none left, or does not stamp this kind.</summary>
    NoReceiveStamp,

    /// <summary>correctionField says that it is too large to tell.</summary>
    CorrectionSaturated,
    GrandmasterNotAllowed,

    /// <summary>stepsRemoved of 255 or more, or no grandmaster identity (IEEE 1588-2019 clause 9.3.2.5).</summary>
    AnnounceUseless,

    /// <summary>From a master that is not to be selected (alternateMasterFlag).</summary>
    AlternateMaster,

    /// <summary>A sequenceId that was there, or is older than the last.</summary>
    AnnounceReplayed,

    /// <summary>The table of masters is full of better ones.</summary>
    TableFull,

    /// <summary>From a known master's identity, by another address.</summary>
    WrongAddress,

    /// <summary>Sync, Follow_Up or Delay_Resp of who is no qualified master: spoofed, or too early.</summary>
    UnknownMaster,

    /// <summary>Of a master that is not selected, while only the selected are measured.</summary>
    NotSelected,
    SyncDuplicate,

    /// <summary>A Sync that is older than the last: out of order or replayed.</summary>
    SyncReplayed,
    FollowUpDuplicate,

    /// <summary>A Follow_Up to a Sync that is over: late or replayed.</summary>
    FollowUpReplayed,

    /// <summary>A Sync whose Follow_Up did not come.</summary>
    FollowUpMissing,

    /// <summary>A Follow_Up whose Sync did not come.</summary>
    SyncMissing,

    /// <summary>Another slave's answer: usual with multicast.</summary>
    DelayRespOfOthers,

    /// <summary>An answer to no question: late, replayed or made up.</summary>
    DelayRespUnmatched,
    DelayRespDuplicate,

    /// <summary>No answer in time.</summary>
    DelayRespMissing,

    /// <summary>The card gave no transmit stamp in time.</summary>
    TransmitStampMissing,

    /// <summary>A transmit stamp for what is no longer under way.</summary>
    TransmitStampUnmatched,

    /// <summary>The host could not send a Delay_Req.</summary>
    SendFailed,

    /// <summary>Both leap flags, or one on a day that does not end a month.</summary>
    LeapRefused,
}

/// <summary>Counts since the start, by cause. One writer; readers on other threads see numbers that are whole, each on its own.</summary>
public sealed class EngineCounters
{
    private readonly long[] _byCause = new long[Enum.GetValues<Cause>().Length];
    private readonly long[] _refused = new long[Enum.GetValues<ParseError>().Length];

    public long this[Cause cause] => Volatile.Read(ref _byCause[(int)cause]);

    /// <summary>How many bytes that claimed to be a message were refused for a reason.</summary>
    public long Refused(ParseError reason) => Volatile.Read(ref _refused[(int)reason]);

    internal void Add(Cause cause) => Volatile.Write(ref _byCause[(int)cause], _byCause[(int)cause] + 1);

    internal void Add(ParseError reason)
    {
        Volatile.Write(ref _refused[(int)reason], _refused[(int)reason] + 1);
        Add(Cause.Malformed);
    }
}
