// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Bench;

/// <summary>
/// The bench's packet: Ethernet, at most one VLAN tag, IPv4, UDP without checksum (0: allowed by RFC 768), then in the UDP payload,
/// big endian: magic u32, stream u32, sequence u64, then filling. Sizes are those of the frame as captured, without FCS.
/// </summary>
internal static class TestPacket
{
    /// <summary>"CBXS".</summary>
    public const uint Magic = 0x43425853;
    public const int StampBytes = 16;
    public const int HeaderBytes = 14 + 20 + 8;
    public const int LeastBytes = HeaderBytes + StampBytes;
    public const int FlowsMost = 50000;
    private const int FirstPort = 10000;
    private const ushort DestinationPort = 9;

    /// <summary>Frame sizes of a named mix or a comma-separated list, in sending order.</summary>
    public static int[] Sizes(string name) => name switch
    {
        "imix" => [64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 64, 594],
        "jumbo" => [9000],
        _ => [.. name.Split(',').Select(ParseSize)],
    };

    /// <summary>Writes a whole frame; <see cref="Stamp"/> then only touches what differs from packet to packet.</summary>
    public static void Build(Span<byte> frame, uint stream, int vlan)
    {
        for (int i = 0; i < frame.Length; i++)
            frame[i] = (byte)i;

        ReadOnlySpan<byte> addresses = [0x02, 0xcb, 0, 0, 0, 2, 0x02, 0xcb, 0, 0, 0, 1];
        addresses.CopyTo(frame);
        int at = 12;
        if (vlan > 0)
        {
            BinaryPrimitives.WriteUInt32BigEndian(frame[at..], 0x81000000u | (uint)vlan);
            at += 4;
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame[at..], 0x0800);
        Span<byte> ip = frame[(at + 2)..];
        ReadOnlySpan<byte> header = [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 99, 0, 1, 10, 99, 0, 2];
        header.CopyTo(ip);
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Checksum(ip[..20]));
        Span<byte> udp = ip[20..];
        BinaryPrimitives.WriteUInt16BigEndian(udp, FirstPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], DestinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)udp.Length);
        BinaryPrimitives.WriteUInt16BigEndian(udp[6..], 0);
        BinaryPrimitives.WriteUInt32BigEndian(udp[8..], Magic);
        BinaryPrimitives.WriteUInt32BigEndian(udp[12..], stream);
    }

    /// <summary>Puts sequence and flow (as source port) into a frame from its UDP header on.</summary>
    public static void Stamp(Span<byte> udp, ulong sequence, int flow)
    {
        BinaryPrimitives.WriteUInt16BigEndian(udp, (ushort)(FirstPort + flow));
        BinaryPrimitives.WriteUInt64BigEndian(udp[16..], sequence);
    }

    /// <summary>Finds stream and sequence in a captured frame; false for every other packet. Takes up to two VLAN tags.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out uint stream, out ulong sequence)
    {
        stream = 0;
        sequence = 0;
        int at = 12;
        for (int tags = 0; tags < 2 && frame.Length >= at + 6 && IsVlan(frame[at..]); tags++)
            at += 4;

        if (frame.Length < at + 2 + 20 + 8 + StampBytes || frame[at] != 0x08 || frame[at + 1] != 0)
            return false;

        ReadOnlySpan<byte> ip = frame[(at + 2)..];
        if (ip[0] != 0x45 || ip[9] != 17 || BinaryPrimitives.ReadUInt32BigEndian(ip[28..]) != Magic)
            return false;

        stream = BinaryPrimitives.ReadUInt32BigEndian(ip[32..]);
        sequence = BinaryPrimitives.ReadUInt64BigEndian(ip[36..]);
        return true;
    }

    private static bool IsVlan(ReadOnlySpan<byte> at) => (at[0] == 0x81 && at[1] == 0) || (at[0] == 0x88 && at[1] == 0xa8);

    private static int ParseSize(string text) =>
        int.TryParse(text, out int bytes) && bytes is >= LeastBytes and <= 65535
            ? bytes
            : throw new UsageException($"--size: '{text}' is not imix, jumbo or frame sizes from {LeastBytes} to 65535");

    private static ushort Checksum(ReadOnlySpan<byte> header)
    {
        uint sum = 0;
        for (int i = 0; i < header.Length; i += 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(header[i..]);

        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }
}
