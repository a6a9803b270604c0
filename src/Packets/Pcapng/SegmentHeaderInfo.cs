// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Capbox.Packets.Pcapng;

/// <summary>The header of a segment as it was read.</summary>
public sealed class SegmentHeaderInfo
{
    /// <summary>No header is longer: 64 ports with filters of 64 KiB fill half of it.</summary>
    private const int MaxHeaderBytes = 16 << 20;
    private const int SectionFixedBytes = 24;
    private const int InterfaceFixedBytes = 16;

    /// <summary>A clock offset past this is no clock offset: stamps plus offset stay within 64 bits.</summary>
    private const long MaxOffsetSeconds = 1_000_000;

    private SegmentHeaderInfo()
    {
    }

    public OriginRecord Origin { get; private set; }

    /// <summary>shb_hardware: "capbox" and the serial of the box.</summary>
    public string? Hardware { get; private set; }

    public string? Os { get; private set; }

    public string? Application { get; private set; }

    /// <summary>LINKTYPE_ of all interfaces.</summary>
    public ushort LinkType { get; private set; }

    /// <summary>Snap length of all interfaces.</summary>
    public int SnapLength { get; private set; }

    public IReadOnlyList<SegmentPort> Ports { get; private set; } = [];

    /// <summary>Reads and checks the header.</summary>
    /// <exception cref="SegmentFormatException">It is not the header of a segment that capbox made.</exception>
    internal static SegmentHeaderInfo Read(SegmentFile file)
    {
        byte[] start = new byte[Format.PageBytes];
        int got = file.ReadSome(0, start);
        var info = new SegmentHeaderInfo();
        int sectionBytes = info.ReadSection(start.AsSpan(0, got));
        byte[] header = new byte[info.Origin.HeaderBytes];
        file.Read(0, header);
        info.ReadInterfaces(header, sectionBytes);
        return info;
    }

    private int ReadSection(ReadOnlySpan<byte> page)
    {
        if (page.Length < SectionFixedBytes + 4)
            throw new SegmentFormatException(0, "too short for a PCAPNG file");
        if (BinaryPrimitives.ReadUInt32LittleEndian(page) != Format.SectionHeaderBlock)
            throw new SegmentFormatException(0, "no Section Header Block: not a PCAPNG file");
        if (BinaryPrimitives.ReadUInt32LittleEndian(page[8..]) != Format.ByteOrderMagic)
            throw new SegmentFormatException(8, "not little endian: not made by capbox");
        if (BinaryPrimitives.ReadUInt16LittleEndian(page[12..]) != 1)
            throw new SegmentFormatException(12, "not PCAPNG version 1");
        int bytes = CheckLength(page, 0, SectionFixedBytes + 4);

        bool found = false;
        var options = new OptionReader(page[SectionFixedBytes..(bytes - 4)], SectionFixedBytes);
        while (options.Next())
        {
            if (options.IsRecord(Unsafe.SizeOf<OriginRecord>(), out ReadOnlySpan<byte> record))
            {
                Origin = MemoryMarshal.Read<OriginRecord>(record);
                found |= Origin.Kind == RecordKind.Origin && Origin.Version == Format.RecordVersion;
            }
            else if (options.Code is Format.ShbHardware)
                Hardware = Text(options.Value);
            else if (options.Code is Format.ShbOs)
                Os = Text(options.Value);
            else if (options.Code is Format.ShbUserAppl)
                Application = Text(options.Value);
        }

        if (!found)
            throw new SegmentFormatException(0, "no origin record in the Section Header Block: not made by capbox");
        if (Origin.HeaderBytes is 0 or > MaxHeaderBytes || Origin.HeaderBytes % Format.PageBytes != 0 || Origin.HeaderBytes < bytes)
            throw new SegmentFormatException(0, $"header length {Origin.HeaderBytes} in the origin record");
        if (Origin.Ports == 0)
            throw new SegmentFormatException(0, "no ports in the origin record");
        return bytes;
    }

    private void ReadInterfaces(ReadOnlySpan<byte> header, int at)
    {
        var ports = new List<SegmentPort>();
        int interfaces = 0;
        SegmentPort? software = null;
        while (at < header.Length)
        {
            SegmentPort port = ReadInterface(header[at..], at, interfaces, out int bytes);
            if ((interfaces++ & 1) == 0)
                software = port;
            else
                ports.Add(software! with { HardwareOffsetSeconds = port.HardwareOffsetSeconds });
            at += bytes;
        }

        if (interfaces != Origin.Ports * 2)
            throw new SegmentFormatException(0, $"{interfaces} interfaces, but the origin record says {Origin.Ports} ports");
        Ports = ports;
    }

    private SegmentPort ReadInterface(ReadOnlySpan<byte> block, int offset, int index, out int bytes)
    {
        if (block.Length < InterfaceFixedBytes + 4 || BinaryPrimitives.ReadUInt32LittleEndian(block) != Format.InterfaceDescriptionBlock)
            throw new SegmentFormatException(offset, "no Interface Description Block within the header");
        bytes = CheckLength(block, offset, InterfaceFixedBytes + 4);
        ushort linkType = BinaryPrimitives.ReadUInt16LittleEndian(block[8..]);
        uint snapLength = BinaryPrimitives.ReadUInt32LittleEndian(block[12..]);
        if (snapLength is 0 or > Format.MaxSnapLength)
            throw new SegmentFormatException(offset + 12, $"snap length {snapLength}");
        if (index == 0)
        {
            LinkType = linkType;
            SnapLength = (int)snapLength;
        }
        else if (LinkType != linkType || SnapLength != snapLength)
            throw new SegmentFormatException(offset, "interfaces differ in link type or snap length");

        var port = new SegmentPort(index / 2, "", null, null, null, null, 0);
        bool nanoseconds = false;
        var options = new OptionReader(block[InterfaceFixedBytes..(bytes - 4)], offset + InterfaceFixedBytes);
        while (options.Next())
        {
            if (options.Code == Format.IfTsResol)
                nanoseconds = options.Value is [Format.NanosecondResolution];
            else
                port = ReadInterfaceOption(port, options.Code, options.Value, offset);
        }

        return nanoseconds ? port : throw new SegmentFormatException(offset, "if_tsresol is not 9");
    }

    private static SegmentPort ReadInterfaceOption(SegmentPort port, ushort code, ReadOnlySpan<byte> value, int offset)
    {
        switch (code)
        {
            case Format.IfName:
                return port with { Name = Text(value) };
            case Format.IfHardware:
                return port with { Driver = Text(value) };
            case Format.IfMacAddr when value.Length == 6:
                IEnumerable<string> pairs = Convert.ToHexStringLower(value).Chunk(2).Select(static pair => new string(pair));
                return port with { Mac = string.Join(':', pairs) };
            case Format.IfSpeed when value.Length == 8:
                return port with { SpeedBitsPerSecond = BinaryPrimitives.ReadUInt64LittleEndian(value) };
            case Format.IfFilter when value.Length > 1:
                return port with { Filter = Text(value[1..]) };
            case Format.IfTsOffset when value.Length == 8:
                long seconds = BinaryPrimitives.ReadInt64LittleEndian(value);
                if (seconds is > MaxOffsetSeconds or < -MaxOffsetSeconds)
                    throw new SegmentFormatException(offset, $"if_tsoffset of {seconds} s");
                return port with { HardwareOffsetSeconds = seconds };
            default:
                return port;
        }
    }

    /// <summary>The total length of a block that lies whole in <paramref name="block"/>.</summary>
    private static int CheckLength(ReadOnlySpan<byte> block, int offset, int least)
    {
        uint bytes = BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);
        if (bytes < least || (bytes & 3) != 0 || bytes > block.Length)
            throw new SegmentFormatException(offset + 4, $"block length {bytes}");
        if (BinaryPrimitives.ReadUInt32LittleEndian(block[((int)bytes - 4)..]) != bytes)
            throw new SegmentFormatException(offset + bytes - 4, "the two lengths of a block differ");
        return (int)bytes;
    }

    private static string Text(ReadOnlySpan<byte> value) => Encoding.UTF8.GetString(value);
}
