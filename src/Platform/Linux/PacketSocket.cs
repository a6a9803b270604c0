using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>Numbers of packet sockets: linux/if_packet.h, linux/if_ether.h, linux/filter.h, linux/net_tstamp.h; packet(7).</summary>
internal static class PacketNumbers
{
    public const int AF_PACKET = 17, SOCK_RAW = 3, SOCK_CLOEXEC = 0x80000, SOCK_NONBLOCK = 0x800;
    public const int SOL_SOCKET = 1, SO_RCVBUF = 8, SO_ERROR = 4, SO_ATTACH_FILTER = 26;
    public const int SOL_PACKET = 263;
    public const int PACKET_ADD_MEMBERSHIP = 1, PACKET_RX_RING = 5, PACKET_STATISTICS = 6, PACKET_VERSION = 10, PACKET_RESERVE = 12;
    public const int PACKET_TIMESTAMP = 17, PACKET_FANOUT = 18, PACKET_IGNORE_OUTGOING = 23;
    public const int PACKET_MR_PROMISC = 1;
    public const int TPACKET_V3 = 2;
    public const int ETH_P_ALL = 3;

    public const uint TP_STATUS_KERNEL = 0, TP_STATUS_USER = 1;
    public const uint TP_STATUS_VLAN_VALID = 1 << 4, TP_STATUS_VLAN_TPID_VALID = 1 << 6, TP_STATUS_TS_RAW_HARDWARE = 1u << 31;

    public const byte PACKET_HOST = 0, PACKET_BROADCAST = 1, PACKET_MULTICAST = 2, PACKET_OTHERHOST = 3, PACKET_OUTGOING = 4;

    public const int PACKET_FANOUT_HASH = 0, PACKET_FANOUT_CPU = 2, PACKET_FANOUT_FLAG_UNIQUEID = 0x2000;

    public const int SOF_TIMESTAMPING_RAW_HARDWARE = 1 << 6;

    /// <summary>net/if_arp.h: what kind of link an interface is.</summary>
    public const int ARPHRD_ETHER = 1, ARPHRD_LOOPBACK = 772, ARPHRD_NONE = 0xFFFE, ARPHRD_PPP = 512, ARPHRD_TUNNEL = 768, ARPHRD_TUNNEL6 = 769, ARPHRD_SIT = 776, ARPHRD_IPGRE = 778;

    public const ushort BPF_LD_W_ABS = 0x20, BPF_JEQ_K = 0x15, BPF_RET_K = 0x06;

    /// <summary>Offset of the packet type (PACKET_HOST ...) in a socket filter: SKF_AD_OFF + SKF_AD_PKTTYPE.</summary>
    public const uint SkfPacketType = unchecked((uint)(-0x1000 + 4));

    public static ushort NetworkOrder(ushort value) => System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(value);
}

/// <summary>struct sockaddr_ll.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SockaddrLl
{
    public ushort Family;

    /// <summary>Network byte order.</summary>
    public ushort Protocol;
    public int IfIndex;
    public ushort HaType;
    public byte PacketType;
    public byte HaLength;
    public fixed byte Address[8];
}

/// <summary>struct packet_mreq.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PacketMreq
{
    public int IfIndex;
    public ushort Type;
    public ushort AddressLength;
    public fixed byte Address[8];
}

/// <summary>struct tpacket_req3.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TpacketReq3
{
    public uint BlockBytes;
    public uint BlockCount;
    public uint FrameBytes;
    public uint FrameCount;
    public uint RetireBlockMs;
    public uint PrivateBytes;
    public uint FeatureRequest;
}

/// <summary>struct tpacket_stats_v3. Reading it sets the kernel's counters back to zero.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TpacketStatsV3
{
    /// <summary>Packets that passed the filter, the dropped ones too.</summary>
    public uint Packets;
    public uint Drops;
    public uint FreezeCount;
}

/// <summary>struct tpacket_block_desc with its tpacket_hdr_v1: what the kernel writes at the start of each block.</summary>
[StructLayout(LayoutKind.Explicit, Size = 48)]
internal struct TpacketBlockDesc
{
    [FieldOffset(0)] public uint Version;
    [FieldOffset(4)] public uint OffsetToPrivate;
    [FieldOffset(8)] public uint BlockStatus;
    [FieldOffset(12)] public uint PacketCount;
    [FieldOffset(16)] public uint OffsetToFirstPacket;
    [FieldOffset(20)] public uint BlockLength;
    [FieldOffset(24)] public ulong SequenceNumber;
    [FieldOffset(32)] public uint FirstSeconds;
    [FieldOffset(36)] public uint FirstNanoseconds;
    [FieldOffset(40)] public uint LastSeconds;
    [FieldOffset(44)] public uint LastNanoseconds;
}

/// <summary>struct tpacket3_hdr; struct sockaddr_ll follows it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 48)]
internal struct Tpacket3Hdr
{
    /// <summary>From this header to the next; 0 in the last packet of a block.</summary>
    [FieldOffset(0)] public uint NextOffset;
    [FieldOffset(4)] public uint Seconds;
    [FieldOffset(8)] public uint Nanoseconds;

    /// <summary>Bytes captured.</summary>
    [FieldOffset(12)] public uint SnapLength;

    /// <summary>Bytes the packet had.</summary>
    [FieldOffset(16)] public uint Length;
    [FieldOffset(20)] public uint Status;

    /// <summary>From this header to the first byte of the link layer.</summary>
    [FieldOffset(24)] public ushort MacOffset;
    [FieldOffset(26)] public ushort NetOffset;
    [FieldOffset(28)] public uint RxHash;
    [FieldOffset(32)] public uint VlanTci;
    [FieldOffset(36)] public ushort VlanTpid;
}

/// <summary>struct sock_filter: one instruction of classic BPF.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SockFilter(ushort code, byte jumpTrue, byte jumpFalse, uint k)
{
    public ushort Code = code;
    public byte JumpTrue = jumpTrue;
    public byte JumpFalse = jumpFalse;
    public uint K = k;
}

/// <summary>struct sock_fprog.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SockFprog
{
    public ushort Length;
    public SockFilter* Filter;
}
