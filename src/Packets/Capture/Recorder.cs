// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Capture;

/// <summary>
/// The packet line as a whole: ports, their rings, the segment stores and the archive. Control starts and stops it with immutable options
/// and reads counters; it has no other way in.
/// </summary>
public sealed class Recorder : IDisposable
{
    private const int SuperviseMs = 250;

    private readonly ILogger _logger;
    private readonly long _startedTicks = Stopwatch.GetTimestamp();
    private readonly Lock _supervising = new(); // ports are opened, followed, changed and closed under it
    private RecorderOptions _options;
    private RecordingPlan _plan;
    private volatile PortRecorder[] _ports = [];
    private ArchiveDirectory? _archive;
    private StoreSet? _stores;
    private LinkWatch? _links;
    private FlightRecorder? _flight;
    private Thread? _supervisor;
    private Thread? _repair;
    private ulong _repaired;
    private volatile bool _stopping;
    private StorageSnapshot? _lastStorage;
    private string[] _leftovers = [];

    /// <param name="options">Ports and storage, validated by the caller.</param>
    /// <param name="logger">For start, stop and changes of state; the capture threads never log.</param>
    public Recorder(RecorderOptions options, ILogger<Recorder> logger)
    {
        _options = options;
        _plan = RecordingPlan.First(options);
        _logger = logger;
        Clocks = new TimeQualityLog(RecordingPlan.MaxPorts, KernelOffset());
    }

    /// <summary>What it records now. From any thread.</summary>
    public RecorderOptions Options => Volatile.Read(ref _options);

    /// <summary>
    /// The ports by their place, the number that <see cref="Clocks"/> knows them by; of some only the place is left. From any thread.
    /// </summary>
    public IReadOnlyList<PortOptions> Places => Volatile.Read(ref _plan).Places;

    /// <summary>
    /// Called with the path of each segment that was sealed, by this run or by the repair of an earlier one. On the threads that seal: it
    /// must return at once and not throw. Set before <see cref="Start"/>.
    /// </summary>
    public Action<string>? SegmentSealed { get; set; }

    /// <summary>
    /// Mode trigger: called when a trigger opens a window, for each one that a caller of <see cref="Trigger"/> adds to it, again whenever
    /// the reported end has passed and the window continues, and when it has ended (<see cref="TriggerWindow.Ended"/>). On the caller's
    /// thread or the flight recorder's: it must return at once and not throw, and must not call <see cref="Trigger"/>. Set before
    /// <see cref="Start"/>.
    /// </summary>
    public Action<TriggerWindow>? Triggered { get; set; }

    /// <summary>Quality of the clocks, for the chunks; the clock supervisor publishes it.</summary>
    public TimeQualityLog Clocks { get; }

    /// <summary>Opens the archive and the ports and starts recording. A port that is missing or down is waited for.</summary>
    /// <exception cref="CaptureException">Nothing was started; one line that names the port or the file.</exception>
    public void Start()
    {
        try
        {
            CheckFilters(_options);
            _archive = ArchiveDirectory.Open(_options.Storage.Directory);
            _archive.FreeLeftoverRoom(what => _logger.LogInformation("{What}", what));
            _links = new LinkWatch();
            _stores = new StoreSet(_archive, _plan, Clocks.Utc, _logger) { OnSealed = SegmentSealed };
            _flight = _options.Trigger is { } trigger ? NewFlightRecorder(trigger) : null;
            _ports = [.. _options.Ports.Select(port => NewPort(port, before: null))];
            foreach (PortRecorder port in _ports)
                port.Supervise();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CaptureException)
        {
            Stop();
            throw e as CaptureException ?? new CaptureException(e.Message, e);
        }

        _flight?.Start();
        _supervisor = new Thread(SuperviseLoop) { IsBackground = true, Name = "capbox-ports" };
        _supervisor.Start();
        _repair = new Thread(RepairLeftovers) { IsBackground = true, Name = "capbox-repair", Priority = ThreadPriority.BelowNormal };
        _repair.Start();
    }

    /// <summary>
    /// Applies other options while it records, in new segments. A port that stays as it is loses nothing; one of which only the filter is
    /// another gets that without being closed; one that is otherwise another is closed and opened again. Returns when that is done. From
    /// any thread, one at a time.
    /// </summary>
    /// <param name="next">Options validated by the caller; see <see cref="RecorderChange.NeedsNewRecorder"/>.</param>
    /// <exception cref="CaptureException">Nothing was changed: a filter does not compile, or this needs another recorder.</exception>
    public void Change(RecorderOptions next)
    {
        CheckFilters(next);
        lock (_supervising)
        {
            if (RecorderChange.NeedsNewRecorder(_options, next))
                throw new CaptureException("another archive, mode or trigger needs another recorder");
            if (_stopping || _stores is null)
                throw new CaptureException("the recorder is not running");
            bool areRingsOther = RecorderChange.AreRingsOther(_options.Storage, next.Storage);
            var staying = new Dictionary<string, PortRecorder>();
            var leaving = new Dictionary<string, PortRecorder>();
            foreach (PortRecorder port in _ports)
            {
                PortOptions? wanted = next.Ports.FirstOrDefault(p => p.Name == port.Options.Name);
                bool stays = wanted is not null && !areRingsOther && !RecorderChange.NeedsOpening(port.Options, wanted)
                    && port.TryChangeFilter(wanted.Filter);
                (stays ? staying : leaving).Add(port.Options.Name, port);
            }

            Parallel.ForEach(leaving.Values, port => port.Stop());
            RecordingPlan plan = _plan.Next(next);
            _stores.Change(plan, staying.Values.Select(p => p.LinkType).OfType<ushort>().ToHashSet());
            foreach (PortRecorder port in staying.Values)
                port.MoveStores();
            _stores.LeaveBefore();
            Clocks.Forget(UtcTime.Now.Nanoseconds, plan.Places.Select((_, place) => place)
                .Where(place => place >= _plan.Places.Count || _plan.Places[place].Name != plan.Places[place].Name));
            Volatile.Write(ref _plan, plan);
            Volatile.Write(ref _options, next);
            _ports = [.. next.Ports.Select(port => staying.GetValueOrDefault(port.Name)
                ?? NewPort(port, leaving.GetValueOrDefault(port.Name)))];
            foreach (PortRecorder port in _ports.Where(p => !staying.ContainsValue(p)))
                SuperviseOne(port);
        }
    }

    /// <summary>Seals the current segments and continues in new ones, without losing a packet. Returns at once.</summary>
    public void RequestRotation()
    {
        foreach (SegmentWriter store in Stores())
            store.RequestRotation();
    }

    /// <summary>
    /// Mode trigger: writes the packets that the rings retain and continues for the configured time; a trigger while that lasts makes it
    /// last longer. Returns after 100 ms or so, when the rings have acted on it. From any thread.
    /// </summary>
    /// <param name="reason">For the log and the hold, one line.</param>
    public TriggerResult Trigger(string reason) => _flight is null
        ? new TriggerResult { Problem = "storage.mode is continuous: everything is written, there is nothing to trigger" }
        : _flight.Trigger(reason);

    /// <summary>Stops capturing, writes what the rings hold, seals. Bounded by 10 s a ring when the disk rejects writes.</summary>
    public void Stop()
    {
        _stopping = true;
        _supervisor?.Join();
        _supervisor = null;
        _flight?.RequestStop();
        Parallel.ForEach(_ports, port => port.Stop());
        _flight?.Dispose();
        _lastStorage ??= _archive is null ? null : ReadStorage();
        _stores?.Dispose();
        if (_lastStorage is not null && _stores is not null)
            _lastStorage = AfterSealing(_lastStorage, _stores.Totals());
        _repair?.Join();
        _repair = null;
        _links?.Dispose();
        _links = null;
        _archive?.Dispose();
        _archive = null;
    }

    /// <summary>Paths of the segments that are not sealed: being written, in preparation, or waiting for the repair.</summary>
    public IReadOnlyList<string> UnsealedSegments() => [.. Volatile.Read(ref _leftovers), .. Stores().SelectMany(s => s.OpenPaths)];

    /// <summary>All counters now. May be called from any thread, also after <see cref="Stop"/>.</summary>
    public RecorderSnapshot Snapshot() => new()
    {
        At = DateTimeOffset.UtcNow,
        Uptime = Stopwatch.GetElapsedTime(_startedTicks),
        Ports = [.. _ports.Select(port => port.Ledger())],
        Storage = _lastStorage ?? ReadStorage(),
        Trigger = _flight?.Snapshot(),
    };

    public void Dispose() => Stop();

    private PortRecorder NewPort(PortOptions port, PortRecorder? before) =>
        new(port, _plan.PlaceOf(port.Name), _options.Storage, _stores!.For, _flight, Clocks, _logger, before, _options.FiltersMayWait);

    private static void CheckFilters(RecorderOptions options)
    {
        if (options.FiltersMayWait)
            return;
        foreach (PortOptions port in options.Ports)
        {
            if (port.Filter is not null && FilterCompiler.Check(port.Filter, port.SnapLength) is { } message)
                throw new CaptureException($"port {port.Name}: filter \"{port.Filter}\": {message}");
            if (port is { Filter: not null, HasNetworkHooks: true }
                && FilterCompiler.CheckNetworkLayer(port.Filter, port.SnapLength) is { } raw)
                throw new CaptureException($"port {port.Name}: filter \"{port.Filter}\": {raw}");
        }

        if (options.Trigger?.Filter is { } trigger && FilterCompiler.Check(trigger, Format.MaxSnapLength) is { } problem)
            throw new CaptureException($"trigger filter \"{trigger}\": {problem}");
    }

    private FlightRecorder NewFlightRecorder(TriggerOptions options) => new(options, _logger)
    {
        TakeMatch = PortThatMatched,
        Opening = () => Stores().ForEach(store => store.RestartIfEmpty()),
        Ending = RequestRotation,
        Report = Triggered,
    };

    /// <summary>All ports are asked, since asking clears.</summary>
    private string? PortThatMatched()
    {
        string? matched = null;
        foreach (PortRecorder port in _ports)
        {
            if (port.TakeMatch())
                matched ??= port.Options.Name;
        }

        return matched;
    }

    private List<SegmentWriter> Stores() => _stores?.All ?? [];

    private static UtcOffset KernelOffset() => UtcOffset.FromKernel(KernelClock.TaiOffsetSeconds);

    /// <summary>
    /// Acts on another TAI - UTC, from the clock supervisor, or from the kernel without one: later chunks go to new segments, since a
    /// header has only one.
    /// </summary>
    private void FollowUtc()
    {
        TimeQualityLog.UtcAnnouncement? announced = Clocks.Announced;
        UtcOffset wanted = announced?.Offset ?? KernelOffset();
        UtcOffset before = Clocks.Utc.Latest;
        if (wanted != before)
        {
            TaiTime from = announced?.From ?? new TaiTime(UtcTime.Now.Nanoseconds + wanted.Nanoseconds);
            _stores!.ChangeUtc(wanted, from);
            _logger.LogWarning("TAI - UTC is {Offset} s from {From} ns TAI on, {Before} s before: new segments", wanted.Seconds,
                from.Nanoseconds, before.Seconds);
        }

        _stores!.Retire();
    }

    private void SuperviseLoop()
    {
        while (!_stopping)
        {
            LinkWatch.WaitAny([_links!, .. _ports.Select(port => port.Watch).OfType<LinkWatch>()], SuperviseMs);
            lock (_supervising)
            {
                if (_stopping)
                    return;
                FollowUtc();
                foreach (PortRecorder port in _ports)
                    SuperviseOne(port);
            }
        }
    }

    private static void SuperviseOne(PortRecorder port)
    {
        try
        {
            port.Supervise();
        }
        catch (CaptureException e)
        {
            port.ReportProblem(e.Message);
        }
        catch (IOException e)
        {
            port.ReportProblem($"port {port.Options.Name}: {e.Message}");
        }
    }

    /// <summary>Segments that a crash left behind are sealed beside the recording, lowest first.</summary>
    private void RepairLeftovers()
    {
        try
        {
            string[] parts = [.. _archive!.LeftoverParts()];
            for (int i = 0; i < parts.Length; i++)
            {
                string part = parts[i];
                Volatile.Write(ref _leftovers, parts[i..]);
                if (_stopping)
                    return;
                RepairResult result = SegmentRepair.Repair(part);
                LogLevel level = result.Outcome is RepairOutcome.Failed or RepairOutcome.Broken ? LogLevel.Error : LogLevel.Warning;
                _logger.Log(level, "repair: {Path}: {Message}", result.ResultPath ?? result.Path, result.Message);
                if (result.Outcome == RepairOutcome.Repaired)
                    Interlocked.Increment(ref _repaired);
                if (result.Outcome is RepairOutcome.Repaired or RepairOutcome.Intact)
                    SegmentSealed?.Invoke(result.ResultPath!);
            }

            Volatile.Write(ref _leftovers, []);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _logger.LogError("repair: {Reason}", e.Message);
        }
    }

    private StorageSnapshot ReadStorage()
    {
        List<SegmentWriter> stores = Stores();
        StoreSet.SealedTotals totals = _stores!.Totals();
        string engine = _ports.Select(p => p.EngineName).FirstOrDefault(name => name is not null) ?? "none";
        return new StorageSnapshot
        {
            CurrentSegment = stores.Select(s => s.CurrentPath).LastOrDefault(path => path is not null),
            SegmentsSealed = totals.Sealed,
            SegmentsRepaired = Interlocked.Read(ref _repaired),
            BytesWritten = totals.BytesWritten,
            WriteErrors = totals.WriteErrors,
            Fault = totals.Fault,
            Engine = engine,
            Direct = stores.Count > 0 && stores.All(s => s.Direct),
            FreeBytes = _archive?.FreeBytes() ?? 0,
            RecentlySealed = totals.Recent,
        };
    }

    private static StorageSnapshot AfterSealing(StorageSnapshot before, StoreSet.SealedTotals totals) => before with
    {
        CurrentSegment = null,
        SegmentsSealed = totals.Sealed,
        Fault = totals.Fault,
        RecentlySealed = totals.Recent,
    };
}
