// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Extract;

/// <summary>
/// Goes through the packets of a run that lie in the range, in the order of their stamps. Chunks whose record marks them as in order are
/// read from front to back; the others are walked once, and sorted if the stamps go back in them.
/// </summary>
internal sealed class RingCursor(SegmentReader reader, ChunkRun run, byte[] buffer, long fromNs, long toNs, ExtractCounters counters)
{
    /// <summary>Chunks on their way from the disk while one is looked at: as many as a ring has writes in flight.</summary>
    private const int AheadChunks = 8;
    private readonly SegmentSlice _slice = run.Slice;
    private readonly ArraySegment<IndexEntry> _chunks = run.Chunks;
    private byte[] _buffer = buffer;
    private int _ahead;
    private PacketEnumerator _packets;
    private (long UtcNs, int At)[] _sorted = [];
    private int _sortedCount, _sortedNext; // the chunk's packets by time, if _sortedCount is not 0
    private bool _open;
    private int _next;

    public ChunkRun Run => run;

    public SegmentSlice Slice => _slice;

    public long UtcNs => _packets.UtcNs;

    public SegmentPacket Current => _packets.Current;

    /// <summary>The buffer, for the next cursor; this one has ended.</summary>
    public byte[] TakeBuffer() => _buffer;

    /// <summary>
    /// If the next packet is the first of a chunk that lies wholly in the range and before <paramref name="limitNs"/>, offers that chunk,
    /// and the next ones, whole. Only chunks whose stamps are in order: they come out as they lie.
    /// </summary>
    /// <param name="take">Accepts or rejects a whole chunk.</param>
    /// <param name="limitNs">Other rings go on from here.</param>
    public void HandOverChunks(Func<SegmentReader, SegmentSlice, ChunkRecord, bool> take, long limitNs)
    {
        if (_open && !IsAtEndOfChunk)
            return;
        while (_next < _chunks.Count)
        {
            IndexEntry entry = _chunks[_next];
            bool isWhole = entry.Packets > 0 && entry.FirstUtcNs >= fromNs && entry.LastUtcNs < toNs && entry.LastUtcNs < limitNs;
            // The end of a segment that is being written may be torn, so its packets are looked at.
            if (!isWhole || reader.Trailer is null || reader.TryReadChunk((long)entry.FileOffset, out ChunkRecord chunk) is not null
                || !chunk.Flags.HasFlag(ChunkFlags.InOrder) || !take(reader, _slice, chunk))
                return;
            _next++;
            _open = false;
            Count(chunk);
        }
    }

    /// <summary>
    /// Goes to the next packet in the range; false at the end, or where the segment cannot be read (then a warning is added).
    /// </summary>
    public bool MoveNext()
    {
        try
        {
            while (true)
            {
                while (_open && MoveInChunk())
                {
                    if (_packets.UtcNs >= fromNs && _packets.UtcNs < toNs)
                        return true;
                }

                if (_next == _chunks.Count)
                    return _open = false;
                Load(_chunks[_next++]);
            }
        }
        catch (Exception e) when (e is SegmentFormatException or IOException)
        {
            _open = false;
            _next = _chunks.Count;
            // The end of a segment that is being written may be half there: that is no fault.
            if (reader.Trailer is not null)
                counters.Warnings.Add($"{_slice.Path}: {e.Message}");
            return false;
        }
    }

    private bool IsAtEndOfChunk => _sortedCount == 0 ? _packets.IsAtEnd : _sortedNext == _sortedCount;

    private bool MoveInChunk()
    {
        if (_sortedCount == 0)
            return _packets.MoveNext();
        if (_sortedNext == _sortedCount)
            return false;
        _packets.MoveTo(_sorted[_sortedNext++].At);
        return true;
    }

    private void ReadAhead()
    {
        // Not chunks that were passed on whole: those are read around the page cache.
        for (_ahead = Math.Max(_ahead, _next - 1); _ahead < Math.Min(_chunks.Count, _next + AheadChunks); _ahead++)
            reader.File.ReadAhead((long)_chunks[_ahead].FileOffset, _chunks[_ahead].ChunkBytes);
    }

    private void Load(in IndexEntry entry)
    {
        ReadAhead();
        if (reader.TryReadChunk((long)entry.FileOffset, out ChunkRecord chunk) is { } fault)
            throw new SegmentFormatException((long)entry.FileOffset, fault);
        _packets = reader.Packets(chunk, ref _buffer);
        _sortedCount = 0;
        if (!chunk.Flags.HasFlag(ChunkFlags.InOrder))
            SortIfNeeded(_packets, (int)chunk.Packets);
        _open = true;
        Count(chunk);
    }

    private void Count(in ChunkRecord chunk)
    {
        counters.AddLosses(_slice.Header.Ports[chunk.Port].Name, chunk);
        counters.ChunksRead++;
        counters.ChunkBytesRead += chunk.ChunkBytes;
    }

    /// <summary>
    /// Records where the packets lie, by time and then by place. 10 ns a packet; a damaged chunk is left to the reading from front to back,
    /// which reports the place.
    /// </summary>
    private void SortIfNeeded(PacketEnumerator packets, int count)
    {
        if (_sorted.Length < count)
            _sorted = new (long, int)[Math.Min(count, Filler.MaxBytes / Format.EpbHeaderBytes)];
        bool inOrder = true;
        int found = 0;
        try
        {
            for (; packets.MoveNext(); found++)
            {
                _sorted[found] = (packets.UtcNs, packets.BlockOffset);
                inOrder &= found == 0 || _sorted[found - 1].UtcNs <= packets.UtcNs;
            }
        }
        catch (SegmentFormatException)
        {
            return;
        }

        if (inOrder)
            return;
        Array.Sort(_sorted, 0, found);
        _sortedCount = found;
        _sortedNext = 0;
    }
}

/// <summary>What an extraction counts on its way. One thread.</summary>
internal sealed class ExtractCounters
{
    private readonly SortedDictionary<string, ExtractLoss> _losses = new(StringComparer.Ordinal);

    public List<string> Warnings { get; } = [];

    public long ChunksRead { get; set; }

    public long ChunkBytesRead { get; set; }

    public IReadOnlyList<ExtractLoss> Losses => [.. _losses.Values.Where(l => !l.IsNone)];

    /// <summary>Adds the losses of a chunk's record.</summary>
    public void AddLosses(string port, in ChunkRecord chunk)
    {
        if (chunk.LostPackets == 0 && chunk.GapNs == 0 && chunk.TruncatedPackets == 0)
            return;
        ExtractLoss sum = _losses.GetValueOrDefault(port) ?? new ExtractLoss(port, 0, 0, 0, 0, 0, 0);
        _losses[port] = new ExtractLoss(
            port, sum.Ring + chunk.LostRing, sum.Disk + chunk.LostDisk, sum.Nic + chunk.LostNic, sum.Host + chunk.LostHost,
            sum.Truncated + chunk.TruncatedPackets, sum.GapNs + chunk.GapNs);
    }
}
