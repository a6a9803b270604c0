using Capbox.Native;
using Capbox.Ptp;

namespace Capbox.Capture;

/// <summary>A TPACKET_V3 ring: the kernel hands its blocks over in order and wants them back in order; the slots are its blocks.</summary>
internal sealed unsafe class PacketBlockRing : BlockRing
{
    private readonly PacketRing _ring;
    private readonly FileDescriptor? _filterCounter;
    private readonly int _blockBytes, _port, _snapLength;
    private readonly UtcOffset _hardwareOffset;
    private readonly bool[] _taken; // by slot: rewritten, although its status still says that it was handed over
    private readonly HandoverWatch? _watch;

    /// <param name="ring">This object closes it.</param>
    /// <param name="options">How it was opened.</param>
    /// <param name="filterCounter">Counts what the port's filter rejects; one ring of each port has it. This object closes it.</param>
    /// <param name="port">Index of the port.</param>
    /// <param name="snapLength">Bytes kept of a packet.</param>
    /// <param name="hardwareOffset">TAI-UTC.</param>
    /// <param name="isKeeping">Blocks stay handed over: such a ring is always readable for poll(2), only a new block may wake it.</param>
    /// <exception cref="IOException">No epoll.</exception>
    public PacketBlockRing(
        PacketRing ring, PacketRingOptions options, FileDescriptor? filterCounter, int port, int snapLength, UtcOffset hardwareOffset, bool isKeeping)
    {
        if (isKeeping)
            _watch = new HandoverWatch(ring.Fd);
        _ring = ring;
        _filterCounter = filterCounter;
        _blockBytes = options.BlockBytes;
        _port = port;
        _snapLength = snapLength;
        _hardwareOffset = hardwareOffset;
        _taken = new bool[options.BlockCount];
    }

    public PacketRing Ring => _ring;

    public override int SlotCount => _taken.Length;

    private TpacketBlockDesc* Head(int slot) => (TpacketBlockDesc*)(_ring.Blocks + ((nint)slot * _blockBytes));

    public override bool IsHandedOver(int slot) =>
        // Acquire: pairs with the kernel's smp_wmb before it sets TP_STATUS_USER (prb_flush_block).
        !_taken[slot] && (Volatile.Read(ref Head(slot)->BlockStatus) & PacketNumbers.TP_STATUS_USER) != 0;

    public override uint PacketsIn(int slot) => Head(slot)->PacketCount;

    public override void Prepare(int slot, out RewrittenBlock block)
    {
        BlockRewriter.Rewrite((byte*)Head(slot), _blockBytes, _port, _snapLength, _hardwareOffset, out block);
        _taken[slot] = true;
    }

    public override byte* Chunk(int slot) => (byte*)Head(slot) + ChunkLayout.ChunkOffset;

    // Release: every read of the block is done before the kernel may fill it. Pairs with the kernel's read of the status before it opens the block.
    public override void GiveBack(int slot)
    {
        _taken[slot] = false;
        Volatile.Write(ref Head(slot)->BlockStatus, PacketNumbers.TP_STATUS_KERNEL);
    }

    public override RingGrowth TakeStatistics()
    {
        // The kernel clears its counters when they are read.
        TpacketStatsV3 ring = _ring.TakeStatistics();
        ulong filtered = _filterCounter is null ? 0 : PacketRing.TakeStatistics(_filterCounter).Packets;
        return new RingGrowth(ring.Packets - ring.Drops, ring.Drops, filtered, ring.FreezeCount);
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
        if ((events & LibC.POLLERR) != 0)
            _ring.TakeError(); // ENETDOWN: the kernel puts the socket back when the link comes up; the port's supervisor keeps the time
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
    private readonly SockFilter[] _program;
    private readonly Action<string> _note;

    /// <param name="program">Set on all rings by <see cref="Start"/>; until then they reject everything.</param>
    /// <param name="note">Told, for the log of details, when a ring's filter cannot be set at the end.</param>
    public PacketPortRings(SockFilter[] program, Action<string> note)
    {
        _program = program;
        _note = note;
    }

    public override string Backend => "packet";

    public override IReadOnlyList<BlockRing> Rings => _rings;

    /// <summary>This object closes it.</summary>
    public void Add(PacketBlockRing ring) => _rings.Add(ring);

    /// <exception cref="IOException">There is no group to be had.</exception>
    public void JoinFanout(FanoutMode fanout)
    {
        if (_rings.Count < 2)
            return;
        int mode = fanout == FanoutMode.Cpu ? PacketNumbers.PACKET_FANOUT_CPU : PacketNumbers.PACKET_FANOUT_HASH;
        int group = -1;
        foreach (PacketBlockRing ring in _rings)
            group = ring.Ring.JoinFanout(group, mode);
    }

    public override void Start()
    {
        foreach (PacketBlockRing ring in _rings)
            ring.Ring.SetFilter(_program);
    }

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
