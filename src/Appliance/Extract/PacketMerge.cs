using Capbox.Pcapng;

namespace Capbox.Extract;

/// <summary>
/// Merges rings, ports and segments by time. A segment's rings join when the merge comes to its earliest packet, so only segments that overlap in time
/// are open at once. Rings are taken in the order they were recorded; between rings the earlier packet goes first, at equal times the lower segment,
/// port and ring.
/// </summary>
internal sealed class PacketMerge : IDisposable
{
    private readonly Queue<SegmentSlice> _waiting;
    private readonly PriorityQueue<RingCursor, (long UtcNs, long Order)> _cursors = new();
    private readonly Dictionary<SegmentSlice, (SegmentReader Reader, int Rings)> _open = [];
    private readonly Dictionary<RingCursor, long> _orders = [];
    private readonly ExtractRequest _request;
    private readonly ExtractCounters _counters;
    private readonly HashSet<RingCursor> _ended = [];
    private RingCursor? _current;
    private long _limitNs;

    public PacketMerge(IEnumerable<SegmentSlice> slices, ExtractRequest request, ExtractCounters counters)
    {
        _waiting = new Queue<SegmentSlice>(slices.Where(s => s.Chunks.Length > 0).OrderBy(s => s.EarliestNs).ThenBy(s => s.Sequence));
        _request = request;
        _counters = counters;
    }

    /// <summary>Takes a chunk that no other ring's packets come between, or says no. Not set: packets only.</summary>
    public Func<SegmentReader, SegmentSlice, ChunkRecord, bool>? TakeWhole { get; init; }

    /// <summary>The ring whose packet is next.</summary>
    public RingCursor Current => _current!;

    /// <summary>Goes to the next packet in time. Budget: one compare a packet while one ring is ahead of the others.</summary>
    public bool MoveNext()
    {
        if (_current is not null)
        {
            if (Advance(_current) && _current.UtcNs < _limitNs)
                return true;
            Put(_current);
        }

        OpenDue();
        if (!_cursors.TryDequeue(out _current, out _))
            return false;
        _limitNs = long.MaxValue;
        if (_cursors.TryPeek(out _, out (long UtcNs, long Order) other))
            _limitNs = other.UtcNs;
        if (_waiting.TryPeek(out SegmentSlice? slice))
            _limitNs = Math.Min(_limitNs, slice.EarliestNs);
        return true;
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
        if (cursor.MoveNext())
            return true;
        _ended.Add(cursor);
        return false;
    }

    private void Put(RingCursor cursor)
    {
        if (!_ended.Remove(cursor))
        {
            _cursors.Enqueue(cursor, (cursor.UtcNs, _orders[cursor]));
            return;
        }

        _orders.Remove(cursor);
        (SegmentReader reader, int rings) = _open[cursor.Slice];
        if (rings > 1)
        {
            _open[cursor.Slice] = (reader, rings - 1);
            return;
        }

        reader.Dispose();
        _open.Remove(cursor.Slice);
    }

    private void OpenDue()
    {
        while (_waiting.TryPeek(out SegmentSlice? slice) && (!_cursors.TryPeek(out _, out (long UtcNs, long Order) first) || slice.EarliestNs <= first.UtcNs))
        {
            _waiting.Dequeue();
            OpenSlice(slice);
        }
    }

    private void OpenSlice(SegmentSlice slice)
    {
        SegmentReader reader;
        try
        {
            reader = SegmentReader.Open(slice.Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SegmentFormatException)
        {
            _counters.Warnings.Add($"{slice.Path}: {e.Message}");
            return;
        }

        List<RingCursor> cursors = [];
        foreach (var ring in slice.Chunks.GroupBy(c => (c.Port, c.Ring)).OrderBy(g => g.Key))
        {
            IndexEntry[] chunks = [.. ring];
            var cursor = new RingCursor(reader, slice, chunks, _request.From.Nanoseconds, _request.To.Nanoseconds, _counters);
            if (!cursor.MoveNext())
                continue;
            cursors.Add(cursor);
            _orders[cursor] = ((long)slice.Sequence << 24) | ((long)ring.Key.Port << 12) | ring.Key.Ring;
        }

        if (cursors.Count == 0)
        {
            reader.Dispose();
            return;
        }

        _open[slice] = (reader, cursors.Count);
        foreach (RingCursor cursor in cursors)
            _cursors.Enqueue(cursor, (cursor.UtcNs, _orders[cursor]));
    }
}
