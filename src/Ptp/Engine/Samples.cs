// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>Source of a measurement.</summary>
/// <param name="Domain">domainNumber.</param>
/// <param name="Port">The port that sent Sync and Delay_Resp.</param>
/// <param name="Grandmaster">The grandmaster that it serves; the port's own clock without a boundary clock between.</param>
/// <param name="IsReference">Whether it is the reference; others are measured for comparison.</param>
/// <param name="Timescale">Whether <see cref="PathSample"/>'s remote stamps are TAI.</param>
public readonly record struct MeasurementSource(
    byte Domain, PortIdentity Port, ClockIdentity Grandmaster, bool IsReference, Timescale Timescale);

/// <summary>
/// One timed message: its departure by the sender's clock and its arrival by the receiver's. t1 and t2 of a Sync, t3 and t4 of a Delay_Req.
/// Local stamps include their static latency.
/// </summary>
/// <param name="IsFromMaster">True for a Sync, false for a Delay_Req.</param>
/// <param name="Sent">t1 or t3.</param>
/// <param name="Received">t2 or t4.</param>
/// <param name="Correction">
/// correctionFields and delay asymmetry: received minus sent minus this is the path delay plus (Sync) or minus (Delay_Req) this clock's
/// offset.
/// </param>
/// <param name="SequenceId">sequenceId of the Sync or Delay_Req.</param>
public readonly record struct PathSample(
    bool IsFromMaster, PtpTimestamp Sent, PtpTimestamp Received, Correction Correction, ushort SequenceId)
{
    /// <summary>Path delay plus or minus the offset, ns. Subtracts whole nanoseconds before it converts to double.</summary>
    public double DifferenceNs => (double)unchecked(Received.Nanoseconds - Sent.Nanoseconds) - Correction.Nanoseconds;

    /// <summary>Both stamps as TAI, if the source keeps the PTP timescale; the ARB timescale cannot be converted.</summary>
    public bool TryGetTai(in MeasurementSource source, out TaiTime sent, out TaiTime received)
    {
        bool isTai = source.Timescale == Timescale.Ptp;
        (sent, received) = isTai ? (new(Sent.Nanoseconds), new(Received.Nanoseconds)) : default((TaiTime, TaiTime));
        return isTai;
    }
}

/// <summary>The last Sync and a Delay_Req: t1 to t4 with their corrections (IEEE 1588-2019 clause 11.3).</summary>
public readonly record struct DelayExchange(PathSample Sync, PathSample Delay)
{
    /// <summary>This clock minus the master's, ns.</summary>
    public double OffsetNs => (Sync.DifferenceNs - Delay.DifferenceNs) / 2;

    /// <summary>Mean path delay, ns. Negative when the local clock moved in between, or a stamp is wrong.</summary>
    public double PathDelayNs => (Sync.DifferenceNs + Delay.DifferenceNs) / 2;
}

/// <summary>The grandmaster's statements about time (IEEE 1588-2019 clause 8.2.4).</summary>
public readonly record struct TimeProperties(
    Timescale Timescale,
    int CurrentUtcOffsetSeconds,
    bool IsUtcOffsetValid,
    bool Leap61,
    bool Leap59,
    bool IsTimeTraceable,
    bool IsFrequencyTraceable,
    byte TimeSource)
{
    public static TimeProperties From(in PtpMessage announce) => new(
        announce.Header.Has(MessageFlags.PtpTimescale) ? Timescale.Ptp : Timescale.Arbitrary,
        announce.Announce.CurrentUtcOffsetSeconds,
        announce.Header.Has(MessageFlags.CurrentUtcOffsetValid),
        announce.Header.Has(MessageFlags.Leap61),
        announce.Header.Has(MessageFlags.Leap59),
        announce.Header.Has(MessageFlags.TimeTraceable),
        announce.Header.Has(MessageFlags.FrequencyTraceable),
        announce.Announce.TimeSource);
}
