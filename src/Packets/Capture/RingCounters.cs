// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Capture;

/// <summary>
/// What one ring has counted since it was made. Its thread alone adds; any thread reads. 64-bit stores are whole on x86-64.
/// </summary>
internal sealed class RingCounters
{
    private ulong _received, _stored, _storedBytes, _filtered, _lostRing, _lostDisk, _truncated, _freezes;

    /// <summary>Packets that passed the filter and got into the ring.</summary>
    public ulong Received => Volatile.Read(ref _received);
    public ulong Stored => Volatile.Read(ref _stored);
    public ulong StoredBytes => Volatile.Read(ref _storedBytes);
    public ulong Filtered => Volatile.Read(ref _filtered);
    public ulong LostRing => Volatile.Read(ref _lostRing);
    public ulong LostDisk => Volatile.Read(ref _lostDisk);
    public ulong Truncated => Volatile.Read(ref _truncated);
    public ulong Freezes => Volatile.Read(ref _freezes);

    /// <summary>Packets that were received and lost to the disk afterwards, a part of <see cref="LostDisk"/>.</summary>
    public ulong GivenUp => Volatile.Read(ref _givenUp);
    private ulong _givenUp;

    /// <summary>Packets that no block can have.</summary>
    public ulong LostHost => Volatile.Read(ref _lostHost);
    private ulong _lostHost;

    /// <summary>Packets that were retained for a while in mode trigger and discarded.</summary>
    public ulong Discarded => Volatile.Read(ref _discarded);
    private ulong _discarded;

    /// <summary>Blocks of the ring; 0 while it is not open.</summary>
    public int Blocks { get => Volatile.Read(ref _blocks); set => Volatile.Write(ref _blocks, value); }

    /// <summary>Blocks that the kernel could not fill when the thread looked last.</summary>
    public int FilledBlocks => Volatile.Read(ref _filledBlocks);

    /// <summary>The most of them since the start; <see cref="Blocks"/>: the ring was full.</summary>
    public int FilledHighBlocks => Volatile.Read(ref _filledHighBlocks);
    private int _blocks, _filledBlocks, _filledHighBlocks;

    /// <summary>Of those received, the ones that are in the ring no more.</summary>
    public ulong Ended => Stored + GivenUp + Discarded;

    /// <summary>
    /// Sequence of the ring's next block: it continues when the ring is opened again. The thread's, or its starter's while there is none.
    /// </summary>
    public ulong NextSequence { get; set; }

    public void AddReceived(ulong packets) => Volatile.Write(ref _received, _received + packets);

    public void AddFiltered(ulong packets) => Volatile.Write(ref _filtered, _filtered + packets);

    public void AddFreezes(ulong times) => Volatile.Write(ref _freezes, _freezes + times);

    public void SetFill(int blocks)
    {
        Volatile.Write(ref _filledBlocks, blocks);
        if (blocks > _filledHighBlocks)
            Volatile.Write(ref _filledHighBlocks, blocks);
    }

    /// <summary>Packets that the kernel dropped because the ring was full.</summary>
    public void AddDropped(ulong packets, bool diskBound)
    {
        if (diskBound)
            Volatile.Write(ref _lostDisk, _lostDisk + packets);
        else
            Volatile.Write(ref _lostRing, _lostRing + packets);
    }

    public void AddRefused(ulong packets) => Volatile.Write(ref _lostHost, _lostHost + packets);

    public void AddStored(in Packets.Pcapng.ChunkRecord record)
    {
        Volatile.Write(ref _storedBytes, _storedBytes + record.CapturedBytes);
        Volatile.Write(ref _truncated, _truncated + record.TruncatedPackets);
        Volatile.Write(ref _stored, _stored + record.Packets);
    }

    public void AddDiscarded(ulong packets) => Volatile.Write(ref _discarded, _discarded + packets);

    public void AddGivenUp(ulong packets)
    {
        Volatile.Write(ref _givenUp, _givenUp + packets);
        Volatile.Write(ref _lostDisk, _lostDisk + packets);
    }
}

/// <summary>
/// What a port has counted beside its rings, handed to the next chunk by <see cref="Interlocked.Exchange(ref ulong, ulong)"/>.
/// </summary>
internal sealed class PortCounters
{
    private ulong _lostNic, _lostHost, _gapNs, _interfaceDrops;
    private ulong _pendingNic, _pendingHost, _pendingGapNs;

    public ulong LostNic => Volatile.Read(ref _lostNic);
    public ulong LostHost => Volatile.Read(ref _lostHost);
    public ulong GapNs => Volatile.Read(ref _gapNs);

    /// <summary>Drops the interface counted that may have been after the rings: no loss is claimed from them.</summary>
    public ulong InterfaceDrops => Volatile.Read(ref _interfaceDrops);

    public void AddInterfaceLoss(ulong nic, ulong host, ulong uncertain)
    {
        Interlocked.Add(ref _interfaceDrops, uncertain);
        Interlocked.Add(ref _lostNic, nic);
        Interlocked.Add(ref _lostHost, host);
        Interlocked.Add(ref _pendingNic, nic);
        Interlocked.Add(ref _pendingHost, host);
    }

    public void AddGap(ulong nanoseconds)
    {
        Interlocked.Add(ref _gapNs, nanoseconds);
        Interlocked.Add(ref _pendingGapNs, nanoseconds);
    }

    /// <summary>Moves unreported losses into a record.</summary>
    public void MoveInto(ref Packets.Pcapng.ChunkRecord record)
    {
        record.LostNic += Interlocked.Exchange(ref _pendingNic, 0);
        record.LostHost += Interlocked.Exchange(ref _pendingHost, 0);
        record.GapNs += Interlocked.Exchange(ref _pendingGapNs, 0);
    }

    /// <summary>Restores losses of a record that was not written: another must report them.</summary>
    public void Restore(in Packets.Pcapng.ChunkRecord record)
    {
        Interlocked.Add(ref _pendingNic, record.LostNic);
        Interlocked.Add(ref _pendingHost, record.LostHost);
        Interlocked.Add(ref _pendingGapNs, record.GapNs);
    }

    /// <summary>True if losses wait to be reported, even without packets.</summary>
    public bool HasPending => (Volatile.Read(ref _pendingNic) | Volatile.Read(ref _pendingHost) | Volatile.Read(ref _pendingGapNs)) != 0;
}
