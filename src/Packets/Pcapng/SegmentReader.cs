// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Pcapng;

/// <summary>
/// Reads a segment, sealed or in progress. One thread at a time; one buffer holds one chunk (at most 16 MiB). Whatever the file holds, only
/// <see cref="SegmentFormatException"/> comes of it; <see cref="IOException"/> when the disk fails.
/// </summary>
public sealed class SegmentReader : IDisposable
{
    private readonly SegmentFile file;
    private readonly byte[] head = new byte[ChunkHead.HeadBytes];
    private byte[] chunkBuffer = [];

    private SegmentReader(string path, SegmentFile file)
    {
        Path = path;
        this.file = file;
        Header = SegmentHeaderInfo.Read(file);
        try
        {
            Trailer = FooterReader.ReadTrailer(file, Header.Origin);
        }
        catch (SegmentFormatException exception)
        {
            FooterFault = exception;
        }
    }

    public string Path { get; }

    /// <summary>Length of the file when it was opened.</summary>
    public long Length => file.Length;

    public SegmentHeaderInfo Header { get; }

    public OriginRecord Origin => Header.Origin;

    public IReadOnlyList<SegmentPort> Ports => Header.Ports;

    /// <summary>The trailer, when there is one and the footer's CRC is right; null for a segment in progress, cut off or damaged.</summary>
    public TrailerRecord? Trailer { get; }

    /// <summary>Why there is no <see cref="Trailer"/>.</summary>
    public SegmentFormatException? FooterFault { get; }

    /// <summary>Where the first chunk starts.</summary>
    public long ChunksOffset => Origin.HeaderBytes;

    /// <summary>Where the chunks end: the footer, or the end of the file.</summary>
    public long ChunksEnd => Trailer is { } trailer ? (long)trailer.FooterOffset : Length;

    /// <summary>
    /// Goes from chunk to chunk. In a sealed segment a break in the chain is an exception; in one without a footer it is the end.
    /// </summary>
    public ChunkEnumerator Chunks => new(this);

    internal SegmentFile File => file;

    /// <summary>Opens a segment.</summary>
    /// <exception cref="SegmentFormatException">It is not one that capbox made, or its header is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static SegmentReader Open(string path)
    {
        var file = new SegmentFile(path);
        try
        {
            return new SegmentReader(path, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Index and totals of a sealed segment.</summary>
    /// <exception cref="SegmentFormatException">There is no valid footer.</exception>
    public FooterContent ReadFooter() => FooterReader.ReadContent(file, Trailer ?? throw FooterFault!, Ports.Count);

    /// <summary>The chunk that starts at <paramref name="offset"/>.</summary>
    /// <returns>Null when there is one, else the reason why not.</returns>
    public string? TryReadChunk(long offset, out ChunkRecord chunk)
    {
        chunk = default;
        if (offset < ChunksOffset || offset > ChunksEnd - Format.PageBytes || offset % Format.PageBytes != 0)
            return "no chunk can start here";
        int got = file.ReadSome(offset, head);
        return ChunkHead.Parse(head.AsSpan(0, got), offset, Header, ChunksEnd, out chunk);
    }

    /// <summary>The packets of a chunk. Calling it again makes the packets of the chunk before invalid.</summary>
    /// <exception cref="SegmentFormatException">The record cannot be of this file, or (while going on) the chunk is damaged.</exception>
    public PacketEnumerator Packets(in ChunkRecord chunk) => Packets(chunk, ref chunkBuffer);

    /// <summary>
    /// The packets of a chunk, in a buffer of the caller's that grows as needed: so chunks of several rings can be open at once.
    /// </summary>
    /// <exception cref="SegmentFormatException">The record cannot be of this file, or (while going on) the chunk is damaged.</exception>
    public PacketEnumerator Packets(in ChunkRecord chunk, ref byte[] buffer)
    {
        if (chunk.ChunkBytes is 0 or > Filler.MaxBytes || chunk.Port >= Ports.Count || chunk.FileOffset > (ulong)Length
            || chunk.ChunkBytes > Length - (long)chunk.FileOffset)
            throw new SegmentFormatException((long)Math.Min(chunk.FileOffset, long.MaxValue), "the chunk does not lie in this file");
        int bytes = (int)chunk.ChunkBytes;
        if (buffer.Length < bytes)
            buffer = GC.AllocateUninitializedArray<byte>(bytes);
        file.Read((long)chunk.FileOffset, buffer.AsSpan(0, bytes));
        return new PacketEnumerator(buffer, chunk, Header);
    }

    public void Dispose() => file.Dispose();
}

/// <summary>Hops from chunk to chunk of a <see cref="SegmentReader"/>.</summary>
public struct ChunkEnumerator
{
    private readonly SegmentReader reader;
    private long next;
    private ChunkRecord current;

    internal ChunkEnumerator(SegmentReader reader)
    {
        this.reader = reader;
        next = reader.ChunksOffset;
    }

    public readonly ChunkRecord Current => current;

    public readonly ChunkEnumerator GetEnumerator() => this;

    /// <exception cref="SegmentFormatException">The chain of a sealed segment is broken.</exception>
    public bool MoveNext()
    {
        if (next >= reader.ChunksEnd)
            return false;
        if (reader.TryReadChunk(next, out current) is { } fault)
            return reader.Trailer is null ? false : throw new SegmentFormatException(next, fault);
        next += current.ChunkBytes;
        return true;
    }
}
