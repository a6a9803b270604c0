// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Packets.Storage;

/// <summary>
/// A segment while it is written. Ring threads reserve room without locks and write their chunks in any order; the segment writer's thread
/// seals it once it is closed and its last user has left.
///
/// Who owns what: the tail word and the user count are shared (interlocked); a record slot belongs to the thread that reserved it until it
/// leaves; everything else is the segment writer's.
/// </summary>
internal sealed class Segment : IDisposable
{
    /// <summary>Bound of chunks in a segment, so that an idle port's small chunks cannot grow the index without end.</summary>
    public const int MaxChunks = 65536;
    private const int SlotBits = 20;
    private const long SlotMask = (1L << SlotBits) - 1;

    private readonly long _capacityPages;
    private long _tail; // pages in the high bits, slots in the low ones: one compare-and-swap reserves both
    private int _users;
    private int _closed;

    /// <param name="fd">The file, preallocated.</param>
    /// <param name="path">Its in-progress path.</param>
    /// <param name="name">Its name.</param>
    /// <param name="header">The header page(s), already written.</param>
    /// <param name="origin">Origin record of the header.</param>
    /// <param name="capacityBytes">Chunks may reach up to here; room for the footer lies behind.</param>
    /// <param name="records">Memory for the chunk records, all with kind 0; its length bounds the chunks.</param>
    public Segment(FileDescriptor fd, string path, SegmentName name, AlignedBuffer header, OriginRecord origin, long capacityBytes,
        ChunkRecord[] records)
    {
        Fd = fd;
        PartPath = path;
        Name = name;
        Header = header;
        Origin = origin;
        Records = records;
        _capacityPages = capacityBytes / Format.PageBytes;
        _tail = (long)(header.Bytes / Format.PageBytes) << SlotBits;
    }

    public FileDescriptor Fd { get; }
    public string PartPath { get; }
    public SegmentName Name { get; }
    public AlignedBuffer Header { get; }
    public OriginRecord Origin { get; }
    public ChunkRecord[] Records { get; }
    public ulong Sequence => Name.Sequence;

    /// <summary>When it became the current segment.</summary>
    public UtcTime Started { get; set; }


    /// <summary>How often sealing was tried, and when it may be tried again (<see cref="Environment.TickCount64"/>).</summary>
    public int SealAttempts { get; set; }
    public long SealAtMs { get; set; }
    public long TailBytes => (Volatile.Read(ref _tail) >> SlotBits) * Format.PageBytes;
    public int SlotCount => (int)(Volatile.Read(ref _tail) & SlotMask);
    public bool IsClosed => Volatile.Read(ref _closed) != 0;

    /// <summary>True once closed with no user inside: from then on the segment writer owns all of it.</summary>
    public bool IsQuiet => IsClosed && Volatile.Read(ref _users) == 0;

    /// <summary>Reserves room for a chunk. On success the caller is inside until <see cref="Leave"/>.</summary>
    public bool TryReserve(int bytes, out long offset, out int slot)
    {
        // A: count ourselves in, then look whether it is closed. Pairs with B: a closer that sees no user can be sure that none will come.
        Interlocked.Increment(ref _users);
        offset = 0;
        slot = 0;
        if (IsClosed)
        {
            Leave();
            return false;
        }

        long pages = bytes / Format.PageBytes;
        while (true)
        {
            long tail = Volatile.Read(ref _tail);
            long firstPage = tail >> SlotBits;
            slot = (int)(tail & SlotMask);
            if (firstPage + pages > _capacityPages || slot >= Records.Length)
            {
                Leave();
                return false;
            }

            if (Interlocked.CompareExchange(ref _tail, tail + (pages << SlotBits) + 1, tail) != tail)
                continue;
            offset = firstPage * Format.PageBytes;
            return true;
        }
    }

    /// <summary>The chunk of this slot is on disk. The slot is the caller's, so a plain store; <see cref="Leave"/> publishes it.</summary>
    public void Complete(int slot, in ChunkRecord record) => Records[slot] = record;

    /// <summary>The last act of who reserved. A full barrier.</summary>
    public void Leave() => Interlocked.Decrement(ref _users);

    /// <summary>B: no reservation succeeds any more. A full barrier.</summary>
    public void Close() => Interlocked.Exchange(ref _closed, 1);

    public void Dispose()
    {
        Header.Dispose();
        Fd.Dispose();
    }
}
