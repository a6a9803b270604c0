// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Ptp.Transport;

/// <summary>Contents of an Ethernet frame.</summary>
public enum FrameKind
{
    /// <summary>A PTP message; the parser checks whether it is well-formed.</summary>
    Ptp,

    /// <summary>Any other contents.</summary>
    Other,

    /// <summary>A frame that ends inside its headers, or whose lengths contradict each other.</summary>
    Malformed,

    /// <summary>A fragment: PTP messages fit into one frame.</summary>
    Fragment,
}

/// <summary>Place of the message in a frame, and its headers.</summary>
/// <param name="Offset">First byte of the message.</param>
/// <param name="Bytes">Bytes from there to the end of the UDP datagram or the frame, including padding.</param>
/// <param name="Source">Sender's MAC or IP address.</param>
/// <param name="Destination">Receiver's.</param>
/// <param name="Channel">Channel by the UDP port.</param>
/// <param name="VlanId">The outer VLAN; -1 without a tag. Priority-tagged frames have 0.</param>
/// <param name="Dscp">DSCP of the IP header; 0 over Ethernet.</param>
public readonly record struct FrameView(
    int Offset, int Bytes, PeerAddress Source, PeerAddress Destination, PtpChannel Channel, int VlanId, byte Dscp)
{
    /// <summary>Whether the destination is the group.</summary>
    public bool IsToGroup => PtpGroup.IsGroup(Destination);
}

/// <summary>
/// Finds PTP messages in Ethernet frames: up to two VLAN tags, then EtherType 0x88F7, or UDP ports 319 and 320 over IPv4 or IPv6.
/// </summary>
public static class FrameParser
{
    private const int EthernetBytes = 14;
    private const int TagBytes = 4;
    private const int UdpBytes = 8;
    private const int Ipv6Bytes = 40;
    private const int LeastIpv4Bytes = 20;
    private const int ProtocolUdp = 17;
    private const int ProtocolIpv6Fragment = 44;

    public static FrameKind Parse(ReadOnlySpan<byte> frame, out FrameView view)
    {
        view = default;
        int vlan = -1;
        int at = EthernetBytes;
        for (int tags = 0; ; tags++)
        {
            if (frame.Length < at)
                return FrameKind.Malformed;
            ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[(at - 2)..]);
            switch (type)
            {
                case PtpGroup.EtherType:
                    view = new(at, frame.Length - at, PeerAddress.Mac(frame[6..]), PeerAddress.Mac(frame), PtpChannel.Any, vlan, 0);
                    return FrameKind.Ptp;
                case 0x0800:
                    return Ipv4(frame, at, vlan, out view);
                case 0x86DD:
                    return Ipv6(frame, at, vlan, out view);
                case 0x8100 or 0x88A8 when tags < 2:
                    if (frame.Length < at + TagBytes)
                        return FrameKind.Malformed;
                    vlan = vlan >= 0 ? vlan : BinaryPrimitives.ReadUInt16BigEndian(frame[at..]) & 0xFFF;
                    at += TagBytes;
                    break;
                default:
                    return FrameKind.Other;
            }
        }
    }

    private static FrameKind Ipv4(ReadOnlySpan<byte> frame, int at, int vlan, out FrameView view)
    {
        view = default;
        ReadOnlySpan<byte> ip = frame[at..];
        if (ip.Length < LeastIpv4Bytes || ip[0] >> 4 != 4)
            return FrameKind.Malformed;
        int headBytes = (ip[0] & 0x0F) * 4;
        int totalBytes = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        if (headBytes < LeastIpv4Bytes || totalBytes < headBytes || totalBytes > ip.Length)
            return FrameKind.Malformed;
        if (ip[9] != ProtocolUdp)
            return FrameKind.Other;
        // More fragments, or an offset.
        if ((BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & 0x3FFF) != 0)
            return FrameKind.Fragment;
        FrameKind kind = Udp(ip[headBytes..totalBytes], out int bytes, out PtpChannel channel);
        (PeerAddress source, PeerAddress destination) = (PeerAddress.Ipv4(ip[12..]), PeerAddress.Ipv4(ip[16..]));
        view = new(at + headBytes + UdpBytes, bytes, source, destination, channel, vlan, (byte)(ip[1] >> 2));
        return kind;
    }

    private static FrameKind Ipv6(ReadOnlySpan<byte> frame, int at, int vlan, out FrameView view)
    {
        view = default;
        ReadOnlySpan<byte> ip = frame[at..];
        if (ip.Length < Ipv6Bytes || ip[0] >> 4 != 6)
            return FrameKind.Malformed;
        int payloadBytes = BinaryPrimitives.ReadUInt16BigEndian(ip[4..]);
        if (payloadBytes > ip.Length - Ipv6Bytes)
            return FrameKind.Malformed;
        if (ip[6] != ProtocolUdp)
            return ip[6] == ProtocolIpv6Fragment ? FrameKind.Fragment : FrameKind.Other;
        FrameKind kind = Udp(ip.Slice(Ipv6Bytes, payloadBytes), out int bytes, out PtpChannel channel);
        byte dscp = (byte)((BinaryPrimitives.ReadUInt16BigEndian(ip) >> 6) & 0x3F);
        view = new(at + Ipv6Bytes + UdpBytes, bytes, PeerAddress.Ipv6(ip[8..]), PeerAddress.Ipv6(ip[24..]), channel, vlan, dscp);
        return kind;
    }

    private static FrameKind Udp(ReadOnlySpan<byte> udp, out int bytes, out PtpChannel channel)
    {
        (bytes, channel) = (0, PtpChannel.Any);
        if (udp.Length < UdpBytes)
            return FrameKind.Malformed;
        int length = BinaryPrimitives.ReadUInt16BigEndian(udp[4..]);
        if (length < UdpBytes || length > udp.Length)
            return FrameKind.Malformed;
        ushort port = BinaryPrimitives.ReadUInt16BigEndian(udp[2..]);
        if (port is not (PtpGroup.EventPort or PtpGroup.GeneralPort))
            return FrameKind.Other;
        (bytes, channel) = (length - UdpBytes, port == PtpGroup.EventPort ? PtpChannel.Event : PtpChannel.General);
        return FrameKind.Ptp;
    }
}
