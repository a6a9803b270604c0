// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Ptp.Servo;

/// <summary>The direction of a timed message.</summary>
public enum PathDirection
{
    /// <summary>Grandmaster to this clock: a Sync, t1 and t2.</summary>
    Forward = 0,

    /// <summary>This clock to the grandmaster: a Delay_Req, t3 and t4.</summary>
    Reverse = 1,
}

/// <summary>
/// One timed message: its departure by the sender's clock and its arrival by the receiver's clock (IEEE 1588-2019 clause 11.3). Each
/// direction is fed separately, because their rates may differ and either may be lost.
/// </summary>
/// <param name="Direction">Which of the two clocks sent it.</param>
/// <param name="Sent">t1 (grandmaster's clock) or t3 (this PHC).</param>
/// <param name="Received">t2 (this PHC) or t4 (grandmaster's clock).</param>
/// <param name="CorrectionNs">Sum of the correctionFields and static latency corrections, ns: time that is not path delay.</param>
public readonly record struct TimedMessage(PathDirection Direction, TaiTime Sent, TaiTime Received, double CorrectionNs)
{
    /// <summary>The stamp of this PHC, in PHC time.</summary>
    public TaiTime LocalTime => Direction == PathDirection.Forward ? Received : Sent;

    /// <summary>Received minus sent, before the correction: path delay plus or minus the offset, ns.</summary>
    internal long RawDifferenceNs => Received.Nanoseconds - Sent.Nanoseconds;
}

/// <summary>A complete exchange: Sync and Delay_Req with their corrections.</summary>
public readonly record struct Exchange(TaiTime T1, TaiTime T2, double SyncCorrectionNs, TaiTime T3, TaiTime T4, double DelayCorrectionNs)
{
    /// <summary>The Sync's half.</summary>
    public TimedMessage Sync => new(PathDirection.Forward, T1, T2, SyncCorrectionNs);

    /// <summary>The Delay_Req's half.</summary>
    public TimedMessage Delay => new(PathDirection.Reverse, T3, T4, DelayCorrectionNs);
}
