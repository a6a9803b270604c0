// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace Capbox.Ptp.Transport;

/// <summary>Transport of PTP messages.</summary>
public enum PtpTransport
{
    /// <summary>None: the default of an address, which means "the multicast group".</summary>
    None,

    /// <summary>EtherType 0x88F7 (IEEE 1588-2019 annex E).</summary>
    Ethernet,

    /// <summary>UDP over IPv4 (annex C).</summary>
    UdpIpv4,

    /// <summary>UDP over IPv6 (annex D).</summary>
    UdpIpv6,
}

/// <summary>A neighbour's address: MAC, IPv4 or IPv6, as numbers, so that comparing and copying are cheap.</summary>
/// <param name="Transport">Kind of the address.</param>
/// <param name="High">The upper half of an IPv6 address, 0 otherwise.</param>
/// <param name="Low">The lower half of an IPv6 address, or the whole of others.</param>
public readonly record struct PeerAddress(PtpTransport Transport, ulong High, ulong Low)
{
    public const int MacBytes = 6;
    public const int Ipv4Bytes = 4;
    public const int Ipv6Bytes = 16;

    /// <summary>Whether it is the group instead of a neighbour.</summary>
    public bool IsGroup => Transport == PtpTransport.None;

    public static PeerAddress Mac(ReadOnlySpan<byte> bytes) =>
        new(
            PtpTransport.Ethernet,
            0,
            ((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]));

    public static PeerAddress Ipv4(ReadOnlySpan<byte> bytes) => new(PtpTransport.UdpIpv4, 0, BinaryPrimitives.ReadUInt32BigEndian(bytes));

    public static PeerAddress Ipv6(ReadOnlySpan<byte> bytes) =>
        new(PtpTransport.UdpIpv6, BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));

    /// <summary>Writes the address in network order; returns 6, 4 or 16, or 0 for the group.</summary>
    public int CopyTo(Span<byte> to)
    {
        switch (Transport)
        {
            case PtpTransport.Ethernet:
                BinaryPrimitives.WriteUInt16BigEndian(to, (ushort)(Low >> 32));
                BinaryPrimitives.WriteUInt32BigEndian(to[2..], (uint)Low);
                return MacBytes;
            case PtpTransport.UdpIpv4:
                BinaryPrimitives.WriteUInt32BigEndian(to, (uint)Low);
                return Ipv4Bytes;
            case PtpTransport.UdpIpv6:
                BinaryPrimitives.WriteUInt64BigEndian(to, High);
                BinaryPrimitives.WriteUInt64BigEndian(to[8..], Low);
                return Ipv6Bytes;
            default:
                return 0;
        }
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Ipv6Bytes];
        int length = CopyTo(bytes);
        return length switch
        {
            0 => "group",
            MacBytes => string.Create(
                CultureInfo.InvariantCulture, $"{bytes[0]:x2}:{bytes[1]:x2}:{bytes[2]:x2}:{bytes[3]:x2}:{bytes[4]:x2}:{bytes[5]:x2}"),
            _ => new IPAddress(bytes[..length]).ToString(),
        };
    }
}
