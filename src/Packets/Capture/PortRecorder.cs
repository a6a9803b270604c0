// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Capture;

/// <summary>
/// One port: opens its rings when the interface is there and up, closes them when it or its network namespace is gone, and counts the time
/// in which it could not capture. All of it on the recorder's supervisor thread; the ring threads only ever see their ring. After the first
/// opening the port is followed by its index, so a rename changes nothing but the name that is shown.
/// </summary>
internal sealed class PortRecorder
{
    private readonly PortSetup _setup;
    private readonly PortCounters _counters;
    private readonly bool _filtersMayWait;
    private volatile PortOptions _options;
    private volatile RingCounters[] _rings = []; // they outlive the rings; replaced by a longer one when a port has more rings than before
    private volatile PortSession? _session; // null while the port is not open
    private PortNamespace? _space; // null while there is no such namespace
    private bool _namespaceIsOver;
    private string _currentName;
    private volatile PortState _state = PortState.Stopped;
    private long _gapSinceTicks;
    private string? _problem, _warned;
    private FilterWait? _filters; // null: nothing speaks against opening

    /// <param name="options">The port.</param>
    /// <param name="port">Its index.</param>
    /// <param name="storage">Write engine and depth of each ring's queue.</param>
    /// <param name="storesFor">Gives the segments of a link type.</param>
    /// <param name="flight">Mode trigger, else null.</param>
    /// <param name="clocks">Quality of the clocks that stamp packets.</param>
    /// <param name="logger">For changes of state.</param>
    /// <param name="before">The recorder of the port until now, stopped: its counts go on.</param>
    /// <param name="filtersMayWait">True: a port whose filter does not compile now waits until it does.</param>
    public PortRecorder(
        PortOptions options, int port, StorageOptions storage, Func<ushort, LinkStores> storesFor, FlightRecorder? flight,
            TimeQualityLog clocks, ILogger logger,
        PortRecorder? before = null, bool filtersMayWait = false)
    {
        _counters = before?._counters ?? new PortCounters();
        _rings = before?._rings ?? [];
        _options = options;
        _setup = new PortSetup(port, storage, storesFor, flight, clocks, logger, _counters, CountersFor);
        _currentName = options.Interface;
        _gapSinceTicks = Stopwatch.GetTimestamp();
        _filtersMayWait = filtersMayWait;
        _filters = filtersMayWait ? WaitForFilters() : null;
    }

    /// <summary>Name of the write engine of the last session, null before the first.</summary>
    public string? EngineName { get; private set; }

    public PortOptions Options => _options;

    /// <summary>LINKTYPE_ of the packets; null while no ring is open.</summary>
    public ushort? LinkType => _session?.LinkType;

    /// <summary>Watches the links of the port's network namespace; null if that is ours or not there.</summary>
    public LinkWatch? Watch => _space?.Watch;

    /// <summary>Acts on the state of the interface. Called at start, after each link event and once a second.</summary>
    /// <exception cref="CaptureException">The rings cannot be opened although the interface is there and up.</exception>
    public void Supervise()
    {
        if (_session is null)
            TryOpen();
        else
            Follow();
    }

    /// <summary>
    /// Another filter, without closing anything; the rings take it packet by packet. False: not possible here, the port must be opened
    /// again.
    /// </summary>
    public bool TryChangeFilter(string? filter)
    {
        if (filter == _options.Filter)
            return true;
        PortOptions next = _options with { Filter = filter };
        try
        {
            _session?.ChangeFilter(next, _currentName);
            _options = next;
            _filters = _session is null ? WaitForFilters() : null;
            return true;
        }
        catch (Exception e) when (e is IOException or FormatException or CaptureException)
        {
            _setup.Logger.LogWarning("port {Port}: another filter, set anew: {Reason}", _options.Name, e.Message);
            return false;
        }
    }

    /// <summary>The segments are others from now on.</summary>
    public void MoveStores()
    {
        if (_session is { } session)
            session.MoveTo(_setup.StoresFor(session.LinkType));
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
    public bool TakeMatch() => _session?.TakeMatch() ?? false;

    public PortLedger Ledger()
    {
        RingCounters[] rings = _rings;
        PortSession? session = _session;
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
            CurrentName = PortName.Join(_options.Netns, Volatile.Read(ref _currentName)),
            State = _state,
            Fault = _state == PortState.Capturing ? null : Volatile.Read(ref _problem),
            Backend = session?.Backend,
            HardwareStamps = session?.HasHardwareStamps ?? false,
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
            Rings = [.. rings.Select((r, i) => new RingLedger(i, r.Blocks, r.FilledBlocks, r.FilledHighBlocks, r.Received, r.Stored,
                r.LostRing, r.LostDisk, r.LostHost, r.Freezes))],
            Gap = gap,
        };
    }

    private void TryOpen()
    {
        try
        {
            if (!IsNamespaceThere())
            {
                SetState(PortState.Missing, NamespaceText("no such network namespace"));
                return;
            }

            Link? link = Link.Find(_space!.Links, _options.Interface);
            if (link is not { IsUp: true })
            {
                SetState(
                    link is null ? PortState.Missing : PortState.Down,
                    link is null ? "no such interface; waiting for it" : "is down; waiting for it");
                _problem = null;
                return;
            }

            if (_filters?.Poll() is { } waiting)
            {
                ReportProblem($"port {_options.Name}: {waiting}; {FilterWait.AgainText}");
                return;
            }

            PortSession session = PortSession.Open(_setup, _options, _space, link);
            OnOpened(session, link);
            _filters = null;
            EndGap();
            SetState(PortState.Capturing, "capturing; " + session.StampText);
            _problem = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CaptureException)
        {
            Close();
            // The cause may be a filter: it is tried first, and not on this thread, where a name look-up delays all ports. In the port's
            // namespace it may not be known though it is here.
            string? filterProblem = e is FilterException ? e.Message : null;
            _filters = WaitForFilters(filterProblem);
            if (filterProblem is not null && _filtersMayWait)
            {
                ReportProblem($"port {_options.Name}: {filterProblem}; {FilterWait.AgainText}");
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
        if (_setup.Flight?.Filter is { } trigger)
            filters.Add((trigger, _options.SnapLength));
        return filters.Count > 0 ? new FilterWait(filters, problem) : null;
    }

    /// <summary>Opens the port's namespace if it is there, and releases one whose name or path leads elsewhere now.</summary>
    private bool IsNamespaceThere()
    {
        if (_space is { IsCurrent: false })
            LoseNamespace();
        if (!_namespaceIsOver)
            _space ??= PortNamespace.TryOpen(_options.Netns);
        return _space is not null;
    }

    /// <summary>
    /// Its name or path leads elsewhere: only our sockets keep the rest of it alive. A number of a process may soon be another process's,
    /// so it is not followed further.
    /// </summary>
    private void LoseNamespace()
    {
        _namespaceIsOver = PortName.IsOfProcess(_options.Netns!);
        StartGap();
        Close();
        SetState(PortState.Missing, NamespaceText("network namespace disappeared"));
        LeaveNamespace();
    }

    private string NamespaceText(string what) =>
        $"{what}; {(_namespaceIsOver ? "it was named by a process and is not waited for" : "waiting for it")}";

    private void LeaveNamespace()
    {
        _space?.Dispose();
        _space = null;
    }

    /// <summary>
    /// Counts the time while the link is down, follows a rename, closes the rings when the interface or its namespace is gone.
    /// </summary>
    private void Follow()
    {
        if (!_space!.IsCurrent)
        {
            LoseNamespace();
            return;
        }

        // Both are asked: an interface that went and came back between two looks may have its number again.
        if (_space.Links.Find(_session!.IfIndex) is not { } link || _session.HasLostInterface)
        {
            StartGap();
            Close();
            SetState(PortState.Missing, "interface disappeared; waiting for it");
            return;
        }

        if (link.Name != _currentName)
        {
            _setup.Logger.LogWarning("port {Port}: interface {Index} is called {Name} now; capture continues", _options.Name, link.Index,
                link.Name);
            Volatile.Write(ref _currentName, link.Name);
        }

        _session.CountInterfaceLosses(link);
        if (!link.IsUp && _state == PortState.Capturing)
        {
            StartGap();
            SetState(PortState.Down, "went down; waiting for it");
        }
        else if (link.IsUp && _state == PortState.Down)
        {
            EndGap();
            SetState(PortState.Capturing, "is up again; capturing; " + _session.StampText);
        }
    }

    private void CountLastLosses(PortSession session)
    {
        try
        {
            if (_space?.Links.Find(session.IfIndex) is { } link)
                session.CountInterfaceLosses(link);
        }
        catch (IOException e)
        {
            _setup.Logger.LogDebug("port {Port}: {Reason}", _options.Name, e.Message);
        }
    }

    private void OnOpened(PortSession session, Link link)
    {
        _session = session;
        EngineName = session.EngineName;
        Volatile.Write(ref _currentName, link.Name);
        if (session.Warning is { } warning && warning != _warned)
            _setup.Logger.LogWarning("port {Port}: {Warning}", _options.Name, warning);
        _warned = session.Warning;
    }

    private void Close()
    {
        if (_session is not { } session)
            return;
        CountLastLosses(session);
        session.Dispose();
        _session = null;
    }

    /// <summary>Counters of the port's first rings; those of rings that it had before go on.</summary>
    private RingCounters[] CountersFor(int rings)
    {
        if (_rings.Length < rings)
            _rings = [.. _rings, .. Enumerable.Range(_rings.Length, rings - _rings.Length).Select(_ => new RingCounters())];
        return _rings;
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

    private void SetState(PortState state, string what)
    {
        if (_state == state)
            return;
        bool isGood = state == PortState.Capturing;
        _setup.Logger.Log(isGood ? LogLevel.Information : LogLevel.Warning, "port {Port}: {What}", _options.Name, what);
        _state = state;
    }

    /// <summary>Reports once that a port could not be opened; the supervisor retries at its next round.</summary>
    public void ReportProblem(string message)
    {
        if (_problem != message)
            _setup.Logger.LogError("{Message}", message);
        _problem = message;
        if (_state == PortState.Stopped)
            _state = PortState.Down;
    }
}
