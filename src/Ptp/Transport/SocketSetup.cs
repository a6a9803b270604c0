// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Capbox.Platform.Linux;
using static Capbox.Platform.Linux.SocketNumbers;

namespace Capbox.Ptp.Transport;

/// <summary>
/// Opens the sockets of a <see cref="PtpSocket"/> and writes their addresses: option numbers and layouts of Linux on x86-64.
/// </summary>
internal static class SocketSetup
{
    /// <summary>Enough for some seconds of any PTP traffic; more does not wait anywhere.</summary>
    private const int ReceiveBytes = 262_144;

    /// <summary>A packet socket for EtherType 0x88F7. It receives nothing before it is bound.</summary>
    /// <exception cref="IOException">The kernel rejects a call.</exception>
    public static KernelSocket Ethernet(PtpSocketOptions options)
    {
        var socket = new KernelSocket(AF_PACKET, SOCK_RAW, 0, $"{options.Interface}: PTP over Ethernet");
        return Guarded(socket, () =>
        {
            int index = Index(socket, options);
            Span<byte> address = stackalloc byte[Unsafe.SizeOf<SockaddrLl>()];
            Common(socket);
            // Beside the bound address: the kernel finds the clocks of the interface by it (sock_timestamping_bind_phc).
            socket.BindToDevice(options.Interface);
            socket.Set(SOL_PACKET, PACKET_AUXDATA, 1, "ask for VLAN tags");
            Join(socket, index, PtpGroup.Mac);
            Join(socket, index, PtpGroup.MacLinkLocal);
            if (options.VlanId >= 0)
                FilterVlan(socket, options.VlanId);
            socket.Bind(address[..PacketAddress(index, options.VlanId >= 0 ? ETH_P_ALL : PtpGroup.EtherType, address)], "bind");
        });
    }

    /// <summary>
    /// Filters the frames of one VLAN. The kernel forgets the tag of a VLAN without an interface before it looks at the EtherType
    /// (__netif_receive_skb_core): only a socket for all protocols receives the frame. The filter runs for each packet of the interface,
    /// some 20 ns.
    /// </summary>
    private static void FilterVlan(KernelSocket socket, int vlanId)
    {
        socket.Filter(
        [
            new(BPF_LD_H_ABS, 0, 0, SKF_AD_PROTOCOL),
            new(BPF_JEQ_K, 0, 6, PtpGroup.EtherType),
            new(BPF_LD_H_ABS, 0, 0, SKF_AD_VLAN_TAG_PRESENT),
            new(BPF_JEQ_K, 4, 0, 0),
            new(BPF_LD_H_ABS, 0, 0, SKF_AD_VLAN_TAG),
            new(BPF_AND_K, 0, 0, 0xFFF),
            new(BPF_JEQ_K, 0, 1, (uint)vlanId),
            new(BPF_RET_K, 0, 0, uint.MaxValue),
            new(BPF_RET_K, 0, 0, 0),
        ]);
        socket.Set(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "ignore outgoing packets");
    }

    /// <summary>A UDP socket of one of the two ports, in the group, on one interface.</summary>
    /// <exception cref="IOException">The kernel rejects a call, for example because another program uses the port.</exception>
    public static KernelSocket Udp(PtpSocketOptions options, ushort port)
    {
        bool isIpv4 = options.Transport == PtpTransport.UdpIpv4;
        var socket = new KernelSocket(
            isIpv4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0, $"{options.Interface}: PTP over UDP {(isIpv4 ? "IPv4" : "IPv6")} port {port}");
        return Guarded(socket, () =>
        {
            int index = Index(socket, options);
            Common(socket);
            socket.BindToDevice(options.Interface);
            if (isIpv4)
                Ipv4(socket, options, index);
            else
                Ipv6(socket, options, index);
            Span<byte> any = stackalloc byte[28];
            any.Clear();
            BinaryPrimitives.WriteUInt16LittleEndian(any, (ushort)(isIpv4 ? AF_INET : AF_INET6));
            BinaryPrimitives.WriteUInt16BigEndian(any[2..], port);
            // Not shared (SO_REUSEADDR): of two programs on one port, each would receive only some of the unicast messages.
            socket.Bind(any[..(isIpv4 ? 16 : 28)], "bind; does another PTP program run on this interface?");
        });
    }

    /// <summary>Enables stamps. Disabling and enabling <paramref name="hasIds"/> restarts the numbering of sent messages at 0.</summary>
    /// <exception cref="IOException">The kernel does not support the stamps, or the PHC does not belong to the interface.</exception>
    public static void Stamps(KernelSocket socket, PtpSocketOptions options, bool hasIds)
    {
        const int Hardware = SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
        const int Software = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
        int source = options.Stamps == StampSource.Hardware ? Hardware : Software;
        int flags = (hasIds ? SOF_TIMESTAMPING_OPT_ID : 0) | SOF_TIMESTAMPING_OPT_TSONLY | source;
        // struct so_timestamping: flags, PHC.
        ReadOnlySpan<int> value = options.PhcIndex >= 0 ? [flags | SOF_TIMESTAMPING_BIND_PHC, options.PhcIndex] : [flags, 0];
        string what = options.PhcIndex >= 0 ? $"stamps by /dev/ptp{options.PhcIndex}" : "stamps";
        socket.Set(SOL_SOCKET, SO_TIMESTAMPING, MemoryMarshal.AsBytes(value), what);
    }

    /// <summary>Writes a struct sockaddr_ll; returns its length.</summary>
    public static int PacketAddress(int index, ushort etherType, Span<byte> to)
    {
        SockaddrLl address = new()
        {
            Family = AF_PACKET,
            Protocol = BinaryPrimitives.ReverseEndianness(etherType),
            IfIndex = index,
            HaLength = PeerAddress.MacBytes,
        };
        MemoryMarshal.Write(to, in address);
        return Unsafe.SizeOf<SockaddrLl>();
    }

    /// <summary>Writes a struct sockaddr_in or sockaddr_in6 of a neighbour or the group; returns its length.</summary>
    public static int Address(PeerAddress peer, PtpTransport transport, ushort port, int index, Span<byte> to)
    {
        bool isIpv4 = transport == PtpTransport.UdpIpv4;
        int bytes = isIpv4 ? 16 : 28;
        to[..bytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(to, (ushort)(isIpv4 ? AF_INET : AF_INET6));
        BinaryPrimitives.WriteUInt16BigEndian(to[2..], port);
        Span<byte> address = to[(isIpv4 ? 4 : 8)..];
        _ = peer.IsGroup ? PtpGroup.CopyTo(transport, address) : peer.CopyTo(address);
        // sin6_scope_id: a link-local address is one of this interface's link.
        if (!isIpv4)
            BinaryPrimitives.WriteInt32LittleEndian(to[24..], index);
        return bytes;
    }

    /// <summary>
    /// Whether a struct sockaddr_ll marks a frame for another host (PACKET_OTHERHOST), or in a VLAN without an interface.
    /// </summary>
    public static bool IsForOthers(ReadOnlySpan<byte> name) => MemoryMarshal.Read<SockaddrLl>(name).PacketType == PACKET_OTHERHOST;

    /// <summary>The sender in a struct sockaddr_in or sockaddr_in6.</summary>
    public static PeerAddress Source(ReadOnlySpan<byte> name) =>
        BinaryPrimitives.ReadUInt16LittleEndian(name) == AF_INET6 ? PeerAddress.Ipv6(name[8..]) : PeerAddress.Ipv4(name[4..]);

    private static void Join(KernelSocket socket, int index, ReadOnlySpan<byte> group)
    {
        PacketMreq membership = PacketMreq.Multicast(index, group);
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<PacketMreq>(in membership));
        socket.Set(SOL_PACKET, PACKET_ADD_MEMBERSHIP, bytes, "join the multicast group");
    }

    private static void Ipv4(KernelSocket socket, PtpSocketOptions options, int index)
    {
        // struct ip_mreqn: group, address, ifindex.
        Span<byte> membership = stackalloc byte[12];
        membership.Clear();
        PtpGroup.Ipv4.CopyTo(membership);
        BinaryPrimitives.WriteInt32LittleEndian(membership[8..], index);
        socket.Set(SOL_IP, IP_ADD_MEMBERSHIP, membership, "join the multicast group");
        membership[..4].Clear();
        socket.Set(SOL_IP, IP_MULTICAST_IF, membership, "send multicast by the interface");
        socket.Set(SOL_IP, IP_MULTICAST_TTL, options.HopLimit, "set the TTL");
        socket.Set(SOL_IP, IP_MULTICAST_LOOP, 0, "disable multicast loopback");
        socket.Set(SOL_IP, IP_MULTICAST_ALL, 0, "receive its own group only");
        socket.Set(SOL_IP, IP_TOS, options.Dscp << 2, "set the DSCP");
    }

    private static void Ipv6(KernelSocket socket, PtpSocketOptions options, int index)
    {
        // struct ipv6_mreq: group, ifindex.
        Span<byte> membership = stackalloc byte[20];
        PtpGroup.Ipv6.CopyTo(membership);
        BinaryPrimitives.WriteInt32LittleEndian(membership[16..], index);
        socket.Set(SOL_IPV6, IPV6_V6ONLY, 1, "IPv6 alone");
        socket.Set(SOL_IPV6, IPV6_ADD_MEMBERSHIP, membership, "join the multicast group; is IPv6 off on this interface?");
        socket.Set(SOL_IPV6, IPV6_V6ONLY, 1, "restrict to IPv6");
        socket.Set(SOL_IPV6, IPV6_MULTICAST_HOPS, options.HopLimit, "set the hop limit");
        socket.Set(SOL_IPV6, IPV6_MULTICAST_LOOP, 0, "disable multicast loopback");
        socket.Set(SOL_IPV6, IPV6_MULTICAST_ALL, 0, "receive its own group only");
        socket.Set(SOL_IPV6, IPV6_TCLASS, options.Dscp << 2, "set the DSCP");
    }

    private static void Common(KernelSocket socket) => socket.Set(SOL_SOCKET, SO_RCVBUF, ReceiveBytes, "set the receive buffer");

    private static int Index(KernelSocket socket, PtpSocketOptions options) => socket.InterfaceIndex(options.Interface) is > 0 and int index
        ? index
        : throw new IOException($"{options.Interface}: there is no such interface");

    private static KernelSocket Guarded(KernelSocket socket, Action setUp)
    {
        try
        {
            setUp();
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
