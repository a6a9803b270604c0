using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Capbox.Changes;
using Capbox.Commands;
using Capbox.Mqtt;
using Microsoft.Extensions.Logging;

namespace Capbox.Health;

/// <summary>Looks at the box each second and keeps what happened, whether a broker is there or not. Beside the recording: it reads counters, on a thread of the pool.</summary>
internal sealed class EventJournal : IDisposable
{
    private const int MaxReports = 64;
    private static readonly TimeSpan s_lookEvery = TimeSpan.FromSeconds(1), s_stopWait = TimeSpan.FromSeconds(5);
    private readonly BoxRun _run;
    private readonly Func<BoxSnapshot> _snapshot;
    private readonly IConfigurator? _configurator;
    private readonly ILogger _logger;
    private readonly EventMaker _maker = new();
    private readonly ConcurrentQueue<ConfigReport> _reports = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _adding = new();
    private Task _looking = Task.CompletedTask;
    private ConfigReport? _told;
    private ulong _sequence;
    private string? _fault;

    /// <param name="run">Who speaks.</param>
    /// <param name="snapshot">The box.</param>
    /// <param name="configurator">Null: the configuration is a file.</param>
    /// <param name="spool">Where they are kept; disposed with this.</param>
    /// <param name="logger">For a disk that refuses them.</param>
    public EventJournal(BoxRun run, Func<BoxSnapshot> snapshot, IConfigurator? configurator, EventSpool spool, ILogger logger) =>
        (_run, _snapshot, _configurator, Spool, _logger) = (run, snapshot, configurator, spool, logger);

    public EventSpool Spool { get; }

    /// <param name="takenBack">What was taken back before this start, when there was nobody to tell; null: nothing.</param>
    public void Start(ConfigReport? takenBack = null)
    {
        ConfigReport? config = _told = _configurator?.Report;
        string configured = config is null ? "" : string.Create(CultureInfo.InvariantCulture, $", configuration version {config.Version} ({ConfigStatusAnswer.Of(config).Status}), revision {config.Revision}");
        Add(new BoxEvent(DateTimeOffset.UtcNow, EventSeverity.Info, "started", "control", $"{Packets.Pcapng.SegmentHeader.Application} started{configured}")
        {
            Data = new EventData { Version = config?.Version, Id = config?.Id, Revision = config?.Revision },
        });
        if (takenBack is not null && EventMaker.Config(null, takenBack, DateTimeOffset.UtcNow) is { } what)
            Add(what);
        if (_configurator is not null)
            _configurator.Changed += NoteReport;
        _looking = Task.Run(LookAsync);
    }

    /// <summary>Keeps one that was noticed elsewhere.</summary>
    public void Add(BoxEvent what) => Add([what]);

    /// <summary>A document that never came to the configurator, or was refused while another waits there.</summary>
    public void AddRejected(ReportedMessage answer) => Add(new BoxEvent(
        DateTimeOffset.UtcNow, EventSeverity.Warning, "config-rejected", "control", $"a configuration was refused: {(answer.Errors is [{ } first, ..] ? $"{first.Path}: {first.Reason}" : answer.Status)}")
    {
        Data = new EventData { Version = answer.Version, Id = answer.Id, Revision = answer.Revision },
    });

    /// <summary>The last event says that the box stopped in order.</summary>
    public void Dispose()
    {
        if (_stop.IsCancellationRequested)
            return;
        if (_configurator is not null)
            _configurator.Changed -= NoteReport;
        _stop.Cancel();
        _looking.Wait(s_stopWait);
        Look();
        Add(new BoxEvent(DateTimeOffset.UtcNow, EventSeverity.Info, "stopped", "control", "capbox stops in order"));
        Spool.Save();
    }

    /// <summary>Topic and payload of one that was kept; how many before it were lost is told in it.</summary>
    public static (string Suffix, byte[] Json) Unpack(SpooledEvent kept)
    {
        int end = Array.IndexOf(kept.Payload, (byte)'\n');
        byte[] json = kept.Payload[(end + 1)..];
        if (kept.Missed > 0)
            json = [.. json.AsSpan(0, json.Length - 1), .. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $",\"missed\":{kept.Missed}}}"))];
        return (Encoding.ASCII.GetString(kept.Payload, 0, end), json);
    }

    private void Add(IReadOnlyList<BoxEvent> events)
    {
        if (events.Count == 0)
            return;
        lock (_adding)
            Spool.Append([.. events.Select(Pack)]);
        string? fault = Spool.Fault;
        if (fault is not null && fault != _fault)
            _logger.LogError("events: {Fault}; kept in memory meanwhile", fault);
        _fault = fault;
    }

    /// <summary>Topic and payload in one; a line each.</summary>
    private byte[] Pack(BoxEvent what)
    {
        var head = new TelemetryHead(what.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture), _run.BootId, _run.Run, ++_sequence);
        var message = new EventMessage(head, what.Severity, what.Code, what.Component, what.Text.Length > 1000 ? what.Text[..1000] : what.Text, what.Data);
        string suffix = $"event/{what.Severity.ToString().ToLowerInvariant()}/{what.Code}\n";
        return [.. Encoding.ASCII.GetBytes(suffix), .. JsonSerializer.SerializeToUtf8Bytes(message, EventJson.Default.EventMessage)];
    }

    private async Task LookAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            Look();
            await Task.Delay(s_lookEvery, _stop.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private void Look()
    {
        try
        {
            Add([.. Reports(), .. _maker.Look(_snapshot())]);
            Spool.Save();
        }
        catch (Exception e)
        {
            // A look that fails is one look.
            _logger.LogError("events: {Reason}", e.Message);
        }
    }

    private void NoteReport()
    {
        if (_reports.Count < MaxReports)
            _reports.Enqueue(_configurator!.Report);
    }

    private IEnumerable<BoxEvent> Reports()
    {
        while (_reports.TryDequeue(out ConfigReport? report))
        {
            if (EventMaker.Config(_told!, report, DateTimeOffset.UtcNow) is { } what)
                yield return what;
            _told = report;
        }
    }
}
