// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Servo;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Port;

/// <summary>Use of the measurements by a port.</summary>
public enum PortMode
{
    /// <summary>The port only measures: the clock is read and never changed.</summary>
    Measure,

    /// <summary>The port steers the clock.</summary>
    Steer,
}

/// <summary>Settings of a <see cref="PtpPort"/>; immutable while it runs.</summary>
public sealed record PtpPortOptions
{
    public required PtpSocketOptions Socket { get; init; }

    /// <summary>
    /// Domains, timeouts, corrections. If the clock identity of <see cref="EngineOptions.Own"/> is 0, the interface's MAC makes one.
    /// </summary>
    public EngineOptions Engine { get; init; } = new() { Own = default };

    public PortMode Mode { get; init; }
    public SteeringPolicy Steering { get; init; } = new();
    public QualityPolicy Quality { get; init; } = new();

    /// <summary>
    /// Accuracy assumed of a grandmaster that does not state it (clockAccuracy 0xFE), ns. Half a second is as vague as the grandmaster: the
    /// clock follows, and is no evidence of UTC.
    /// </summary>
    public double UnknownAccuracyNs { get; init; } = 500_000_000;

    /// <summary>The card loses its frequency adjustment when its link changes (i40e), and the kernel does not notice.</summary>
    public bool LosesFrequencyAtLinkChange { get; init; }
}

/// <summary>Reason for a step of a clock.</summary>
public enum StepReason
{
    /// <summary>Ordered by <see cref="SteeringPolicy"/>.</summary>
    Policy,

    /// <summary>Another program stepped the clock; found by CLOCK_MONOTONIC_RAW.</summary>
    Foreign,

    /// <summary>
    /// The card lost its frequency adjustment at a link change, and the clock drifted until it was adjusted again; found by
    /// CLOCK_MONOTONIC_RAW.
    /// </summary>
    FrequencyLost,

    /// <summary>TAI - UTC changed: the clock counts UTC and did not move, its TAI did.</summary>
    UtcOffset,
}

/// <summary>A step of the clock.</summary>
/// <param name="At">TAI of the clock right before the step.</param>
/// <param name="StepNs">Size of the step, as ordered or as found.</param>
public readonly record struct ClockStep(TaiTime At, long StepNs, StepReason Reason);

/// <summary>
/// Receives the events of a port, for log and evidence. Called on the port's thread; must return at once and must not call the port.
/// </summary>
public interface IPortListener
{
    /// <summary>An event of the engine.</summary>
    void Happened(in EngineEvent occurrence);

    /// <summary>An exchange with a master, reference or not: t1 to t4.</summary>
    void Exchanged(in MeasurementSource source, in DelayExchange exchange);

    /// <summary>A step of the clock.</summary>
    void Stepped(in ClockStep step);

    /// <summary>The clock deviated from its frequency adjustment, or another program changed it.</summary>
    void Found(in RawVerdict verdict);

    /// <summary>Steps of path or grandmaster that were not followed were accepted by an order; their sum, ns.</summary>
    void Accepted(double unresolvedNs);

    /// <summary>The clock could not be read or steered; repeated once a second while it lasts.</summary>
    void Failed(string message);
}

/// <summary>State of a port.</summary>
/// <param name="Quality">State, offset and bound of the clock.</param>
/// <param name="Reference">The master that is followed; null without one.</param>
/// <param name="Comparison">Comparison of all masters.</param>
/// <param name="Utc">Knowledge of TAI - UTC.</param>
/// <param name="Forecast">TAI - UTC and the next leap second; null if unknown.</param>
/// <param name="AdjustmentPpb">Current frequency adjustment, ppb.</param>
/// <param name="IsLinkUp">True with carrier.</param>
/// <param name="IsInterfaceThere">False: the port hears nothing any more and must be opened again.</param>
/// <param name="MonotonicNs">Time of this state, by CLOCK_MONOTONIC_RAW.</param>
/// <param name="UnresolvedNs">Steps of path or grandmaster that were not followed and can be accepted, ns.</param>
public readonly record struct PortStatus(
    ClockQuality Quality,
    MasterStatus? Reference,
    MasterComparison Comparison,
    UtcKnowledge Utc,
    UtcForecast? Forecast,
    double AdjustmentPpb,
    bool IsLinkUp,
    bool IsInterfaceThere,
    long MonotonicNs,
    double UnresolvedNs)
{
    /// <summary>TAI - UTC; null if unknown.</summary>
    public UtcOffset? UtcOffset => Forecast?.Now;
}
