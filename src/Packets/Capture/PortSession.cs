// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Nic;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Capture;

/// <summary>What all sessions of a port share.</summary>
/// <param name="Port">Index of the port.</param>
/// <param name="Storage">Write engine and depth of each ring's queue.</param>
/// <param name="StoresFor">Gives the segments of a link type.</param>
/// <param name="Flight">Mode trigger, else null.</param>
/// <param name="Clocks">Quality of the clocks that stamp packets.</param>
/// <param name="Logger">For warnings.</param>
/// <param name="Counters">Counters of the port.</param>
/// <param name="RingCounters">Gives the counters of so many rings; they outlive a session.</param>
internal sealed record PortSetup(
    int Port, StorageOptions Storage, Func<ushort, LinkStores> StoresFor, FlightRecorder? Flight, TimeQualityLog Clocks, ILogger Logger,
        PortCounters Counters,
    Func<int, RingCounters[]> RingCounters);

/// <summary>
/// A port while it is open: its rings, the threads that empty them, the counter of the trigger filter, and what was set on the interface
/// meanwhile. The port's supervisor makes and closes it; the ring threads see only their ring, the flight recorder's thread only
/// <see cref="TakeMatch"/>.
/// </summary>
internal sealed class PortSession : IDisposable
{
    private readonly PortSetup _setup;
    private readonly PortOptions _options;
    private readonly PortNamespace _space;
    private readonly List<RingRecorder> _recorders = [];
    private readonly List<Thread> _threads = [];
    private readonly Lock _triggerLock = new(); // the supervisor closes, the flight recorder reads
    private PortRings? _rings;
    private FileDescriptor? _triggerCounter;
    private HardwareStamps? _stamps;
    private OffloadSetting? _offloads;
    private InterfaceCounts _last;

    private PortSession(PortSetup setup, PortOptions options, PortNamespace space, int ifIndex, ushort linkType)
    {
        _setup = setup;
        _options = options;
        _space = space;
        IfIndex = ifIndex;
        LinkType = linkType;
    }

    /// <summary>Index of the interface: it stays when the interface is renamed.</summary>
    public int IfIndex { get; }

    /// <summary>LINKTYPE_ of the packets.</summary>
    public ushort LinkType { get; }

    /// <summary>Name of the write engine in use.</summary>
    public string EngineName { get; private set; } = "";

    /// <summary>The backend, as in the configuration.</summary>
    public string Backend { get; private set; } = "";

    /// <summary>One line, when there is a module that cannot be used.</summary>
    public string? Warning { get; private set; }

    public bool HasHardwareStamps => _stamps?.StampsAll ?? false;

    /// <summary>True if the interface was deleted or left its namespace since the rings were opened.</summary>
    public bool HasLostInterface => _rings!.HasLostInterface;

    /// <summary>Which clock stamps the packets; and of a NIC that has a clock and does not use it for them, why.</summary>
    public string StampText => _stamps switch
    {
        { StampsAll: true } => "stamped by the NIC",
        { Problem: { } problem } when _stamps.HasClock => "stamped by the system clock: " + problem,
        _ => "stamped by the system clock",
    };

    /// <summary>Opens the rings of an interface that is there and up, and starts their threads.</summary>
    /// <exception cref="CaptureException">The port cannot be recorded as configured.</exception>
    /// <exception cref="IOException">The kernel or the disk refused a step.</exception>
    public static PortSession Open(PortSetup setup, PortOptions options, PortNamespace space, Link link)
    {
        ushort linkType = Link.LinkTypeOf(link.HardwareType)
            ?? throw new CaptureException(
                $"port {options.Name}: links of type {link.HardwareType} (net/if_arp.h) are not recorded; Ethernet, loopback and tun are");
        var session = new PortSession(setup, options, space, link.Index, linkType);
        try
        {
            session.Open(link);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>True if packets matched the trigger filter since the last call. From the flight recorder's thread.</summary>
    public bool TakeMatch()
    {
        lock (_triggerLock)
            return _triggerCounter is not null && PacketRing.ReadStatistics(_triggerCounter).Packets > 0;
    }

    /// <summary>Sets another filter on all rings, packet by packet; nothing is closed.</summary>
    /// <param name="next">The port with its new filter.</param>
    /// <param name="device">Current name of the interface.</param>
    /// <exception cref="IOException">The kernel refused; which filter is in force is unknown.</exception>
    public void ChangeFilter(PortOptions next, string device) => _space.Run(() =>
    {
        _rings!.ChangeFilter(next, device, IfIndex);
        return true;
    });

    /// <summary>Chunks from the next block on go to other segments.</summary>
    public void MoveTo(LinkStores stores)
    {
        foreach (RingRecorder recorder in _recorders)
            recorder.MoveTo(stores);
    }

    /// <summary>Adds the losses that the interface itself has counted since the last call to the port's counters.</summary>
    public void CountInterfaceLosses(LinkRecord link)
    {
        InterfaceCounts now = InterfaceCounts.Read(link);
        // rx_dropped also counts packets that no protocol wanted after the rings had them (every tagged packet without a VLAN device): a
        // loss before the rings is only what the CPUs' backlogs dropped at the same time. Backlogs are the machine's, so with several ports
        // this is an upper bound.
        ulong dropped = Growth(now.Dropped, _last.Dropped);
        ulong host = Math.Min(dropped, Growth(now.BacklogDropped, _last.BacklogDropped));
        _setup.Counters.AddInterfaceLoss(Growth(now.Missed, _last.Missed), host, dropped - host);
        _last = now;
    }

    /// <summary>Drains the rings, joins their threads and undoes what was set on the interface.</summary>
    public void Dispose()
    {
        CloseTriggerCounter();
        CloseRings();
        _stamps?.Dispose();
        _offloads?.Dispose();
    }

    /// <summary>A counter that went back was reset by its driver.</summary>
    private static ulong Growth(ulong now, ulong before) => now > before ? now - before : 0;

    private void Open(Link link)
    {
        LinkStores stores = _setup.StoresFor(LinkType);
        PrepareInterface(link);
        FlightRecorder? flight = _setup.Flight;
        int handoverMs = flight?.HandoverMs(_options.HandoverMs, (int)(_options.RingBytes / _options.BlockBytes)) ?? _options.HandoverMs;
        var request = new PortRequest(_options, _setup.Port, link, handoverMs, HasHardwareStamps, flight is not null);
        try
        {
            Warning = StartRings(request, stores);
        }
        catch (IOException e) when (_rings is KmodPortRings && PortBackend.MayFallBack(_options))
        {
            CloseRings();
            StartRings(request with { Options = _options with { Backend = Capture.Backend.Packet } }, stores);
            Warning = PortBackend.FallBackText(e);
        }

        Backend = _rings!.Backend;
        StartThreads();
        if (flight?.Filter is { } filter)
            OpenTriggerCounter(link, filter);
    }

    /// <returns>One line, when there is a module that cannot be used.</returns>
    private string? StartRings(PortRequest request, LinkStores stores)
    {
        string? warning = null;
        _rings = _space.Run(() => PortBackend.Open(request, LogDetail, out warning));
        MakeRecorders(_rings.Rings, stores, request.HandoverMs);
        _last = _space.Links.Find(request.Link.Index) is { } now ? InterfaceCounts.Read(now) : default;
        _rings.Start();
        return warning;
    }

    private void LogDetail(string what) => _setup.Logger.LogDebug("port {Port}: {Reason}", _options.Name, what);

    /// <summary>What was granted decides, not what was asked for: the stamp filter is read back.</summary>
    private void PrepareInterface(Link link)
    {
        if (_options.Offloads == OffloadMode.Off)
        {
            _offloads = OffloadSetting.TurnOff(_space.Links, link.Name);
            if (_offloads.Problem is { } problem)
                _setup.Logger.LogWarning("port {Port}: offloads: {Problem}", _options.Name, problem);
        }

        if (_options.Timestamps == TimestampSource.Software)
            return;
        _stamps = HardwareStamps.TryEnableAll(_space.Links, link.Name);
        if (!_stamps.StampsAll && _options.Timestamps == TimestampSource.Hardware)
        {
            string reason = _stamps.Problem ?? "filter " + _stamps.Granted;
            throw new CaptureException($"port {_options.Name}: timestamps: hardware stamps for every packet are not granted: {reason}");
        }
    }

    private void MakeRecorders(IReadOnlyList<BlockRing> rings, LinkStores stores, int handoverMs)
    {
        RingCounters[] counters = _setup.RingCounters(rings.Count);
        for (int i = 0; i < rings.Count; i++)
        {
            WriteQueue writes = WriteQueue.Create(_setup.Storage.Engine, _setup.Storage.WritesInFlight);
            EngineName = writes.Name;
            var setup = new RingSetup(_setup.Port, i, handoverMs, _setup.Storage.WritesInFlight, _setup.Clocks);
            PreTriggerPolicy? policy = _setup.Flight?.NewPolicy(rings[i].SlotCount, handoverMs);
            _recorders.Add(new RingRecorder(setup, rings[i], stores, writes, _setup.Counters, counters[i], policy));
        }
    }

    /// <summary>
    /// The filter that triggers looks at all packets of the port in its direction, also at those that the port's own filter rejects.
    /// </summary>
    private void OpenTriggerCounter(Link link, string filter)
    {
        FileDescriptor counter = _space.Run(() =>
        {
            SockFilter[] program = FilterProgram.CompileLive(link.Name, filter, _options.SnapLength);
            return PacketRing.OpenCounter(link.Index, _options.Direction == Direction.In, PortBackend.InDirection(_options, program));
        });
        lock (_triggerLock)
            _triggerCounter = counter;
    }

    private void CloseTriggerCounter()
    {
        lock (_triggerLock)
        {
            _triggerCounter?.Dispose();
            _triggerCounter = null;
        }
    }

    private void StartThreads()
    {
        for (int i = 0; i < _recorders.Count; i++)
        {
            RingRecorder recorder = _recorders[i];
            int ring = i;
            int cpu = ThreadPlacement.CpuFor(_options.Cpus, (_setup.Port * _recorders.Count) + i);
            var thread = new Thread(() =>
            {
                if (!ThreadPlacement.Pin(cpu) && _options.Cpus.Count > 0)
                    LogNoCpu(cpu, ring);
                recorder.Run();
            }, maxStackSize: 256 * 1024)
            {
                IsBackground = true,
                Name = $"capbox-p{_setup.Port}r{i}",
                Priority = ThreadPriority.Highest,
            };
            _threads.Add(thread);
            thread.Start();
            if (recorder.Policy is { } policy)
                _setup.Flight!.Add(policy);
        }
    }

    private void LogNoCpu(int cpu, int ring) => _setup.Logger.LogWarning(
        "port {Port}: cpus: there is no CPU {Cpu} for this process; the thread of ring {Ring} runs where the kernel puts it",
            _options.Name, cpu, ring);

    private void CloseRings()
    {
        _rings?.StopReceiving();
        foreach (RingRecorder recorder in _recorders)
            recorder.RequestStop();
        foreach (Thread thread in _threads)
            thread.Join();
        foreach (RingRecorder recorder in _recorders)
        {
            if (recorder.Policy is { } policy)
                _setup.Flight!.Remove(policy);
            recorder.Dispose();
        }

        _rings?.Dispose();
        _rings = null;
        _threads.Clear();
        _recorders.Clear();
    }
}
