// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text.Json.Nodes;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging.Abstractions;

namespace Capbox.Bench;

/// <summary>
/// The disk alone: fio (io_uring, O_DIRECT, 1 MiB, 8 in flight) and capbox's writing side without capture (synthetic chunks through the real
/// segment store: reservation, descriptor, io_uring, rotation, sealing), in turn, on the same directory.
/// </summary>
internal sealed class DiskStage(BenchOptions options, Lab lab)
{
    private const int BlockBytes = 1 << 20;

    /// <summary>A full block of the capture is a chunk one page shorter.</summary>
    private const int ChunkBytes = BlockBytes - Format.PageBytes;
    private const int Depth = 8;
    private const int Blocks = 64;

    public JsonObject Run()
    {
        var fio = new List<double>();
        var capbox = new List<double>();
        for (int round = 0; round < options.Rounds; round++)
        {
            fio.Add(Fio());
            capbox.Add(NullCapture());
        }

        double ratio = Stat.Median(capbox) / Stat.Median(fio);
        Console.WriteLine();
        Console.WriteLine(Stat.Line($"disk: {options.DiskGiB} GiB sequential, median of {options.Rounds} rounds"));
        Console.WriteLine(Stat.Line($"  fio io_uring O_DIRECT 1 MiB QD8     {Stat.Median(fio) / 1e6,7:F0} MB/s"));
        Console.WriteLine(Stat.Line($"  capbox without capture              {Stat.Median(capbox) / 1e6,7:F0} MB/s   {ratio:F2} of fio (target: at least 0.90)"));
        return new JsonObject
        {
            ["fioBytesPerSecond"] = Math.Round(Stat.Median(fio)),
            ["capboxBytesPerSecond"] = Math.Round(Stat.Median(capbox)),
            ["ratio"] = Stat.Finite(ratio),
        };
    }

    private double Fio()
    {
        string directory = lab.Fresh("fio");
        string output = Child.Run(
            "fio", "--name=write", $"--filename={directory}/fio.dat", "--rw=write", "--bs=1M", $"--size={options.DiskGiB}G", "--direct=1",
            "--ioengine=io_uring", "--iodepth=8", "--output-format=json");
        Directory.Delete(directory, recursive: true);
        JsonNode job = JsonNode.Parse(output[output.IndexOf('{')..])!["jobs"]![0]!;
        return (double)job["write"]!["bw_bytes"]!;
    }

    private double NullCapture()
    {
        string directory = lab.Fresh("nullcapture");
        var storage = new StorageOptions { Directory = directory };
        InterfaceInfo[] ports = [new InterfaceInfo("none", null, null, null, null, UtcOffset.Since2017)];
        var origin = new OriginRecord
        {
            Magic = Format.RecordMagic,
            Version = Format.RecordVersion,
            Kind = RecordKind.Origin,
            RunId = Guid.NewGuid(),
            Ports = 1,
        };
        double rate;
        using (ArchiveDirectory archive = ArchiveDirectory.Open(directory))
        using (var store = new SegmentWriter(
            archive, storage, 1, BlockBytes, origin, o => SegmentHeader.Build(o, "", ports, 1, Format.MaxSnapLength), NullLogger.Instance))
        using (WriteQueue writes = WriteQueue.Create(WriteEngine.IoUring, Depth))
        {
            rate = Pump(store, writes);
        }

        Directory.Delete(directory, recursive: true);
        return rate;
    }

    /// <summary>Keeps the queue full from a ring's worth of blocks, as a ring thread does; bytes per second until the last completion.</summary>
    private unsafe double Pump(SegmentWriter store, WriteQueue writes)
    {
        using var memory = new AlignedBuffer(Blocks * BlockBytes);
        new Random(1).NextBytes(memory.Span);
        var places = new Reservation[Blocks];
        var records = new ChunkRecord[Blocks];
        long chunks = options.DiskGiB * 1024;
        long submitted = 0;
        int inFlight = 0;
        long started = Stopwatch.GetTimestamp();
        while (submitted < chunks || inFlight > 0)
        {
            while (writes.TryTake(out ulong tag, out int result))
            {
                if (result != ChunkBytes)
                    throw new BenchException($"write: {result} instead of {ChunkBytes} bytes");

                places[tag].Segment.Complete(places[tag].Slot, records[tag]);
                places[tag].Segment.Leave();
                store.CountWritten(ChunkBytes);
                inFlight--;
            }

            bool room = false;
            while (submitted < chunks && inFlight < Depth && (room = store.TryReserve(ChunkBytes, out Reservation place)))
            {
                int block = (int)(submitted % Blocks);
                nint at = memory.Address + ((nint)block * BlockBytes);
                records[block] = Record(place, submitted);
                places[block] = place;
                ChunkLayout.WriteDescriptor((byte*)at, records[block], 0, 1, 2);
                if (writes.Write(place.Segment.Fd.Value, at, ChunkBytes, place.Offset, (ulong)block) != 0)
                    throw new BenchException("a write could not be started");

                submitted++;
                inFlight++;
            }

            if (inFlight > 0)
                writes.Wait(10);
            else if (!room && submitted < chunks)
                Thread.Sleep(1);
        }

        return (double)chunks * ChunkBytes / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static ChunkRecord Record(in Reservation place, long sequence) => new()
    {
        Magic = Format.RecordMagic,
        Version = Format.RecordVersion,
        Kind = RecordKind.Chunk,
        ChunkBytes = ChunkBytes,
        Packets = 1,
        FileOffset = (ulong)place.Offset,
        SegmentSequence = place.Segment.Sequence,
        RingSequence = (ulong)sequence,
        FirstUtcNs = 1,
        LastUtcNs = 2,
    };
}
