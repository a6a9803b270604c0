// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Packets.Capture;

/// <summary>A TPACKET_V3 ring: the kernel hands its blocks over in order and wants them back in order; the slots are its blocks.</summary>
internal sealed unsafe class PacketBlockRing : BlockRing
{
    private readonly PacketRing _ring;
    private volatile FileDescriptor? _filterCounter;
    private readonly int _blockBytes, _port, _snapLength;
    private readonly bool[] _taken; // by slot: rewritten, although its status is still handed over
    private readonly HandoverWatch? _watch;
    private long _noticed, _released; // blocks since the start: handed over as far as seen, released

    /// <param name="ring">This object closes it.</param>
    /// <param name="options">How it was opened.</param>
    /// <param name="filterCounter">Counts what the port's filter rejects; one ring of each port has it. This object closes it.</param>
    /// <param name="port">Index of the port.</param>
    /// <param name="snapLength">Captured bytes of a packet.</param>
    /// <param name="isPreTrigger">
    /// Blocks stay handed over: such a ring is always readable for poll(2), only a new block may wake it.
    /// </param>
    /// <exception cref="IOException">No epoll.</exception>
    public PacketBlockRing(
        PacketRing ring, PacketRingOptions options, FileDescriptor? filterCounter, int port, int snapLength, bool isPreTrigger)
    {
        if (isPreTrigger)
            _watch = new HandoverWatch(ring.Fd);
        _ring = ring;
        _filterCounter = filterCounter;
        _blockBytes = options.BlockBytes;
        _port = port;
        _snapLength = snapLength;
        _taken = new bool[options.BlockCount];
    }

    public PacketRing Ring => _ring;

    /// <summary>Counts what <paramref name="program"/> accepts from now on, in place of what it was.</summary>
    public void CountFiltered(int ifIndex, bool ignoreOutgoing, SockFilter[] program)
    {
        if (_filterCounter is { } counter)
            PacketRing.SetFilter(counter, program);
        else
            _filterCounter = PacketRing.OpenCounter(ifIndex, ignoreOutgoing, program);
    }

    public override int SlotCount => _taken.Length;

    private TpacketBlockDesc* Head(int slot) => (TpacketBlockDesc*)(_ring.Blocks + ((nint)slot * _blockBytes));

    public override bool IsHandedOver(int slot) =>
        // Acquire: pairs with the kernel's smp_wmb before it sets TP_STATUS_USER (prb_flush_block).
        !_taken[slot] && (Volatile.Read(ref Head(slot)->BlockStatus) & SocketNumbers.TP_STATUS_USER) != 0;

    public override uint PacketsIn(int slot) => Head(slot)->PacketCount;

    public override long FirstStamp(int slot, out bool isTai) => FirstStamp(Head(slot), out isTai);

    /// <summary>Stamp of the first packet in a block, ns, and whether the NIC made it.</summary>
    internal static long FirstStamp(TpacketBlockDesc* block, out bool isTai)
    {
        var first = (Tpacket3Hdr*)((byte*)block + block->OffsetToFirstPacket);
        isTai = block->PacketCount != 0 && (first->Status & SocketNumbers.TP_STATUS_TS_RAW_HARDWARE) != 0;
        return block->PacketCount == 0 ? 0 : (first->Seconds * 1_000_000_000L) + first->Nanoseconds;
    }

    public override void Prepare(int slot, UtcOffset offset, out RewrittenBlock block)
    {
        Notice();
        BlockRewriter.Rewrite((byte*)Head(slot), _blockBytes, _port, _snapLength, offset, out block);
        _taken[slot] = true;
    }

    public override byte* Chunk(int slot) => (byte*)Head(slot) + ChunkLayout.ChunkOffset;

    // Release: every read of the block is done before the kernel may fill it. Pairs with the kernel's read of the status before it opens
    // the block.
    public override void Release(int slot)
    {
        Notice();
        _released++;
        _taken[slot] = false;
        Volatile.Write(ref Head(slot)->BlockStatus, SocketNumbers.TP_STATUS_KERNEL);
    }

    public override RingGrowth TakeStatistics()
    {
        // The kernel clears its counters when they are read.
        TpacketStatsV3 ring = _ring.ReadStatistics();
        ulong filtered = _filterCounter is null ? 0 : PacketRing.ReadStatistics(_filterCounter).Packets;
        return new RingGrowth(ring.Packets - ring.Drops, ring.Drops, filtered, ring.FreezeCount);
    }

    public override int FilledBlocks()
    {
        Notice();
        return (int)(_noticed - _released);
    }

    /// <summary>
    /// Counts blocks that were handed over, each once. Called before a block is prepared or released, so none is missed; a slot of the
    /// round before that is still held is rewritten, and ends the count.
    /// </summary>
    private void Notice()
    {
        while (_noticed - _released < SlotCount && IsHandedOver((int)(_noticed % SlotCount)))
            _noticed++;
    }

    public override ulong PacketsLeft()
    {
        ulong packets = 0;
        for (int slot = 0; slot < SlotCount; slot++)
            packets += IsHandedOver(slot) ? PacketsIn(slot) : 0;
        return packets;
    }

    public override void Wait(int timeoutMs)
    {
        short events = _watch?.Wait(timeoutMs) ?? _ring.Poll(timeoutMs);
        if ((events & FileNumbers.POLLERR) != 0)
            _ring.ReadError(); // ENETDOWN: the kernel puts the socket back when the link comes up; the port's supervisor counts the time
    }

    public override void Dispose()
    {
        _watch?.Dispose();
        _ring.Dispose();
        _filterCounter?.Dispose();
    }
}

/// <summary>The packet sockets of one port, in a fanout group when there are several.</summary>
internal sealed class PacketPortRings : PortRings
{
    private readonly List<PacketBlockRing> _rings = [];
    private readonly Action<string> _note;
    private SockFilter[] _program;

    /// <param name="program">Set on all rings by <see cref="Start"/>; until then they reject everything.</param>
    /// <param name="note">Receives, for the log of details, the reason why a ring's filter cannot be set at the end.</param>
    public PacketPortRings(SockFilter[] program, Action<string> note)
    {
        _program = program;
        _note = note;
    }

    public override string Backend => "packet";

    public override IReadOnlyList<BlockRing> Rings => _rings;

    /// <summary>This object closes it.</summary>
    public void Add(PacketBlockRing ring) => _rings.Add(ring);

    /// <exception cref="IOException">No group is available.</exception>
    public void JoinFanout(FanoutMode fanout)
    {
        if (_rings.Count < 2)
            return;
        int mode = fanout == FanoutMode.Cpu ? SocketNumbers.PACKET_FANOUT_CPU : SocketNumbers.PACKET_FANOUT_HASH;
        int group = -1;
        foreach (PacketBlockRing ring in _rings)
            group = ring.Ring.JoinFanout(group, mode);
    }

    public override void Start()
    {
        foreach (PacketBlockRing ring in _rings)
            ring.Ring.SetFilter(_program);
    }

    public override void ChangeFilter(PortOptions options, string device, int ifIndex)
    {
        SockFilter[] accept = PortBackend.Compile(options, device);
        SockFilter[] reject = options.Filter is null ? FilterProgram.RejectAll() : FilterProgram.Negate(accept);
        _program = PortBackend.InDirection(options, accept);
        foreach (PacketBlockRing ring in _rings)
            ring.Ring.SetFilter(_program);
        _rings[0].CountFiltered(ifIndex, options.Direction == Direction.In, PortBackend.InDirection(options, reject));
    }

    public override bool HasLostInterface => _rings[0].Ring.IsUnbound;

    public override void StopReceiving()
    {
        foreach (PacketBlockRing ring in _rings)
        {
            try
            {
                ring.Ring.SetFilter(FilterProgram.RejectAll());
            }
            catch (IOException e)
            {
                _note(e.Message);
            }
        }
    }

    public override void Dispose()
    {
        foreach (PacketBlockRing ring in _rings)
            ring.Dispose();
    }
}
