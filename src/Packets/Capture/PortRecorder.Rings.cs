using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Nic;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Capture;

/// <summary>The port's rings from opening to closing, with the threads that empty them.</summary>
internal sealed partial class PortRecorder
{
    private void Open(Link link)
    {
        ushort linkType = Link.LinkTypeOf(link.HardwareType)
            ?? throw new CaptureException($"port {_options.Name}: links of type {link.HardwareType} (net/if_arp.h) are not recorded; Ethernet, loopback and tun are");
        LinkStores stores = _storesFor(linkType);
        LinkType = linkType;
        PrepareInterface(link);
        int handoverMs = _flight?.HandoverMs(_options.HandoverMs, (int)(_options.RingBytes / _options.BlockBytes)) ?? _options.HandoverMs;
        var request = new PortRequest(
            _options, _port, link, handoverMs, _stamps?.StampsAll ?? false, _flight is not null);
        try
        {
            Warn(StartRings(request, stores));
        }
        catch (IOException e) when (_open is KmodPortRings && PortBackend.MayFallBack(_options))
        {
            CloseRings();
            StartRings(request with { Options = _options with { Backend = Backend.Packet } }, stores);
            Warn(PortBackend.FallBackText(e));
        }

        Volatile.Write(ref _backend, _open!.Backend);
        StartThreads();
        if (_flight?.Filter is { } filter)
            OpenTriggerCounter(link, filter);
        _ifIndex = link.Index;
        Volatile.Write(ref _currentName, link.Name);
    }

    /// <returns>One line, when there is a module that cannot be used.</returns>
    private string? StartRings(PortRequest request, LinkStores stores)
    {
        string? warning = null;
        _open = _space!.Run(() => PortBackend.Open(request, what => _logger.LogDebug("port {Port}: {Reason}", _options.Name, what), out warning));
        MakeRecorders(_open.Rings, stores, request.HandoverMs);
        _last = _space.Links.Find(request.Link.Index) is { } now ? InterfaceCounts.Read(now) : default;
        _open.Start();
        return warning;
    }

    /// <summary>What was granted decides, not what was asked for: the stamp filter is read back.</summary>
    private void PrepareInterface(Link link)
    {
        if (_options.Offloads == OffloadMode.Off)
        {
            _offloads = OffloadSetting.TurnOff(_space!.Links, link.Name);
            if (_offloads.Problem is { } problem)
                _logger.LogWarning("port {Port}: offloads: {Problem}", _options.Name, problem);
        }

        if (_options.Timestamps == TimestampSource.Software)
            return;
        Volatile.Write(ref _stamps, HardwareStamps.TryEnableAll(_space!.Links, link.Name));
        if (!_stamps!.StampsAll && _options.Timestamps == TimestampSource.Hardware)
            throw new CaptureException($"port {_options.Name}: timestamps: hardware stamps for every packet are not granted: {_stamps.Problem ?? "filter " + _stamps.Granted}");
    }

    /// <summary>Which clock stamps the packets; and of a NIC that has one and does not use it for them, why.</summary>
    private string StampText() => _stamps switch
    {
        { StampsAll: true } => "stamped by the NIC",
        { Problem: { } problem } when _stamps.HasClock => "stamped by the system clock: " + problem,
        _ => "stamped by the system clock",
    };

    private void MakeRecorders(IReadOnlyList<BlockRing> rings, LinkStores stores, int handoverMs)
    {
        if (_rings.Length < rings.Count)
            _rings = [.. _rings, .. Enumerable.Range(_rings.Length, rings.Count - _rings.Length).Select(_ => new RingCounters())];
        for (int i = 0; i < rings.Count; i++)
        {
            WriteQueue writes = WriteQueue.Create(_engine, _writesInFlight);
            EngineName = writes.Name;
            var setup = new RingSetup(_port, i, handoverMs, _writesInFlight, _clocks);
            _recorders.Add(new RingRecorder(setup, rings[i], stores, writes, _counters, _rings[i], _flight?.NewPolicy(rings[i].SlotCount, handoverMs)));
        }
    }

    private void Warn(string? warning)
    {
        if (warning is not null && warning != _warned)
            _logger.LogWarning("port {Port}: {Warning}", _options.Name, warning);
        _warned = warning;
    }

    /// <summary>The filter that triggers looks at all packets of the port in its direction, also at those that the port's own filter rejects.</summary>
    private void OpenTriggerCounter(Link link, string filter)
    {
        FileDescriptor counter = _space!.Run(() =>
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
            int cpu = ThreadPlacement.CpuFor(_options.Cpus, (_port * _recorders.Count) + i);
            var thread = new Thread(() =>
            {
                if (!ThreadPlacement.Pin(cpu) && _options.Cpus.Count > 0)
                    _logger.LogWarning("port {Port}: cpus: there is no CPU {Cpu} for this process; the thread of ring {Ring} runs where the kernel puts it", _options.Name, cpu, ring);
                recorder.Run();
            }, maxStackSize: 256 * 1024)
            {
                IsBackground = true,
                Name = $"capbox-p{_port}r{i}",
                Priority = ThreadPriority.Highest,
            };
            _threads.Add(thread);
            thread.Start();
            if (recorder.Policy is { } policy)
                _flight!.Add(policy);
        }
    }

    private void CloseRings()
    {
        _open?.StopReceiving();
        foreach (RingRecorder recorder in _recorders)
            recorder.RequestStop();
        foreach (Thread thread in _threads)
            thread.Join();
        foreach (RingRecorder recorder in _recorders)
        {
            if (recorder.Policy is { } policy)
                _flight!.Remove(policy);
            recorder.Dispose();
        }

        _open?.Dispose();
        _open = null;
        _threads.Clear();
        _recorders.Clear();
    }
}
