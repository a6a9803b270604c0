// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;

namespace Capbox.Packets.Capture;

/// <summary>
/// Where things lie in a ring's block, and the ISB that opens a chunk.
///
///     block +0      the kernel's tpacket_block_desc, never touched: its status word hands the block over
///     block +4096   chunk: ISB with its record (256 bytes of options and header), then the packets
///     block +4352   the kernel's first tpacket3_hdr (the space before it is the ring's private area, tp_sizeof_priv)
///
/// The chunk starts on a page of its own, so it can be written with O_DIRECT while the kernel's head stays as it is.
/// The price is one page of memory a block and nothing on disk.
/// </summary>
internal static unsafe class ChunkLayout
{
    /// <summary>From the start of a block to the start of its chunk.</summary>
    public const int ChunkOffset = Format.PageBytes;

    /// <summary>Bytes of the ISB up to the end of its options; opt_endofopt and the total length follow after the padding.</summary>
    public const int DescriptorBytes = 256;

    /// <summary>From the start of a block to the kernel's first packet header.</summary>
    public const int FirstPacketOffset = ChunkOffset + DescriptorBytes;

    /// <summary>tp_sizeof_priv that makes the kernel start there (BLK_PLUS_PRIV in net/packet/af_packet.c).</summary>
    public static readonly uint PrivateBytes = (uint)(FirstPacketOffset - sizeof(TpacketBlockDesc));

    private const int StartTimeAt = 20, EndTimeAt = 32, IfRecvAt = 44, IfDropAt = 56, FilterAcceptAt = 68, OsDropAt = 80, UsrDelivAt = 92;
    private const int CustomAt = 104, RecordAt = CustomAt + Format.CustomOptionHeaderBytes;

    /// <summary>
    /// Writes the ISB's header and options, all but the total length (offset 4), which <see cref="Close"/> writes. Budget: once a block,
    /// about 40 stores.
    /// </summary>
    /// <param name="chunk">Start of the chunk.</param>
    /// <param name="record">Record of the chunk.</param>
    /// <param name="interfaceId">
    /// The interface whose clock counts <paramref name="firstStampNs"/> and <paramref name="lastStampNs"/>.
    /// </param>
    /// <param name="firstStampNs">First stamp as that clock gave it.</param>
    /// <param name="lastStampNs">Last stamp as that clock gave it.</param>
    public static void WriteDescriptor(byte* chunk, in ChunkRecord record, uint interfaceId, ulong firstStampNs, ulong lastStampNs)
    {
        ulong accepted = record.Packets + record.LostRing + record.LostDisk;
        Put32(chunk, Format.InterfaceStatisticsBlock);
        Put32(chunk + 8, interfaceId);
        Put32(chunk + 12, (uint)(lastStampNs >> 32));
        Put32(chunk + 16, (uint)lastStampNs);
        PutTime(chunk + StartTimeAt, Format.IsbStartTime, firstStampNs);
        PutTime(chunk + EndTimeAt, Format.IsbEndTime, lastStampNs);
        PutCount(chunk + IfRecvAt, Format.IsbIfRecv, record.Packets + record.FilteredPackets + record.LostPackets);
        PutCount(chunk + IfDropAt, Format.IsbIfDrop, record.LostNic);
        PutCount(chunk + FilterAcceptAt, Format.IsbFilterAccept, accepted);
        PutCount(chunk + OsDropAt, Format.IsbOsDrop, record.LostRing + record.LostDisk + record.LostHost);
        PutCount(chunk + UsrDelivAt, Format.IsbUsrDeliv, record.Packets);
        Put32(chunk + CustomAt, OptionHead(Format.OptCustomBinaryNoCopy, sizeof(uint) + sizeof(ChunkRecord)));
        Put32(chunk + CustomAt + 4, Format.EnterpriseNumber);
        Unsafe.WriteUnaligned(chunk + RecordAt, record);
    }

    /// <summary>
    /// Ends the block that starts at <paramref name="start"/> so that the next one can start at <paramref name="next"/>: fills what lies
    /// between
    /// <paramref name="end"/> (end of what it has so far) and there with an empty custom option, opt_endofopt and the total length. At
    /// least 4 bytes, all 4-aligned. The 4-byte case has no room for opt_endofopt and the 12-byte one neither; both are legal, since
    /// options end where the block ends.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Close(byte* start, byte* end, byte* next)
    {
        uint totalBytes = (uint)(next - start);
        byte* at = end;
        byte* stop = next - 4;
        if (stop - at is 8 or >= 12)
        {
            byte* fillEnd = stop - at >= 12 ? stop - 4 : stop;
            Put32(at, OptionHead(Format.OptCustomBinaryNoCopy, (int)(fillEnd - at) - 4));
            Put32(at + 4, Format.EnterpriseNumber);
            at += 8;
        }

        // What lay here are packet headers of the kernel and, after the last packet, packets of the block's former life.
        Zero(at, stop);
        Put32(stop, totalBytes);
        Put32(start + 4, totalBytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put32(byte* at, uint value) => *(uint*)at = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint OptionHead(ushort code, int length) => code | ((uint)length << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Zero(byte* at, byte* stop)
    {
        long bytes = stop - at;
        if (bytes > 64)
        {
            new Span<byte>(at, (int)bytes).Clear();
            return;
        }

        for (; bytes >= 8; bytes -= 8, at += 8)
            *(ulong*)at = 0;
        if (bytes != 0)
            *(uint*)at = 0;
    }

    private static void PutTime(byte* at, ushort code, ulong nanoseconds)
    {
        Put32(at, OptionHead(code, 8));
        Put32(at + 4, (uint)(nanoseconds >> 32));
        Put32(at + 8, (uint)nanoseconds);
    }

    private static void PutCount(byte* at, ushort code, ulong value)
    {
        Put32(at, OptionHead(code, 8));
        Unsafe.WriteUnaligned(at + 4, value);
    }
}
