namespace Capbox.Platform.Linux;

/// <summary>Numbers of the kernel's for sockets, interfaces and stamps, on x86-64, as its headers call them. AbiTests compares them.</summary>
internal static class SocketNumbers
{
    public const short POLLIN = 1;
    public const int EINTR = 4, EAGAIN = 11, ENOBUFS = 105;
    public const int EFD_CLOEXEC = 0x80000, EFD_NONBLOCK = 0x800;

    // sys/socket.h
    public const int AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17;
    public const int SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_NONBLOCK = 0x800;
    public const int MSG_CTRUNC = 8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_ERRQUEUE = 0x2000, MSG_NOSIGNAL = 0x4000;
    public const int SOL_SOCKET = 1, SO_RCVBUF = 8, SO_BINDTODEVICE = 25, SO_ATTACH_FILTER = 26, SO_TIMESTAMPING = 37, SCM_TIMESTAMPING = 37;

    // netinet/in.h, linux/in.h, linux/in6.h
    public const int SOL_IP = 0, IP_TOS = 1, IP_RECVERR = 11, IP_MULTICAST_IF = 32, IP_MULTICAST_TTL = 33, IP_MULTICAST_LOOP = 34, IP_ADD_MEMBERSHIP = 35, IP_MULTICAST_ALL = 49;
    public const int SOL_IPV6 = 41, IPV6_MULTICAST_IF = 17, IPV6_MULTICAST_HOPS = 18, IPV6_MULTICAST_LOOP = 19, IPV6_ADD_MEMBERSHIP = 20, IPV6_RECVERR = 25, IPV6_V6ONLY = 26, IPV6_MULTICAST_ALL = 29;
    public const int IPV6_TCLASS = 67;

    // linux/if_packet.h, linux/if_ether.h
    public const int SOL_PACKET = 263, PACKET_ADD_MEMBERSHIP = 1, PACKET_AUXDATA = 8, PACKET_TX_TIMESTAMP = 16, PACKET_IGNORE_OUTGOING = 23, PACKET_MR_MULTICAST = 0, PACKET_OTHERHOST = 3;
    public const uint TP_STATUS_VLAN_VALID = 0x10;
    public const ushort ETH_P_ALL = 3, ETH_P_8021Q = 0x8100, ETH_P_1588 = 0x88F7;

    // linux/net_tstamp.h, linux/errqueue.h
    public const int SOF_TIMESTAMPING_TX_HARDWARE = 1, SOF_TIMESTAMPING_TX_SOFTWARE = 2, SOF_TIMESTAMPING_RX_HARDWARE = 4, SOF_TIMESTAMPING_RX_SOFTWARE = 8, SOF_TIMESTAMPING_SOFTWARE = 0x10;
    public const int SOF_TIMESTAMPING_RAW_HARDWARE = 0x40, SOF_TIMESTAMPING_OPT_ID = 0x80, SOF_TIMESTAMPING_OPT_TSONLY = 0x800, SOF_TIMESTAMPING_BIND_PHC = 0x8000;
    public const byte SO_EE_ORIGIN_TIMESTAMPING = 4;
    public const uint SCM_TSTAMP_SND = 0;

    // linux/filter.h: what is beside the frame.
    public const uint SKF_AD_PROTOCOL = 0xFFFFF000, SKF_AD_VLAN_TAG = 0xFFFFF02C, SKF_AD_VLAN_TAG_PRESENT = 0xFFFFF030;

    // linux/rtnetlink.h
    public const int NETLINK_ROUTE = 0;
    public const uint RTMGRP_LINK = 1;
    public const ushort RTM_NEWLINK = 16, RTM_DELLINK = 17;

    // linux/sockios.h, net/if.h
    public const nuint SIOCGIFFLAGS = 0x8913, SIOCGIFHWADDR = 0x8927, SIOCGIFINDEX = 0x8933;
    public const int IFNAMSIZ = 16;
    public const int IFF_UP = 1, IFF_RUNNING = 0x40, IFF_LOWER_UP = 0x10000;
}
