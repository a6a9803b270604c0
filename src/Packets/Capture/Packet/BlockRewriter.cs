// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Packets.Capture;

/// <summary>
/// Turns a TPACKET_V3 block into a PCAPNG chunk in place: the EPB header goes over the kernel's header right before each frame, the gap up
/// to the next EPB becomes a custom option. No payload byte is copied but in three rare cases: a VLAN tag that the kernel stripped is put
/// back (12 bytes move down by 4), a frame that is not 4-aligned moves down by up to 3 bytes, and the last packet of a full block may move
/// down by up to 12 to make room for its end.
///
/// Budget: 20 to 50 ns a packet, nearly all of it the two cache lines around the kernel's header. No allocation, no branch on data.
/// </summary>
internal static unsafe class BlockRewriter
{
    /// <summary>Least room after the last packet's data: epb_flags (8) and the total length (4).</summary>
    private const int LeastTailBytes = 12;
    private const int FlagsOptionBytes = 8;
    private const int VlanTagBytes = 4;
    private const int MacAddressesBytes = 12;

    /// <summary>
    /// epb_flags by sll_pkttype: direction in bits 0-1, reception type in bits 2-4 (draft-ietf-opsawg-pcapng, section 4.3.1).
    /// </summary>
    private const ulong FlagsByPacketType =
        (1ul | (1 << 2)) << 0 // PACKET_HOST: inbound, unicast
        | (1ul | (3 << 2)) << 8 // PACKET_BROADCAST
        | (1ul | (2 << 2)) << 16 // PACKET_MULTICAST
        | (1ul | (4 << 2)) << 24 // PACKET_OTHERHOST: promiscuous
        | 2ul << 32; // PACKET_OUTGOING: outbound, reception not specified

    /// <summary>Rewrites a block that the kernel has handed over.</summary>
    /// <param name="block">Start of the block.</param>
    /// <param name="blockBytes">Its whole size.</param>
    /// <param name="port">Index of the port, which gives the interface numbers.</param>
    /// <param name="snapLength">Captured bytes of a packet; a restored VLAN tag counts.</param>
    /// <param name="hardwareOffset">TAI-UTC, for the record's UTC times of hardware stamps.</param>
    /// <param name="result">Counts and stamps.</param>
    /// <returns>Bytes of the chunk, a multiple of 4096, from block + 4096.</returns>
    public static int Rewrite(byte* block, int blockBytes, int port, int snapLength, UtcOffset hardwareOffset, out RewrittenBlock result)
    {
        byte* chunk = block + ChunkLayout.ChunkOffset;
        byte* limit = block + blockBytes;
        var head = (TpacketBlockDesc*)block;
        uint count = head->PacketCount;
        byte* at = block + head->OffsetToFirstPacket;

        uint softwareInterface = Format.SoftwareInterface(port);
        long utcFirst = long.MaxValue, utcLast = long.MinValue, utcBefore = long.MinValue / 2;
        ulong stepsBack = 0;
        ulong captured = 0, original = 0, firstStamp = 0, lastStamp = 0;
        uint hardware = 0, truncated = 0, firstInterface = softwareInterface;

        // The block that is still open: the ISB first, then each EPB until the start of the next one is known. An EPB's flags option lies
        // where the kernel's next header starts, so it is written late too.
        byte* openStart = chunk;
        byte* openEnd = chunk + ChunkLayout.DescriptorBytes;
        uint openFlags = 0;
        for (uint i = 0; i < count; i++)
        {
            // All of the kernel's header is read before anything is written: the open block's padding overlaps it.
            var packet = (Tpacket3Hdr*)at;
            byte* next = at + packet->NextOffset;
            uint status = packet->Status;
            uint capturedLength = packet->SnapLength;
            uint originalLength = packet->Length;
            ulong stamp = (packet->Seconds * 1_000_000_000ul) + packet->Nanoseconds;
            uint flags = (byte)(FlagsByPacketType >> ((at[Tpacket3Hdr.PacketTypeOffset] & 7) * 8));
            byte* data = at + packet->MacOffset;
            if ((status & SocketNumbers.TP_STATUS_VLAN_VALID) != 0)
                data = RestoreVlanTag(data, packet->VlanTci, TagProtocol(packet), ref capturedLength, ref originalLength, (uint)snapLength);
            if (((nint)data & 3) != 0)
                data = MoveDown(data, (int)((nint)data & 3), capturedLength);
            if (i == count - 1)
                data = MakeRoomForTail(data, capturedLength, limit);

            uint isHardware = status >> 31;
            hardware += isHardware;
            long utc = (long)stamp - (isHardware * hardwareOffset.Nanoseconds);
            utcFirst = Math.Min(utcFirst, utc);
            utcLast = Math.Max(utcLast, utc);
            stepsBack |= (ulong)(utc - utcBefore) >> 63; // no branch: the sign bit
            utcBefore = utc;
            if (i == 0)
            {
                firstStamp = stamp;
                firstInterface = softwareInterface + isHardware;
            }

            if (softwareInterface + isHardware == firstInterface)
                lastStamp = stamp;
            captured += capturedLength;
            original += originalLength;
            truncated += capturedLength < originalLength ? 1u : 0u;

            byte* epb = data - Format.EpbHeaderBytes;
            if (i != 0)
                openEnd = WriteFlags(openEnd, openFlags);
            ChunkLayout.Close(openStart, openEnd, epb);
            openStart = epb;
            openFlags = flags;
            openEnd = WriteEpb(epb, softwareInterface + isHardware, stamp, capturedLength, originalLength);
            at = next;
        }

        if (count != 0)
            openEnd = WriteFlags(openEnd, openFlags);
        byte* chunkEnd = chunk + Format.AlignUp((int)(openEnd + 4 - chunk), Format.PageBytes);
        ChunkLayout.Close(openStart, openEnd, chunkEnd);
        result = new RewrittenBlock
        {
            InterfaceId = firstInterface,
            FirstStampNs = firstStamp,
            LastStampNs = lastStamp,
            Record = new ChunkRecord
            {
                Magic = Format.RecordMagic,
                Version = Format.RecordVersion,
                Kind = RecordKind.Chunk,
                ChunkBytes = (uint)(chunkEnd - chunk),
                Packets = count,
                Port = (ushort)port,
                HardwareStampedPackets = hardware,
                FirstUtcNs = utcFirst,
                LastUtcNs = utcLast,
                CapturedBytes = captured,
                OriginalBytes = original,
                TruncatedPackets = truncated,
                Flags = stepsBack == 0 ? ChunkFlags.InOrder : ChunkFlags.None,
            },
        };
        return (int)(chunkEnd - chunk);
    }

    /// <summary>Header and zeroed pad bytes; returns the end of the padded data, where the options start.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* WriteEpb(byte* epb, uint interfaceId, ulong stamp, uint capturedLength, uint originalLength)
    {
        ChunkLayout.Put32(epb, Format.EnhancedPacketBlock);
        ChunkLayout.Put32(epb + 8, interfaceId);
        ChunkLayout.Put32(epb + 12, (uint)(stamp >> 32));
        ChunkLayout.Put32(epb + 16, (uint)stamp);
        ChunkLayout.Put32(epb + 20, capturedLength);
        ChunkLayout.Put32(epb + 24, originalLength);
        byte* dataEnd = epb + Format.EpbHeaderBytes + capturedLength;
        byte* options = (byte*)(((nint)dataEnd + 3) & ~3);
        for (; dataEnd < options; dataEnd++)
            *dataEnd = 0;
        return options;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* WriteFlags(byte* at, uint flags)
    {
        *(ulong*)at = ChunkLayout.OptionHead(Format.EpbFlags, 4) | ((ulong)flags << 32);
        return at + FlagsOptionBytes;
    }

    private static ushort TagProtocol(Tpacket3Hdr* packet) =>
        (packet->Status & SocketNumbers.TP_STATUS_VLAN_TPID_VALID) != 0 ? packet->VlanTpid : SocketNumbers.ETH_P_8021Q;

    /// <summary>
    /// Puts back the tag that the NIC or the kernel took out, so that the packet is as on the wire (IEEE 802.1Q clause 9.3): TPID and TCI
    /// after the two MAC addresses, in network order. The packet grows by 4 bytes at its start, into the kernel's headroom.
    /// </summary>
    private static byte* RestoreVlanTag(byte* data, uint tci, ushort tpid, ref uint capturedLength, ref uint originalLength,
        uint snapLength)
    {
        originalLength += VlanTagBytes;
        if (capturedLength < MacAddressesBytes)
            return data;
        byte* moved = data - VlanTagBytes;
        ulong first = *(ulong*)data;
        uint second = *(uint*)(data + 8);
        *(ulong*)moved = first;
        *(uint*)(moved + 8) = second;
        *(ushort*)(moved + 12) = BinaryPrimitives.ReverseEndianness(tpid);
        *(ushort*)(moved + 14) = BinaryPrimitives.ReverseEndianness((ushort)tci);
        capturedLength = Math.Min(capturedLength + VlanTagBytes, snapLength);
        return moved;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* MoveDown(byte* data, int bytes, uint length)
    {
        Buffer.MemoryCopy(data, data - bytes, length, length);
        return data - bytes;
    }

    /// <summary>The last packet may end at the very end of the block: move it down so that its flags and its length fit.</summary>
    private static byte* MakeRoomForTail(byte* data, uint capturedLength, byte* limit)
    {
        long room = limit - (byte*)(((nint)(data + capturedLength) + 3) & ~3);
        return room >= LeastTailBytes ? data : MoveDown(data, LeastTailBytes - (int)room, capturedLength);
    }
}
