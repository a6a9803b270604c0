// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Engine;

/// <summary>Kind of an event; <see cref="EngineEvent.Before"/> and <see cref="EngineEvent.After"/> have the meaning given here.</summary>
public enum EventKind
{
    /// <summary>Two Announces of a master arrived in time.</summary>
    MasterQualified,

    /// <summary>The Announces of a master timed out.</summary>
    MasterLost,

    /// <summary>The best master of a domain changed.</summary>
    MasterSelected,

    /// <summary>A domain has no master any more.</summary>
    NoMaster,

    /// <summary>Another domain or master is the reference.</summary>
    ReferenceChanged,

    /// <summary>There is no reference any more.</summary>
    ReferenceLost,

    /// <summary>A boundary clock serves another grandmaster. Grandmaster identities.</summary>
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

    /// <summary>The reference stopped or resumed to flag its currentUtcOffset as valid: 0 or 1.</summary>
    UtcValidityChanged,

    /// <summary>A leap second was announced: After is the TAI second from which the new offset holds.</summary>
    LeapAnnounced,

    /// <summary>An announced leap second was withdrawn.</summary>
    LeapWithdrawn,

    /// <summary>Masters disagree: After is the spread of their offsets, ns.</summary>
    MastersDisagree,

    /// <summary>Masters agree again.</summary>
    MastersAgree,
}

/// <summary>An event, for log and evidence.</summary>
/// <param name="Kind">Kind of the event.</param>
/// <param name="NowNs">Monotonic time given to the engine.</param>
/// <param name="Domain">Domain of the event.</param>
/// <param name="Port">Port of the master.</param>
/// <param name="Grandmaster">Grandmaster of the master.</param>
public readonly record struct EngineEvent(
    EventKind Kind, long NowNs, byte Domain, PortIdentity Port, ClockIdentity Grandmaster, long Before, long After);

/// <summary>
/// Receives the engine's results. The engine calls it inside its methods, on its caller's thread. An implementation must not call back into
/// the engine, except <see cref="PtpEngine.TransmitStamped"/> and <see cref="PtpEngine.SendFailed"/> from <see cref="SendDelayReq"/>.
/// </summary>
public interface IEngineOutput
{
    /// <summary>Sends an event message with a transmit stamp; no other one is pending on this port.</summary>
    /// <param name="message">The bytes, valid only during the call.</param>
    /// <param name="to">The master, or the group.</param>
    /// <param name="token">Identifies the message when its stamp arrives.</param>
    void SendDelayReq(ReadOnlySpan<byte> message, PeerAddress to, uint token);

    /// <summary>One direction was measured.</summary>
    void Sampled(in MeasurementSource source, in PathSample sample);

    /// <summary>Both directions were measured: t1 to t4.</summary>
    void Exchanged(in MeasurementSource source, in DelayExchange exchange);

    /// <summary>A change of state.</summary>
    void Happened(in EngineEvent occurrence);
}
