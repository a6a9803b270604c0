// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Capture;

/// <summary>Result of a trigger. Times are UTC nanoseconds.</summary>
public sealed record TriggerResult
{
    /// <summary>Null if it was accepted, else the reason, one line.</summary>
    public string? Problem { get; init; }

    /// <summary>What it opened or prolonged.</summary>
    public TriggerWindow? Window { get; init; }

    /// <summary>True when a window was open already: it ends later now.</summary>
    public bool Prolonged { get; init; }

    /// <summary>Rings that write; 0: no port captures now.</summary>
    public int Rings { get; init; }
}

/// <summary>A stretch of time whose packets are written. Times are UTC nanoseconds by the clock of this machine.</summary>
/// <param name="Number">Counts windows since the recorder started; the same for every trigger that prolongs one.</param>
/// <param name="Reason">Reason of the latest trigger.</param>
/// <param name="TriggeredUtcNs">When that was.</param>
/// <param name="FromUtcNs">As far back as it should reach: the configured time before the window's first trigger.</param>
/// <param name="ReachedUtcNs">
/// As far back as it does: from here on every packet of the ports is stored or counted as lost. Not before <paramref name="FromUtcNs"/>.
/// </param>
/// <param name="ToUtcNs">Its end; whole blocks are written, so there are usually packets after it, and before its start.</param>
/// <param name="Ended">True when all of it is written and its segment is being sealed; nothing more is reported of this window.</param>
public sealed record TriggerWindow(ulong Number, string Reason, long TriggeredUtcNs, long FromUtcNs, long ReachedUtcNs, long ToUtcNs,
    bool Ended);

/// <summary>
/// The flight recorder's control side (mode trigger): accepts triggers, opens the gate for the rings, watches the filter that triggers, and
/// ends windows. One thread; the rings never wait for it.
/// </summary>
internal sealed class FlightRecorder : IDisposable
{
    /// <summary>Matches are looked for this often: the latency of an automatic trigger.</summary>
    private const int TickMs = 20;

    /// <summary>
    /// Rings sleep for 100 ms at most; one that does not answer in this time is blocked and reaches back as far as it last reported.
    /// </summary>
    private const int AnswerMs = 500;

    private readonly TriggerOptions _options;
    private readonly ILogger _logger;
    private readonly TriggerGate _gate = new();
    private readonly List<PreTriggerPolicy> _rings = [];
    private readonly Lock _triggers = new(); // one trigger or tick at a time; before the lock of _rings
    private readonly ManualResetEventSlim _stop = new(initialState: false, spinCount: 0);
    private readonly long _beforeNs, _afterNs, _holdoffNs;
    private Thread? _thread;
    private TriggerWindow? _window; // the open one, as last reported
    private long _version, _reportedUntilNs;
    private long _lastMatchNs = long.MinValue / 2;
    private ulong _windows, _triggerCount;
    private TriggerWindow? _last;

    public FlightRecorder(TriggerOptions options, ILogger logger)
    {
        _options = options;
        _logger = logger;
        _beforeNs = PreTriggerPolicy.Nanoseconds(options.Before);
        _afterNs = PreTriggerPolicy.Nanoseconds(options.After);
        _holdoffNs = PreTriggerPolicy.Nanoseconds(options.Holdoff);
    }

    /// <summary>Gives the name of a port on which packets matched since the last call, or null. Set before <see cref="Start"/>.</summary>
    public Func<string?> TakeMatch { get; init; } = () => null;

    /// <summary>A window begins: empty segments start now.</summary>
    public Action Opening { get; init; } = () => { };

    /// <summary>A window has ended: the segments are sealed.</summary>
    public Action Ending { get; init; } = () => { };

    /// <summary>Called as <see cref="Recorder.Triggered"/> says.</summary>
    public Action<TriggerWindow>? Report { get; init; }

    public string? Filter => _options.Filter;

    public void Start()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "capbox-trigger" };
        _thread.Start();
    }

    /// <summary>The policy of a ring that is being opened.</summary>
    public PreTriggerPolicy NewPolicy(int blocks, int handoverMs) => new(_gate, blocks, _options.Before, handoverMs);

    /// <summary>The handover time such a ring needs.</summary>
    public int HandoverMs(int configuredMs, int blocks) => PreTriggerPolicy.HandoverMs(configuredMs, blocks, _options.Before);

    /// <summary>A ring's thread runs.</summary>
    public void Add(PreTriggerPolicy ring)
    {
        lock (_rings)
            _rings.Add(ring);
    }

    /// <summary>A ring's thread has ended.</summary>
    public void Remove(PreTriggerPolicy ring)
    {
        lock (_rings)
            _rings.Remove(ring);
    }

    /// <summary>Opens a window, or makes the open one end later; returns when the rings have acted on it, after 100 ms or so.</summary>
    public TriggerResult Trigger(string reason)
    {
        lock (_triggers)
            return Trigger(reason, isQuiet: false);
    }

    /// <summary>Accepts no more triggers; an open window stays open, and the rings that stop now write it.</summary>
    public void RequestStop()
    {
        _stop.Set();
        _thread?.Join();
        lock (_triggers)
        {
            // A trigger that was accepted is seen by every ring before it stops.
        }
    }

    /// <summary>After the rings have stopped.</summary>
    public void Dispose()
    {
        RequestStop();
        lock (_triggers)
        {
            if (_window is { } window)
                End(window with { ToUtcNs = Math.Min(window.ToUtcNs, UtcTime.Now.Nanoseconds) });
        }
    }

    public TriggerSnapshot Snapshot()
    {
        long nowNs = Stopwatch.GetTimestamp();
        long sinceNs = HeldSinceNs(out int rings);
        TriggerWindow? last = Volatile.Read(ref _last);
        return new TriggerSnapshot
        {
            Writing = _gate.Current is not null,
            Windows = Volatile.Read(ref _windows),
            Triggers = Volatile.Read(ref _triggerCount),
            ReachSeconds = rings == 0 ? 0 : Math.Round(Math.Clamp(nowNs - sinceNs, 0, _beforeNs) / 1e9, 3),
            BeforeSeconds = _beforeNs / 1e9,
            LastReason = last?.Reason,
            LastAt = last is null ? null : DateTimeOffset.UnixEpoch.AddTicks(last.TriggeredUtcNs / 100),
        };
    }

    private void Run()
    {
        while (!_stop.Wait(TickMs))
        {
            lock (_triggers)
            {
                LookForMatch();
                LookForEnd();
            }
        }
    }

    private void LookForMatch()
    {
        if (TakeMatch() is not { } port)
            return;
        long nowNs = Stopwatch.GetTimestamp();
        if (nowNs - _lastMatchNs < _holdoffNs)
            return;
        _lastMatchNs = nowNs;
        // A filter that matches all the time prolongs its window all the time: reported once, and again when the reported end has passed.
        Trigger($"filter on port {port}", isQuiet: _window is not null);
    }

    private TriggerResult Trigger(string reason, bool isQuiet)
    {
        if (_stop.IsSet)
            return new TriggerResult { Problem = "the recorder is stopping" };
        long nowNs = Stopwatch.GetTimestamp();
        long utcNs = UtcTime.Now.Nanoseconds;
        GateWindow? open = _gate.Current;
        long untilNs = Math.Max(nowNs + _afterNs, open?.UntilNs ?? 0);
        if (open is null)
            Opening();
        _gate.Current = new GateWindow(++_version, open?.TriggeredNs ?? nowNs, untilNs);
        Volatile.Write(ref _triggerCount, _triggerCount + 1);
        AwaitRings();

        // The last block discarded before the rings saw the trigger bounds what all of them have.
        long reachedUtcNs = utcNs - Math.Clamp(nowNs - HeldSinceNs(out int rings), 0, _beforeNs);
        TriggerWindow? before = _window;
        Volatile.Write(ref _windows, before is null ? _windows + 1 : _windows);
        _window = new TriggerWindow(
            _windows, reason, utcNs, before?.FromUtcNs ?? utcNs - _beforeNs,
            before?.ReachedUtcNs ?? (rings == 0 ? utcNs : reachedUtcNs), utcNs + (untilNs - nowNs), Ended: false);
        Volatile.Write(ref _last, _window);
        if (!isQuiet)
            ReportWindow(_window, untilNs, isNew: before is null, rings);
        return new TriggerResult { Window = _window, Prolonged = before is not null, Rings = rings };
    }

    private void ReportWindow(TriggerWindow window, long untilNs, bool isNew, int rings)
    {
        _reportedUntilNs = untilNs;
        double shortSeconds = (window.ReachedUtcNs - window.FromUtcNs) / 1e9;
        string note = rings == 0 ? "; no port captures"
            : shortSeconds < 0.001 ? ""
            : FormattableString.Invariant($"; {shortSeconds:0.000} s short, the rings held no more");
        _logger.LogInformation(
            "trigger: {Reason}: window {Number} {What}, from {From} to {To}{Note}", window.Reason, window.Number,
            isNew ? "opens" : "continues", new UtcTime(window.ReachedUtcNs),
            new UtcTime(window.ToUtcNs), note);
        Report?.Invoke(window);
    }

    private void LookForEnd()
    {
        if (_gate.Current is not { } open || _window is not { } window)
            return;
        long nowNs = Stopwatch.GetTimestamp();
        if (nowNs >= open.UntilNs && AllRings(r => r.SeenVersion >= open.Version && r.IsSettled))
        {
            End(window);
        }
        else if (nowNs >= _reportedUntilNs && open.UntilNs > _reportedUntilNs)
        {
            _reportedUntilNs = open.UntilNs;
            Report?.Invoke(window);
        }
    }

    private void End(TriggerWindow window)
    {
        _gate.Current = null;
        _window = null;
        Ending();
        _logger.LogInformation("trigger: window {Number} has ended at {To}", window.Number, new UtcTime(window.ToUtcNs));
        Report?.Invoke(window with { Ended = true });
    }

    private void AwaitRings()
    {
        long deadlineMs = Environment.TickCount64 + AnswerMs;
        while (!AllRings(r => r.SeenVersion >= _version) && Environment.TickCount64 < deadlineMs)
            Thread.Sleep(1);
    }

    private bool AllRings(Predicate<PreTriggerPolicy> condition)
    {
        lock (_rings)
            return _rings.TrueForAll(condition);
    }

    private long HeldSinceNs(out int rings)
    {
        lock (_rings)
        {
            rings = _rings.Count;
            return rings == 0 ? long.MaxValue : _rings.Max(r => r.HeldSinceNs);
        }
    }
}
