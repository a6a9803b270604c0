// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Ptp.Transport;

/// <summary>Headers of the frames of one port.</summary>
/// <param name="SourceMac">This port's MAC.</param>
/// <param name="Source">This port's address in the transport; the same as <paramref name="SourceMac"/> over Ethernet.</param>
/// <param name="VlanId">VLAN to send in; -1 without a tag.</param>
/// <param name="VlanPriority">Priority of the tag, 0 to 7.</param>
/// <param name="Dscp">DSCP of the IP header, 0 to 63.</param>
/// <param name="HopLimit">TTL or hop limit to the group: 1 stays in the subnet. Unicast has 64, as any packet.</param>
public readonly record struct FrameSettings(
    PeerAddress SourceMac, PeerAddress Source, int VlanId = -1, byte VlanPriority = 0, byte Dscp = 0, byte HopLimit = 1);

/// <summary>
/// Writes Ethernet, IP and UDP headers around a message, including checksums, for a packet socket. UDP sockets need none of it.
/// </summary>
public static class FrameWriter
{
    /// <summary>Largest overhead around a message: Ethernet, tag, IPv6, UDP, two octets.</summary>
    public const int MostOverheadBytes = 14 + 4 + 40 + 8 + PtpGroup.Ipv6PaddingBytes;

    private const int UdpBytes = 8;
    private const byte UnicastHopLimit = 64;
    private const int Ipv4HeadBytes = 20;
    private const int Ipv6HeadBytes = 40;

    /// <summary>Writes a frame; returns its length, without the padding to 60 bytes that the card adds.</summary>
    /// <param name="message">The PTP message.</param>
    /// <param name="channel">UDP port of the message; Ethernet has none.</param>
    /// <param name="destinationMac">MAC of the next hop to one receiver; ignored if <paramref name="to"/> is the group.</param>
    /// <param name="to">The receiver, or the group.</param>
    /// <exception cref="ArgumentException">Too little room, or an address of another transport than the source's.</exception>
    public static int Write(
        ReadOnlySpan<byte> message,
        PtpChannel channel,
        in FrameSettings settings,
        PeerAddress destinationMac,
        PeerAddress to,
        Span<byte> frame)
    {
        PtpTransport transport = settings.Source.Transport;
        if (frame.Length < message.Length + MostOverheadBytes)
            throw new ArgumentException($"{frame.Length} bytes of room for a message of {message.Length} bytes", nameof(frame));
        if (!to.IsGroup && to.Transport != transport)
            throw new ArgumentException($"{to} cannot be reached from {settings.Source}", nameof(to));
        Span<byte> address = stackalloc byte[PeerAddress.Ipv6Bytes];
        int addressBytes = to.IsGroup ? PtpGroup.CopyTo(transport, address) : to.CopyTo(address);
        address = address[..addressBytes];
        if (to.IsGroup)
            GroupMac(transport, address, frame);
        else
            (transport == PtpTransport.Ethernet ? to : destinationMac).CopyTo(frame);
        int at = WriteEthernet(settings, transport, frame);
        FrameSettings used = to.IsGroup ? settings : settings with { HopLimit = UnicastHopLimit };
        return transport switch
        {
            PtpTransport.UdpIpv4 => at + WriteIpv4(message, channel, used, address, frame[at..]),
            PtpTransport.UdpIpv6 => at + WriteIpv6(message, channel, used, address, frame[at..]),
            _ => at + Copy(message, frame[at..]),
        };
    }

    /// <summary>
    /// The destination MAC of a group: its own over Ethernet, 01-00-5E and 23 bits of an IPv4 group, 33-33 and 32 bits of an IPv6 group.
    /// </summary>
    private static void GroupMac(PtpTransport transport, ReadOnlySpan<byte> group, Span<byte> to)
    {
        switch (transport)
        {
            case PtpTransport.UdpIpv4:
                (to[0], to[1], to[2], to[3], to[4], to[5]) = (0x01, 0x00, 0x5E, (byte)(group[1] & 0x7F), group[2], group[3]);
                break;
            case PtpTransport.UdpIpv6:
                (to[0], to[1]) = (0x33, 0x33);
                group[12..].CopyTo(to[2..]);
                break;
            default:
                group.CopyTo(to);
                break;
        }
    }

    private static int WriteEthernet(in FrameSettings settings, PtpTransport transport, Span<byte> frame)
    {
        settings.SourceMac.CopyTo(frame[6..]);
        int at = 12;
        if (settings.VlanId >= 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame[at..], 0x8100);
            int tag = ((settings.VlanPriority & 7) << 13) | (settings.VlanId & 0xFFF);
            BinaryPrimitives.WriteUInt16BigEndian(frame[(at + 2)..], (ushort)tag);
            at += 4;
        }

        ushort type = transport switch
        {
            PtpTransport.UdpIpv4 => 0x0800,
            PtpTransport.UdpIpv6 => 0x86DD,
            _ => PtpGroup.EtherType,
        };
        BinaryPrimitives.WriteUInt16BigEndian(frame[at..], type);
        return at + 2;
    }

    private static int WriteIpv4(
        ReadOnlySpan<byte> message, PtpChannel channel, in FrameSettings settings, ReadOnlySpan<byte> to, Span<byte> ip)
    {
        int bytes = Ipv4HeadBytes + UdpBytes + message.Length;
        ip[..Ipv4HeadBytes].Clear();
        (ip[0], ip[1]) = (0x45, (byte)(settings.Dscp << 2));
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)bytes);
        // Do not fragment.
        (ip[6], ip[8], ip[9]) = (0x40, settings.HopLimit, 17);
        settings.Source.CopyTo(ip[12..]);
        to.CopyTo(ip[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Fold(Sum(ip[..Ipv4HeadBytes], 0)));
        WriteUdp(message, 0, channel, Sum(ip[12..Ipv4HeadBytes], 0), ip[Ipv4HeadBytes..]);
        return bytes;
    }

    private static int WriteIpv6(
        ReadOnlySpan<byte> message, PtpChannel channel, in FrameSettings settings, ReadOnlySpan<byte> to, Span<byte> ip)
    {
        int payloadBytes = UdpBytes + message.Length + PtpGroup.Ipv6PaddingBytes;
        ip[..Ipv6HeadBytes].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(ip, (ushort)(0x6000 | (settings.Dscp << 6)));
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)payloadBytes);
        (ip[6], ip[7]) = (17, settings.HopLimit);
        settings.Source.CopyTo(ip[8..]);
        to.CopyTo(ip[24..]);
        WriteUdp(message, PtpGroup.Ipv6PaddingBytes, channel, Sum(ip[8..Ipv6HeadBytes], 0), ip[Ipv6HeadBytes..]);
        return Ipv6HeadBytes + payloadBytes;
    }

    private static void WriteUdp(ReadOnlySpan<byte> message, int paddingBytes, PtpChannel channel, uint addressSum, Span<byte> udp)
    {
        ushort port = channel == PtpChannel.General ? PtpGroup.GeneralPort : PtpGroup.EventPort;
        int bytes = UdpBytes + message.Length + paddingBytes;
        udp[..bytes].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(udp, port);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], port);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)bytes);
        Copy(message, udp[UdpBytes..]);
        // The pseudo header: both addresses, the length and the protocol.
        ushort checksum = Fold(Sum(udp[..bytes], addressSum + (uint)bytes + 17));
        BinaryPrimitives.WriteUInt16BigEndian(udp[6..], checksum == 0 ? (ushort)0xFFFF : checksum);
    }

    private static int Copy(ReadOnlySpan<byte> message, Span<byte> to)
    {
        message.CopyTo(to);
        return message.Length;
    }

    /// <summary>Sum of 16-bit words (RFC 1071); an odd last byte counts as the upper half.</summary>
    private static uint Sum(ReadOnlySpan<byte> bytes, uint sum)
    {
        for (; bytes.Length >= 2; bytes = bytes[2..])
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
        return bytes.Length == 1 ? sum + ((uint)bytes[0] << 8) : sum;
    }

    private static ushort Fold(uint sum)
    {
        while (sum >> 16 != 0)
            sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }
}
