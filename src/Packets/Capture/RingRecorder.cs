using System.Diagnostics;
using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Packets.Capture;

/// <summary>What a ring thread needs to know beside its ring.</summary>
internal sealed record RingSetup(int Port, int Ring, int HandoverMs, int WritesInFlight, ClockBoard Clocks);

/// <summary>
/// The packet line, one thread a ring: a block that the kernel hands over is made a chunk where it lies, gets its descriptor, is written from there and goes
/// back to the kernel when the write has completed.
///
///     kernel's -> handed over -> prepared, in the ready queue -> in flight -> given back, kernel's
///
/// Every loop of the thread allocates nothing and takes no lock. A block whose write failed stays rewritten and goes to another segment. The
/// ready queue, the writes in flight and the wait times are all bounded, by the number of blocks, by the options and by <see cref="IdlePollMs"/>.
/// In mode trigger a <see cref="KeepPolicy"/> decides when blocks are taken, and which go back unwritten.
/// </summary>
internal sealed unsafe class RingRecorder : IDisposable
{
    private const int IdlePollMs = 100;
    private const int DiskPollMs = 10;

    /// <summary>Losses are told by a chunk without packets when no other chunk came for this long; mere filter counts after the longer time.</summary>
    private const int TellLossAfterMs = 1000, TellFilteredAfterMs = 60_000;

    /// <summary>How long a stop waits for a disk that does not take the last blocks before they are counted as lost to it.</summary>
    private const int GiveUpMs = 10_000;

    /// <summary>How long after the last block a stop outside a window still looks for one.</summary>
    private const int LetGoMs = 50;

    private readonly RingSetup _setup;
    private readonly BlockRing _ring;
    private volatile LinkStores _stores;
    private readonly WriteQueue _writes;
    private readonly PortCounters _port;
    private readonly RingCounters _counters;
    private readonly KeepPolicy? _keep; // mode trigger
    private readonly RewrittenBlock[] _blocks;
    private readonly Reservation[] _places; // by block; the last one is the note's
    private readonly SegmentStore[] _goesTo; // by block, while it is held; the last one is the note's
    private readonly bool[] _held; // by block: prepared and not given back
    private readonly int[] _ready; // ring buffer of block numbers, oldest first
    private readonly int _noteTag;
    private readonly AlignedBuffer _notePage = new(Format.PageBytes);
    private int _readyFirst, _readyCount, _nextBlock, _inFlight;
    private ChunkRecord _untold; // losses that no chunk has told yet
    private ChunkRecord _note; // a chunk without packets, in flight if _noteInFlight
    private bool _noteInFlight;
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
    /// <param name="keep">Mode trigger: what is kept and what is written; null: everything is written.</param>
    public RingRecorder(
        RingSetup setup, BlockRing ring, LinkStores stores, WriteQueue writes, PortCounters port, RingCounters counters, KeepPolicy? keep = null)
    {
        _setup = setup;
        _ring = ring;
        _stores = stores;
        _writes = writes;
        _port = port;
        _counters = counters;
        _keep = keep;
        _blocks = new RewrittenBlock[ring.SlotCount];
        _places = new Reservation[ring.SlotCount + 1];
        _goesTo = new SegmentStore[ring.SlotCount + 1];
        _noteTag = ring.SlotCount;
        _held = new bool[ring.SlotCount];
        _ready = new int[ring.SlotCount];
        _sequence = counters.NextSequence;
        _lastChunkMs = Environment.TickCount64;
    }

    /// <summary>Asks the thread to drain and end; no packet comes any more by then.</summary>
    public void RequestStop() => _stopping = true;

    /// <summary>Chunks from the next block on go here. From the supervisor's thread.</summary>
    public void MoveTo(LinkStores stores) => _stores = stores;

    /// <summary>Mode trigger: what this ring keeps, for control.</summary>
    public KeepPolicy? Policy => _keep;

    /// <summary>The thread: runs until <see cref="RequestStop"/>, then drains.</summary>
    public void Run()
    {
        _counters.Blocks = _ring.SlotCount;
        _keep?.Start(Stopwatch.GetTimestamp());
        while (!_stopping)
        {
            if (!Step())
                WaitForWork();
        }

        Drain();
        _counters.NextSequence = _sequence;
        _counters.NoteFill(0);
        _counters.Blocks = 0;
    }

    /// <summary>Once the thread has ended.</summary>
    public void Dispose()
    {
        _writes.Dispose();
        _notePage.Dispose();
        for (int block = 0; block < _held.Length; block++)
        {
            if (_held[block])
                _goesTo[block].Leave(); // given up
        }
    }

    /// <summary>One round over completions, the next block and the ready queue; false if there was nothing to do.</summary>
    private bool Step()
    {
        bool progress = false;
        _counters.NoteFill(_ring.FilledBlocks());
        while (_writes.TryTake(out ulong tag, out int result))
        {
            OnWritten((int)tag, result);
            progress = true;
        }

        if (_gaveUp)
            return progress;
        if (_keep is not null)
            progress |= Keep(_keep);
        return progress | TakeBlock() | SubmitReady();
    }

    /// <summary>
    /// Mode trigger, once a round: sees what has been handed over, opens and ends windows, lets the oldest go. Budget: one getsockopt and a few stores a block,
    /// nothing a packet.
    /// </summary>
    private bool Keep(KeepPolicy keep)
    {
        bool progress = false;
        long nowNs = Stopwatch.GetTimestamp();
        for (; keep.CanNotice && _ring.IsHandedOver(keep.Next); progress = true)
        {
            TakeStatistics();
            _port.TakeInto(ref _untold);
            keep.Notice(nowNs, _untold);
            _untold = default;
        }

        if (keep.Decide(nowNs))
        {
            TakeStatistics();
            if (HasUntold)
                TryTellNow();
        }

        for (; keep.MustLetGo(nowNs); progress = true)
        {
            _counters.AddDiscarded(_ring.PacketsIn(_nextBlock));
            keep.LetGo();
            _ring.GiveBack(_nextBlock);
            _nextBlock = Following(_nextBlock);
        }

        keep.Settle(_readyCount == 0 && _inFlight == 0);
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
        SegmentStore store = _goesTo[_nextBlock] = EnterStore(scale.At(firstStampNs, isTai));
        _ring.Prepare(_nextBlock, store.Offset, out block);
        block.Record.Ring = (ushort)_setup.Ring;
        block.Record.RingSequence = _sequence + block.Skipped;
        _sequence = block.Record.RingSequence + 1;
        _setup.Clocks.Describe(ref block.Record);
        scale.Widen(ref block.Record, store.Offset);
        if (_keep is null)
            TakeStatistics();
        else
            _keep.Take(ref block.Record);
        _held[_nextBlock] = true;
        Enqueue(_nextBlock);
        _nextBlock = Following(_nextBlock);
        return true;
    }

    private SegmentStore EnterStore(UtcOffset offset)
    {
        // Stores are over only after MoveTo has given others, so the second round finds them.
        while (true)
        {
            if (_stores.Enter(offset) is { } store)
                return store;
        }
    }

    private bool HasBlockToTake => _ring.IsHandedOver(_nextBlock) && _keep is null or { MayTake: true };

    private int Following(int block) => block + 1 == _held.Length ? 0 : block + 1;

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

    /// <summary>Takes room in a segment, completes the descriptor and starts the write. False: there is no room now; nothing has changed but the losses told.</summary>
    private bool TrySubmit(ref ChunkRecord record, byte* chunk, int tag, uint interfaceId, ulong firstStampNs, ulong lastStampNs)
    {
        int bytes = (int)record.ChunkBytes;
        SegmentStore store = _goesTo[tag];
        if (!store.TryReserve(bytes, out Reservation place))
        {
            _diskBound = true;
            return false;
        }

        TellLosses(ref record);
        record.FileOffset = (ulong)place.Offset;
        record.SegmentSequence = place.Segment.Sequence;
        ChunkLayout.WriteDescriptor(chunk, record, interfaceId, firstStampNs, lastStampNs);
        _places[tag] = place;
        int errno = _writes.Write(place.Segment.Fd.Value, (nint)chunk, bytes, place.Offset, (ulong)tag);
        if (errno != 0)
        {
            // The room stays a hole, which the sealing fills.
            if (errno is not (Errno.EAGAIN or Errno.EBUSY or Errno.ENOMEM))
                store.ReportWriteError(place.Segment, errno);
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
        bool isNote = tag == _noteTag;
        ref Reservation place = ref _places[tag];
        ref ChunkRecord record = ref isNote ? ref _note : ref _blocks[tag].Record;
        bool isWhole = result == (int)record.ChunkBytes;
        if (_gaveUp && !isNote)
        {
            // Too late: its packets are told as lost. The room stays a hole, which the sealing fills.
            place.Segment.Leave();
            place = default;
            return;
        }

        if (isWhole)
        {
            place.Segment.Complete(place.Slot, record);
            _goesTo[tag].CountWritten(record.ChunkBytes);
        }
        else
        {
            _goesTo[tag].ReportWriteError(place.Segment, result < 0 ? -result : Errno.ENOSPC);
        }

        place.Segment.Leave();
        place = default;
        if (isNote)
            OnNoteWritten(isWhole);
        else if (isWhole)
            GiveBack(tag);
        else
            Enqueue(tag); // the segment is done for, the packets are not
    }

    private void GiveBack(int block)
    {
        _counters.AddStored(_blocks[block].Record);
        _held[block] = false;
        _goesTo[block].Leave();
        _ring.GiveBack(block);
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
                _untold.LostDisk += growth.Dropped;
            else
                _untold.LostRing += growth.Dropped;
        }

        _counters.AddRefused(growth.Refused);
        _untold.LostHost += growth.Refused;
        _untold.RingFreezes += (uint)growth.Freezes;
        _counters.AddFreezes(growth.Freezes);
        _untold.FilteredPackets += growth.Filtered;
        _counters.AddFiltered(growth.Filtered);
    }

    private void TellLosses(ref ChunkRecord record)
    {
        record.AddLosses(_untold);
        _untold = default;
        _port.TakeInto(ref record);
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
        if (_keep is null or { IsWriting: true })
            TellWhenIdle();
    }

    private void TellWhenIdle()
    {
        long idleMs = Environment.TickCount64 - _lastChunkMs;
        bool loss = _untold.LostPackets > 0 || _port.HasPending;
        if ((loss && idleMs >= TellLossAfterMs) || (_untold.FilteredPackets > 0 && idleMs >= TellFilteredAfterMs))
            TryTellNow();
    }

    private bool HasUntold => (_untold.LostPackets | _untold.FilteredPackets) != 0 || _port.HasPending;

    /// <summary>Writes a chunk that has no packets, only counters. False if there was no room for it, or one is in flight.</summary>
    private bool TryTellNow()
    {
        if (_noteInFlight || _inFlight >= _setup.WritesInFlight)
            return false;
        long now = UtcTime.Now.Nanoseconds;
        _note = new ChunkRecord
        {
            Magic = Format.RecordMagic,
            Version = Format.RecordVersion,
            Kind = RecordKind.Chunk,
            ChunkBytes = Format.PageBytes,
            RingSequence = _sequence,
            Port = (ushort)_setup.Port,
            Ring = (ushort)_setup.Ring,
            FirstUtcNs = now,
            LastUtcNs = now,
        };
        _setup.Clocks.Describe(ref _note);
        _goesTo[_noteTag] = EnterStore(_setup.Clocks.Utc.Latest);
        byte* page = (byte*)_notePage.Address;
        ChunkLayout.Close(page, page + ChunkLayout.DescriptorBytes, page + Format.PageBytes);
        if (!TrySubmit(ref _note, page, _noteTag, Format.SoftwareInterface(_setup.Port), (ulong)now, (ulong)now))
        {
            _goesTo[_noteTag].Leave();
            KeepNoteForLater();
            return false;
        }

        _sequence++;
        return _noteInFlight = true;
    }

    private void OnNoteWritten(bool isWhole)
    {
        _noteInFlight = false;
        _goesTo[_noteTag].Leave();
        if (!isWhole)
            KeepNoteForLater();
    }

    private void KeepNoteForLater()
    {
        // The port's own losses go back to the port: any chunk of it may tell them.
        _port.PutBack(_note);
        _note.LostNic = _note.LostHost = _note.GapNs = 0;
        _untold.AddLosses(_note);
        _note = default;
    }

    /// <summary>
    /// Takes what the kernel still has: the block being filled is handed over after the handover time. Ends when all is written, or after
    /// <see cref="GiveUpMs"/> without progress; what is left then is counted as lost to the disk. In mode trigger outside a window all is let go instead.
    /// </summary>
    private void Drain()
    {
        if (_keep is not null)
        {
            Keep(_keep);
            _keep.Drain();
        }

        long quietMs = IsLettingGo ? LetGoMs : (2 * _setup.HandoverMs) + 50;
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
        if (IsLettingGo)
            _counters.AddDiscarded(_counters.Received - _counters.Ended); // in the block that the kernel is filling
        else
            TellLast();
    }

    private bool IsLettingGo => _keep is { IsWriting: false };

    private void GiveUp()
    {
        ulong packets = _ring.PacketsLeft();
        for (int block = 0; block < _held.Length; block++)
            packets += _held[block] ? _blocks[block].Record.Packets : 0;

        _gaveUp = true;
        _counters.AddGivenUp(packets);
        _untold.LostDisk += packets;
    }

    private void TellLast()
    {
        if (!HasUntold)
            return;
        long deadline = Environment.TickCount64 + GiveUpMs;
        bool told = TryTellNow();
        while ((!told || _noteInFlight) && Environment.TickCount64 < deadline)
        {
            if (!Step())
                _writes.Wait(DiskPollMs);
            if (!told || (!_noteInFlight && HasUntold))
                told = TryTellNow();
        }
    }
}
