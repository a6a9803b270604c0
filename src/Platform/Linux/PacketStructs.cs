// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>struct sockaddr_ll.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct sockaddr_ll", "linux/if_packet.h", Prefix = "sll_")]
internal unsafe struct SockaddrLl
{
    public ushort Family;

    /// <summary>Network byte order.</summary>
    public ushort Protocol;
    [CField("sll_ifindex")] public int IfIndex;
    [CField("sll_hatype")] public ushort HaType;
    [CField("sll_pkttype")] public byte PacketType;
    [CField("sll_halen")] public byte HaLength;
    [CField("sll_addr")] public fixed byte Address[8];
}

/// <summary>struct packet_mreq.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct packet_mreq", "linux/if_packet.h", Prefix = "mr_")]
internal unsafe struct PacketMreq
{
    [CField("mr_ifindex")] public int IfIndex;
    public ushort Type;
    [CField("mr_alen")] public ushort AddressLength;
    public fixed byte Address[8];

    /// <summary>Membership in a multicast group, by its MAC.</summary>
    public static PacketMreq Multicast(int ifIndex, ReadOnlySpan<byte> group)
    {
        PacketMreq membership = new() { IfIndex = ifIndex, Type = SocketNumbers.PACKET_MR_MULTICAST, AddressLength = (ushort)group.Length };
        group.CopyTo(new Span<byte>(membership.Address, 8));
        return membership;
    }
}

/// <summary>struct tpacket_req3.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct tpacket_req3", "linux/if_packet.h", Prefix = "tp_")]
internal struct TpacketReq3
{
    [CField("tp_block_size")] public uint BlockBytes;
    [CField("tp_block_nr")] public uint BlockCount;
    [CField("tp_frame_size")] public uint FrameBytes;
    [CField("tp_frame_nr")] public uint FrameCount;
    [CField("tp_retire_blk_tov")] public uint RetireBlockMs;
    [CField("tp_sizeof_priv")] public uint PrivateBytes;
    [CField("tp_feature_req_word")] public uint FeatureRequest;
}

/// <summary>struct tpacket_stats_v3. Reading it sets the kernel's counters back to zero.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct tpacket_stats_v3", "linux/if_packet.h", Prefix = "tp_")]
internal struct TpacketStatsV3
{
    /// <summary>Packets that passed the filter, the dropped ones too.</summary>
    public uint Packets;
    public uint Drops;
    [CField("tp_freeze_q_cnt")] public uint FreezeCount;
}

/// <summary>struct tpacket_block_desc with its tpacket_hdr_v1: what the kernel writes at the start of each block.</summary>
[StructLayout(LayoutKind.Explicit, Size = 48)]
[CStruct("struct tpacket_block_desc", "linux/if_packet.h", Prefix = "hdr.bh1.")]
internal struct TpacketBlockDesc
{
    [FieldOffset(0), CField("version")] public uint Version;
    [FieldOffset(4), CField("offset_to_priv")] public uint OffsetToPrivate;
    [FieldOffset(8)] public uint BlockStatus;
    [FieldOffset(12), CField("hdr.bh1.num_pkts")] public uint PacketCount;
    [FieldOffset(16), CField("hdr.bh1.offset_to_first_pkt")] public uint OffsetToFirstPacket;
    [FieldOffset(20), CField("hdr.bh1.blk_len")] public uint BlockLength;
    [FieldOffset(24), CField("hdr.bh1.seq_num")] public ulong SequenceNumber;
    [FieldOffset(32), CField("hdr.bh1.ts_first_pkt.ts_sec")] public uint FirstSeconds;
    [FieldOffset(36), CField("hdr.bh1.ts_first_pkt.ts_nsec")] public uint FirstNanoseconds;
    [FieldOffset(40), CField("hdr.bh1.ts_last_pkt.ts_sec")] public uint LastSeconds;
    [FieldOffset(44), CField("hdr.bh1.ts_last_pkt.ts_nsec")] public uint LastNanoseconds;
}

/// <summary>struct tpacket3_hdr; struct sockaddr_ll follows it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 48)]
[CStruct("struct tpacket3_hdr", "linux/if_packet.h", Prefix = "tp_")]
internal struct Tpacket3Hdr
{
    /// <summary>From this header to sll_pkttype of the struct sockaddr_ll behind it, which is aligned to TPACKET_ALIGNMENT.</summary>
    [CConstant("TPACKET_ALIGN(sizeof(struct tpacket3_hdr)) + offsetof(struct sockaddr_ll, sll_pkttype)")]
    public const int PacketTypeOffset = 48 + 10;

    /// <summary>From this header to the next; 0 in the last packet of a block.</summary>
    [FieldOffset(0)] public uint NextOffset;
    [FieldOffset(4), CField("tp_sec")] public uint Seconds;
    [FieldOffset(8), CField("tp_nsec")] public uint Nanoseconds;

    /// <summary>Bytes captured.</summary>
    [FieldOffset(12), CField("tp_snaplen")] public uint SnapLength;

    /// <summary>Bytes the packet had.</summary>
    [FieldOffset(16), CField("tp_len")] public uint Length;
    [FieldOffset(20)] public uint Status;

    /// <summary>From this header to the first byte of the link layer.</summary>
    [FieldOffset(24), CField("tp_mac")] public ushort MacOffset;
    [FieldOffset(26), CField("tp_net")] public ushort NetOffset;
    [FieldOffset(28), CField("hv1.tp_rxhash")] public uint RxHash;
    [FieldOffset(32), CField("hv1.tp_vlan_tci")] public uint VlanTci;
    [FieldOffset(36), CField("hv1.tp_vlan_tpid")] public ushort VlanTpid;
}
