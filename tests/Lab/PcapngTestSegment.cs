// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;

namespace Capbox.Testing;

/// <summary>A small segment of two ports, in memory; always the same bytes.</summary>
public sealed class TestSegment
{
    public const ulong Sequence = 42;
    public const long StartNs = 1_795_422_600_123_456_789;
    public const string SealedName = "20261123T083000.123456789Z-0000000042.pcapng";
    private readonly List<byte> bytes;
    private readonly List<IndexEntry> index = [];
    private readonly TotalRecord[] totals = [TotalRecord.Empty(0), TotalRecord.Empty(1)];

    private readonly ulong sequence;
    private readonly UtcOffset offset;

    public TestSegment(int snapLength = 262144, ulong sequence = Sequence, int taiSeconds = 37)
    {
        this.sequence = sequence;
        offset = new UtcOffset(taiSeconds);
        var origin = new OriginRecord
        {
            SegmentSequence = sequence,
            StartedUtcNs = StartNs,
            ConfigRevision = 7,
            RunId = new Guid("00112233-4455-6677-8899-aabbccddeeff"),
        };
        InterfaceInfo[] ports =
        [
            new("eth0", "mlx5_core", [2, 0, 0, 0, 0, 1], 25_000_000_000, "udp port 319", offset),
            new("eth1", null, null, null, null, offset),
        ];
        bytes = [.. SegmentHeader.Build(origin, "CB-0001", ports, 1, snapLength, "Linux test", "capbox test")];
    }

    /// <summary>Packets in the order in which they lie in the file.</summary>
    public List<TestPacket> Packets { get; } = [];

    public List<(long Offset, int Bytes, int Packets)> Chunks { get; } = [];

    public int Length => bytes.Count;

    public TestSegment Add(IReadOnlyList<TestPacket> packets, int port = 0, int ring = 0, ulong sequence = 0, Func<ChunkRecord, ChunkRecord>? change = null)
    {
        byte[] chunk = ChunkBuilder.Build(packets, bytes.Count, this.sequence, port, ring, sequence, change, -offset.Nanoseconds);
        Packets.AddRange(packets);
        return AddBytes(chunk, packets.Count);
    }

    public TestSegment AddFiller(int fillerBytes) =>
        AddBytes(Filler.Build(new ChunkRecord { SegmentSequence = sequence, LostDisk = 3 }, bytes.Count, fillerBytes), 0);

    /// <summary>The file as a crash leaves it: no footer.</summary>
    public byte[] InProgress() => [.. bytes];

    public byte[] Sealed(TrailerFlags flags = TrailerFlags.None)
    {
        var trailer = new TrailerRecord { Flags = flags, SegmentSequence = sequence, StartedUtcNs = StartNs, SealedUtcNs = StartNs + 1_000_000_000 };
        return [.. bytes, .. Footer.Build([.. index], totals, trailer, bytes.Count)];
    }

    /// <summary>Three chunks, both clocks, both ports, losses, one truncated packet, one chunk without packets and every way a block can end.</summary>
    public static TestSegment Small()
    {
        var segment = new TestSegment();
        segment.Add([Packet(0, 60, gap: 4), Packet(1, 61, gap: 0), Packet(2, 62, gap: 8), Packet(3, 1514, gap: 100), Packet(4, 14, gap: 12)]);
        segment.Add([Packet(5, 90, hardware: true), Packet(6, 128, original: 1500, hardware: true, flags: 2)], port: 1, ring: 3, sequence: 9);
        segment.Add([], sequence: 1, change: record => record with { FilteredPackets = 5, LostRing = 2, LostNic = 1, LostHost = 4, RingFreezes = 1, GapNs = 1000 });
        return segment;
    }

    /// <summary>An Ethernet packet with a payload that tells its number.</summary>
    public static TestPacket Packet(int number, int length, int gap = 16, bool hardware = false, int original = 0, uint flags = 1 | (1 << 2))
    {
        byte[] data = new byte[length];
        for (int i = 14; i < length; i++)
            data[i] = (byte)(number + i);
        new byte[] { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xB5 }.AsSpan(0, Math.Min(14, length)).CopyTo(data);
        if (length >= 18)
            BinaryPrimitives.WriteInt32BigEndian(data.AsSpan(14), number);
        long raw = StartNs + (number * 1000L) - (hardware ? ChunkBuilder.HardwareOffsetNs : 0);
        return new TestPacket(hardware, raw, data, (uint)Math.Max(length, original), flags, gap);
    }

    private TestSegment AddBytes(byte[] chunk, int packets)
    {
        long offset = bytes.Count;
        Chunks.Add((offset, chunk.Length, packets));
        bytes.AddRange(chunk);
        // The record lies 8 bytes into the custom option: after 5 counters, or 7 options when there are packets.
        ChunkRecord record = System.Runtime.InteropServices.MemoryMarshal.Read<ChunkRecord>(chunk.AsSpan(20 + (12 * (packets > 0 ? 7 : 5)) + 8));
        index.Add(IndexEntry.From(record));
        totals[record.Port].Add(record);
        return this;
    }
}

/// <summary>A directory for one test, with everything in it gone afterwards.</summary>
public sealed class TestDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("capbox-test-").FullName;

    public string Write(string name, byte[] content)
    {
        string path = System.IO.Path.Combine(Path, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
