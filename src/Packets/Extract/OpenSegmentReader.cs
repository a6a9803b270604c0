// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;

namespace Capbox.Packets.Extract;

/// <summary>
/// Finds the chunks of a segment while it is written: hops from chunk to chunk, and where there is none yet, comes again. Several writes
/// are in flight at once, so a chunk may be there before the one in front of it: such a hole is waited for; one that does not fill, as
/// after a write that failed, is passed. The file stays open, so it may be renamed meanwhile.
/// </summary>
internal sealed class OpenSegmentReader : IDisposable
{
    /// <summary>A hole is passed when nothing came for this long: much longer than a write takes, even on a busy disk.</summary>
    private const int PassHoleAfterMs = 1000;

    /// <summary>Bytes searched for a chunk behind a hole at a time, and chunks taken there.</summary>
    private const int SearchBytes = 64 << 20;
    private readonly SegmentReader _reader;
    private readonly ChunkSearch _search;
    private readonly Dictionary<long, uint> _beyond = []; // chunks found behind a hole: offset, bytes
    private readonly byte[] _word = new byte[4];
    private long _next;
    private long _quietSinceMs;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="SegmentFormatException">Its header is not there yet, or damaged.</exception>
    public OpenSegmentReader(string path, ulong sequence, long nowMs)
    {
        _reader = SegmentReader.Open(path);
        _search = new ChunkSearch(_reader);
        _next = _reader.ChunksOffset;
        _quietSinceMs = nowMs;
        Slice = new SegmentSlice(path, sequence, _reader.Header, [], []);
    }

    /// <summary>What the merge knows the segment by.</summary>
    public SegmentSlice Slice { get; }

    public SegmentReader Reader => _reader;

    /// <summary>Readings of the directory in which the file was missing.</summary>
    public int TimesMissing { get; set; }

    /// <summary>Whether the chunk at an offset was found.</summary>
    public bool Has(ulong offset) => (long)offset < _next || _beyond.ContainsKey((long)offset);

    /// <summary>Adds the chunks that were written since, at most <paramref name="room"/> of them.</summary>
    /// <exception cref="IOException">The disk fails.</exception>
    public void Poll(long nowMs, List<IndexEntry> found, int room)
    {
        int before = found.Count;
        while (found.Count - before < room)
        {
            if (_beyond.Remove(_next, out uint bytes))
            {
                _next += bytes;
                continue;
            }

            if (!IsThere(_next, out ChunkRecord chunk))
                break;
            found.Add(IndexEntry.From(chunk));
            _next += chunk.ChunkBytes;
        }

        if (found.Count > before)
            _quietSinceMs = nowMs;
        else if (nowMs - _quietSinceMs >= PassHoleAfterMs)
        {
            _quietSinceMs = nowMs;
            PassHole(found, room);
        }
    }

    public void Dispose() => _reader.Dispose();

    /// <summary>
    /// A chunk is there when its last word is, which is never zero, and all its blocks are whole. The last word is looked at before the
    /// rest: where a write goes through the page cache, it comes last.
    /// </summary>
    private bool IsThere(long offset, out ChunkRecord chunk) =>
        _reader.TryReadChunk(offset, out chunk) is null
        && _reader.File.ReadSome(offset + chunk.ChunkBytes - _word.Length, _word) == _word.Length
        && BinaryPrimitives.ReadUInt32LittleEndian(_word) != 0
        && _search.IsWhole(chunk);

    /// <summary>
    /// Looks for chunks behind the hole. Preallocated room that was never written is not read, where the file system reports holes.
    /// </summary>
    private void PassHole(List<IndexEntry> found, int room)
    {
        long at = _next + Format.PageBytes;
        long limit = at + SearchBytes;
        while (room-- > 0 && at < limit)
        {
            if (_beyond.TryGetValue(at, out uint bytes))
            {
                at += bytes;
                continue;
            }

            long data = FileSystem.NextData(_reader.File.Handle, at);
            if (data < 0 || data >= limit)
                return;
            data &= ~(Format.PageBytes - 1L);
            if (data > at)
            {
                at = data;
                continue;
            }

            at = _search.Next(at, whole: true, out ChunkRecord chunk, limit);
            if (at < 0)
                return;
            if (_beyond.TryAdd(at, chunk.ChunkBytes))
                found.Add(IndexEntry.From(chunk));
            at += chunk.ChunkBytes;
        }
    }
}
