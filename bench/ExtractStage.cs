// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
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
/// The way back: an archive of synthetic packets, made through the real segment store, then one second out of it, all of it, and one host of it, beside fio,
/// cat, tcpdump and tshark on the same data.
/// </summary>
internal sealed class ExtractStage(BenchOptions options, Lab lab)
{
    private const int BlockBytes = 1 << 20, ChunkBytes = BlockBytes - Format.PageBytes;
    private const int FrameBytes = 594, Hosts = 250;
    private const long FirstNs = 1_700_000_000_000_000_000;

    /// <summary>Time between packets: 1 us, so a second holds 1,000,000 packets of the archive.</summary>
    private const long StepNs = 1000;
    private long _packets;

    public JsonObject Run()
    {
        string archive = lab.Fresh("archive");
        MakeArchive(archive);
        string[] segments = [.. Directory.GetFiles(archive, "*.pcapng").Order(StringComparer.Ordinal)];
        long bytes = segments.Sum(s => new FileInfo(s).Length);
        Console.WriteLine();
        Console.WriteLine(Stat.Line($"extract: archive of {bytes / 1e9:F1} GB, {segments.Length} segments, {_packets} packets of {FrameBytes} B; median of {options.Rounds} rounds"));
        var result = new JsonObject { ["archiveBytes"] = bytes };
        OneSecond(archive, result);
        FullRange(archive, segments, bytes, result);
        OneHost(archive, segments[0], result);
        Directory.Delete(archive, recursive: true);
        return result;
    }

    private static string At(long packet)
    {
        long ns = FirstNs + (packet * StepNs);
        return FormattableString.Invariant($"{ns / 1_000_000_000}.{ns % 1_000_000_000:D9}");
    }

    private void OneSecond(string archive, JsonObject result)
    {
        string outputs = lab.Fresh("outputs");
        Child.Run(options.Capbox, "catalog", "rebuild", archive);
        var first = new List<double>();
        double ratio = 0;
        for (int round = 0; round < options.Rounds * 3; round++)
        {
            string from = At(_packets / 2);
            first.Add(TimeToFirstPacket(archive, from));
            string output = Path.Combine(outputs, "out.pcapng");
            JsonNode report = JsonNode.Parse(Child.Run(options.Capbox, "extract", "--archive", archive, "--from", from, "--to", "+1s", "-o", output, "--json"))!;
            File.Delete(output);
            ratio = (double)report["bytesRead"]! / (double)report["chunkBytes"]!;
        }

        Directory.Delete(outputs, recursive: true);
        result["firstPacketMs"] = Math.Round(Stat.Median(first), 1);
        result["bytesReadPerChunkByte"] = Stat.Finite(ratio);
        Console.WriteLine(Stat.Line($"  1 s: first packet after {Stat.Median(first),6:F0} ms, process start included (target: under 50)"));
        Console.WriteLine(Stat.Line($"  1 s: bytes read per byte of its chunks {ratio,6:F2} (target: at most 2)"));
    }

    /// <summary>From the start of the process to the first byte behind the file's header, read from a pipe.</summary>
    private double TimeToFirstPacket(string archive, string from)
    {
        var info = new ProcessStartInfo(options.Capbox) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in new[] { "extract", "--archive", archive, "--from", from, "--to", "+1s", "-o", "-" })
            info.ArgumentList.Add(argument);
        long started = Stopwatch.GetTimestamp();
        using Process process = Process.Start(info)!;
        byte[] buffer = new byte[64 * 1024];
        int got = 0;
        // Header and interfaces are less than 1 KiB.
        while (got < 4096)
        {
            int bytes = process.StandardOutput.BaseStream.Read(buffer, 0, buffer.Length);
            if (bytes == 0)
                throw new BenchException("extract gave no packet: " + process.StandardError.ReadToEnd());
            got += bytes;
        }

        double milliseconds = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        process.StandardOutput.BaseStream.CopyTo(Stream.Null);
        process.WaitForExit();
        return milliseconds;
    }

    private void FullRange(string archive, string[] segments, long bytes, JsonObject result)
    {
        List<double> fio = [], cold = [], cached = [], cat = [], tcpdump = [], one = [];
        string oneDirectory = lab.Fresh("one");
        File.CreateSymbolicLink(Path.Combine(oneDirectory, Path.GetFileName(segments[0])), segments[0]);
        long oneBytes = new FileInfo(segments[0]).Length;
        for (int round = 0; round < options.Rounds; round++)
        {
            DropCaches();
            fio.Add(Rate(bytes, "sh", "-c", $"for f in {string.Join(' ', segments)}; do fio --name=r --filename=$f --rw=read --bs=1M --direct=1 --ioengine=io_uring --iodepth=8 --readonly --output=/dev/null; done"));
            DropCaches();
            cold.Add(Rate(bytes, "sh", "-c", $"{options.Capbox} extract --archive {archive} --from 0000001 -o - 2>/dev/null | cat >/dev/null"));
            // One segment fits the cache. cat brings it there: capbox itself reads around the cache what is not in it.
            string extractOne = $"{options.Capbox} extract --archive {oneDirectory} --from 0000001 -o - 2>/dev/null | cat >/dev/null";
            Child.Run("sh", "-c", $"cat {segments[0]} >/dev/null");
            cached.Add(Rate(oneBytes, "sh", "-c", extractOne));
            cat.Add(Rate(oneBytes, "sh", "-c", $"cat {segments[0]} | cat >/dev/null"));
            tcpdump.Add(Rate(oneBytes, "sh", "-c", $"tcpdump -r {segments[0]} -w - 2>/dev/null | tcpdump -r - -w - 2>/dev/null | cat >/dev/null"));
        }

        Directory.Delete(oneDirectory, recursive: true);
        Row(result, "coldOfFio", "all, cold, of fio's sequential read", Stat.Median(cold) / Stat.Median(fio), "at least 0.70");
        Row(result, "cachedOfCat", "all, cached, of cat | cat", Stat.Median(cached) / Stat.Median(cat), "at least 0.70");
        Row(result, "ofTcpdump", "all, cached, of tcpdump -r | tcpdump -w", Stat.Median(cached) / Stat.Median(tcpdump), "at least 5");
    }

    private void OneHost(string archive, string segment, JsonObject result)
    {
        List<double> capbox = [], tshark = [];
        string directory = lab.Fresh("host");
        File.CreateSymbolicLink(Path.Combine(directory, Path.GetFileName(segment)), segment);
        long bytes = new FileInfo(segment).Length;
        Child.Run("sh", "-c", $"cat {segment} >/dev/null");
        for (int round = 0; round < options.Rounds; round++)
        {
            capbox.Add(Rate(bytes, options.Capbox, "extract", "--archive", directory, "--from", "0000001", "--filter", "host 10.99.1.7", "-o", Path.Combine(directory, "capbox.out")));
            if (round == 0)
                tshark.Add(Rate(bytes, "tshark", "-r", segment, "-Y", "ip.addr == 10.99.1.7", "-w", Path.Combine(directory, "tshark.out")));
        }

        Directory.Delete(directory, recursive: true);
        Row(result, "hostOfTshark", "one host of a segment, cached, of tshark -Y", Stat.Median(capbox) / Stat.Median(tshark), "at least 20");
    }

    private static void Row(JsonObject result, string key, string what, double ratio, string target)
    {
        result[key] = Stat.Finite(ratio);
        Console.WriteLine(Stat.Line($"  {what}: {ratio:F2} (target: {target})"));
    }

    private static double Rate(long bytes, params string[] command)
    {
        long started = Stopwatch.GetTimestamp();
        Child.Run(command);
        return bytes / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static void DropCaches()
    {
        Child.Run("sync");
        File.WriteAllText("/proc/sys/vm/drop_caches", "3");
    }

    private void MakeArchive(string directory)
    {
        InterfaceInfo[] ports = [new InterfaceInfo("synthetic", null, null, null, null, UtcOffset.Since2017)];
        var origin = new OriginRecord { Magic = Format.RecordMagic, Version = Format.RecordVersion, Kind = RecordKind.Origin, RunId = Guid.NewGuid(), Ports = 1 };
        using ArchiveDirectory archive = ArchiveDirectory.Open(directory);
        using var store = new SegmentWriter(
            archive, new StorageOptions { Directory = directory }, 1, BlockBytes, origin, o => SegmentHeader.Build(o, "", ports, 1, Format.MaxSnapLength), NullLogger.Instance);
        using var chunk = new SyntheticChunk(ChunkBytes, FrameBytes, Hosts);
        for (long i = 0; i < options.ArchiveGiB * 1024; i++)
        {
            Reservation place;
            while (!store.TryReserve(ChunkBytes, out place))
                Thread.Sleep(1);
            ChunkRecord record = chunk.Stamp(FirstNs + (_packets * StepNs), StepNs, place.Offset, place.Segment.Sequence, (ulong)i);
            FileSystem.WriteAll(place.Segment.Fd, place.Segment.PartPath, chunk.Address, ChunkBytes, place.Offset);
            place.Segment.Complete(place.Slot, record);
            place.Segment.Leave();
            _packets += record.Packets;
        }
    }
}

/// <summary>A chunk full of UDP packets from many hosts, laid out as the capture lays them out; only its stamps change.</summary>
internal sealed unsafe class SyntheticChunk : IDisposable
{
    private readonly AlignedBuffer _buffer;
    private readonly List<int> _packetsAt = [];
    private readonly int _frameBytes;

    public SyntheticChunk(int chunkBytes, int frameBytes, int hosts)
    {
        _buffer = new AlignedBuffer(chunkBytes);
        _frameBytes = frameBytes;
        int slot = Format.EpbHeaderBytes + Format.AlignUp(frameBytes, 4) + 8 + 24;
        byte* start = (byte*)_buffer.Address;
        int at = ChunkLayout.DescriptorBytes + 16;
        ChunkLayout.Close(start, start + ChunkLayout.DescriptorBytes, start + at);
        for (; at + slot <= chunkBytes; at += slot)
        {
            _packetsAt.Add(at);
            byte* end = WritePacket(start + at, _packetsAt.Count % hosts);
            bool isLast = at + (2 * slot) > chunkBytes;
            ChunkLayout.Close(start + at, end, isLast ? start + chunkBytes : start + at + slot);
        }
    }

    public nint Address => _buffer.Address;

    /// <summary>Sets all stamps and the descriptor.</summary>
    public ChunkRecord Stamp(long firstNs, long stepNs, long offset, ulong segmentSequence, ulong ringSequence)
    {
        byte* start = (byte*)_buffer.Address;
        long ns = firstNs;
        foreach (int at in _packetsAt)
        {
            ChunkLayout.Put32(start + at + 12, (uint)(ns >> 32));
            ChunkLayout.Put32(start + at + 16, (uint)ns);
            ns += stepNs;
        }

        var record = new ChunkRecord
        {
            Magic = Format.RecordMagic,
            Version = Format.RecordVersion,
            Kind = RecordKind.Chunk,
            ChunkBytes = (uint)_buffer.Bytes,
            Packets = (uint)_packetsAt.Count,
            FileOffset = (ulong)offset,
            SegmentSequence = segmentSequence,
            RingSequence = ringSequence,
            FirstUtcNs = firstNs,
            LastUtcNs = ns - stepNs,
            CapturedBytes = (ulong)(_packetsAt.Count * _frameBytes),
            OriginalBytes = (ulong)(_packetsAt.Count * _frameBytes),
            Flags = ChunkFlags.InOrder,
            ClockBoundNs = uint.MaxValue,
        };
        ChunkLayout.WriteDescriptor(start, record, 0, (ulong)firstNs, (ulong)(ns - stepNs));
        return record;
    }

    public void Dispose() => _buffer.Dispose();

    private byte* WritePacket(byte* epb, int host)
    {
        ChunkLayout.Put32(epb, Format.EnhancedPacketBlock);
        ChunkLayout.Put32(epb + 8, 0);
        ChunkLayout.Put32(epb + 20, (uint)_frameBytes);
        ChunkLayout.Put32(epb + 24, (uint)_frameBytes);
        var frame = new Span<byte>(epb + Format.EpbHeaderBytes, _frameBytes);
        frame.Fill((byte)host);
        frame[12] = 8;
        frame[13] = 0;
        ReadOnlySpan<byte> ip = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 99, 1, (byte)(host + 1), 10, 99, 0, 2, 0x27, 0x10, 0, 9, 0, 0, 0, 0];
        ip.CopyTo(frame[14..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[16..], (ushort)(_frameBytes - 14));
        BinaryPrimitives.WriteUInt16BigEndian(frame[38..], (ushort)(_frameBytes - 34));
        byte* end = epb + Format.EpbHeaderBytes + Format.AlignUp(_frameBytes, 4);
        ChunkLayout.Put32(end, ChunkLayout.OptionHead(Format.EpbFlags, 4));
        ChunkLayout.Put32(end + 4, 1);
        return end + 8;
    }
}
