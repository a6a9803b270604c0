// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using CsCheck;
using Xunit;

namespace Capbox.Tests;

/// <summary>
/// The block rewriter against blocks laid out as the kernel lays them out (net/packet/af_packet.c: tpacket_rcv, prb_fill_curr_block), read back by a
/// parser that shares nothing with it.
/// </summary>
public unsafe class CaptureBlockRewriterTests
{
    private const int BlockBytes = 64 * 1024;
    private const int SockaddrAt = 48;
    private static readonly UtcOffset Offset = new(37);

    /// <summary>One packet as the kernel would hand it over.</summary>
    internal sealed record Frame(byte[] Data, int OriginalLength, ulong StampNs, bool Vlan, ushort Tci, bool Hardware, byte PacketType, int MacSkew);

    private static readonly Gen<Frame> GenFrame =
        from length in Gen.Frequency((4, Gen.Int[14, 130]), (2, Gen.Int[130, 1518]), (1, Gen.Int[1518, 9000]))
        from cut in Gen.Frequency((4, Gen.Const(0)), (1, Gen.Int[1, 5000]))
        from seed in Gen.Byte
        from stamp in Gen.ULong[1_500_000_000_000_000_000, 1_900_000_000_000_000_000]
        from vlan in Gen.Bool
        from tci in Gen.UShort
        from hardware in Gen.Bool
        from type in Gen.Byte[0, 4]
        from skew in Gen.Frequency((6, Gen.Const(0)), (1, Gen.Int[1, 3]))
        select new Frame(Pattern(length, seed), length + cut, stamp, vlan, tci, hardware, type, skew);

    [Fact]
    public void Every_generated_block_reads_back_as_it_was_put_in() =>
        GenFrame.Array[1, 60].ForAll(frames => RoundTrip(frames, Format.MaxSnapLength), cases: 300, all: 4000);

    [Fact]
    public void Restored_tags_count_into_the_snap_length() =>
        GenFrame.Array[1, 20].ForAll(frames => RoundTrip(frames.Select(f => f with { Data = f.Data[..Math.Min(f.Data.Length, 96)], OriginalLength = Math.Max(f.OriginalLength, f.Data.Length) }).ToArray(), 96), cases: 100, all: 1000);

    /// <summary>The last packet ends at each distance from the end of the block from 0 to 4,200 bytes: the tail, the page boundary and both sides of them.</summary>
    [Fact]
    public void The_last_packet_may_end_anywhere_near_the_end_of_the_block()
    {
        for (int distance = 0; distance <= 4200; distance += distance < 80 ? 1 : 37)
        {
            foreach (bool vlan in new[] { false, true })
            {
                int used = ChunkLayout.FirstPacketOffset;
                var frames = new List<Frame>();
                while (BlockBytes - used > 9000)
                {
                    frames.Add(new Frame(Pattern(1514, (byte)frames.Count), 1514, 1_700_000_000_000_000_000 + (ulong)frames.Count, false, 0, false, 0, 0));
                    used += Format.AlignUp(84 + 1514, 8);
                }

                int last = BlockBytes - distance - used - 84;
                frames.Add(new Frame(Pattern(last, 0xEE), last, 1_700_000_000_000_000_999, vlan, 0x2123, false, 3, 0));
                Assert.True(RoundTrip([.. frames], Format.MaxSnapLength) == frames.Count, $"distance {distance}, vlan {vlan}");
            }
        }
    }

    [Fact]
    public void A_single_packet_may_fill_the_block()
    {
        int length = BlockBytes - ChunkLayout.FirstPacketOffset - 84;
        Assert.Equal(1, RoundTrip([new Frame(Pattern(length, 1), length, 1, true, 5, false, 0, 0)], Format.MaxSnapLength));
    }

    [Fact]
    public void Rewriting_allocates_nothing()
    {
        var frames = Enumerable.Range(0, 30).Select(i => new Frame(Pattern(60 + i, 3), 60 + i, (ulong)i, i % 2 == 0, 7, false, 0, 0)).ToArray();
        byte* block = (byte*)NativeMemory.AlignedAlloc(BlockBytes, 4096);
        try
        {
            long bytes = Allocation.LeastBytes(() =>
            {
                LayOut(block, frames);
                long before = GC.GetAllocatedBytesForCurrentThread();
                BlockRewriter.Rewrite(block, BlockBytes, 0, Format.MaxSnapLength, Offset, out RewrittenBlock result);
                ChunkLayout.WriteDescriptor(block + ChunkLayout.ChunkOffset, result.Record, 0, 1, 2);
                return GC.GetAllocatedBytesForCurrentThread() - before;
            });
            Assert.Equal(0, bytes);
        }
        finally
        {
            NativeMemory.AlignedFree(block);
        }
    }

    /// <summary>Lays out, rewrites, parses and compares; returns the number of packets found. Fits as many frames as the kernel would.</summary>
    private static int RoundTrip(Frame[] frames, int snapLength)
    {
        byte* block = (byte*)NativeMemory.AlignedAlloc(BlockBytes, 4096);
        try
        {
            new Span<byte>(block, BlockBytes).Fill(0xA5); // packets of the block's former life
            int laid = LayOut(block, frames);
            byte[] head = new Span<byte>(block, sizeof(TpacketBlockDesc)).ToArray();
            int chunkBytes = BlockRewriter.Rewrite(block, BlockBytes, 3, snapLength, Offset, out RewrittenBlock result);
            ChunkLayout.WriteDescriptor(block + ChunkLayout.ChunkOffset, result.Record, result.InterfaceId, result.FirstStampNs, result.LastStampNs);
            Assert.Equal(head, new Span<byte>(block, sizeof(TpacketBlockDesc)).ToArray());
            Assert.True(chunkBytes % 4096 == 0 && ChunkLayout.ChunkOffset + chunkBytes <= BlockBytes);
            Compare(new Span<byte>(block + ChunkLayout.ChunkOffset, chunkBytes).ToArray(), frames[..laid], snapLength, result.Record);
            return laid;
        }
        finally
        {
            NativeMemory.AlignedFree(block);
        }
    }

    /// <summary>Lays out as many of the frames as fit, as the kernel does; returns how many.</summary>
    internal static int LayOut(byte* block, Frame[] frames)
    {
        var head = (TpacketBlockDesc*)block;
        *head = new TpacketBlockDesc { Version = 2, OffsetToPrivate = 48, BlockStatus = 1, OffsetToFirstPacket = ChunkLayout.FirstPacketOffset };
        byte* at = block + ChunkLayout.FirstPacketOffset;
        Tpacket3Hdr* previous = null;
        foreach (Frame frame in frames)
        {
            int mac = 84 + frame.MacSkew;
            int bytes = Format.AlignUp(mac + frame.Data.Length, 8);
            if (at + mac + frame.Data.Length > block + BlockBytes)
                break;
            if (previous is not null)
                previous->NextOffset = (uint)(at - (byte*)previous);
            previous = (Tpacket3Hdr*)at;
            *previous = new Tpacket3Hdr
            {
                Seconds = (uint)(frame.StampNs / 1_000_000_000),
                Nanoseconds = (uint)(frame.StampNs % 1_000_000_000),
                SnapLength = (uint)frame.Data.Length,
                Length = (uint)frame.OriginalLength,
                Status = 1 | (frame.Vlan ? SocketNumbers.TP_STATUS_VLAN_VALID | SocketNumbers.TP_STATUS_VLAN_TPID_VALID : 0)
                    | (frame.Hardware ? SocketNumbers.TP_STATUS_TS_RAW_HARDWARE : 0),
                MacOffset = (ushort)mac,
                VlanTci = frame.Tci,
                VlanTpid = 0x88A8,
            };
            ((SockaddrLl*)(at + SockaddrAt))->PacketType = frame.PacketType;
            frame.Data.CopyTo(new Span<byte>(at + mac, frame.Data.Length));
            head->PacketCount++;
            at += bytes;
        }

        return (int)head->PacketCount;
    }

    private static void Compare(byte[] chunk, Frame[] frames, int snapLength, in ChunkRecord record)
    {
        Assert.Equal(5u, U32(chunk, 0));
        Assert.Equal((uint)chunk.Length, record.ChunkBytes);
        Assert.Equal((uint)frames.Length, record.Packets);
        int at = CheckBlock(chunk, 0, out Dictionary<int, byte[]> statistics);
        Assert.Equal(144 + 4, statistics[19373].Length);
        ulong captured = 0;
        foreach (Frame frame in frames)
        {
            byte[] expected = OnTheWire(frame, snapLength);
            Assert.Equal(6u, U32(chunk, at));
            Assert.Equal(frame.Hardware ? 7u : 6u, U32(chunk, at + 8));
            Assert.Equal(frame.StampNs, ((ulong)U32(chunk, at + 12) << 32) | U32(chunk, at + 16));
            Assert.Equal((uint)expected.Length, U32(chunk, at + 20));
            Assert.Equal((uint)(frame.OriginalLength + (frame.Vlan ? 4 : 0)), U32(chunk, at + 24));
            Assert.True(chunk.AsSpan(at + 28, expected.Length).SequenceEqual(expected));
            captured += (ulong)expected.Length;
            at = CheckBlock(chunk, at, out Dictionary<int, byte[]> options);
            uint flags = U32(options[2], 0);
            Assert.Equal(frame.PacketType == 4 ? 2u : 1u, flags & 3);
            Assert.Equal(frame.PacketType switch { 0 => 1u, 1 => 3u, 2 => 2u, 3 => 4u, _ => 0u }, (flags >> 2) & 7);
        }

        Assert.Equal(chunk.Length, at);
        Assert.Equal(captured, record.CapturedBytes);
        long[] utc = [.. frames.Select(f => (long)f.StampNs - (f.Hardware ? 37_000_000_000 : 0))];
        Assert.Equal(utc.Min(), record.FirstUtcNs);
        Assert.Equal(utc.Max(), record.LastUtcNs);
        Assert.Equal((uint)frames.Count(f => f.Hardware), record.HardwareStampedPackets);
        Assert.Equal(utc.SequenceEqual(utc.Order()) ? ChunkFlags.InOrder : ChunkFlags.None, record.Flags);
    }

    private static byte[] OnTheWire(Frame frame, int snapLength)
    {
        if (!frame.Vlan)
            return frame.Data;
        byte[] tag = [0x88, 0xA8, (byte)(frame.Tci >> 8), (byte)frame.Tci];
        byte[] whole = [.. frame.Data[..12], .. tag, .. frame.Data[12..]];
        return whole[..Math.Min(whole.Length, snapLength)];
    }

    /// <summary>Checks lengths, options and padding of the block at <paramref name="at"/>; returns where the next one starts.</summary>
    private static int CheckBlock(byte[] chunk, int at, out Dictionary<int, byte[]> options)
    {
        options = [];
        int total = (int)U32(chunk, at + 4);
        Assert.True(total >= 12 && total % 4 == 0 && at + total <= chunk.Length, $"length {total} at {at}");
        Assert.Equal((uint)total, U32(chunk, at + total - 4));
        bool isPacket = U32(chunk, at) == 6;
        int dataEnd = isPacket ? at + 28 + (int)U32(chunk, at + 20) : at + 20;
        int option = isPacket ? at + 28 + Format.AlignUp((int)U32(chunk, at + 20), 4) : at + 20;
        for (; dataEnd < option; dataEnd++)
            Assert.Equal(0, chunk[dataEnd]);
        while (option < at + total - 4)
        {
            int code = BinaryPrimitives.ReadUInt16LittleEndian(chunk.AsSpan(option));
            int length = BinaryPrimitives.ReadUInt16LittleEndian(chunk.AsSpan(option + 2));
            if (code == 0)
            {
                Assert.Equal(0, length);
                Assert.Equal(at + total - 8, option);
                return at + total;
            }

            byte[] value = chunk.AsSpan(option + 4, length).ToArray();
            if (code == 19373 && value.Length >= 4)
                Assert.Equal(32473u, U32(value, 0));
            bool isPadding = code == 19373 && !(value.Length >= 8 && U32(value, 4) == Format.RecordMagic);
            if (isPadding)
                Assert.All(value.Skip(4), b => Assert.Equal(0, b)); // nothing of the block's former life
            else
                Assert.True(options.TryAdd(code, value), $"option {code} twice");
            option += 4 + Format.AlignUp(length, 4);
        }

        Assert.Equal(at + total - 4, option);
        return at + total;
    }

    private static byte[] Pattern(int length, byte seed)
    {
        byte[] data = new byte[length];
        for (int i = 0; i < length; i++)
            data[i] = (byte)((i * 7) + seed);
        return data;
    }

    private static uint U32(byte[] bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));
}
