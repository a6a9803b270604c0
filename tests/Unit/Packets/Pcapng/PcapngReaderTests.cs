// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;
using CsCheck;
using Xunit;

namespace Capbox.Tests;

public sealed class PcapngReaderTests
{
    private static readonly Gen<TestPacket> GenPacket =
        Gen.Select(Gen.Bool, Gen.Long[0, 1L << 61], Gen.Byte.Array[0, 200], Gen.Int[0, 9000], Gen.UInt, Gen.Int[0, 300]).Select(static (hardware, raw, data, more, flags, gap) =>
            new TestPacket(hardware, raw + 100_000_000_000, data, (uint)(data.Length + more), flags, gap));

    [Fact]
    public void Records_have_the_sizes_that_the_format_says()
    {
        Assert.Equal(144, Unsafe.SizeOf<ChunkRecord>());
        Assert.Equal(120, Unsafe.SizeOf<TotalRecord>());
        Assert.Equal(56, Unsafe.SizeOf<TrailerRecord>());
        Assert.Equal(56, Unsafe.SizeOf<OriginRecord>());
        Assert.Equal(16, Unsafe.SizeOf<IndexHeader>());
        Assert.Equal(40, Unsafe.SizeOf<IndexEntry>());
    }

    [Fact]
    public void What_was_put_into_a_segment_comes_out()
    {
        using var directory = new TestDirectory();
        TestSegment segment = TestSegment.Small();
        using SegmentReader reader = SegmentReader.Open(directory.Write(TestSegment.SealedName, segment.Sealed()));
        Assert.NotNull(reader.Trailer);
        Assert.Equal(("capbox CB-0001", "Linux test", "capbox test"), (reader.Header.Hardware, reader.Header.Os, reader.Header.Application));
        Assert.Equal(new SegmentPort(0, "eth0", "mlx5_core", "02:00:00:00:00:01", 25_000_000_000, "udp port 319", -37), reader.Ports[0]);
        Assert.Equal(new SegmentPort(1, "eth1", null, null, null, null, -37), reader.Ports[1]);
        AssertPackets(segment.Packets, reader);
        FooterContent footer = reader.ReadFooter();
        Assert.Equal(segment.Chunks.Select(static chunk => (ulong)chunk.Offset), footer.Index.Select(static entry => entry.FileOffset));
        Assert.Equal([5ul, 2ul], footer.Totals.Select(static total => total.Packets));
        Assert.Equal(7ul, footer.Totals[0].LostPackets);
    }

    [Fact]
    public void Any_chunks_come_out_as_they_went_in() =>
        GenPacket.Array[0, 40].Array[1, 5].ForAll(
            static chunks =>
            {
                using var directory = new TestDirectory();
                var segment = new TestSegment();
                for (int i = 0; i < chunks.Length; i++)
                    segment.Add(chunks[i], port: i & 1, sequence: (ulong)i);
                string path = directory.Write(TestSegment.SealedName, segment.Sealed());
                using SegmentReader reader = SegmentReader.Open(path);
                AssertPackets(segment.Packets, reader);
                VerifyReport report = SegmentVerifier.Verify(path);
                Assert.True(report.Ok, string.Join('\n', report.Findings));
                Assert.Equal((ulong)segment.Packets.Count, report.Packets);
            },
            cases: 40, all: 300);

    [Fact]
    public void Damage_never_causes_another_exception() =>
        Gen.Select(Gen.Bool, Gen.Select(Gen.Int[0, int.MaxValue], Gen.UInt).Array[1, 8], Gen.Int[0, 60000]).ForAll(
            static (isSealed, writes, cut) =>
            {
                using var directory = new TestDirectory();
                byte[] content = isSealed ? TestSegment.Small().Sealed() : TestSegment.Small().InProgress();
                foreach ((int at, uint value) in writes)
                    BitConverter.TryWriteBytes(content.AsSpan((at % content.Length / 4) * 4), Interesting(value, content.Length));
                if (cut < content.Length)
                    content = content[..(cut + 1)];
                string path = directory.Write(TestSegment.SealedName + (isSealed ? "" : ".part"), content);
                ReadAll(path);
                SegmentVerifier.Verify(path);
                if (!isSealed)
                    Assert.NotEqual(RepairOutcome.Failed, SegmentRepair.Repair(path).Outcome);
            },
            cases: 120, all: 3000);

    [Fact]
    public void Reading_packets_allocates_nothing()
    {
        using var directory = new TestDirectory();
        var segment = new TestSegment();
        segment.Add([.. Enumerable.Range(0, 5000).Select(static number => TestSegment.Packet(number, 64))]);
        using SegmentReader reader = SegmentReader.Open(directory.Write(TestSegment.SealedName, segment.Sealed()));
        Assert.Null(reader.TryReadChunk(reader.ChunksOffset, out ChunkRecord chunk));
        int count = 0;
        long allocatedBytes = Allocation.LeastBytes(() => Allocation.OfThisThread(() => count = Count(reader, chunk)));
        Assert.Equal((5000, 0L), (count, allocatedBytes));
    }

    [Fact]
    public void A_header_takes_more_pages_for_more_ports_and_cuts_a_filter_that_fits_no_option()
    {
        var origin = new OriginRecord { SegmentSequence = 1 };
        InterfaceInfo[] ports = [.. Enumerable.Range(0, 64).Select(static port =>
            new InterfaceInfo($"eth{port}", "test", null, null, port == 5 ? new string('x', 70000) : "tcp", new UtcOffset(36)))];
        byte[] header = SegmentHeader.Build(origin, "", ports, 1, 65535);
        Assert.Equal(0, header.Length % 4096);
        using var directory = new TestDirectory();
        using SegmentReader reader = SegmentReader.Open(directory.Write("x", header));
        Assert.Equal(64, reader.Ports.Count);
        Assert.Equal(new string('x', 65531) + "...", reader.Ports[5].Filter);
        Assert.Equal(-36, reader.Ports[63].HardwareOffsetSeconds);
        Assert.Equal((uint)header.Length, reader.Origin.HeaderBytes);
    }

    [Fact]
    public void An_index_of_several_options_comes_out_as_it_went_in()
    {
        IndexEntry[] entries = [.. Enumerable.Range(0, 5000).Select(static number => new IndexEntry { FileOffset = 4096ul * (ulong)number, Packets = (uint)number })];
        using var directory = new TestDirectory();
        byte[] header = new TestSegment().InProgress();
        var trailer = new TrailerRecord { SegmentSequence = TestSegment.Sequence };
        byte[] footer = Footer.Build(entries, [TotalRecord.Empty(0), TotalRecord.Empty(1)], trailer, header.Length);
        Assert.Equal(0, footer.Length % 4096);
        using SegmentReader reader = SegmentReader.Open(directory.Write("x", [.. header, .. footer]));
        Assert.Equal(entries, reader.ReadFooter().Index);
    }

    [Fact]
    public void The_checksum_is_that_of_RFC_3720() => Assert.Equal(0xE3069283, Crc32C.Compute("123456789"u8));

    /// <summary>Values that hurt parsers, now and then.</summary>
    private static uint Interesting(uint value, int length) => (value % 8) switch
    {
        0 => uint.MaxValue,
        1 => 0,
        2 => (uint)length,
        3 => 0x7FFFFFFC,
        4 => value & 0xFFFF,
        _ => value,
    };

    private static void ReadAll(string path)
    {
        try
        {
            using SegmentReader reader = SegmentReader.Open(path);
            foreach (ChunkRecord chunk in reader.Chunks)
                Count(reader, chunk);
            reader.ReadFooter();
        }
        catch (SegmentFormatException exception)
        {
            Assert.NotEqual("", exception.Reason);
        }
    }

    private static int Count(SegmentReader reader, in ChunkRecord chunk)
    {
        int count = 0;
        foreach (SegmentPacket packet in reader.Packets(chunk))
            count++;
        return count;
    }

    private static void AssertPackets(List<TestPacket> expected, SegmentReader reader)
    {
        int number = 0;
        foreach (ChunkRecord chunk in reader.Chunks)
        {
            foreach (SegmentPacket packet in reader.Packets(chunk))
            {
                TestPacket put = expected[number++];
                Assert.Equal((put.Hardware, put.RawNs, ChunkBuilder.UtcNs(put), put.OriginalLength, put.Flags),
                    (packet.HardwareStamped, packet.RawNs, packet.UtcNs, packet.OriginalLength, packet.Flags));
                Assert.True(packet.Data.SequenceEqual(put.Data));
                Assert.Equal(chunk.Port, packet.Port);
            }
        }

        Assert.Equal(expected.Count, number);
    }
}
