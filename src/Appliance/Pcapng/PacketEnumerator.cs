using System.Buffers.Binary;

namespace Capbox.Pcapng;

/// <summary>
/// Goes through the packets of one chunk that lies in memory, checking every length on the way, without allocation. After the last packet it has
/// checked that the blocks end exactly where the chunk does and that there were as many packets as the record says.
/// </summary>
public ref struct PacketEnumerator
{
    private const int LeastPacketBlockBytes = Format.EpbHeaderBytes + 4;

    private readonly ReadOnlySpan<byte> chunk;
    private readonly long fileOffset;
    private readonly SegmentHeaderInfo header;
    private readonly int port;
    private readonly long hardwareOffsetNs;
    private readonly uint expectedPackets;
    private uint packets;
    private int at;

    internal PacketEnumerator(ReadOnlySpan<byte> chunk, in ChunkRecord record, SegmentHeaderInfo header)
    {
        this.chunk = chunk;
        this.header = header;
        fileOffset = (long)record.FileOffset;
        port = record.Port;
        hardwareOffsetNs = header.Ports[port].HardwareOffsetSeconds * 1_000_000_000;
        expectedPackets = record.Packets;
    }

    public SegmentPacket Current { get; private set; }

    public readonly PacketEnumerator GetEnumerator() => this;

    /// <summary>Goes to the next packet.</summary>
    /// <exception cref="SegmentFormatException">The chunk is torn or damaged; the offset says where.</exception>
    public bool MoveNext()
    {
        if (at == 0)
            SkipStatistics();
        if (at == chunk.Length)
        {
            if (packets != expectedPackets)
                throw new SegmentFormatException(fileOffset, $"the chunk holds {packets} packets, its record says {expectedPackets}");
            return false;
        }

        if (packets == expectedPackets)
            throw Fault(at, $"a block after the {expectedPackets} packets that the chunk's record says");
        ReadOnlySpan<byte> block = BlockAt(Format.EnhancedPacketBlock, LeastPacketBlockBytes);
        Current = ReadPacket(block);
        at += block.Length;
        packets++;
        return true;
    }

    /// <summary>Options of the statistics block; to be asked for before the first packet.</summary>
    internal readonly ReadOnlySpan<byte> Statistics => BlockAt(Format.InterfaceStatisticsBlock, Format.IsbHeaderBytes + 4)[Format.IsbHeaderBytes..^4];

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

    private readonly SegmentPacket ReadPacket(ReadOnlySpan<byte> block)
    {
        uint interfaceId = BinaryPrimitives.ReadUInt32LittleEndian(block[8..]);
        if (interfaceId / 2 != port)
            throw Fault(at + 8, $"interface {interfaceId} in a chunk of port {port}");
        ulong stamp = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(block[12..]) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(block[16..]);
        if (stamp > long.MaxValue)
            throw Fault(at + 12, "a time stamp past the year 2262");
        uint captured = BinaryPrimitives.ReadUInt32LittleEndian(block[20..]);
        uint original = BinaryPrimitives.ReadUInt32LittleEndian(block[24..]);
        if (captured > header.SnapLength || captured > original)
            throw Fault(at + 20, $"captured length {captured} of {original}, snap length {header.SnapLength}");
        int optionsAt = Format.EpbHeaderBytes + Format.AlignUp((int)captured, 4);
        if (optionsAt > block.Length - 4)
            throw Fault(at + 20, $"captured length {captured} in a block of {block.Length}");

        bool hardware = (interfaceId & 1) != 0;
        return new SegmentPacket
        {
            FileOffset = fileOffset + at,
            InterfaceId = interfaceId,
            RawNs = (long)stamp,
            UtcNs = hardware ? SaturatingAdd((long)stamp, hardwareOffsetNs) : (long)stamp,
            OriginalLength = original,
            Flags = ReadFlags(block[optionsAt..^4], optionsAt),
            Data = block.Slice(Format.EpbHeaderBytes, (int)captured),
        };
    }

    private readonly uint ReadFlags(ReadOnlySpan<byte> bytes, int optionsAt)
    {
        uint flags = 0;
        var options = new OptionReader(bytes, fileOffset + at + optionsAt);
        while (options.Next())
        {
            if (options.Code == Format.EpbFlags && options.Value.Length == 4)
                flags = BinaryPrimitives.ReadUInt32LittleEndian(options.Value);
        }

        return flags;
    }

    /// <summary>The block at <see cref="at"/>, of the type that must be there, with both lengths checked.</summary>
    private readonly ReadOnlySpan<byte> BlockAt(uint type, int leastBytes)
    {
        ReadOnlySpan<byte> rest = chunk[at..];
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
