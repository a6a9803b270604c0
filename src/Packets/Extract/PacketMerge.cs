// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Extract;

/// <summary>
/// Merges runs of chunks by time. A run joins when the merge comes to its earliest packet, so only runs that overlap in time are open at
/// once, each with one chunk in memory. The earlier packet goes first, at equal times the one of the lower segment, port, ring and place.
/// Runs may be added on the way.
/// </summary>
internal sealed class PacketMerge(ExtractRequest request, ExtractCounters counters) : IDisposable
{
    private const int SpareBuffers = 32;
    private readonly PriorityQueue<ChunkRun, (long UtcNs, (ulong, ushort, ushort, ulong) Order)> _waiting = new();
    private readonly PriorityQueue<RingCursor, (long UtcNs, (ulong, ushort, ushort, ulong) Order)> _cursors = new();
    private readonly Dictionary<SegmentSlice, (SegmentReader Reader, int Runs)> _open = new(ReferenceEqualityComparer.Instance);
    private readonly Queue<ChunkRun> _byAge = new();
    private readonly Stack<byte[]> _spare = new();
    private RingCursor? _current;
    private long _limitNs;

    /// <summary>Accepts or rejects a whole chunk that no other ring's packets come between. Not set: packets only.</summary>
    public Func<SegmentReader, SegmentSlice, ChunkRecord, bool>? TakeWhole { get; init; }

    /// <summary>The run whose packet is next.</summary>
    public RingCursor Current => _current!;

    /// <summary>Chunks added that were not gone through.</summary>
    public long PendingChunks { get; private set; }

    /// <summary>When the chunks that wait longest were found; <see cref="long.MaxValue"/> if none wait.</summary>
    public long OldestFoundMs
    {
        get
        {
            while (_byAge.TryPeek(out ChunkRun? run) && run.IsDone)
                _byAge.Dequeue();
            return _byAge.TryPeek(out ChunkRun? oldest) ? oldest.FoundMs : long.MaxValue;
        }
    }

    /// <summary>Adds chunks of a segment, in order of offset.</summary>
    public void Add(SegmentSlice slice, IEnumerable<IndexEntry> chunks, long foundMs = 0, long lateBelowNs = long.MinValue)
    {
        foreach (ArraySegment<IndexEntry> piece in ChunkRun.Split(chunks))
        {
            var run = new ChunkRun(slice, piece) { FoundMs = foundMs, LateBelowNs = lateBelowNs };
            _waiting.Enqueue(run, (run.EarliestNs, run.Order));
            _byAge.Enqueue(run);
            PendingChunks += piece.Count;
            _limitNs = Math.Min(_limitNs, run.EarliestNs);
        }
    }

    /// <summary>Goes to the next packet in time. Budget: one compare a packet while one run is ahead of the others.</summary>
    public bool MoveNext()
    {
        if (_current is not null)
        {
            if (!Advance(_current))
                End(_current);
            else if (_current.UtcNs < _limitNs)
                return true;
            else
                _cursors.Enqueue(_current, (_current.UtcNs, _current.Run.Order));
        }

        OpenDue();
        if (!_cursors.TryDequeue(out _current, out _))
            return false;
        _limitNs = long.MaxValue;
        if (_cursors.TryPeek(out _, out (long UtcNs, (ulong, ushort, ushort, ulong)) other))
            _limitNs = other.UtcNs;
        if (_waiting.TryPeek(out ChunkRun? run, out _))
            _limitNs = Math.Min(_limitNs, run.EarliestNs);
        return true;
    }

    /// <summary>
    /// Puts the packet that <see cref="MoveNext"/> came to back: the next call comes to it again, or to an earlier one that was added.
    /// </summary>
    public void Hold()
    {
        _cursors.Enqueue(Current, (Current.UtcNs, Current.Run.Order));
        _current = null;
    }

    public void Dispose()
    {
        foreach ((SegmentReader reader, _) in _open.Values)
            reader.Dispose();
        _open.Clear();
    }

    private bool Advance(RingCursor cursor)
    {
        if (TakeWhole is not null)
            cursor.HandOverChunks(TakeWhole, _limitNs);
        return cursor.MoveNext();
    }

    private void OpenDue()
    {
        while (_waiting.TryPeek(out ChunkRun? run, out _) && (!_cursors.TryPeek(out _,
            out (long UtcNs, (ulong, ushort, ushort, ulong)) first) || run.EarliestNs <= first.UtcNs))
            Open(_waiting.Dequeue());
    }

    private void Open(ChunkRun run)
    {
        if (!TryOpenReader(run.Slice, out SegmentReader? reader))
        {
            Finish(run);
            return;
        }

        byte[] buffer = _spare.TryPop(out byte[]? spare) ? spare : [];
        var cursor = new RingCursor(reader!, run, buffer, request.From.Nanoseconds, request.To.Nanoseconds, counters);
        if (cursor.MoveNext())
            _cursors.Enqueue(cursor, (cursor.UtcNs, run.Order));
        else
            End(cursor);
    }

    private bool TryOpenReader(SegmentSlice slice, out SegmentReader? reader)
    {
        if (_open.TryGetValue(slice, out (SegmentReader Reader, int Runs) open))
        {
            _open[slice] = (reader = open.Reader, open.Runs + 1);
            return true;
        }

        try
        {
            reader = SegmentScan.Open(slice);
            _open[slice] = (reader, 1);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SegmentFormatException)
        {
            string warning = $"{slice.Path}: {e.Message}";
            if (!counters.Warnings.Contains(warning))
                counters.Warnings.Add(warning);
            reader = null;
            return false;
        }
    }

    private void End(RingCursor cursor)
    {
        if (_spare.Count < SpareBuffers)
            _spare.Push(cursor.TakeBuffer());
        Finish(cursor.Run);
        (SegmentReader reader, int runs) = _open[cursor.Slice];
        if (runs > 1)
        {
            _open[cursor.Slice] = (reader, runs - 1);
            return;
        }

        reader.Dispose();
        _open.Remove(cursor.Slice);
    }

    private void Finish(ChunkRun run)
    {
        run.IsDone = true;
        PendingChunks -= run.Chunks.Count;
    }
}
