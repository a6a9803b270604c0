using System.Diagnostics;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Nic;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Capture;

/// <summary>
/// One port: opens its rings when the interface is there and up, closes them when it or its network namespace is gone, and keeps the time in which it could not capture. All of it on
/// the recorder's supervisor thread; the ring threads only ever see their ring. After the first opening the port is followed by
/// its index, so a rename changes nothing but the name that is shown.
/// </summary>
internal sealed partial class PortRecorder
{
    private volatile PortOptions _options;
    private readonly int _port;
    private readonly int _writesInFlight;
    private readonly WriteEngine _engine;
    private readonly Func<ushort, LinkStores> _storesFor;
    private readonly FlightRecorder? _flight;
    private readonly ILogger _logger;
    private readonly PortCounters _counters;
    private readonly List<RingRecorder> _recorders = [];
    private readonly List<Thread> _threads = [];
    private readonly Lock _triggerLock = new(); // the supervisor opens and closes, the flight recorder reads
    private volatile RingCounters[] _rings = []; // they outlive the rings; replaced by a longer one when a port has more rings than before
    private PortRings? _open;
    private string? _backend, _warned;
    private FileDescriptor? _triggerCounter;
    private PortNamespace? _space; // null while there is no such namespace
    private bool _namespaceIsOver;
    private int _ifIndex = -1;
    private string _currentName;
    private volatile PortState _state = PortState.Stopped;
    private long _gapSinceTicks;
    private InterfaceCounts _last;
    private readonly ClockBoard _clocks;
    private HardwareStamps? _stamps;
    private OffloadSetting? _offloads;
    private string? _problem;
    private readonly bool _filtersMayWait;
    private FilterWait? _filters; // null: nothing speaks against opening

    /// <param name="options">The port.</param>
    /// <param name="port">Its index.</param>
    /// <param name="storage">How its rings write.</param>
    /// <param name="storesFor">The segments of a link type.</param>
    /// <param name="flight">Mode trigger, else null.</param>
    /// <param name="clocks">What the clocks are worth.</param>
    /// <param name="logger">For changes of state.</param>
    /// <param name="before">The recorder of the port until now, stopped: its counts go on.</param>
    /// <param name="filtersMayWait">The filters may not compile now.</param>
    public PortRecorder(
        PortOptions options, int port, StorageOptions storage, Func<ushort, LinkStores> storesFor, FlightRecorder? flight, ClockBoard clocks, ILogger logger, PortRecorder? before = null,
        bool filtersMayWait = false)
    {
        _counters = before?._counters ?? new PortCounters();
        _rings = before?._rings ?? [];
        _options = options;
        _port = port;
        _writesInFlight = storage.WritesInFlight;
        _engine = storage.Engine;
        _storesFor = storesFor;
        _flight = flight;
        _clocks = clocks;
        _logger = logger;
        _currentName = options.Interface;
        _gapSinceTicks = Stopwatch.GetTimestamp();
        _filtersMayWait = filtersMayWait;
        _filters = filtersMayWait ? WaitForFilters() : null;
    }

    /// <summary>Name of the write engine in use, null while no ring is open.</summary>
    public string? EngineName { get; private set; }

    public PortOptions Options => _options;

    /// <summary>LINKTYPE_ of the packets; null while no ring is open.</summary>
    public ushort? LinkType { get; private set; }

    /// <summary>Watches the links of the port's network namespace; null if that is ours or not there.</summary>
    public LinkWatch? Watch => _space?.Watch;

    /// <summary>Looks at the interface and does what its state asks for. Called at start, after each link event and once a second.</summary>
    /// <exception cref="CaptureException">The rings cannot be opened although the interface is there and up.</exception>
    public void Supervise()
    {
        if (_recorders.Count == 0)
            TryOpen();
        else
            Follow();
    }

    /// <summary>Another filter, without closing anything; the rings take it packet by packet. False: that cannot be done here, the port must be opened again.</summary>
    public bool TryChangeFilter(string? filter)
    {
        if (filter == _options.Filter)
            return true;
        PortOptions next = _options with { Filter = filter };
        try
        {
            if (_open is { } rings)
            {
                _space!.Run(() =>
                {
                    rings.ChangeFilter(next, _currentName, _ifIndex);
                    return true;
                });
            }

            _options = next;
            _filters = _open is null ? WaitForFilters() : null;
            return true;
        }
        catch (Exception e) when (e is IOException or FormatException or CaptureException)
        {
            _logger.LogWarning("port {Port}: another filter, set anew: {Reason}", _options.Name, e.Message);
            return false;
        }
    }

    /// <summary>The segments are others from now on.</summary>
    public void MoveStores()
    {
        if (LinkType is not { } linkType)
            return;
        LinkStores stores = _storesFor(linkType);
        foreach (RingRecorder recorder in _recorders)
            recorder.MoveTo(stores);
    }

    /// <summary>Drains the rings and closes them.</summary>
    public void Stop()
    {
        Close();
        LeaveNamespace();
        EndGap();
        _state = PortState.Stopped;
    }

    /// <summary>True if packets matched the filter that triggers since the last call. From the flight recorder's thread.</summary>
    public bool TakeMatch()
    {
        lock (_triggerLock)
            return _triggerCounter is not null && PacketRing.ReadStatistics(_triggerCounter).Packets > 0;
    }

    public PortLedger Ledger()
    {
        RingCounters[] rings = _rings;
        ulong Sum(Func<RingCounters, ulong> counter) => rings.Aggregate(0ul, (sum, ring) => sum + counter(ring));
        ulong stored = Sum(r => r.Stored);
        ulong discarded = Sum(r => r.Discarded);
        ulong done = stored + discarded + Sum(r => r.GivenUp);
        ulong received = Sum(r => r.Received);
        TimeSpan gap = TimeSpan.FromTicks((long)(_counters.GapNs / 100));
        if (_state is PortState.Down or PortState.Missing)
            gap += Stopwatch.GetElapsedTime(Volatile.Read(ref _gapSinceTicks));
        return new PortLedger
        {
            Port = _options.Name,
            CurrentName = PortName.Of(_options.Netns, Volatile.Read(ref _currentName)),
            State = _state,
            Fault = _state == PortState.Capturing ? null : Volatile.Read(ref _problem),
            Backend = Volatile.Read(ref _backend),
            HardwareStamps = Volatile.Read(ref _stamps)?.StampsAll ?? false,
            StoredPackets = stored,
            StoredBytes = Sum(r => r.StoredBytes),
            FilteredPackets = Sum(r => r.Filtered),
            DiscardedPackets = discarded,
            // Read while the threads count: a block may be counted as stored before as received.
            PendingPackets = received > done ? received - done : 0,
            LostRing = Sum(r => r.LostRing),
            LostDisk = Sum(r => r.LostDisk),
            LostNic = _counters.LostNic,
            LostHost = _counters.LostHost + Sum(r => r.LostHost),
            InterfaceDrops = _counters.InterfaceDrops,
            TruncatedPackets = Sum(r => r.Truncated),
            RingFreezes = Sum(r => r.Freezes),
            Rings = [.. rings.Select((r, i) => new RingLedger(i, r.Blocks, r.FilledBlocks, r.FilledHighBlocks, r.Received, r.Stored, r.LostRing, r.LostDisk, r.LostHost, r.Freezes))],
            Gap = gap,
        };
    }

    private void TryOpen()
    {
        try
        {
            if (!IsNamespaceThere())
            {
                Note(PortState.Missing, NamespaceNote("no such network namespace"));
                return;
            }

            Link? link = Link.Find(_space!.Links, _options.Interface);
            if (link is not { IsUp: true })
            {
                Note(link is null ? PortState.Missing : PortState.Down, link is null ? "no such interface; waiting for it" : "is down; waiting for it");
                _problem = null;
                return;
            }

            if (_filters?.Look() is { } waiting)
            {
                NoteProblem($"port {_options.Name}: {waiting}; {FilterWait.AgainText}");
                return;
            }

            Open(link);
            _filters = null;
            EndGap();
            Note(PortState.Capturing, "capturing; " + StampText());
            _problem = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CaptureException)
        {
            Close();
            // It may have been a filter: looked at first, and not on this thread, where a name that is looked up holds up all ports. In the port's namespace it may not be known though it is here.
            string? filterProblem = e is FilterException ? e.Message : null;
            _filters = WaitForFilters(filterProblem);
            if (filterProblem is not null && _filtersMayWait)
            {
                NoteProblem($"port {_options.Name}: {filterProblem}; {FilterWait.AgainText}");
                return;
            }

            throw e as CaptureException ?? new CaptureException($"port {_options.Name}: {e.Message}", e);
        }
    }

    private FilterWait? WaitForFilters(string? problem = null)
    {
        List<(string Expression, int SnapLength)> filters = [];
        if (_options.Filter is { } filter)
            filters.Add((filter, _options.SnapLength));
        if (_flight?.Filter is { } trigger)
            filters.Add((trigger, _options.SnapLength));
        return filters.Count > 0 ? new FilterWait(filters, problem) : null;
    }

    /// <summary>Opens the port's namespace if it is there, and lets go of one whose name or path leads elsewhere now.</summary>
    private bool IsNamespaceThere()
    {
        if (_space is { IsCurrent: false })
            LoseNamespace();
        if (!_namespaceIsOver)
            _space ??= PortNamespace.TryOpen(_options.Netns);
        return _space is not null;
    }

    /// <summary>Its name or path leads elsewhere: what is left of it is kept by our sockets alone. A number of a process may soon be another process's, so it is not followed further.</summary>
    private void LoseNamespace()
    {
        _namespaceIsOver = PortName.IsOfProcess(_options.Netns!);
        StartGap();
        Close();
        Note(PortState.Missing, NamespaceNote("network namespace disappeared"));
        LeaveNamespace();
    }

    private string NamespaceNote(string what) => $"{what}; {(_namespaceIsOver ? "it was named by a process and is not waited for" : "waiting for it")}";

    private void LeaveNamespace()
    {
        _space?.Dispose();
        _space = null;
    }

    /// <summary>Keeps the time while the link is down, follows a rename, closes the rings when the interface or its namespace is gone.</summary>
    private void Follow()
    {
        if (!_space!.IsCurrent)
        {
            LoseNamespace();
            return;
        }

        // Both are asked: an interface that went and came back between two looks may have its number again.
        if (_space.Links.Find(_ifIndex) is not { } link || _open!.HasLostInterface)
        {
            StartGap();
            Close();
            Note(PortState.Missing, "interface disappeared; waiting for it");
            return;
        }

        if (link.Name != _currentName)
        {
            _logger.LogWarning("port {Port}: interface {Index} is called {Name} now; capture goes on", _options.Name, _ifIndex, link.Name);
            Volatile.Write(ref _currentName, link.Name);
        }

        CountInterfaceLosses(link);
        if (!link.IsUp && _state == PortState.Capturing)
        {
            StartGap();
            Note(PortState.Down, "went down; waiting for it");
        }
        else if (link.IsUp && _state == PortState.Down)
        {
            EndGap();
            Note(PortState.Capturing, "is up again; capturing; " + StampText());
        }
    }

    private void CountInterfaceLosses(LinkRecord link)
    {
        InterfaceCounts now = InterfaceCounts.Read(link);
        // rx_dropped also counts what no protocol wanted after the rings had it (every tagged packet without a VLAN device): a loss before the rings is only what the
        // CPUs' backlogs dropped at the same time. Backlogs are the machine's, so with several ports this is an upper bound.
        ulong dropped = Growth(now.Dropped, _last.Dropped);
        ulong host = Math.Min(dropped, Growth(now.BacklogDropped, _last.BacklogDropped));
        _counters.AddInterfaceLoss(Growth(now.Missed, _last.Missed), host, dropped - host);
        _last = now;
    }

    /// <summary>A counter that went back was reset by its driver.</summary>
    private static ulong Growth(ulong now, ulong before) => now > before ? now - before : 0;

    private void CountLastLosses()
    {
        try
        {
            if (_recorders.Count > 0 && _space?.Links.Find(_ifIndex) is { } link)
                CountInterfaceLosses(link);
        }
        catch (IOException e)
        {
            _logger.LogDebug("port {Port}: {Reason}", _options.Name, e.Message);
        }
    }

    private void Close()
    {
        CountLastLosses();
        CloseTriggerCounter();
        CloseRings();
        LinkType = null;
        Volatile.Write(ref _backend, null);
        _stamps?.Dispose();
        Volatile.Write(ref _stamps, null);
        _offloads?.Dispose();
        _offloads = null;
        _ifIndex = -1;
    }

    private void StartGap()
    {
        if (_state == PortState.Capturing)
            Volatile.Write(ref _gapSinceTicks, Stopwatch.GetTimestamp());
    }

    private void EndGap()
    {
        if (_state is PortState.Down or PortState.Missing)
            _counters.AddGap((ulong)Stopwatch.GetElapsedTime(_gapSinceTicks).TotalNanoseconds);
    }

    private void Note(PortState state, string what)
    {
        if (_state == state)
            return;
        bool isGood = state == PortState.Capturing;
        _logger.Log(isGood ? LogLevel.Information : LogLevel.Warning, "port {Port}: {What}", _options.Name, what);
        _state = state;
    }

    /// <summary>A port that could not be opened while the recorder runs: said once, tried again at the next look.</summary>
    public void NoteProblem(string message)
    {
        if (_problem != message)
            _logger.LogError("{Message}", message);
        _problem = message;
        if (_state == PortState.Stopped)
            _state = PortState.Down;
    }
}
