// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Packets.Capture;

/// <summary>
/// A ring of the kernel module (docs/internals/ring.md): its blocks are chunks already but for the descriptor, so nothing is done a packet. Blocks
/// come in any order of their numbers; a slot holds the number of the block that was claimed for it. A block that is released out of order
/// is free for the kernel at once; the next claim waits until its slot is free, which is until a write that began earlier has completed.
/// </summary>
internal sealed unsafe class KmodBlockRing : BlockRing
{
    /// <summary>Left free by the kernel: the descriptor, opt_endofopt and its total length (docs/internals/segments.md, chunk).</summary>
    public const int HeadBytes = ChunkLayout.DescriptorBytes + 8;

    private readonly KmodSession _session;
    private readonly HandoverWatch _watch;
    private readonly CapboxRingHead* _head;
    private readonly int _ring, _port;
    private readonly uint[] _numbers; // by slot: the block, if it is claimed
    private readonly SlotState[] _slots;
    private int _nextClaim; // slot of the next claim
    private ulong _returned;
    private int _held; // claimed and not released
    private ulong _nextSequence; // of the next block, if none is reclaimed
    private CapboxCounters _reported;

    private enum SlotState : byte
    {
        Kernel,
        Claimed,
        Prepared,
    }

    /// <exception cref="IOException">No epoll.</exception>
    public KmodBlockRing(KmodSession session, int ring, int port)
    {
        // Every ring's handovers wake it, since they share a descriptor: poll(2) would return at once while another's blocks wait to be
        // claimed.
        _watch = new HandoverWatch(session.Fd);
        _session = session;
        _ring = ring;
        _port = port;
        _head = session.Head(ring);
        _numbers = new uint[session.BlockCount];
        _slots = new SlotState[session.BlockCount];
    }

    public override int SlotCount => _slots.Length;

    public override bool IsHandedOver(int slot)
    {
        if (_slots[slot] == SlotState.Kernel && slot == _nextClaim && TryClaim(out uint number))
        {
            _numbers[slot] = number;
            _slots[slot] = SlotState.Claimed;
            _held++;
            _nextClaim = slot + 1 == _slots.Length ? 0 : slot + 1;
        }

        return _slots[slot] == SlotState.Claimed;
    }

    public override uint PacketsIn(int slot) => Info(slot)->Packets;

    public override long FirstStamp(int slot, out bool isTai)
    {
        CapboxBlock* info = Info(slot);
        isTai = info->FirstInterface != Format.SoftwareInterface(_port);
        return info->FirstNs;
    }

    public override void Prepare(int slot, UtcOffset offset, out RewrittenBlock block)
    {
        CapboxBlock* info = Info(slot);
        block = new RewrittenBlock
        {
            InterfaceId = info->FirstInterface,
            FirstStampNs = (ulong)info->FirstNs,
            LastStampNs = (ulong)info->LastNs,
            Skipped = info->Sequence - _nextSequence,
            Record = new ChunkRecord
            {
                Magic = Format.RecordMagic,
                Version = Format.RecordVersion,
                Kind = RecordKind.Chunk,
                ChunkBytes = info->Bytes,
                Packets = info->Packets,
                Port = (ushort)_port,
                HardwareStampedPackets = info->HardwareStamps,
                FirstUtcNs = info->SoftwareMinNs,
                LastUtcNs = info->SoftwareMaxNs,
                CapturedBytes = info->CapturedBytes,
                OriginalBytes = info->OriginalBytes,
                TruncatedPackets = info->Truncated,
                Flags = (info->Flags & CapboxNumbers.CAPBOX_BLOCK_IN_ORDER) != 0 ? ChunkFlags.InOrder : ChunkFlags.None,
            },
        };
        if (info->HardwareStamps != 0)
        {
            block.Record.FirstUtcNs = Math.Min(info->SoftwareMinNs, info->HardwareMinNs - offset.Nanoseconds);
            block.Record.LastUtcNs = Math.Max(info->SoftwareMaxNs, info->HardwareMaxNs - offset.Nanoseconds);
        }

        _nextSequence = info->Sequence + 1;
        byte* chunk = Chunk(slot);
        ChunkLayout.Close(chunk, chunk + ChunkLayout.DescriptorBytes, chunk + HeadBytes);
        _slots[slot] = SlotState.Prepared;
    }

    public override byte* Chunk(int slot) => _session.Block(_ring, _numbers[slot]);

    public override void Release(int slot)
    {
        if (_slots[slot] == SlotState.Claimed)
            _nextSequence = Info(slot)->Sequence + 1; // discarded: not missing in what is written
        _slots[slot] = SlotState.Kernel;
        _held--;
        Volatile.Write(ref _session.FreeQueue(_ring)[_returned & _session.QueueMask], _numbers[slot]);
        // C: every use of the block is done, and its number is there. Pairs with the kernel's acquire, D.
        Volatile.Write(ref _head->Returned, ++_returned);
    }

    public override RingGrowth TakeStatistics()
    {
        CapboxCounters now = _session.Counters(_ring);
        ulong Dropped(in CapboxCounters c) => c.LostFull.Packets + c.LostTakenBack.Packets;
        ulong Refused(in CapboxCounters c) => c.LostOversize.Packets + c.LostUnreadable.Packets;
        var growth = new RingGrowth(
            now.Stored.Packets - _reported.Stored.Packets, Dropped(now) - Dropped(_reported),
                now.Filtered.Packets - _reported.Filtered.Packets, now.TimesFull - _reported.TimesFull,
            Refused(now) - Refused(_reported));
        _reported = now;
        return growth;
    }

    public override int FilledBlocks()
    {
        // Claimed first: it never passes Filled, so the difference may be a little too large and never wraps.
        ulong claimed = Volatile.Read(ref _head->Claimed);
        return (int)Math.Min((ulong)SlotCount, Volatile.Read(ref _head->Filled) - claimed + (ulong)_held);
    }

    public override ulong PacketsLeft()
    {
        ulong packets = 0;
        for (int slot = 0; slot < _slots.Length; slot++)
            packets += _slots[slot] == SlotState.Claimed ? PacketsIn(slot) : 0;
        while (TryClaim(out uint number))
            packets += _session.Info(_ring)[number].Packets;
        return packets;
    }

    public override void Wait(int timeoutMs) => _watch.Wait(timeoutMs);

    public override void Dispose() => _watch.Dispose();

    private CapboxBlock* Info(int slot) => _session.Info(_ring) + _numbers[slot];

    private bool TryClaim(out uint number)
    {
        while (true)
        {
            ulong claimed = Volatile.Read(ref _head->Claimed);
            // B: what the number, the description and the block say is there. Pairs with the kernel's release, A.
            if (Volatile.Read(ref _head->Filled) == claimed)
            {
                number = 0;
                return false;
            }

            number = Volatile.Read(ref _session.FilledQueue(_ring)[claimed & _session.QueueMask]);
            // E, against the kernel reclaiming it, F.
            if (Interlocked.CompareExchange(ref _head->Claimed, claimed + 1, claimed) == claimed)
                return true;
        }
    }
}

/// <summary>A session of the kernel module for one port: a ring for each CPU.</summary>
internal sealed class KmodPortRings : PortRings
{
    private readonly KmodSession _session;
    private readonly List<KmodBlockRing> _rings = [];

    /// <param name="session">Set up, with its port and filters; this object closes it, also when the constructor fails.</param>
    /// <param name="port">Index of the port.</param>
    /// <exception cref="IOException">No epoll.</exception>
    public KmodPortRings(KmodSession session, int port)
    {
        _session = session;
        try
        {
            for (int ring = 0; ring < session.RingCount; ring++)
                _rings.Add(new KmodBlockRing(session, ring, port));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override string Backend => "kmod";

    public override IReadOnlyList<BlockRing> Rings => _rings;

    public override void Start() => _session.Start();

    public override void ChangeFilter(PortOptions options, string device, int ifIndex) => PortBackend.SetFilters(_session, options, device);

    public override bool HasLostInterface => _session.IsPortGone;

    public override void StopReceiving() => _session.Stop();

    public override void Dispose()
    {
        foreach (KmodBlockRing ring in _rings)
            ring.Dispose();
        _session.Dispose();
    }
}
