// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Capbox.Packets.Pcapng;

/// <summary>Recognises the ISB that opens a chunk. The record's own offset distinguishes a chunk from other data.</summary>
internal static class ChunkHead
{
    /// <summary>A chunk is at least a page, and its record lies within the first one.</summary>
    public const int HeadBytes = Format.PageBytes;

    /// <summary>Parses the head.</summary>
    /// <param name="page">The first page of the chunk.</param>
    /// <param name="offset">Where it lies.</param>
    /// <param name="header">Header of the segment.</param>
    /// <param name="limit">End of the area that may hold chunks.</param>
    /// <param name="chunk">The record.</param>
    /// <returns>Null when it is a chunk's head, else why not.</returns>
    public static string? Parse(ReadOnlySpan<byte> page, long offset, SegmentHeaderInfo header, long limit, out ChunkRecord chunk)
    {
        chunk = default;
        if (page.Length < HeadBytes || BinaryPrimitives.ReadUInt32LittleEndian(page) != Format.InterfaceStatisticsBlock)
            return "no chunk starts here";
        uint blockBytes = BinaryPrimitives.ReadUInt32LittleEndian(page[4..]);
        if (blockBytes < Format.IsbHeaderBytes + 4 || (blockBytes & 3) != 0)
            return $"statistics block of length {blockBytes}";
        if (!FindRecord(page, blockBytes, offset, out chunk))
            return "the statistics block has no chunk record";
        return CheckRecord(chunk, blockBytes, BinaryPrimitives.ReadUInt32LittleEndian(page[8..]), offset, header, limit);
    }

    private static bool FindRecord(ReadOnlySpan<byte> page, uint blockBytes, long offset, out ChunkRecord chunk)
    {
        chunk = default;
        bool whole = blockBytes <= page.Length;
        int end = whole ? (int)blockBytes - 4 : page.Length;
        var options = new OptionReader(page[Format.IsbHeaderBytes..end], offset + Format.IsbHeaderBytes) { EndsAtFault = true };
        while (options.Next())
        {
            if (!options.IsRecord(Unsafe.SizeOf<ChunkRecord>(), out ReadOnlySpan<byte> record))
                continue;
            chunk = MemoryMarshal.Read<ChunkRecord>(record);
            if (chunk.IsRecord(RecordKind.Chunk) || chunk.IsRecord(RecordKind.Filler))
                return true;
        }

        return false;
    }

    private static string? CheckRecord(in ChunkRecord chunk, uint blockBytes, uint interfaceId, long offset, SegmentHeaderInfo header,
        long limit)
    {
        if (chunk.FileOffset != (ulong)offset)
            return $"the chunk's record says it belongs at byte {chunk.FileOffset}";
        if (chunk.SegmentSequence != header.Origin.SegmentSequence)
            return $"the chunk belongs to segment {chunk.SegmentSequence}";
        if (chunk.ChunkBytes is 0 or > Filler.MaxBytes || chunk.ChunkBytes % Format.PageBytes != 0)
            return $"chunk of length {chunk.ChunkBytes}";
        if (chunk.ChunkBytes > limit - offset)
            return $"a chunk of {chunk.ChunkBytes} bytes does not fit the {limit - offset} left";
        if (blockBytes > chunk.ChunkBytes)
            return "the statistics block is longer than its chunk";
        if (chunk.Port >= header.Ports.Count)
            return $"port {chunk.Port} of a segment with {header.Ports.Count}";
        if (interfaceId / 2 != chunk.Port)
            return $"statistics of interface {interfaceId} in a chunk of port {chunk.Port}";
        if (chunk.Kind == RecordKind.Filler && chunk.Packets != 0)
            return "a filler with packets";
        return null;
    }
}
