// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Timing.Evidence;
using Capbox.Timing.Raw;
using Microsoft.Extensions.Logging;

namespace Capbox.Timing;

/// <summary>
/// Runs the time source on a thread of its own and publishes the quality of its stamps to the recorder. When the interface or the card
/// disappears, the supervisor opens the source again, with a backoff of up to <see cref="LongestWaitMs"/>. A fault of the clock never
/// touches the recording: the published quality is then None.
/// </summary>
internal sealed class ClockSupervisor : IDisposable
{
    private const int ShortestWaitMs = 1_000, LongestWaitMs = 30_000, StopWaitMs = 10_000;

    private readonly ClockOptions _options;
    private readonly Func<IReadOnlyList<PortOptions>> _ports;
    private readonly TimeQualityLog _qualities;
    private readonly string _archive;
    private readonly ILogger _logger;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;
    private EvidenceRecorder? _evidence;
    private ExchangeLog? _exchanges;
    private ClockSnapshot _snapshot;
    private volatile ITimeSource? _source;
    private string? _reportedProblem;

    /// <param name="options">Time source and limits.</param>
    /// <param name="ports">Current ports of the recorder, by index.</param>
    /// <param name="qualities">Receives the quality of the stamps.</param>
    /// <param name="archive">Archive for evidence and exchanges.</param>
    /// <param name="logger">Receives changes of state and faults.</param>
    public ClockSupervisor(
        ClockOptions options, Func<IReadOnlyList<PortOptions>> ports, TimeQualityLog qualities, string archive, ILogger logger)
    {
        (_options, _ports, _qualities, _archive, _logger) = (options, ports, qualities, archive, logger);
        _snapshot = Unavailable(null);
        _thread = new Thread(Run) { IsBackground = true, Name = "capbox-clock" };
    }

    /// <summary>State at the last second. Any thread.</summary>
    public ClockSnapshot Snapshot => Volatile.Read(ref _snapshot);

    public void Start()
    {
        if (_options.LogDays > 0)
            _evidence = new EvidenceRecorder(_archive, _options, _ports());
        if (_options.ExchangeLogBytes > 0)
            _exchanges = new ExchangeLog(_archive, _options.ExchangeLogBytes);
        _thread.Start();
    }

    /// <summary>Accepts the steps of path or grandmaster that the servo did not follow; the clock follows them within a second.</summary>
    /// <returns>Sum of the accepted steps, ns.</returns>
    /// <exception cref="ClockRequestException">There is nothing to accept.</exception>
    public double AcceptShifts()
    {
        ITimeSource source = _source ?? throw new ClockRequestException(Snapshot.Fault ?? "the time source is not available now");
        return source.AcceptShifts() ?? throw new ClockRequestException($"{Snapshot.Source} decides what it follows");
    }

    /// <summary>Stops the thread. The clock keeps its last frequency adjustment.</summary>
    public void Dispose()
    {
        _stop.Set();
        _source?.Stop();
        if ((_thread.ThreadState & ThreadState.Unstarted) == 0)
            _thread.Join(StopWaitMs);
        _evidence?.Dispose();
        _exchanges?.Dispose();
        (_evidence, _exchanges) = (null, null);
    }

    private void Run()
    {
        int waitMs = ShortestWaitMs;
        while (!_stop.IsSet)
        {
            try
            {
                using ITimeSource source = _options.Source == ClockSource.Ptp
                    ? new PtpTimeSource(_options, _ports, _exchanges, _logger)
                    : new DaemonTimeSource(_options, _ports, _logger);
                _source = source;
                ReportProblem(null);
                waitMs = ShortestWaitMs;
                while (!_stop.IsSet && source.Turn())
                    PublishQuality(source);
            }
            catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
            {
                ReportProblem(e.Message);
            }

            _source = null;
            // Evidence covers the seconds without a source, too.
            for (int waitedMs = 0; waitedMs < waitMs && !_stop.IsSet; waitedMs += ShortestWaitMs)
            {
                PublishNone();
                _stop.Wait(ShortestWaitMs);
            }

            waitMs = Math.Min(2 * waitMs, LongestWaitMs);
        }
    }

    private void PublishQuality(ITimeSource source)
    {
        if (!source.TryEvaluate(out TimeQuality system, out ReadOnlySpan<TimeQuality> cards, out ClockSnapshot snapshot))
            return;
        _qualities.Publish(Platform.Time.UtcTime.Now.Nanoseconds, system, cards);
        if (source.SegmentUtc is { } utc)
            _qualities.PublishUtc(utc.Offset, utc.From);
        if (snapshot.State != _snapshot.State)
        {
            _logger.LogInformation(
                "clock: {State}, offset {Offset:F0} ns, bound {Bound:F0} ns, reference {Grandmaster}",
                snapshot.State, snapshot.OffsetNs, snapshot.BoundNs, snapshot.Grandmaster ?? "none");
        }

        Publish(snapshot);
    }

    private void Publish(ClockSnapshot snapshot)
    {
        // A clock without quality during shutdown is no evidence.
        if (!_stop.IsSet)
            _evidence?.Record(snapshot);
        Volatile.Write(ref _snapshot, snapshot with { Fault = snapshot.Fault ?? _evidence?.Fault ?? _exchanges?.Fault });
    }

    private void PublishNone()
    {
        TimeQuality[] cards = new TimeQuality[RecordingPlan.MaxPorts];
        Array.Fill(cards, TimeQuality.None);
        _qualities.Publish(Platform.Time.UtcTime.Now.Nanoseconds, TimeQuality.None, cards);
        Publish(Unavailable(_reportedProblem));
    }

    private ClockSnapshot Unavailable(string? fault) => new()
    {
        Interface = _options.Interface,
        Source = _options.Source switch { ClockSource.Ptp4l => "ptp4l", ClockSource.Chrony => "chronyd", _ => "capbox" },
        Steered = _options is { IsSteered: true, Source: ClockSource.Ptp },
        State = ClockState.Untraceable,
        Fault = fault,
    };

    private void ReportProblem(string? problem)
    {
        if (problem is not null && problem != _reportedProblem)
            _logger.LogError("clock: {Problem}; recording continues, its stamps have no bound", problem);
        _reportedProblem = problem;
    }
}
