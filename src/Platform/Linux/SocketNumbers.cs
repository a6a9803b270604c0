// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Linux;

/// <summary>Numbers of sockets, of their options and messages, on x86-64: socket(7), ip(7), ipv6(7), packet(7).</summary>
[CHeaders(
    "sys/socket.h", "netinet/in.h", "net/if_arp.h",
    "linux/if_packet.h", "linux/if_ether.h", "linux/net_tstamp.h", "linux/errqueue.h", "linux/filter.h")]
internal static class SocketNumbers
{
    // sys/socket.h
    public const int AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17;
    public const int SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_NONBLOCK = 0x800, SOCK_CLOEXEC = 0x80000;
    public const int MSG_CTRUNC = 8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_ERRQUEUE = 0x2000, MSG_NOSIGNAL = 0x4000;
    public const int SOL_SOCKET = 1, SO_ERROR = 4, SO_RCVBUF = 8, SO_BINDTODEVICE = 25, SO_ATTACH_FILTER = 26, SO_TIMESTAMPING = 37;
    public const int SCM_TIMESTAMPING = 37;

    // netinet/in.h, linux/in.h, linux/in6.h
    public const int SOL_IP = 0, IP_TOS = 1, IP_RECVERR = 11;
    public const int IP_MULTICAST_IF = 32, IP_MULTICAST_TTL = 33, IP_MULTICAST_LOOP = 34, IP_ADD_MEMBERSHIP = 35, IP_MULTICAST_ALL = 49;
    public const int SOL_IPV6 = 41, IPV6_RECVERR = 25, IPV6_V6ONLY = 26, IPV6_TCLASS = 67;
    public const int IPV6_MULTICAST_IF = 17, IPV6_MULTICAST_HOPS = 18, IPV6_MULTICAST_LOOP = 19, IPV6_ADD_MEMBERSHIP = 20;
    public const int IPV6_MULTICAST_ALL = 29;

    // linux/if_packet.h: options
    public const int SOL_PACKET = 263, PACKET_ADD_MEMBERSHIP = 1, PACKET_RX_RING = 5, PACKET_STATISTICS = 6, PACKET_AUXDATA = 8;
    public const int PACKET_VERSION = 10;
    public const int PACKET_RESERVE = 12, PACKET_TX_TIMESTAMP = 16, PACKET_TIMESTAMP = 17, PACKET_FANOUT = 18, PACKET_IGNORE_OUTGOING = 23;
    public const int PACKET_MR_MULTICAST = 0, PACKET_MR_PROMISC = 1;
    public const int PACKET_FANOUT_HASH = 0, PACKET_FANOUT_CPU = 2, PACKET_FANOUT_FLAG_UNIQUEID = 0x2000;
    public const int TPACKET_V3 = 2;

    // linux/if_packet.h: a packet's status and type
    public const uint TP_STATUS_KERNEL = 0, TP_STATUS_USER = 1, TP_STATUS_VLAN_VALID = 1 << 4, TP_STATUS_VLAN_TPID_VALID = 1 << 6;
    public const uint TP_STATUS_TS_RAW_HARDWARE = 1u << 31;
    public const byte PACKET_HOST = 0, PACKET_BROADCAST = 1, PACKET_MULTICAST = 2, PACKET_OTHERHOST = 3, PACKET_OUTGOING = 4;

    // linux/if_ether.h
    public const ushort ETH_P_ALL = 3, ETH_P_8021Q = 0x8100;

    // net/if_arp.h: the kind of link that an interface is
    public const int ARPHRD_ETHER = 1, ARPHRD_LOOPBACK = 772, ARPHRD_NONE = 0xFFFE;

    // linux/net_tstamp.h, linux/errqueue.h
    public const int SOF_TIMESTAMPING_TX_HARDWARE = 1, SOF_TIMESTAMPING_TX_SOFTWARE = 2, SOF_TIMESTAMPING_RX_HARDWARE = 4;
    public const int SOF_TIMESTAMPING_RX_SOFTWARE = 8, SOF_TIMESTAMPING_SOFTWARE = 0x10, SOF_TIMESTAMPING_RAW_HARDWARE = 0x40;
    public const int SOF_TIMESTAMPING_OPT_ID = 0x80, SOF_TIMESTAMPING_OPT_TSONLY = 0x800, SOF_TIMESTAMPING_BIND_PHC = 0x8000;
    public const byte SO_EE_ORIGIN_TIMESTAMPING = 4;
    public const uint SCM_TSTAMP_SND = 0;

    // linux/filter.h: instructions, and the offsets of what a filter reads beside the packet
    [CConstant("BPF_LD | BPF_W | BPF_ABS")] public const ushort BPF_LD_W_ABS = 0x20;
    [CConstant("BPF_LD | BPF_H | BPF_ABS")] public const ushort BPF_LD_H_ABS = 0x28;
    [CConstant("BPF_ALU | BPF_AND | BPF_K")] public const ushort BPF_AND_K = 0x54;
    [CConstant("BPF_JMP | BPF_JEQ | BPF_K")] public const ushort BPF_JEQ_K = 0x15;
    [CConstant("BPF_RET | BPF_K")] public const ushort BPF_RET_K = 0x06;
    [CConstant("(unsigned int)(SKF_AD_OFF + SKF_AD_PROTOCOL)")] public const uint SKF_AD_PROTOCOL = 0xFFFFF000;
    [CConstant("(unsigned int)(SKF_AD_OFF + SKF_AD_PKTTYPE)")] public const uint SKF_AD_PKTTYPE = 0xFFFFF004;
    [CConstant("(unsigned int)(SKF_AD_OFF + SKF_AD_VLAN_TAG)")] public const uint SKF_AD_VLAN_TAG = 0xFFFFF02C;
    [CConstant("(unsigned int)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)")] public const uint SKF_AD_VLAN_TAG_PRESENT = 0xFFFFF030;
}
