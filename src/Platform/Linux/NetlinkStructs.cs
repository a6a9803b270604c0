// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>Numbers of netlink(7) and rtnetlink(7).</summary>
[CHeaders("net/if.h", "linux/if.h", "linux/netlink.h", "linux/rtnetlink.h", "linux/if_link.h")]
internal static class NetlinkNumbers
{
    public const int NETLINK_ROUTE = 0;
    public const ushort NLMSG_ERROR = 2, NLMSG_DONE = 3, NLM_F_REQUEST = 1, NLM_F_DUMP = 0x300;
    public const ushort RTM_NEWLINK = 16, RTM_DELLINK = 17, RTM_GETLINK = 18;
    public const uint RTMGRP_LINK = 1;
    public const ushort IFLA_ADDRESS = 1, IFLA_IFNAME = 3, IFLA_MTU = 4, IFLA_OPERSTATE = 16, IFLA_STATS64 = 23, IFLA_CARRIER = 33;

    /// <summary>A flag of struct ifinfomsg, netdevice(7): the driver sees the carrier.</summary>
    public const int IFF_LOWER_UP = 0x10000;

    /// <summary>NLMSG_ALIGN and RTA_ALIGN.</summary>
    [CConstant("NLMSG_ALIGNTO")] public const int AlignmentBytes = 4;
}

/// <summary>struct sockaddr_nl, netlink(7).</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct sockaddr_nl", "linux/netlink.h", Prefix = "nl_")]
internal struct SockaddrNl
{
    public ushort Family;
    [CField("nl_pad")] public ushort Padding;
    [CField("nl_pid")] public uint PortId;
    public uint Groups;
}

/// <summary>struct nlmsghdr, netlink(7).</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct nlmsghdr", "linux/netlink.h", Prefix = "nlmsg_")]
internal struct NlMsgHdr
{
    [CField("nlmsg_len")] public uint Length;
    public ushort Type;
    public ushort Flags;
    [CField("nlmsg_seq")] public uint Sequence;
    [CField("nlmsg_pid")] public uint PortId;
}

/// <summary>struct ifinfomsg, rtnetlink(7).</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct ifinfomsg", "linux/rtnetlink.h", Prefix = "ifi_")]
internal struct IfInfoMsg
{
    public byte Family;
    [CField("__ifi_pad")] public byte Padding;
    public ushort Type;
    public int Index;
    public uint Flags;
    public uint Change;
}

/// <summary>struct rtattr, rtnetlink(7).</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct rtattr", "linux/rtnetlink.h", Prefix = "rta_")]
internal struct RtAttr
{
    [CField("rta_len")] public ushort Length;
    public ushort Type;
}

/// <summary>struct rtnl_link_stats64, as far as it is read here.</summary>
[StructLayout(LayoutKind.Explicit, Size = 200)]
[CStruct("struct rtnl_link_stats64", "linux/if_link.h")]
internal struct RtnlLinkStats64
{
    [FieldOffset(0)] public ulong RxPackets;
    [FieldOffset(8)] public ulong TxPackets;
    [FieldOffset(16)] public ulong RxBytes;
    [FieldOffset(24)] public ulong TxBytes;
    [FieldOffset(32)] public ulong RxErrors;
    [FieldOffset(48)] public ulong RxDropped;
    [FieldOffset(112)] public ulong RxFifoErrors;
    [FieldOffset(120)] public ulong RxMissedErrors;
}
