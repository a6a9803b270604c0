// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Capbox.Health;

/// <summary>
/// Looks at the box each second and keeps what happened, whether a broker is there or not. Beside the recording: it reads counters, on a
/// thread of the pool.
/// </summary>
internal sealed class EventJournal : IDisposable
{
    private const int MaxPosted = 64;
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1), s_stopWait = TimeSpan.FromSeconds(5);
    private readonly BoxRun _run;
    private readonly Func<BoxSnapshot> _snapshot;
    private readonly ILogger _logger;
    private readonly EventDetector _detector = new();
    private readonly ConcurrentQueue<BoxEvent> _posted = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _adding = new();
    private Task _watching = Task.CompletedTask;
    private ulong _sequence;
    private string? _fault;

    /// <param name="run">Identity in the head of each event.</param>
    /// <param name="snapshot">Counters of the box.</param>
    /// <param name="spool">Where events are kept; disposed by the caller.</param>
    /// <param name="logger">For a disk that rejects them.</param>
    public EventJournal(BoxRun run, Func<BoxSnapshot> snapshot, EventSpool spool, ILogger logger) =>
        (_run, _snapshot, Spool, _logger) = (run, snapshot, spool, logger);

    public EventSpool Spool { get; }

    public void Start() => _watching = Task.Run(WatchAsync);

    /// <summary>Keeps an event that another part detected; returns when it is on disk.</summary>
    public void Add(BoxEvent what) => Add([what]);

    /// <summary>Keeps an event with the next look; returns at once. Beyond the bound, events are dropped.</summary>
    public void Post(BoxEvent what)
    {
        if (_posted.Count < MaxPosted)
            _posted.Enqueue(what);
    }

    /// <summary>The last event says that the box stopped in order.</summary>
    public void Dispose()
    {
        if (_stop.IsCancellationRequested)
            return;
        _stop.Cancel();
        _watching.Wait(s_stopWait);
        DetectNow();
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
        MessageHead head = _run.Head(what.At, ++_sequence);
        var message = new EventMessage(head, what.Severity, what.Code, what.Component, what.Text.Length > 1000 ? what.Text[..1000] : what.Text, what.Data);
        string suffix = $"event/{what.Severity.ToString().ToLowerInvariant()}/{what.Code}\n";
        return [.. Encoding.ASCII.GetBytes(suffix), .. JsonSerializer.SerializeToUtf8Bytes(message, EventJson.Default.EventMessage)];
    }

    private async Task WatchAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            DetectNow();
            await Task.Delay(s_interval, _stop.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private void DetectNow()
    {
        try
        {
            Add([.. TakePosted(), .. _detector.Detect(_snapshot())]);
            Spool.Save();
        }
        catch (Exception e)
        {
            // A look that fails is one look.
            _logger.LogError("events: {Reason}", e.Message);
        }
    }

    private IEnumerable<BoxEvent> TakePosted()
    {
        while (_posted.TryDequeue(out BoxEvent? what))
            yield return what;
    }
}
