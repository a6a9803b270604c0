using Capbox.Platform.Time;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Servo;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Port;

/// <summary>What a port does with what it measures.</summary>
public enum PortMode
{
    /// <summary>It only measures: the clock is read and never touched.</summary>
    Measure,

    /// <summary>It steers the clock.</summary>
    Steer,
}

/// <summary>The settings of a <see cref="PtpPort"/>; they do not change while it runs.</summary>
public sealed record PtpPortOptions
{
    public required PtpSocketOptions Socket { get; init; }

    /// <summary>Domains, timeouts, corrections. With a clock identity of 0 in <see cref="EngineOptions.Own"/> the interface's MAC makes it.</summary>
    public EngineOptions Engine { get; init; } = new() { Own = default };

    public PortMode Mode { get; init; }
    public SteeringPolicy Steering { get; init; } = new();
    public QualityPolicy Quality { get; init; } = new();

    /// <summary>
    /// What is assumed of a grandmaster that does not tell its accuracy (clockAccuracy 0xFE), ns. Half a second says as much as the grandmaster does: the clock follows, and is no evidence of UTC.
    /// </summary>
    public double UnknownAccuracyNs { get; init; } = 500_000_000;

    /// <summary>The card forgets the dial when its link changes (i40e), and the kernel does not notice.</summary>
    public bool LosesDialAtLinkChange { get; init; }
}

/// <summary>Why a clock moved by other than its frequency.</summary>
public enum StepReason
{
    /// <summary>By <see cref="SteeringPolicy"/>.</summary>
    Policy,

    /// <summary>Somebody else did it; CLOCK_MONOTONIC_RAW told.</summary>
    Foreign,

    /// <summary>Nobody did it: the card forgot its dial at a link change, and the clock ran so far off before it was dialled again; CLOCK_MONOTONIC_RAW told.</summary>
    LostDial,

    /// <summary>Another TAI - UTC: the clock counts UTC and did not move, what it stands for in TAI did.</summary>
    UtcOffset,
}

/// <summary>A step.</summary>
/// <param name="At">What the clock showed right before, in TAI.</param>
/// <param name="StepNs">By how much it moved: as ordered, or as found.</param>
public readonly record struct ClockStep(TaiTime At, long StepNs, StepReason Reason);

/// <summary>Who wants to know what a port does: log and evidence. Called on the port's thread; to return at once, and not to call the port.</summary>
public interface IPortListener
{
    /// <summary>The engine noticed something.</summary>
    void Happened(in EngineEvent occurrence);

    /// <summary>An exchange with a master, reference or not: t1 to t4.</summary>
    void Exchanged(in MeasurementSource source, in DelayExchange exchange);

    /// <summary>The clock was stepped.</summary>
    void Stepped(in ClockStep step);

    /// <summary>The clock did not do what it was told, or was touched by somebody else.</summary>
    void Found(in RawVerdict verdict);

    /// <summary>Steps of path or grandmaster that were not followed are taken for true, as somebody ordered; what was unresolved of them, ns.</summary>
    void Accepted(double unresolvedNs);

    /// <summary>The clock refused to be read or steered; what is said once a second while it lasts.</summary>
    void Failed(string message);
}

/// <summary>How a port stands.</summary>
/// <param name="Quality">State, offset and bound of the clock.</param>
/// <param name="Reference">The master that is followed, if there is one.</param>
/// <param name="Comparison">What all masters say.</param>
/// <param name="Utc">How well TAI - UTC is known.</param>
/// <param name="Forecast">TAI - UTC and the leap second to come; null when it is not known.</param>
/// <param name="DialPpb">What is dialled in, ppb.</param>
/// <param name="IsLinkUp">Carrier.</param>
/// <param name="IsInterfaceThere">False: the port is deaf and must be made anew.</param>
/// <param name="MonotonicNs">When this was so, by CLOCK_MONOTONIC_RAW.</param>
/// <param name="UnresolvedNs">Steps of path or grandmaster that were not followed and can be accepted, ns.</param>
public readonly record struct PortStatus(
    ClockQuality Quality, MasterStatus? Reference, MasterComparison Comparison, UtcKnowledge Utc, UtcForecast? Forecast, double DialPpb, bool IsLinkUp, bool IsInterfaceThere, long MonotonicNs, double UnresolvedNs)
{
    /// <summary>TAI - UTC; null when it is not known.</summary>
    public UtcOffset? UtcOffset => Forecast?.Now;
}
