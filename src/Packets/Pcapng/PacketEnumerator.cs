// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Packets.Pcapng;

/// <summary>
/// Goes through the packets of one chunk that lies in memory, checking every length on the way, without allocation. After the last packet
/// it has checked that the blocks end exactly where the chunk does and that there were as many packets as in the record.
/// </summary>
public struct PacketEnumerator
{
    private const int LeastPacketBlockBytes = Format.EpbHeaderBytes + 4;

    private readonly byte[] buffer;
    private readonly int chunkBytes;
    private readonly long fileOffset;
    private readonly SegmentHeaderInfo header;
    private readonly int port;
    private readonly long hardwareOffsetNs;
    private readonly uint expectedPackets;
    private uint packets;
    private int at;
    private int dataAt, capturedLength;
    private uint interfaceId, originalLength, flags;

    internal PacketEnumerator(byte[] buffer, in ChunkRecord record, SegmentHeaderInfo header)
    {
        this.buffer = buffer;
        chunkBytes = (int)record.ChunkBytes;
        this.header = header;
        fileOffset = (long)record.FileOffset;
        port = record.Port;
        hardwareOffsetNs = header.Ports[port].HardwareOffsetSeconds * 1_000_000_000;
        expectedPackets = record.Packets;
    }

    /// <summary>The packet; its data lies in the reader's buffer.</summary>
    public readonly SegmentPacket Current => new()
    {
        FileOffset = fileOffset + dataAt - Format.EpbHeaderBytes,
        InterfaceId = interfaceId,
        RawNs = RawNs,
        UtcNs = UtcNs,
        OriginalLength = originalLength,
        Flags = flags,
        Data = buffer.AsSpan(dataAt, capturedLength),
    };

    /// <summary>Stamp of the current packet as it was taken.</summary>
    public long RawNs { get; private set; }

    /// <summary>Stamp of the current packet with if_tsoffset added.</summary>
    public long UtcNs { get; private set; }

    private readonly ReadOnlySpan<byte> Chunk => buffer.AsSpan(0, chunkBytes);

    /// <summary>
    /// True after the last packet of the chunk, so that the next <see cref="MoveNext"/> will return false or find the chunk damaged.
    /// </summary>
    public readonly bool IsAtEnd => at == chunkBytes;

    public readonly PacketEnumerator GetEnumerator() => this;

    /// <summary>Goes to the next packet.</summary>
    /// <exception cref="SegmentFormatException">The chunk is torn or damaged; the offset is the place.</exception>
    public bool MoveNext()
    {
        if (at == 0)
            SkipStatistics();
        if (at == chunkBytes)
        {
            if (packets != expectedPackets)
                throw new SegmentFormatException(fileOffset, $"the chunk holds {packets} packets, its record says {expectedPackets}");
            return false;
        }

        if (packets == expectedPackets)
            throw Fault(at, $"a block after the {expectedPackets} packets that the chunk's record says");
        ReadOnlySpan<byte> block = BlockAt(Format.EnhancedPacketBlock, LeastPacketBlockBytes);
        ReadPacket(block);
        at += block.Length;
        packets++;
        return true;
    }

    /// <summary>Where the current packet's block starts in the chunk: what <see cref="MoveTo"/> takes.</summary>
    internal readonly int BlockOffset => dataAt - Format.EpbHeaderBytes;

    /// <summary>Goes to a packet that <see cref="MoveNext"/> came to before, and so checked.</summary>
    internal void MoveTo(int blockOffset)
    {
        at = blockOffset;
        ReadOnlySpan<byte> block = BlockAt(Format.EnhancedPacketBlock, LeastPacketBlockBytes);
        ReadPacket(block);
        at += block.Length;
    }

    /// <summary>Options of the statistics block; to be asked for before the first packet.</summary>
    internal readonly ReadOnlySpan<byte> Statistics =>
        BlockAt(Format.InterfaceStatisticsBlock, Format.IsbHeaderBytes + 4)[Format.IsbHeaderBytes..^4];

    private void SkipStatistics()
    {
        ReadOnlySpan<byte> block = BlockAt(Format.InterfaceStatisticsBlock, Format.IsbHeaderBytes + 4);
        var options = new OptionReader(block[Format.IsbHeaderBytes..^4], fileOffset + Format.IsbHeaderBytes);
        while (options.Next())
        {
            // All that matters is that the walk comes to the end.
        }

        at = block.Length;
    }

    private void ReadPacket(ReadOnlySpan<byte> block)
    {
        interfaceId = BinaryPrimitives.ReadUInt32LittleEndian(block[8..]);
        if (interfaceId / 2 != port)
            throw Fault(at + 8, $"interface {interfaceId} in a chunk of port {port}");
        ulong stamp = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(block[12..]) << 32)
            | BinaryPrimitives.ReadUInt32LittleEndian(block[16..]);
        if (stamp > long.MaxValue)
            throw Fault(at + 12, "a time stamp past the year 2262");
        uint captured = BinaryPrimitives.ReadUInt32LittleEndian(block[20..]);
        originalLength = BinaryPrimitives.ReadUInt32LittleEndian(block[24..]);
        if (captured > header.SnapLength || captured > originalLength)
            throw Fault(at + 20, $"captured length {captured} of {originalLength}, snap length {header.SnapLength}");
        int optionsAt = Format.EpbHeaderBytes + Format.AlignUp((int)captured, 4);
        if (optionsAt > block.Length - 4)
            throw Fault(at + 20, $"captured length {captured} in a block of {block.Length}");

        flags = ReadFlags(block[optionsAt..^4], optionsAt);
        dataAt = at + Format.EpbHeaderBytes;
        capturedLength = (int)captured;
        RawNs = (long)stamp;
        UtcNs = (interfaceId & 1) != 0 ? SaturatingAdd((long)stamp, hardwareOffsetNs) : (long)stamp;
    }

    private readonly uint ReadFlags(ReadOnlySpan<byte> bytes, int optionsAt)
    {
        uint found = 0;
        var options = new OptionReader(bytes, fileOffset + at + optionsAt);
        while (options.Next())
        {
            if (options.Code == Format.EpbFlags && options.Value.Length == 4)
                found = BinaryPrimitives.ReadUInt32LittleEndian(options.Value);
        }

        return found;
    }

    /// <summary>The block at <see cref="at"/>, of the type that must be there, with both lengths checked.</summary>
    private readonly ReadOnlySpan<byte> BlockAt(uint type, int leastBytes)
    {
        ReadOnlySpan<byte> rest = Chunk[at..];
        if (rest.Length < leastBytes)
            throw Fault(at, "the chunk ends in the middle of a block");
        uint found = BinaryPrimitives.ReadUInt32LittleEndian(rest);
        if (found != type)
            throw Fault(at, $"block type 0x{found:X8} where 0x{type:X8} belongs");
        uint bytes = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
        if (bytes < leastBytes || (bytes & 3) != 0 || bytes > rest.Length)
            throw Fault(at + 4, $"block length {bytes}");
        if (BinaryPrimitives.ReadUInt32LittleEndian(rest[((int)bytes - 4)..]) != bytes)
            throw Fault(at + (int)bytes - 4, "the two lengths of a block differ");
        return rest[..(int)bytes];
    }

    private static long SaturatingAdd(long value, long offset) =>
        offset > 0 && value > long.MaxValue - offset ? long.MaxValue : value + offset;

    private readonly SegmentFormatException Fault(int where, string reason) => new(fileOffset + where, reason);
}
