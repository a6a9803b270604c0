// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Extract;

/// <summary>Formats of an extraction's output.</summary>
public enum ExtractFormat
{
    /// <summary>PCAPNG: nanoseconds, port names, directions.</summary>
    Pcapng,

    /// <summary>Classic pcap with microseconds (pcap-savefile(5)): one link type, no port names.</summary>
    Pcap,

    /// <summary>Classic pcap with nanoseconds.</summary>
    PcapNs,
}

/// <summary>Writes packets in one format. All stamps are UTC.</summary>
internal abstract class CaptureWriter(OutputPipe output)
{
    protected OutputPipe Output { get; } = output;

    /// <summary>Writes one packet of the slice's segment.</summary>
    public abstract void Write(SegmentSlice slice, in SegmentPacket packet);

    /// <summary>
    /// Appends a whole chunk as it lies in its segment, if the output's interfaces are the segment's and all its stamps are UTC already.
    /// </summary>
    /// <returns>False: its packets must be written one by one.</returns>
    public virtual bool TryCopy(SegmentSlice slice, SegmentReader reader, in ChunkRecord chunk) => false;

    /// <summary>Makes the writer for a format and writes the file's head.</summary>
    /// <exception cref="ExtractException">The format cannot hold what the slices have.</exception>
    public static CaptureWriter Create(ExtractFormat format, OutputPipe output, IReadOnlyList<SegmentSlice> slices)
    {
        int snapLength = slices.Count == 0 ? Format.MaxSnapLength : slices.Max(s => s.Header.SnapLength);
        if (format == ExtractFormat.Pcapng)
            return new PcapngWriter(output, snapLength, slices.Count == 0 ? null : slices[0].Header);
        ushort[] linkTypes = [.. slices.Select(s => s.Header.LinkType).Distinct()];
        if (linkTypes.Length > 1)
            throw OneLinkType($"the range has packets of link types {string.Join(", ", linkTypes)}");
        return new PcapWriter(output, format == ExtractFormat.PcapNs, linkTypes.Length == 0 ? (ushort)1 : linkTypes[0], snapLength);
    }

    private protected static ExtractException OneLinkType(string what) =>
        new($"{what}, and pcap holds one: name ports of one type, or choose the format pcapng");

    /// <summary>Makes the writer for packets of segments that are not all known yet.</summary>
    /// <param name="format">Of the output.</param>
    /// <param name="output">Gets the file's head.</param>
    /// <param name="first">Of a segment, whose interfaces come first; null if there is none yet, which pcap does not permit.</param>
    public static CaptureWriter CreateLive(ExtractFormat format, OutputPipe output, SegmentHeaderInfo? first) =>
        format == ExtractFormat.Pcapng
        ? new PcapngWriter(output, Format.MaxSnapLength, first)
        : new PcapWriter(output, format == ExtractFormat.PcapNs, first!.LinkType, Format.MaxSnapLength);
}

/// <summary>Classic pcap, little endian.</summary>
internal sealed class PcapWriter : CaptureWriter
{
    private const uint MicrosecondMagic = 0xA1B2C3D4, NanosecondMagic = 0xA1B23C4D;
    private const int HeaderBytes = 16;
    private readonly bool _nanoseconds;
    private readonly ushort _linkType;

    public PcapWriter(OutputPipe output, bool nanoseconds, ushort linkType, int snapLength) : base(output)
    {
        _nanoseconds = nanoseconds;
        _linkType = linkType;
        Span<byte> head = output.Reserve(24);
        head.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(head, nanoseconds ? NanosecondMagic : MicrosecondMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(head[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(head[6..], 4);
        BinaryPrimitives.WriteInt32LittleEndian(head[16..], snapLength);
        BinaryPrimitives.WriteUInt32LittleEndian(head[20..], linkType);
    }

    public override void Write(SegmentSlice slice, in SegmentPacket packet)
    {
        if (slice.Header.LinkType != _linkType)
            throw OneLinkType($"a packet of link type {slice.Header.LinkType} after some of {_linkType}");
        long seconds = Math.DivRem(packet.UtcNs, 1_000_000_000, out long fraction);
        Span<byte> room = Output.Reserve(HeaderBytes + packet.CapturedLength);
        BinaryPrimitives.WriteUInt32LittleEndian(room, (uint)seconds);
        BinaryPrimitives.WriteUInt32LittleEndian(room[4..], (uint)(_nanoseconds ? fraction : fraction / 1000));
        BinaryPrimitives.WriteInt32LittleEndian(room[8..], packet.CapturedLength);
        BinaryPrimitives.WriteUInt32LittleEndian(room[12..], packet.OriginalLength);
        packet.Data.CopyTo(room[HeaderBytes..]);
    }
}

/// <summary>
/// PCAPNG. The interfaces of the first segment come first, with their numbers, so chunks of segments that have the same can be copied
/// whole; a port that only a later segment has is described when its first packet comes. One snap length for all, or libpcap refuses the
/// file. Packets written one by one are stamped in UTC and go to the port's software interface.
/// </summary>
internal sealed class PcapngWriter : CaptureWriter
{
    private const int FlagsBytes = 8, EndBytes = 8;
    private readonly Dictionary<(string Name, ushort LinkType), uint> _interfaces = [];
    private readonly int _snapLength;
    private readonly SegmentHeaderInfo? _base;
    private uint _interfaceCount;
    private SegmentSlice? _lastSlice;
    private bool _lastIsBase;
    private uint[] _byPort = [];

    public PcapngWriter(OutputPipe output, int snapLength, SegmentHeaderInfo? first) : base(output)
    {
        _snapLength = snapLength;
        var writer = new BlockWriter();
        writer.Begin(Format.SectionHeaderBlock);
        writer.U32(Format.ByteOrderMagic);
        writer.U16(1);
        writer.U16(0);
        writer.U64(ulong.MaxValue);
        writer.TextOption(Format.ShbUserAppl, SegmentHeader.Application);
        writer.End();
        Append(writer);
        _base = first;
        foreach (SegmentPort port in _base?.Ports ?? [])
        {
            _interfaces.TryAdd((port.Name, _base!.LinkType), Describe(port.Name, _base.LinkType, 0));
            Describe(port.Name, _base.LinkType, port.HardwareOffsetSeconds);
        }
    }

    public override bool TryCopy(SegmentSlice slice, SegmentReader reader, in ChunkRecord chunk)
    {
        Remember(slice);
        if (!_lastIsBase || chunk.HardwareStampedPackets != 0)
            return false;
        Output.Copy(reader.File.Handle, (long)chunk.FileOffset, (int)chunk.ChunkBytes);
        return true;
    }

    public override void Write(SegmentSlice slice, in SegmentPacket packet)
    {
        uint interfaceId = InterfaceOf(slice, packet.Port);
        int padded = Format.AlignUp(packet.CapturedLength, 4);
        int total = Format.EpbHeaderBytes + padded + FlagsBytes + EndBytes;
        Span<byte> room = Output.Reserve(total);
        BinaryPrimitives.WriteUInt32LittleEndian(room, Format.EnhancedPacketBlock);
        BinaryPrimitives.WriteInt32LittleEndian(room[4..], total);
        BinaryPrimitives.WriteUInt32LittleEndian(room[8..], interfaceId);
        BinaryPrimitives.WriteUInt32LittleEndian(room[12..], (uint)((ulong)packet.UtcNs >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(room[16..], (uint)packet.UtcNs);
        BinaryPrimitives.WriteInt32LittleEndian(room[20..], packet.CapturedLength);
        BinaryPrimitives.WriteUInt32LittleEndian(room[24..], packet.OriginalLength);
        packet.Data.CopyTo(room[Format.EpbHeaderBytes..]);
        room[(Format.EpbHeaderBytes + packet.CapturedLength)..(Format.EpbHeaderBytes + padded)].Clear();
        Span<byte> tail = room[(Format.EpbHeaderBytes + padded)..];
        BinaryPrimitives.WriteUInt32LittleEndian(tail, Format.EpbFlags | (4u << 16));
        BinaryPrimitives.WriteUInt32LittleEndian(tail[4..], packet.Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(tail[8..], Format.OptEndOfOpt);
        BinaryPrimitives.WriteInt32LittleEndian(tail[12..], total);
    }

    private uint InterfaceOf(SegmentSlice slice, int port)
    {
        Remember(slice);
        if (_byPort[port] != uint.MaxValue)
            return _byPort[port];
        var key = (slice.Header.Ports[port].Name, slice.Header.LinkType);
        if (!_interfaces.TryGetValue(key, out uint id))
            _interfaces.Add(key, id = Describe(key.Name, key.LinkType, 0));
        return _byPort[port] = id;
    }

    private void Remember(SegmentSlice slice)
    {
        if (ReferenceEquals(slice, _lastSlice))
            return;
        _lastSlice = slice;
        _lastIsBase = HasInterfacesOfBase(slice.Header);
        _byPort = new uint[slice.Header.Ports.Count];
        Array.Fill(_byPort, uint.MaxValue);
    }

    private bool HasInterfacesOfBase(SegmentHeaderInfo header) =>
        _base is not null && header.LinkType == _base.LinkType && header.SnapLength <= _snapLength
        && header.Ports.Select(p => p.Name).SequenceEqual(_base.Ports.Select(p => p.Name), StringComparer.Ordinal);

    private uint Describe(string name, ushort linkType, long offsetSeconds)
    {
        var writer = new BlockWriter();
        writer.Begin(Format.InterfaceDescriptionBlock);
        writer.U16(linkType);
        writer.U16(0);
        writer.U32((uint)_snapLength);
        writer.TextOption(Format.IfName, name);
        writer.Option(Format.IfTsResol, [Format.NanosecondResolution]);
        if (offsetSeconds != 0)
            writer.U64Option(Format.IfTsOffset, (ulong)offsetSeconds);
        writer.End();
        Append(writer);
        return _interfaceCount++;
    }

    private void Append(BlockWriter writer)
    {
        writer.Written.CopyTo(Output.Reserve(writer.Length));
    }
}
