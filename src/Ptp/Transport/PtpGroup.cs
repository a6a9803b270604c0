// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace Capbox.Ptp.Transport;

/// <summary>Groups, ports and EtherType of the three transports (IEEE 1588-2019 annexes C, D and E).</summary>
public static class PtpGroup
{
    public const ushort EtherType = 0x88F7;
    public const ushort EventPort = 319;
    public const ushort GeneralPort = 320;

    /// <summary>Expedited forwarding, the usual class for PTP; 0 is a host's default.</summary>
    public const byte DscpExpedited = 46;

    /// <summary>Padding of UDP over IPv6 beyond messageLength (annex D.1).</summary>
    public const int Ipv6PaddingBytes = 2;

    /// <summary>01-1B-19-00-00-00: all messages except peer delay.</summary>
    public static ReadOnlySpan<byte> Mac => [0x01, 0x1B, 0x19, 0, 0, 0];

    /// <summary>01-80-C2-00-00-0E: peer delay, which bridges do not forward; some profiles use it for all messages.</summary>
    public static ReadOnlySpan<byte> MacLinkLocal => [0x01, 0x80, 0xC2, 0, 0, 0x0E];

    /// <summary>224.0.1.129, for all domains since version 2.</summary>
    public static ReadOnlySpan<byte> Ipv4 => [224, 0, 1, 129];

    /// <summary>ff0e::181: global scope, the default of ptp4l.</summary>
    public static ReadOnlySpan<byte> Ipv6 => [0xFF, 0x0E, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x81];

    /// <summary>The address of the group for sockets.</summary>
    public static IPAddress Address(PtpTransport transport) => transport switch
    {
        PtpTransport.UdpIpv4 => new IPAddress(Ipv4),
        PtpTransport.UdpIpv6 => new IPAddress(Ipv6),
        _ => throw new ArgumentOutOfRangeException(nameof(transport), transport, "no IP transport"),
    };

    /// <summary>Writes the group's address; returns 6, 4 or 16.</summary>
    public static int CopyTo(PtpTransport transport, Span<byte> to)
    {
        ReadOnlySpan<byte> bytes = transport switch
        {
            PtpTransport.Ethernet => Mac,
            PtpTransport.UdpIpv4 => Ipv4,
            PtpTransport.UdpIpv6 => Ipv6,
            _ => throw new ArgumentOutOfRangeException(nameof(transport), transport, "no transport"),
        };
        bytes.CopyTo(to);
        return bytes.Length;
    }

    /// <summary>
    /// Whether an address is a PTP group: 224.0.1.129 to .132 (130 to 132 were version 1's other domains and are still in use), ff0X::181
    /// of any scope, and the two MACs.
    /// </summary>
    public static bool IsGroup(PeerAddress address) => address.Transport switch
    {
        PtpTransport.Ethernet => address == PeerAddress.Mac(Mac) || address == PeerAddress.Mac(MacLinkLocal),
        PtpTransport.UdpIpv4 => address.Low is >= 0xE0000181 and <= 0xE0000184,
        PtpTransport.UdpIpv6 => (address.High & 0xFFF0FFFFFFFFFFFF) == 0xFF00000000000000 && address.Low == 0x181,
        _ => false,
    };
}
