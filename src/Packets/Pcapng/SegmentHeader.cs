// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Capbox.Platform.Time;

namespace Capbox.Packets.Pcapng;

/// <summary>One port in a segment's header.</summary>
/// <param name="Name">Interface name (if_name).</param>
/// <param name="Driver">Kernel driver (if_hardware), if known.</param>
/// <param name="Mac">Six bytes, if the port has a MAC address.</param>
/// <param name="SpeedBitsPerSecond">Link speed, if known.</param>
/// <param name="Filter">tcpdump expression, if there is one.</param>
/// <param name="HardwareClockOffset">TAI-UTC, for stamps of the NIC's clock.</param>
public sealed record InterfaceInfo(
    string Name, string? Driver, byte[]? Mac, long? SpeedBitsPerSecond, string? Filter, UtcOffset HardwareClockOffset);

/// <summary>
/// The header of a segment: Section Header Block and two Interface Description Blocks per port, padded to whole pages.
/// </summary>
public static class SegmentHeader
{
    /// <summary>Name and version of this program, for shb_userappl: "capbox 0.1.0".</summary>
    public static string Application { get; } = $"capbox {typeof(SegmentHeader).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>if_filter starts with the kind of filter: 0 is a libpcap expression (draft-ietf-opsawg-pcapng, section 4.2).</summary>
    private const byte LibpcapFilter = 0;
    private const string SoftwareClock = "software timestamps: system clock, UTC";
    private const string HardwareClock = "hardware timestamps: clock of the NIC, TAI; if_tsoffset makes them UTC";

    /// <summary>Builds the header.</summary>
    /// <param name="origin">Sequence, start, configuration and run; the other fields are filled in here.</param>
    /// <param name="serial">Serial of the box, may be empty.</param>
    /// <param name="ports">Ports in the order of their index.</param>
    /// <param name="linkType">LINKTYPE_ of all ports: libpcap takes one per file.</param>
    /// <param name="snapLength">
    /// Snap length of all interfaces, at most <see cref="Format.MaxSnapLength"/>: libpcap takes one per file.
    /// </param>
    /// <returns>A multiple of 4096 bytes, nearly always one page.</returns>
    public static byte[] Build(in OriginRecord origin, string serial, IReadOnlyList<InterfaceInfo> ports, ushort linkType, int snapLength)
    {
        string os = $"{RuntimeInformation.OSDescription}, kernel {Environment.OSVersion.Version}";
        return Build(origin, serial, ports, linkType, snapLength, os, Application);
    }

    /// <summary>The same with the texts that differ from machine to machine given, for files that must not change.</summary>
    internal static byte[] Build(
        in OriginRecord origin, string serial, IReadOnlyList<InterfaceInfo> ports, ushort linkType, int snapLength, string os,
            string application)
    {
        ArgumentOutOfRangeException.ThrowIfZero(ports.Count, nameof(ports));
        var writer = new BlockWriter();
        OriginRecord record = origin;
        record.Magic = Format.RecordMagic;
        record.Version = Format.RecordVersion;
        record.Kind = RecordKind.Origin;
        record.Ports = checked((ushort)ports.Count);
        int recordStart = WriteSection(writer, record, serial, os, application);

        for (int port = 0; port < ports.Count; port++)
        {
            BeginInterface(writer, ports[port], linkType, snapLength, SoftwareClock);
            writer.End();
            BeginInterface(writer, ports[port], linkType, snapLength, HardwareClock);
            writer.U64Option(Format.IfTsOffset, (ulong)ports[port].HardwareClockOffset.PcapngTsOffsetSeconds);
            if (port < ports.Count - 1)
                writer.End();
        }

        record.HeaderBytes = (uint)Format.AlignUp(writer.Length + 4, Format.PageBytes);
        writer.EndAt((int)record.HeaderBytes);
        writer.Patch(recordStart, record);
        return writer.Written.ToArray();
    }

    private static int WriteSection(BlockWriter writer, in OriginRecord record, string serial, string os, string application)
    {
        writer.Begin(Format.SectionHeaderBlock);
        writer.U32(Format.ByteOrderMagic);
        writer.U16(1);
        writer.U16(0);
        writer.U64(ulong.MaxValue); // Section length: not given.
        writer.TextOption(Format.ShbHardware, serial.Length == 0 ? "capbox" : $"capbox {serial}");
        writer.TextOption(Format.ShbOs, os);
        writer.TextOption(Format.ShbUserAppl, application);
        int recordStart = writer.Record(record);
        writer.End();
        return recordStart;
    }

    private static void BeginInterface(BlockWriter writer, InterfaceInfo port, ushort linkType, int snapLength, string description)
    {
        writer.Begin(Format.InterfaceDescriptionBlock);
        writer.U16(linkType);
        writer.U16(0);
        writer.U32((uint)snapLength);
        writer.TextOption(Format.IfName, port.Name);
        writer.TextOption(Format.IfDescription, description);
        if (port.Mac is { Length: 6 })
            writer.Option(Format.IfMacAddr, port.Mac);
        if (port.SpeedBitsPerSecond is > 0)
            writer.U64Option(Format.IfSpeed, (ulong)port.SpeedBitsPerSecond);
        writer.Option(Format.IfTsResol, [Format.NanosecondResolution]);
        if (!string.IsNullOrEmpty(port.Filter))
            writer.Option(Format.IfFilter, [LibpcapFilter, .. BlockWriter.CutText(port.Filter, Format.MaxOptionBytes - 1)]);
        writer.TextOption(Format.IfHardware, port.Driver);
    }
}
