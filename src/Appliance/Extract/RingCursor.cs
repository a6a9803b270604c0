using Capbox.Pcapng;

namespace Capbox.Extract;

/// <summary>Goes through the packets of one ring in one segment that lie in the range, in the order they were recorded.</summary>
internal sealed class RingCursor(SegmentReader reader, SegmentSlice slice, IndexEntry[] chunks, long fromNs, long toNs, ExtractCounters counters)
{
    /// <summary>Chunks on their way from the disk while one is looked at: as many as a ring has writes in flight.</summary>
    private const int AheadChunks = 8;
    private byte[] _buffer = [];
    private int _ahead;
    private PacketEnumerator _packets;
    private bool _open;
    private int _next;

    public SegmentSlice Slice => slice;

    public long UtcNs => _packets.UtcNs;

    public SegmentPacket Current => _packets.Current;

    /// <summary>
    /// If the next packet is the first of a chunk that lies wholly in the range and before <paramref name="limitNs"/>, tries to hand over that chunk, and the next ones, whole.
    /// </summary>
    /// <param name="take">Takes a chunk whole, or says no.</param>
    /// <param name="limitNs">Other rings go on from here.</param>
    public void HandOverChunks(Func<SegmentReader, SegmentSlice, ChunkRecord, bool> take, long limitNs)
    {
        if (_open && !_packets.IsAtEnd)
            return;
        while (_next < chunks.Length)
        {
            IndexEntry entry = chunks[_next];
            bool isWhole = entry.Packets > 0 && entry.FirstUtcNs >= fromNs && entry.LastUtcNs < toNs && entry.LastUtcNs < limitNs;
            // The end of a segment that is being written may be torn, so its packets are looked at.
            if (!isWhole || reader.Trailer is null || reader.TryReadChunk((long)entry.FileOffset, out ChunkRecord chunk) is not null || !take(reader, slice, chunk))
                return;
            _next++;
            _open = false;
            counters.Tell(slice.Header.Ports[chunk.Port].Name, chunk);
            counters.ChunksRead++;
            counters.ChunkBytesRead += chunk.ChunkBytes;
        }
    }

    /// <summary>Goes to the next packet in the range; false at the end, or where the segment cannot be read (then a warning is added).</summary>
    public bool MoveNext()
    {
        try
        {
            while (true)
            {
                while (_open && _packets.MoveNext())
                {
                    if (_packets.UtcNs >= fromNs && _packets.UtcNs < toNs)
                        return true;
                }

                if (_next == chunks.Length)
                    return _open = false;
                Load(chunks[_next++]);
            }
        }
        catch (Exception e) when (e is SegmentFormatException or IOException)
        {
            _open = false;
            _next = chunks.Length;
            // The end of a segment that is being written may be half there: that is no fault.
            if (reader.Trailer is not null)
                counters.Warnings.Add($"{slice.Path}: {e.Message}");
            return false;
        }
    }

    private void ReadAhead()
    {
        // Not what was handed over whole: that is read around the page cache.
        for (_ahead = Math.Max(_ahead, _next - 1); _ahead < Math.Min(chunks.Length, _next + AheadChunks); _ahead++)
            reader.File.ReadAhead((long)chunks[_ahead].FileOffset, chunks[_ahead].ChunkBytes);
    }

    private void Load(in IndexEntry entry)
    {
        ReadAhead();
        if (reader.TryReadChunk((long)entry.FileOffset, out ChunkRecord chunk) is { } fault)
            throw new SegmentFormatException((long)entry.FileOffset, fault);
        _packets = reader.Packets(chunk, ref _buffer);
        _open = true;
        counters.Tell(slice.Header.Ports[chunk.Port].Name, chunk);
        counters.ChunksRead++;
        counters.ChunkBytesRead += chunk.ChunkBytes;
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

    /// <summary>Adds what a chunk's record says was lost.</summary>
    public void Tell(string port, in ChunkRecord chunk)
    {
        if (chunk.LostPackets == 0 && chunk.GapNs == 0 && chunk.TruncatedPackets == 0)
            return;
        ExtractLoss sum = _losses.GetValueOrDefault(port) ?? new ExtractLoss(port, 0, 0, 0, 0, 0, 0);
        _losses[port] = new ExtractLoss(
            port, sum.Ring + chunk.LostRing, sum.Disk + chunk.LostDisk, sum.Nic + chunk.LostNic, sum.Host + chunk.LostHost,
            sum.Truncated + chunk.TruncatedPackets, sum.GapNs + chunk.GapNs);
    }
}
