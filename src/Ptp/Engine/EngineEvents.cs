using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Engine;

/// <summary>What happened; <see cref="EngineEvent.Before"/> and <see cref="EngineEvent.After"/> mean what is said here.</summary>
public enum EventKind
{
    /// <summary>A master was heard twice in time.</summary>
    MasterQualified,

    /// <summary>A master was not heard any more.</summary>
    MasterLost,

    /// <summary>A domain's best master changed.</summary>
    MasterSelected,

    /// <summary>A domain has no master any more.</summary>
    NoMaster,

    /// <summary>Another domain or master is the one to be followed.</summary>
    ReferenceChanged,

    /// <summary>None is.</summary>
    ReferenceLost,

    /// <summary>A boundary clock passes on another grandmaster. Grandmaster identities.</summary>
    GrandmasterChanged,
    SyncLost,
    SyncRestored,
    DelayLost,
    DelayRestored,

    /// <summary>clockClass.</summary>
    ClockClassChanged,

    /// <summary>clockAccuracy.</summary>
    ClockAccuracyChanged,

    /// <summary><see cref="Timescale"/>.</summary>
    TimescaleChanged,

    /// <summary>timeTraceable times 2 plus frequencyTraceable.</summary>
    TraceabilityChanged,

    /// <summary>The TAI - UTC in force, s; 0 if there was none.</summary>
    UtcOffsetChanged,

    /// <summary>The reference does not vouch for its currentUtcOffset any more, or again: 0 or 1.</summary>
    UtcValidityChanged,

    /// <summary>A leap second was announced: After is the TAI second from which the new offset holds.</summary>
    LeapAnnounced,

    /// <summary>It was taken back before it came.</summary>
    LeapWithdrawn,

    /// <summary>Masters disagree: After is the spread of their offsets, ns.</summary>
    MastersDisagree,

    /// <summary>They agree again.</summary>
    MastersAgree,
}

/// <summary>Something that happened, for log and evidence.</summary>
/// <param name="Kind">What.</param>
/// <param name="NowNs">The monotonic time that the engine was given.</param>
/// <param name="Domain">In which domain.</param>
/// <param name="Port">At which master.</param>
/// <param name="Grandmaster">Its grandmaster.</param>
public readonly record struct EngineEvent(EventKind Kind, long NowNs, byte Domain, PortIdentity Port, ClockIdentity Grandmaster, long Before, long After);

/// <summary>
/// Where the engine's results go. Calls come from inside the engine's methods, on its caller's thread, and must not call back into it, but for
/// <see cref="PtpEngine.TransmitStamped"/> and <see cref="PtpEngine.SendFailed"/> from <see cref="SendDelayReq"/>.
/// </summary>
public interface IEngineOutput
{
    /// <summary>An event message is to be sent, with a transmit stamp, as the only one under way on this port.</summary>
    /// <param name="message">The bytes; theirs only during the call.</param>
    /// <param name="to">The master, or the group.</param>
    /// <param name="token">To be given back with the stamp.</param>
    void SendDelayReq(ReadOnlySpan<byte> message, PeerAddress to, uint token);

    /// <summary>One direction was measured.</summary>
    void Sampled(in MeasurementSource source, in PathSample sample);

    /// <summary>Both were: t1 to t4.</summary>
    void Exchanged(in MeasurementSource source, in DelayExchange exchange);

    /// <summary>Something changed.</summary>
    void Happened(in EngineEvent occurrence);
}
