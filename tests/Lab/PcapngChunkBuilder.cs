// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Capbox.Packets.Pcapng;

namespace Capbox.Testing;

/// <summary>A packet to be put into a test chunk, and what a reader must give back.</summary>
/// <param name="Gap">Bytes of padding after the packet, as the place of the next one in a ring would leave; rounded up to 4.</param>
public sealed record TestPacket(bool Hardware, long RawNs, byte[] Data, uint OriginalLength, uint Flags, int Gap = 0);

/// <summary>
/// The chunk of docs/internals/segments.md, written down byte by byte with plain arrays. It knows nothing of the product's writers, so that it can check them.
/// </summary>
public static class ChunkBuilder
{
    public const long HardwareOffsetNs = -37_000_000_000;

    public static byte[] Build(
        IReadOnlyList<TestPacket> packets, long offset, ulong segment, int port = 0, int ring = 0, ulong sequence = 0, Func<ChunkRecord, ChunkRecord>? change = null,
        long hardwareOffsetNs = HardwareOffsetNs)
    {
        var bytes = new List<byte>();
        ChunkRecord record = RecordOf(packets, offset, segment, port, ring, sequence, hardwareOffsetNs);
        record = change?.Invoke(record) ?? record;
        TestPacket? first = packets.Count > 0 ? packets[0] : null;
        uint firstInterface = (uint)(port * 2) + (first is { Hardware: true } ? 1u : 0);
        long lastRaw = first is null ? 0 : packets.Last(packet => packet.Hardware == first.Hardware).RawNs;

        U32(bytes, 5, 0, firstInterface, (uint)(lastRaw >> 32), (uint)lastRaw);
        if (first is not null)
        {
            U32(bytes, 2 | (8 << 16), (uint)(first.RawNs >> 32), (uint)first.RawNs);
            U32(bytes, 3 | (8 << 16), (uint)(lastRaw >> 32), (uint)lastRaw);
        }

        Counter(bytes, 4, record.Packets + record.FilteredPackets + record.LostPackets);
        Counter(bytes, 5, record.LostNic);
        Counter(bytes, 6, record.Packets + record.LostRing + record.LostDisk);
        Counter(bytes, 7, record.LostRing + record.LostDisk + record.LostHost);
        Counter(bytes, 8, record.Packets);
        int recordAt = bytes.Count + 8;
        U32(bytes, 19373 | (148u << 16), 32473);
        bytes.AddRange(new byte[144]);

        int open = 0;
        int gap = 4;
        foreach (TestPacket packet in packets)
        {
            Close(bytes, open, gap);
            open = bytes.Count;
            Packet(bytes, packet, port);
            gap = (packet.Gap + 3) & ~3;
        }

        int room = -(bytes.Count + 4) & 4095;
        Close(bytes, open, room);
        byte[] chunk = [.. bytes];
        record.ChunkBytes = (uint)chunk.Length;
        MemoryMarshal.Write(chunk.AsSpan(recordAt), record);
        return chunk;
    }

    private static ChunkRecord RecordOf(IReadOnlyList<TestPacket> packets, long offset, ulong segment, int port, int ring, ulong sequence, long hardwareOffsetNs)
    {
        long[] utc = [.. packets.Select(p => UtcNs(p, hardwareOffsetNs))];
        return new ChunkRecord
        {
            Magic = 0x58425043,
            Version = 1,
            Kind = RecordKind.Chunk,
            Packets = (uint)packets.Count,
            FileOffset = (ulong)offset,
            SegmentSequence = segment,
            RingSequence = sequence,
            Port = (ushort)port,
            Ring = (ushort)ring,
            HardwareStampedPackets = (uint)packets.Count(packet => packet.Hardware),
            FirstUtcNs = utc.Length == 0 ? long.MaxValue : utc.Min(),
            LastUtcNs = utc.Length == 0 ? long.MinValue : utc.Max(),
            CapturedBytes = (ulong)packets.Sum(packet => (long)packet.Data.Length),
            OriginalBytes = (ulong)packets.Sum(packet => packet.OriginalLength),
            TruncatedPackets = (uint)packets.Count(packet => packet.Data.Length < packet.OriginalLength),
            Flags = utc.Zip(utc.Skip(1)).All(pair => pair.First <= pair.Second) ? ChunkFlags.InOrder : ChunkFlags.None,
            ClockBoundNs = uint.MaxValue,
        };
    }

    public static long UtcNs(TestPacket packet, long hardwareOffsetNs = HardwareOffsetNs) => packet.RawNs + (packet.Hardware ? hardwareOffsetNs : 0);

    private static void Packet(List<byte> bytes, TestPacket packet, int port)
    {
        uint interfaceId = (uint)(port * 2) + (packet.Hardware ? 1u : 0);
        U32(bytes, 6, 0, interfaceId, (uint)(packet.RawNs >> 32), (uint)packet.RawNs, (uint)packet.Data.Length, packet.OriginalLength);
        bytes.AddRange(packet.Data);
        bytes.AddRange(new byte[-packet.Data.Length & 3]);
        U32(bytes, 2 | (4 << 16), packet.Flags);
    }

    /// <summary>Ends the open block after <paramref name="room"/> more bytes and its total length.</summary>
    private static void Close(List<byte> bytes, int open, int room)
    {
        int end = bytes.Count + room;
        bool endOfOptions = room is 4 or >= 12;
        int optionsEnd = endOfOptions ? end - 4 : end;
        while (bytes.Count < optionsEnd)
        {
            int option = Math.Min(optionsEnd - bytes.Count, 32768);
            if (optionsEnd - bytes.Count - option == 4)
                option -= 4;
            U32(bytes, 19373u | ((uint)(option - 4) << 16), 32473);
            bytes.AddRange(new byte[option - 8]);
        }

        if (endOfOptions)
            U32(bytes, 0);
        U32(bytes, (uint)(bytes.Count + 4 - open));
        BinaryPrimitives.WriteUInt32LittleEndian(CollectionsMarshal.AsSpan(bytes)[(open + 4)..], (uint)(bytes.Count - open));
    }

    private static void Counter(List<byte> bytes, ushort code, ulong value) => U32(bytes, code | (8u << 16), (uint)value, (uint)(value >> 32));

    private static void U32(List<byte> bytes, params ReadOnlySpan<uint> values)
    {
        Span<byte> one = stackalloc byte[4];
        foreach (uint value in values)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(one, value);
            bytes.AddRange(one);
        }
    }
}
