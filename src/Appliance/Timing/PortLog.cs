// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Engine;
using Capbox.Ptp.Port;
using Capbox.Ptp.Servo;
using Capbox.Timing.Raw;
using Microsoft.Extensions.Logging;

namespace Capbox.Timing;

/// <summary>Logs the events of a PTP port: at most <see cref="MostAMinute"/> lines a minute; further lines are counted.</summary>
/// <param name="logger">Receives the lines.</param>
/// <param name="exchanges">Receives t1 to t4; null for none.</param>
internal sealed class PortLog(ILogger logger, ExchangeLog? exchanges = null) : IPortListener
{
    private const int MostAMinute = 60;
    private const long MinuteMs = 60_000, FaultMs = 2_000;

    private long _minuteMs = Environment.TickCount64;
    private int _lines, _suppressed;
    private string? _fault;
    private long _faultMs;

    /// <summary>Steps of the clock, whoever made them.</summary>
    public long Steps { get; private set; }

    /// <summary>Last failure of the clock; null when it has not failed for two seconds.</summary>
    public string? Fault => _fault is not null && Environment.TickCount64 - _faultMs < FaultMs ? _fault : null;

    public void Happened(in EngineEvent occurrence)
    {
        if (MayWrite())
        {
            logger.LogInformation(
                "clock: {Kind}, domain {Domain}, port {Port}, grandmaster {Grandmaster}: {Before} -> {After}",
                occurrence.Kind, occurrence.Domain, occurrence.Port, occurrence.Grandmaster, occurrence.Before, occurrence.After);
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

    public void Accepted(double unresolvedNs) =>
        logger.LogWarning("clock: accepted {Unresolved:F0} ns of steps that were not followed", unresolvedNs);

    /// <summary>A clock moved without a report.</summary>
    public void ReportUnexplained(string message)
    {
        if (MayWrite())
            logger.LogWarning("clock: {Message}", message);
    }

    /// <summary>Any other event for the log.</summary>
    public void Report(string message)
    {
        if (MayWrite())
            logger.LogInformation("clock: {Message}", message);
    }

    private bool MayWrite()
    {
        long now = Environment.TickCount64;
        if (now - _minuteMs >= MinuteMs)
        {
            if (_suppressed > 0)
                logger.LogWarning("clock: {Count} lines were suppressed in the last minute", _suppressed);
            (_minuteMs, _lines, _suppressed) = (now, 0, 0);
        }

        if (_lines < MostAMinute)
            return ++_lines > 0;
        _suppressed++;
        return false;
    }
}
