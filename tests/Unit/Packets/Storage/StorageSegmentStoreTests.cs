// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Capbox.Tests;

/// <summary>The store without rings: chunks that only count, written in any order or not at all.</summary>
public unsafe class StorageSegmentStoreTests
{
    private static SegmentWriter Open(ArchiveDirectory archive, StorageOptions options)
    {
        var origin = new OriginRecord { Magic = Format.RecordMagic, Version = Format.RecordVersion, Kind = RecordKind.Origin };
        var port = new InterfaceInfo("t0", null, null, null, null, UtcOffset.Since2017);
        return new SegmentWriter(archive, options, 1, 64 * 1024, origin, o => SegmentHeader.Build(o, "", [port], 1, Format.MaxSnapLength), NullLogger.Instance);
    }

    private static void WriteCounterChunk(in Reservation place, int bytes, ulong ringSequence)
    {
        using var page = new AlignedBuffer(bytes);
        byte* chunk = (byte*)page.Address;
        var record = new ChunkRecord
        {
            Magic = Format.RecordMagic,
            Version = Format.RecordVersion,
            Kind = RecordKind.Chunk,
            ChunkBytes = (uint)bytes,
            FileOffset = (ulong)place.Offset,
            SegmentSequence = place.Segment.Sequence,
            RingSequence = ringSequence,
            FilteredPackets = 10,
            FirstUtcNs = 5,
            LastUtcNs = 5,
            ClockBoundNs = uint.MaxValue,
        };
        ChunkLayout.Close(chunk, chunk + ChunkLayout.DescriptorBytes, chunk + bytes);
        ChunkLayout.WriteDescriptor(chunk, record, 0, 5, 5);
        FileSystem.WriteAll(place.Segment.Fd, "test", page.Address, bytes, place.Offset);
        place.Segment.Complete(place.Slot, record);
        place.Segment.Leave();
    }

    [Fact]
    public void A_chunk_that_was_never_written_is_a_filler_and_the_chain_stays_whole()
    {
        string directory = Directory.CreateTempSubdirectory("capbox-test-").FullName;
        try
        {
            using (ArchiveDirectory archive = ArchiveDirectory.Open(directory))
            using (SegmentWriter store = Open(archive, new StorageOptions { Directory = directory, SegmentBytes = 16 << 20 }))
            {
                var places = new Reservation[5];
                for (int i = 0; i < places.Length; i++)
                    Assert.True(store.TryReserve(i == 1 ? 3 * 4096 : 4096, out places[i]));
                WriteCounterChunk(places[3], 4096, 2);
                WriteCounterChunk(places[0], 4096, 1);
                places[1].Segment.Leave();
                places[2].Segment.Leave();
                places[4].Segment.Leave(); // a hole at the end is cut off, not filled
            }

            VerifyReport report = SegmentVerifier.Verify(Assert.Single(Directory.GetFiles(directory, "*.pcapng")));
            Assert.True(report.Ok, string.Join("; ", report.Findings));
            Assert.Equal(1ul, report.Fillers);
            Assert.Equal(20ul, report.Ports[0].FilteredPackets);
            Assert.Equal(4096 + (6 * 4096) + 4096, report.Bytes);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public void Many_threads_reserve_without_overlap_over_many_segments()
    {
        string directory = Directory.CreateTempSubdirectory("capbox-test-").FullName;
        try
        {
            const int threads = 4;
            int chunksEach = Seed.Cases(800, 3000);
            using (ArchiveDirectory archive = ArchiveDirectory.Open(directory))
            using (SegmentWriter store = Open(archive, new StorageOptions { Directory = directory, SegmentBytes = 16 << 20 }))
            {
                Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, _ =>
                {
                    for (int i = 0; i < chunksEach; i++)
                    {
                        Reservation place;
                        while (!store.TryReserve(8192, out place))
                            Thread.Sleep(1);
                        WriteCounterChunk(place, 8192, (ulong)i);
                    }
                });
            }

            VerifyReport[] reports = [.. Directory.GetFiles(directory, "*.pcapng").Select(f => SegmentVerifier.Verify(f))];
            // The chunks of one ring are numbered by four threads here, so only structure and ledger are asked for.
            Assert.Equal(threads * chunksEach, reports.Sum(r => (int)r.Chunks));
            Assert.Equal((ulong)(threads * chunksEach * 10), reports.Aggregate(0ul, (sum, r) => sum + r.Ports[0].FilteredPackets));
            Assert.True(reports.Length > chunksEach / 700, $"{reports.Length} segments");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public void What_an_earlier_run_preallocated_is_given_back_and_its_data_stays()
    {
        string directory = Directory.CreateTempSubdirectory("capbox-").FullName;
        string part = Path.Combine(directory, SegmentName.Create(UtcTime.Now, 1).ToString());
        try
        {
            using (FileDescriptor fd = FileSystem.CreateForWriting(part, wantDirect: false, out _))
            using (var page = new AlignedBuffer(Format.PageBytes))
            {
                page.Span.Fill(7);
                Assert.True(FileSystem.TryPreallocate(fd, part, 16 << 20));
                // A hole between two pieces of data is none that ends the file: chunks are written in any order.
                FileSystem.WriteAll(fd, part, page.Address, Format.PageBytes, 0);
                FileSystem.WriteAll(fd, part, page.Address, Format.PageBytes, 1 << 20);
            }

            List<string> notes = [];
            File.WriteAllText(Path.Combine(directory, "no segment.part"), "");
            using (ArchiveDirectory archive = ArchiveDirectory.Open(directory))
            {
                archive.FreeLeftoverRoom(notes.Add);
                archive.FreeLeftoverRoom(notes.Add);
            }

            Assert.Equal([$"{part}: left by an earlier run; {(15 << 20) - Format.PageBytes} preallocated bytes freed"], notes);
            byte[] left = File.ReadAllBytes(part);
            Assert.Equal((1 << 20) + Format.PageBytes, left.Length);
            Assert.Equal(2 * Format.PageBytes, left.Count(b => b == 7));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
