// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Packets.Storage;

/// <summary>
/// Turns a quiet segment into a sealed one: fills holes, writes the footer, brings the header up to date, cuts, syncs, renames.
/// </summary>
internal static class SegmentSealer
{
    /// <summary>
    /// Seals, or deletes a segment that holds no chunk. Returns the sealed path, null for a deleted one. May be called again after it
    /// failed.
    /// </summary>
    /// <exception cref="IOException">The disk refused; the file is still the part that it was.</exception>
    public static string? Seal(Segment segment, int ports, Func<OriginRecord, byte[]> buildHeader)
    {
        ChunkRecord[] chunks = CompletedChunks(segment);
        if (chunks.Length == 0)
        {
            File.Delete(segment.PartPath);
            return null;
        }

        int written = chunks.Length;
        chunks = FillHoles(segment, chunks);
        bool hasFiller = chunks.Length > written;
        long end = (long)(chunks[^1].FileOffset + chunks[^1].ChunkBytes);
        WriteFooter(segment, chunks, ports, end, hasFiller, out long fileBytes);
        RewriteHeader(segment, buildHeader);
        FileSystem.Truncate(segment.Fd, segment.PartPath, fileBytes);
        FileSystem.SyncData(segment.Fd, segment.PartPath);
        string directory = Path.GetDirectoryName(segment.PartPath)!;
        string final = Path.Combine(directory, SegmentName.Create(segment.Started, segment.Sequence).Sealed().ToString());
        File.Move(segment.PartPath, final);
        FileSystem.SyncDirectory(directory);
        return final;
    }

    private static ChunkRecord[] CompletedChunks(Segment segment)
    {
        ChunkRecord[] chunks = [.. segment.Records.AsSpan(0, segment.SlotCount).ToArray().Where(r => r.Kind == RecordKind.Chunk)];
        Array.Sort(chunks, (a, b) => a.FileOffset.CompareTo(b.FileOffset));
        return chunks;
    }

    /// <summary>
    /// A chunk whose write failed went to another segment; a filler in its place makes the chain whole. Returns the chunks with the fillers
    /// among them: a filler is a chunk, in the index as well.
    /// </summary>
    private static ChunkRecord[] FillHoles(Segment segment, ChunkRecord[] chunks)
    {
        var all = new List<ChunkRecord>(chunks.Length);
        long expected = segment.Header.Bytes;
        foreach (ref readonly ChunkRecord chunk in chunks.AsSpan())
        {
            long hole = (long)chunk.FileOffset - expected;
            for (; hole > 0; hole = (long)chunk.FileOffset - expected)
            {
                int bytes = (int)Math.Min(hole, Filler.MaxBytes);
                var template = new ChunkRecord { SegmentSequence = segment.Sequence };
                WriteBytes(segment, Filler.Build(template, expected, bytes), expected);
                all.Add(Filler.Record(template, expected, bytes));
                expected += bytes;
            }

            all.Add(chunk);
            expected += chunk.ChunkBytes;
        }

        return [.. all];
    }

    private static void WriteFooter(Segment segment, ChunkRecord[] chunks, int ports, long offset, bool hasFiller, out long fileBytes)
    {
        var totals = new TotalRecord[ports];
        for (int port = 0; port < ports; port++)
            totals[port] = TotalRecord.Empty(port);
        foreach (ref readonly ChunkRecord chunk in chunks.AsSpan())
            totals[chunk.Port].Add(chunk);
        IndexEntry[] entries = Array.ConvertAll(chunks, c => IndexEntry.From(c));
        var trailer = new TrailerRecord
        {
            Flags = hasFiller ? TrailerFlags.HasFiller : TrailerFlags.None,
            SegmentSequence = segment.Sequence,
            StartedUtcNs = segment.Started.Nanoseconds,
            SealedUtcNs = UtcTime.Now.Nanoseconds,
        };
        byte[] footer = Footer.Build(entries, totals, trailer, offset);
        WriteBytes(segment, footer, offset);
        fileBytes = offset + footer.Length;
    }

    /// <summary>The file was made ahead of its use: the header learns when it really began.</summary>
    private static void RewriteHeader(Segment segment, Func<OriginRecord, byte[]> buildHeader)
    {
        byte[] header = buildHeader(segment.Origin with { StartedUtcNs = segment.Started.Nanoseconds });
        // A port that got a longer description since must not grow the header over the first chunk.
        if (header.Length == segment.Header.Bytes)
            WriteBytes(segment, header, 0);
    }

    private static void WriteBytes(Segment segment, byte[] bytes, long offset)
    {
        using var buffer = new AlignedBuffer(bytes.Length);
        bytes.CopyTo(buffer.Span);
        FileSystem.WriteAll(segment.Fd, segment.PartPath, buffer.Address, bytes.Length, offset);
    }
}
