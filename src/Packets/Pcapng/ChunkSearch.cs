// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Packets.Pcapng;

/// <summary>Finds the next chunk after a break in the chain: chunks lie on pages, and each record contains its offset.</summary>
internal sealed class ChunkSearch(SegmentReader reader)
{
    /// <summary>Steps start small, so that a file full of small breaks is not read a hundred times over.</summary>
    private const int FirstStepBytes = 16 << 10;
    private const int MaxStepBytes = 1 << 20;
    private readonly byte[] buffer = new byte[MaxStepBytes];

    /// <summary>The offset of the first page from <paramref name="from"/> on where a chunk starts, or -1.</summary>
    /// <param name="from">A multiple of 4096.</param>
    /// <param name="whole">True to take only chunks whose blocks walk to their end.</param>
    /// <param name="chunk">Its record.</param>
    /// <param name="limit">Chunks that start from here on are not looked for.</param>
    public long Next(long from, bool whole, out ChunkRecord chunk, long limit = long.MaxValue)
    {
        int stepBytes = FirstStepBytes;
        for (long at = from; at < limit && at <= reader.ChunksEnd - Format.PageBytes; at += stepBytes,
            stepBytes = Math.Min(stepBytes * 2, MaxStepBytes))
        {
            int got = reader.File.ReadSome(at, buffer.AsSpan(0, stepBytes)) & ~(Format.PageBytes - 1);
            for (int page = 0; page < got; page += Format.PageBytes)
            {
                if (BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(page)) == Format.InterfaceStatisticsBlock
                    && reader.TryReadChunk(at + page, out chunk) is null
                    && (!whole || IsWhole(chunk)))
                    return at + page;
            }
        }

        chunk = default;
        return -1;
    }

    /// <summary>True when the chunk's blocks walk exactly to its end with as many packets as its record has.</summary>
    public bool IsWhole(in ChunkRecord chunk)
    {
        try
        {
            foreach (SegmentPacket _ in reader.Packets(chunk))
            {
                // Going to the end is the check.
            }

            return true;
        }
        catch (SegmentFormatException)
        {
            return false;
        }
    }
}
