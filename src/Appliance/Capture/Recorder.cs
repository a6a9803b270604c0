using System.Diagnostics;
using Capbox.Native;
using Capbox.Pcapng;
using Capbox.Ptp;
using Capbox.Storage;
using Microsoft.Extensions.Logging;

namespace Capbox.Capture;

/// <summary>
/// The packet line as a whole: ports, their rings, the segment stores and the archive. Control starts and stops it with immutable options and reads counters; it
/// has no other way in.
/// </summary>
public sealed class Recorder : IDisposable
{
    private const int SuperviseMs = 250;
    private const int MaxLinkTypes = 4;

    private readonly RecorderOptions _options;
    private readonly ILogger _logger;
    private readonly Dictionary<ushort, SegmentStore> _stores = [];
    private readonly Lock _storesLock = new();
    private readonly Guid _runId = Guid.NewGuid();
    private readonly long _startedTicks = Stopwatch.GetTimestamp();
    private PortRecorder[] _ports = [];
    private ArchiveDirectory? _archive;
    private LinkWatch? _links;
    private FlightRecorder? _flight;
    private Thread? _supervisor;
    private Thread? _repair;
    private volatile bool _stopping;
    private StorageSnapshot? _lastStorage;
    private string[] _leftovers = [];

    /// <param name="options">What to record and where; validated by whoever made it.</param>
    /// <param name="logger">For start, stop and changes of state; the capture threads never log.</param>
    public Recorder(RecorderOptions options, ILogger<Recorder> logger)
    {
        _options = options;
        _logger = logger;
        Clocks = new ClockBoard(options.Ports.Count);
    }

    /// <summary>
    /// Called with the path of each segment that was sealed, by this run or by the repair of an earlier one. On the threads that seal: it must return at once and not
    /// throw. Set before <see cref="Start"/>.
    /// </summary>
    public Action<string>? SegmentSealed { get; set; }

    /// <summary>
    /// Mode trigger: called when a trigger opens a window, for each one that a caller of <see cref="Trigger"/> adds to it, again whenever the end that was told has passed and the window
    /// goes on, and when it has ended (<see cref="TriggerWindow.Ended"/>). On the caller's thread or the flight recorder's: it must return at once and not throw, and
    /// must not call <see cref="Trigger"/>. Set before <see cref="Start"/>.
    /// </summary>
    public Action<TriggerWindow>? Triggered { get; set; }

    /// <summary>What the clocks are worth, for the chunks; whoever keeps the clocks tells it.</summary>
    public ClockBoard Clocks { get; }

    /// <summary>Opens the archive and the ports and starts recording. A port that is missing or down is waited for.</summary>
    /// <exception cref="CaptureException">Nothing was started; one line that names the port or the file.</exception>
    public void Start()
    {
        try
        {
            CheckFilters();
            _archive = ArchiveDirectory.Open(_options.Storage.Directory);
            _archive.FreeLeftoverRoom(what => _logger.LogInformation("{What}", what));
            _links = new LinkWatch();
            _flight = _options.Storage.Trigger is { } trigger ? NewFlightRecorder(trigger) : null;
            _ports = [.. _options.Ports.Select((port, index) => new PortRecorder(port, index, _options.Storage, StoreFor, _flight, Clocks, _logger))];
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

    /// <summary>Seals the current segments and goes on in new ones, without losing a packet. Returns at once.</summary>
    public void RequestRotation()
    {
        foreach (SegmentStore store in Stores())
            store.RequestRotation();
    }

    /// <summary>
    /// Mode trigger: writes what the rings keep and goes on writing for the configured time; a trigger while that lasts makes it last longer. Returns after 100 ms or
    /// so, when the rings have acted on it. From any thread.
    /// </summary>
    /// <param name="reason">For the log and the hold, one line.</param>
    public TriggerResult Trigger(string reason) => _flight is null
        ? new TriggerResult { Problem = "storage.mode is continuous: everything is written, there is nothing to trigger" }
        : _flight.Trigger(reason);

    /// <summary>Stops capturing, writes what the rings hold, seals. Bounded by 10 s a ring when the disk does not take it.</summary>
    public void Stop()
    {
        _stopping = true;
        _supervisor?.Join();
        _supervisor = null;
        _flight?.RequestStop();
        Parallel.ForEach(_ports, port => port.Stop());
        _flight?.Dispose();
        _lastStorage ??= _archive is null ? null : ReadStorage();
        List<SegmentStore> stores = Stores();
        foreach (SegmentStore store in stores)
            store.Dispose();
        if (_lastStorage is not null)
            _lastStorage = AfterSealing(_lastStorage, stores);
        lock (_storesLock)
            _stores.Clear();
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

    private void CheckFilters()
    {
        foreach (PortOptions port in _options.Ports)
        {
            if (port.Filter is not null && FilterCompiler.Check(port.Filter, port.SnapLength) is { } message)
                throw new CaptureException($"port {port.Name}: filter \"{port.Filter}\": {message}");
        }

        if (_options.Storage.Trigger?.Filter is { } trigger && FilterCompiler.Check(trigger, Format.MaxSnapLength) is { } problem)
            throw new CaptureException($"trigger filter \"{trigger}\": {problem}");
    }

    private FlightRecorder NewFlightRecorder(TriggerOptions options) => new(options, _logger)
    {
        TakeMatch = PortThatMatched,
        Opening = () => Stores().ForEach(store => store.RestartIfEmpty()),
        Ending = RequestRotation,
        Tell = Triggered,
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

    private List<SegmentStore> Stores()
    {
        lock (_storesLock)
            return [.. _stores.Values];
    }

    /// <summary>libpcap reads only files of one link type: each type has segments of its own.</summary>
    private SegmentStore StoreFor(ushort linkType)
    {
        lock (_storesLock)
        {
            if (_stores.TryGetValue(linkType, out SegmentStore? store))
                return store;
            if (_stores.Count == MaxLinkTypes)
                throw new CaptureException($"more than {MaxLinkTypes} link types at once");
            var origin = new OriginRecord
            {
                Magic = Format.RecordMagic,
                Version = Format.RecordVersion,
                Kind = RecordKind.Origin,
                ConfigRevision = _options.ConfigRevision,
                RunId = _runId,
                Ports = (ushort)_options.Ports.Count,
            };
            int largestBlock = _options.Ports.Max(p => p.BlockBytes);
            store = new SegmentStore(_archive!, _options.Storage, _options.Ports.Count, largestBlock, origin, o => BuildHeader(o, linkType), _logger) { OnSealed = SegmentSealed };
            _stores.Add(linkType, store);
            return store;
        }
    }

    private byte[] BuildHeader(OriginRecord origin, ushort linkType)
    {
        var offset = UtcOffset.FromKernel(LibC.KernelTaiOffsetSeconds());
        InterfaceInfo[] ports = [.. _options.Ports.Select(port =>
        {
            Link? link = PortNamespace.FindLink(port);
            return new InterfaceInfo(port.Name, link?.Driver, link?.Mac, link?.SpeedBitsPerSecond, port.Filter, offset);
        })];
        // One snap length a file, or libpcap refuses it: the largest of the ports'.
        return SegmentHeader.Build(origin, _options.Serial, ports, linkType, _options.Ports.Max(p => p.SnapLength));
    }

    private void SuperviseLoop()
    {
        while (!_stopping)
        {
            LinkWatch.WaitAny([_links!, .. _ports.Select(port => port.Watch).OfType<LinkWatch>()], SuperviseMs);
            foreach (PortRecorder port in _ports)
            {
                try
                {
                    port.Supervise();
                }
                catch (CaptureException e)
                {
                    port.NoteProblem(e.Message);
                }
                catch (IOException e)
                {
                    port.NoteProblem($"port {port.Options.Name}: {e.Message}");
                }
            }
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
        List<SegmentStore> stores = Stores();
        string engine = _ports.Select(p => p.EngineName).FirstOrDefault(name => name is not null) ?? "none";
        return new StorageSnapshot
        {
            CurrentSegment = stores.Select(s => s.CurrentPath).FirstOrDefault(path => path is not null),
            SegmentsSealed = stores.Aggregate(0ul, (sum, s) => sum + s.SealedCount),
            BytesWritten = stores.Aggregate(0ul, (sum, s) => sum + s.BytesWritten),
            WriteErrors = stores.Aggregate(0ul, (sum, s) => sum + s.WriteErrors),
            Fault = stores.Select(s => s.Fault).FirstOrDefault(fault => fault is not null),
            Engine = engine,
            Direct = stores.Count > 0 && stores.All(s => s.Direct),
            FreeBytes = _archive?.FreeBytes() ?? 0,
            RecentlySealed = [.. stores.SelectMany(s => s.RecentlySealed())],
        };
    }

    private static StorageSnapshot AfterSealing(StorageSnapshot before, List<SegmentStore> stores) => before with
    {
        CurrentSegment = null,
        SegmentsSealed = stores.Aggregate(0ul, (sum, s) => sum + s.SealedCount),
        Fault = stores.Select(s => s.Fault).FirstOrDefault(fault => fault is not null),
        RecentlySealed = [.. stores.SelectMany(s => s.RecentlySealed())],
    };
}
