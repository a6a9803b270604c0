// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Packets.Capture;

/// <summary>What a ring thread needs to know beside its ring.</summary>
internal sealed record RingSetup(int Port, int Ring, int HandoverMs, int WritesInFlight, TimeQualityLog Clocks);

/// <summary>
/// The packet line, one thread a ring: a block that the kernel hands over is made a chunk where it lies, gets its descriptor, is written
/// from there and goes back to the kernel when the write has completed.
///
///     kernel's -> handed over -> prepared, in the ready queue -> in flight -> released, kernel's
///
/// Every loop of the thread allocates nothing and takes no lock. A block whose write failed stays rewritten and goes to another segment.
/// The ready queue, the writes in flight and the wait times are all bounded, by the number of blocks, by the options and by
/// <see cref="IdlePollMs"/>. In mode trigger a <see cref="PreTriggerPolicy"/> decides which blocks are written, and which are released
/// unwritten.
/// </summary>
internal sealed unsafe class RingRecorder : IDisposable
{
    private const int IdlePollMs = 100;
    private const int DiskPollMs = 10;

    /// <summary>How long a stop waits for a disk that rejects the last blocks before they are counted as lost to it.</summary>
    private const int GiveUpMs = 10_000;

    /// <summary>How long after the last block a stop outside a window still polls for one.</summary>
    private const int DiscardMs = 50;

    private readonly RingSetup _setup;
    private readonly BlockRing _ring;
    private volatile LinkStores _stores;
    private readonly WriteQueue _writes;
    private readonly PortCounters _port;
    private readonly RingCounters _counters;
    private readonly PreTriggerPolicy? _policy; // mode trigger
    private readonly RewrittenBlock[] _blocks;
    private readonly Reservation[] _places; // by block; the last one is the loss report's
    private readonly SegmentWriter[] _targets; // by block, while it is held; the last one is the loss report's
    private readonly bool[] _held; // by block: prepared and not released
    private readonly int[] _ready; // ring buffer of block numbers, oldest first
    private readonly int _reportTag;
    private readonly LossReport _losses;
    private int _readyFirst, _readyCount, _nextBlock, _inFlight;
    private bool _diskBound;
    private bool _gaveUp; // what is left is counted as lost, and stays so
    private long _lastChunkMs, _statisticsMs;
    private ulong _sequence;
    private volatile bool _stopping;

    /// <param name="setup">Sizes and numbers.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="stores">Where chunks go.</param>
    /// <param name="writes">The ring's own write queue; this object closes it.</param>
    /// <param name="port">The port's counters.</param>
    /// <param name="counters">The ring's counters; they outlive a ring that is opened again.</param>
    /// <param name="policy">Mode trigger: decides what is retained and written; null: everything is written.</param>
    public RingRecorder(
        RingSetup setup, BlockRing ring, LinkStores stores, WriteQueue writes, PortCounters port, RingCounters counters,
            PreTriggerPolicy? policy = null)
    {
        _setup = setup;
        _ring = ring;
        _stores = stores;
        _writes = writes;
        _port = port;
        _counters = counters;
        _policy = policy;
        _blocks = new RewrittenBlock[ring.SlotCount];
        _places = new Reservation[ring.SlotCount + 1];
        _targets = new SegmentWriter[ring.SlotCount + 1];
        _reportTag = ring.SlotCount;
        _losses = new LossReport(setup, port);
        _held = new bool[ring.SlotCount];
        _ready = new int[ring.SlotCount];
        _sequence = counters.NextSequence;
        _lastChunkMs = Environment.TickCount64;
    }

    /// <summary>Asks the thread to drain and end; no packet comes any more by then.</summary>
    public void RequestStop() => _stopping = true;

    /// <summary>Chunks from the next block on go here. From the supervisor's thread.</summary>
    public void MoveTo(LinkStores stores) => _stores = stores;

    /// <summary>Mode trigger: state of this ring's policy, for control.</summary>
    public PreTriggerPolicy? Policy => _policy;

    /// <summary>The thread: runs until <see cref="RequestStop"/>, then drains.</summary>
    public void Run()
    {
        _counters.Blocks = _ring.SlotCount;
        _policy?.Start(Stopwatch.GetTimestamp());
        while (!_stopping)
        {
            if (!Step())
                WaitForWork();
        }

        Drain();
        _counters.NextSequence = _sequence;
        _counters.SetFill(0);
        _counters.Blocks = 0;
    }

    /// <summary>Once the thread has ended.</summary>
    public void Dispose()
    {
        _writes.Dispose();
        _losses.Dispose();
        for (int block = 0; block < _held.Length; block++)
        {
            if (_held[block])
                _targets[block].Leave(); // given up
        }
    }

    /// <summary>One round over completions, the next block and the ready queue; false if there was nothing to do.</summary>
    private bool Step()
    {
        bool progress = false;
        _counters.SetFill(_ring.FilledBlocks());
        while (_writes.TryTake(out ulong tag, out int result))
        {
            OnWritten((int)tag, result);
            progress = true;
        }

        if (_gaveUp)
            return progress;
        if (_policy is not null)
            progress |= Retain(_policy);
        return progress | TakeBlock() | SubmitReady();
    }

    /// <summary>
    /// Mode trigger, once a round: sees what has been handed over, opens and ends windows, discards the oldest. Budget: one getsockopt and
    /// a few stores a block, nothing a packet.
    /// </summary>
    private bool Retain(PreTriggerPolicy policy)
    {
        bool progress = false;
        long nowNs = Stopwatch.GetTimestamp();
        for (; policy.CanNotice && _ring.IsHandedOver(policy.Next); progress = true)
        {
            TakeStatistics();
            _port.MoveInto(ref _losses.Unreported);
            policy.Notice(nowNs, _losses.Unreported);
            _losses.Unreported = default;
        }

        if (policy.Decide(nowNs))
        {
            TakeStatistics();
            if (_losses.HasUnreported)
                TryReport();
        }

        for (; policy.MustDiscard(nowNs); progress = true)
        {
            _counters.AddDiscarded(_ring.PacketsIn(_nextBlock));
            policy.Discard();
            _ring.Release(_nextBlock);
            _nextBlock = NextBlock(_nextBlock);
        }

        policy.Settle(_readyCount == 0 && _inFlight == 0);
        return progress;
    }

    /// <summary>Prepares the next block if the kernel has handed it over and it can be written now.</summary>
    private bool TakeBlock()
    {
        if (!HasBlockToTake)
            return false;
        if (_readyCount > 0 || _inFlight >= _setup.WritesInFlight)
        {
            _diskBound = true;
            return false;
        }

        ref RewrittenBlock block = ref _blocks[_nextBlock];
        UtcScale scale = _setup.Clocks.Utc;
        long firstStampNs = _ring.FirstStamp(_nextBlock, out bool isTai);
        SegmentWriter writer = _targets[_nextBlock] = EnterWriter(scale.At(firstStampNs, isTai));
        _ring.Prepare(_nextBlock, writer.Offset, out block);
        block.Record.Ring = (ushort)_setup.Ring;
        block.Record.RingSequence = _sequence + block.Skipped;
        _sequence = block.Record.RingSequence + 1;
        _setup.Clocks.Describe(ref block.Record);
        scale.Widen(ref block.Record, writer.Offset);
        if (_policy is null)
            TakeStatistics();
        else
            _policy.Dequeue(ref block.Record);
        _held[_nextBlock] = true;
        Enqueue(_nextBlock);
        _nextBlock = NextBlock(_nextBlock);
        return true;
    }

    private SegmentWriter EnterWriter(UtcOffset offset)
    {
        // Stores are over only after MoveTo has given others, so the second round finds them.
        while (true)
        {
            if (_stores.Enter(offset) is { } writer)
                return writer;
        }
    }

    private bool HasBlockToTake => _ring.IsHandedOver(_nextBlock) && _policy is null or { MayWrite: true };

    private int NextBlock(int block) => block + 1 == _held.Length ? 0 : block + 1;

    private void Enqueue(int block) => _ready[(_readyFirst + _readyCount++) % _ready.Length] = block;

    private bool SubmitReady()
    {
        bool any = false;
        while (_readyCount > 0 && _inFlight < _setup.WritesInFlight)
        {
            int number = _ready[_readyFirst];
            ref RewrittenBlock block = ref _blocks[number];
            if (!TrySubmit(ref block.Record, _ring.Chunk(number), number, block.InterfaceId, block.FirstStampNs, block.LastStampNs))
                break;
            _readyFirst = _readyFirst + 1 == _ready.Length ? 0 : _readyFirst + 1;
            _readyCount--;
            any = true;
        }

        return any;
    }

    /// <summary>
    /// Reserves room in a segment, completes the descriptor and starts the write. False: no room now; only the unreported losses have moved
    /// into the record.
    /// </summary>
    private bool TrySubmit(ref ChunkRecord record, byte* chunk, int tag, uint interfaceId, ulong firstStampNs, ulong lastStampNs)
    {
        int bytes = (int)record.ChunkBytes;
        SegmentWriter writer = _targets[tag];
        if (!writer.TryReserve(bytes, out Reservation place))
        {
            _diskBound = true;
            return false;
        }

        _losses.MoveInto(ref record);
        record.FileOffset = (ulong)place.Offset;
        record.SegmentSequence = place.Segment.Sequence;
        ChunkLayout.WriteDescriptor(chunk, record, interfaceId, firstStampNs, lastStampNs);
        _places[tag] = place;
        int errno = _writes.Write(place.Segment.Fd.Value, (nint)chunk, bytes, place.Offset, (ulong)tag);
        if (errno != 0)
        {
            // The room stays a hole, which the sealing fills.
            if (errno is not (Errno.EAGAIN or Errno.EBUSY or Errno.ENOMEM))
                writer.ReportWriteError(place.Segment, errno);
            place.Segment.Leave();
            _diskBound = true;
            return false;
        }

        _inFlight++;
        _lastChunkMs = Environment.TickCount64;
        return true;
    }

    private void OnWritten(int tag, int result)
    {
        _inFlight--;
        bool isReport = tag == _reportTag;
        ref Reservation place = ref _places[tag];
        ref ChunkRecord record = ref isReport ? ref _losses.Chunk : ref _blocks[tag].Record;
        bool isWhole = result == (int)record.ChunkBytes;
        if (_gaveUp && !isReport)
        {
            // Too late: its packets are reported as lost. The room stays a hole, which the sealing fills.
            place.Segment.Leave();
            place = default;
            return;
        }

        if (isWhole)
        {
            place.Segment.Complete(place.Slot, record);
            _targets[tag].CountWritten(record.ChunkBytes);
        }
        else
        {
            _targets[tag].ReportWriteError(place.Segment, result < 0 ? -result : Errno.ENOSPC);
        }

        place.Segment.Leave();
        place = default;
        if (isReport)
            OnReportWritten(isWhole);
        else if (isWhole)
            Release(tag);
        else
            Enqueue(tag); // the segment is done for, the packets are not
    }

    private void Release(int block)
    {
        _counters.AddStored(_blocks[block].Record);
        _held[block] = false;
        _targets[block].Leave();
        _ring.Release(block);
    }

    /// <summary>Asks what the kernel has counted. Once a block, and while idle.</summary>
    private void TakeStatistics()
    {
        _statisticsMs = Environment.TickCount64;
        RingGrowth growth = _ring.TakeStatistics();
        _counters.AddReceived(growth.Received);
        if (growth.Dropped != 0)
        {
            _counters.AddDropped(growth.Dropped, _diskBound);
            if (_diskBound)
                _losses.Unreported.LostDisk += growth.Dropped;
            else
                _losses.Unreported.LostRing += growth.Dropped;
        }

        _counters.AddRefused(growth.Refused);
        _losses.Unreported.LostHost += growth.Refused;
        _losses.Unreported.RingFreezes += (uint)growth.Freezes;
        _counters.AddFreezes(growth.Freezes);
        _losses.Unreported.FilteredPackets += growth.Filtered;
        _counters.AddFiltered(growth.Filtered);
    }

    private void WaitForWork()
    {
        if (_inFlight > 0)
            _writes.Wait(DiskPollMs);
        else if (_readyCount > 0)
            Thread.Sleep(DiskPollMs);
        else
            _ring.Wait(Math.Min(IdlePollMs, _setup.HandoverMs));
        bool isBehind = _readyCount > 0 || HasBlockToTake;
        if (isBehind && Environment.TickCount64 - _statisticsMs < IdlePollMs)
            return;
        TakeStatistics();
        if (isBehind)
            return;
        // Caught up: what was dropped until now was dropped for the cause that held then.
        _diskBound = false;
        if (_policy is null or { IsWriting: true })
            ReportWhenIdle();
    }

    private void ReportWhenIdle()
    {
        if (_losses.IsDue(Environment.TickCount64 - _lastChunkMs))
            TryReport();
    }

    /// <summary>Writes a chunk that has no packets, only counters. False if there was no room for it, or one is in flight.</summary>
    private bool TryReport()
    {
        if (_losses.IsInFlight || _inFlight >= _setup.WritesInFlight)
            return false;
        long nowNs = UtcTime.Now.Nanoseconds;
        _losses.Begin(_sequence, nowNs);
        _targets[_reportTag] = EnterWriter(_setup.Clocks.Utc.Latest);
        uint interfaceId = Format.SoftwareInterface(_setup.Port);
        if (!TrySubmit(ref _losses.Chunk, _losses.Page, _reportTag, interfaceId, (ulong)nowNs, (ulong)nowNs))
        {
            _targets[_reportTag].Leave();
            _losses.Restore();
            return false;
        }

        _sequence++;
        return _losses.IsInFlight = true;
    }

    private void OnReportWritten(bool isWhole)
    {
        _losses.IsInFlight = false;
        _targets[_reportTag].Leave();
        if (!isWhole)
            _losses.Restore();
    }

    /// <summary>
    /// Takes what the kernel still has: the block being filled is handed over after the handover time. Ends when all is written, or after
    /// <see cref="GiveUpMs"/> without progress; what is left then is counted as lost to the disk. In mode trigger outside a window all is
    /// discarded instead.
    /// </summary>
    private void Drain()
    {
        if (_policy is not null)
        {
            Retain(_policy);
            _policy.Drain();
        }

        long quietMs = IsDiscarding ? DiscardMs : (2 * _setup.HandoverMs) + 50;
        long lastProgress = Environment.TickCount64;
        while (true)
        {
            long now = Environment.TickCount64;
            if (Step())
            {
                lastProgress = now;
                continue;
            }

            bool isEmpty = _inFlight == 0 && _readyCount == 0 && !_ring.IsHandedOver(_nextBlock);
            if (isEmpty && _counters.Received == _counters.Ended && now - lastProgress >= Math.Min(quietMs, _setup.HandoverMs))
                break;
            if (now - lastProgress >= (isEmpty ? quietMs : GiveUpMs))
                break;
            WaitForWork();
        }

        GiveUp();
        TakeStatistics();
        if (IsDiscarding)
            _counters.AddDiscarded(_counters.Received - _counters.Ended); // in the block that the kernel is filling
        else
            ReportLast();
    }

    private bool IsDiscarding => _policy is { IsWriting: false };

    private void GiveUp()
    {
        ulong packets = _ring.PacketsLeft();
        for (int block = 0; block < _held.Length; block++)
            packets += _held[block] ? _blocks[block].Record.Packets : 0;

        _gaveUp = true;
        _counters.AddGivenUp(packets);
        _losses.Unreported.LostDisk += packets;
    }

    private void ReportLast()
    {
        if (!_losses.HasUnreported)
            return;
        long deadlineMs = Environment.TickCount64 + GiveUpMs;
        bool isReported = TryReport();
        while ((!isReported || _losses.IsInFlight) && Environment.TickCount64 < deadlineMs)
        {
            if (!Step())
                _writes.Wait(DiskPollMs);
            if (!isReported || (!_losses.IsInFlight && _losses.HasUnreported))
                isReported = TryReport();
        }
    }
}
