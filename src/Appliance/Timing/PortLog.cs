using Capbox.Ptp.Engine;
using Capbox.Ptp.Port;
using Capbox.Ptp.Servo;
using Capbox.Timing.Raw;
using Microsoft.Extensions.Logging;

namespace Capbox.Timing;

/// <summary>What happens at a PTP port, in the log: at most <see cref="MostAMinute"/> lines a minute, what is left out is counted.</summary>
/// <param name="logger">Where to.</param>
/// <param name="exchanges">Where t1 to t4 go; null: nowhere.</param>
internal sealed class PortLog(ILogger logger, ExchangeLog? exchanges = null) : IPortListener
{
    private const int MostAMinute = 60;
    private const long MinuteMs = 60_000, FaultMs = 2_000;

    private long _minuteMs = Environment.TickCount64;
    private int _lines, _leftOut;
    private string? _fault;
    private long _faultMs;

    /// <summary>Steps of the clock, by whomever.</summary>
    public long Steps { get; private set; }

    /// <summary>What the clock refuses; null when it has not said so for two seconds.</summary>
    public string? Fault => _fault is not null && Environment.TickCount64 - _faultMs < FaultMs ? _fault : null;

    public void Happened(in EngineEvent occurrence)
    {
        if (MayWrite())
        {
            logger.LogInformation(
                "clock: {Kind}, domain {Domain}, port {Port}, grandmaster {Grandmaster}: {Before} -> {After}", occurrence.Kind, occurrence.Domain, occurrence.Port, occurrence.Grandmaster, occurrence.Before,
                occurrence.After);
        }
    }

    public void Exchanged(in MeasurementSource source, in DelayExchange exchange) => exchanges?.Post(source, exchange);

    public void Stepped(in ClockStep step)
    {
        Steps++;
        if (MayWrite())
            logger.LogWarning("clock: stepped by {Step} ns at {At} ns TAI: {Reason}", step.StepNs, step.At.Nanoseconds, step.Reason);
    }

    public void Found(in RawVerdict verdict)
    {
        if (MayWrite())
            logger.LogWarning("clock: {Finding}: step {Step:F0} ns, rate {Rate:F1} ppb", verdict.Finding, verdict.StepNs, verdict.RatePpb);
    }

    public void Failed(string message)
    {
        if (message != _fault && MayWrite())
            logger.LogError("clock: {Message}", message);
        (_fault, _faultMs) = (message, Environment.TickCount64);
    }

    public void Accepted(double unresolvedNs) => logger.LogWarning("clock: {Unresolved:F0} ns of steps that were not followed are accepted as true", unresolvedNs);

    /// <summary>A clock did what nobody reported.</summary>
    public void Unexplained(string message)
    {
        if (MayWrite())
            logger.LogWarning("clock: {Message}", message);
    }

    /// <summary>Something else that people want to know.</summary>
    public void Note(string message)
    {
        if (MayWrite())
            logger.LogInformation("clock: {Message}", message);
    }

    private bool MayWrite()
    {
        long now = Environment.TickCount64;
        if (now - _minuteMs >= MinuteMs)
        {
            if (_leftOut > 0)
                logger.LogWarning("clock: {Count} lines were left out in the last minute", _leftOut);
            (_minuteMs, _lines, _leftOut) = (now, 0, 0);
        }

        if (_lines < MostAMinute)
            return ++_lines > 0;
        _leftOut++;
        return false;
    }
}
