// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>Numbers of kmod/uapi/capbox.h.</summary>
[CHeaders("kmod/uapi/capbox.h")]
internal static class CapboxNumbers
{
    public const uint CAPBOX_ABI_VERSION = 1;
    public const int CAPBOX_BLOCK_BYTES_MIN = 64 * 1024, CAPBOX_BLOCK_BYTES_MAX = 4 * 1024 * 1024;
    public const int CAPBOX_BLOCKS_MAX = 16384;
    public const uint CAPBOX_HOOK_INGRESS = 0, CAPBOX_HOOK_EGRESS = 1, CAPBOX_HOOK_PRE_ROUTING = 2, CAPBOX_HOOK_LOCAL_IN = 3;
    public const uint CAPBOX_HOOK_FORWARD = 4, CAPBOX_HOOK_LOCAL_OUT = 5, CAPBOX_HOOK_POST_ROUTING = 6;
    public const uint CAPBOX_DROP_NEWEST = 0, CAPBOX_DROP_OLDEST = 1;
    public const uint CAPBOX_SETUP_CONSUME = 1;
    public const uint CAPBOX_PORT_HARDWARE_STAMPS = 1, CAPBOX_PORT_PROMISCUOUS = 2;
    public const uint CAPBOX_FILTER_LINK = 0, CAPBOX_FILTER_INET = 1;
    public const uint CAPBOX_BLOCK_IN_ORDER = 1;
    public const uint CAPBOX_IOC_VERSION = 0x8040CB00, CAPBOX_IOC_SETUP = 0xC0C8CB01, CAPBOX_IOC_ADD_PORT = 0xC080CB02;
    public const uint CAPBOX_IOC_GET_PORT = 0xC080CB04, CAPBOX_PORT_GONE = 2;
    public const uint CAPBOX_IOC_SET_FILTER = 0x4018CB05, CAPBOX_IOC_START = 0xCB06, CAPBOX_IOC_STOP = 0xCB07;
    public const uint CAPBOX_IOC_COUNTERS = 0xC0B8CB09;
}

/// <summary>struct capbox_version.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct capbox_version", "kmod/uapi/capbox.h")]
internal unsafe struct CapboxVersion
{
    public uint Abi, Reserved;
    public fixed byte Release[56];
}

/// <summary>struct capbox_setup.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct capbox_setup", "kmod/uapi/capbox.h")]
internal unsafe struct CapboxSetup
{
    public uint Abi, Flags, Hooks, Policy, BlockBytes, Blocks, HeadBytes, SnapBytes, HandoverUs;
    public fixed uint Reserved[3];
    public uint Rings, QueueEntries;
    public ulong RingBytes, FilledOffset, FreeOffset, InfoOffset, BlocksOffset, MapBytes;
    public fixed byte Error[96];
}

/// <summary>struct capbox_port.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct capbox_port", "kmod/uapi/capbox.h")]
internal unsafe struct CapboxPort
{
    [CField("ifindex")] public int IfIndex;
    public uint Flags, SoftwareInterface, HardwareInterface, Port, State, LinkType, Reserved;
    public fixed byte Error[96];
}

/// <summary>struct capbox_filter.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct capbox_filter", "kmod/uapi/capbox.h")]
internal struct CapboxFilter
{
    public ulong Instructions;
    public uint Count, Kind;
    public ulong Reserved;
}

/// <summary>struct capbox_count.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct capbox_count", "kmod/uapi/capbox.h")]
internal struct CapboxCount
{
    public ulong Packets, Bytes;
}

/// <summary>struct capbox_counters.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct capbox_counters", "kmod/uapi/capbox.h")]
internal struct CapboxCounters
{
    public CapboxCount Seen, Filtered, Stored, LostFull, LostTakenBack, LostOversize, LostUnreadable, Truncated;
    public ulong HardwareStamps, SkbStamps, BlocksFilled, BlocksTakenBack, TimesFull, BadReturns;
}

/// <summary>struct capbox_ring_counters.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct capbox_ring_counters", "kmod/uapi/capbox.h")]
internal struct CapboxRingCounters
{
    public uint Ring, Reserved;
    public CapboxCounters Counters;
}

/// <summary>struct capbox_block.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct capbox_block", "kmod/uapi/capbox.h")]
internal unsafe struct CapboxBlock
{
    public ulong Sequence;
    public uint Bytes, Packets, Flags, Truncated, HardwareStamps, FirstInterface;
    public ulong CapturedBytes, OriginalBytes;
    public long FirstNs, LastNs, SoftwareMinNs, SoftwareMaxNs, HardwareMinNs, HardwareMaxNs;
    public CapboxCounters Counters;
    public fixed ulong Reserved[2];
}

/// <summary>struct capbox_ring_head: each index on a cache line of its own.</summary>
[StructLayout(LayoutKind.Explicit, Size = 320)]
[CStruct("struct capbox_ring_head", "kmod/uapi/capbox.h")]
internal struct CapboxRingHead
{
    [FieldOffset(0)] public ulong Filled;
    [FieldOffset(64)] public ulong Claimed;
    [FieldOffset(128)] public ulong Returned;
    [FieldOffset(192)] public ulong Accepted;
    [FieldOffset(256)] public uint Cpu;
    [FieldOffset(260)] public uint Node;
}
