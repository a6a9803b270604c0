// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Capbox.Tests;

/// <summary>The ring thread itself, on the loopback interface of this machine, with real segments.</summary>
[Collection("Integration")]
public class CaptureRingRecorderTests
{
    private const int BlockBytes = 64 * 1024, Blocks = 256;

    [Theory]
    [InlineData(WriteEngine.IoUring)]
    [InlineData(WriteEngine.Threads)]
    [InlineData(WriteEngine.Null)]
    public void Steady_recording_allocates_nothing_per_block(WriteEngine engine)
    {
        ulong blocks = 0;
        long allocatedBytes = Allocation.LeastBytes(() => Record(engine, packets: 20_000, null, out blocks));
        Assert.True(blocks > 400, $"only {blocks} blocks");
        Assert.Equal(0, allocatedBytes);
    }

    /// <summary>Mode trigger: blocks are kept and let go, then a window is written, then they are kept again.</summary>
    [Fact]
    public void Keeping_and_writing_a_window_allocate_nothing()
    {
        ulong blocks = 0;
        long allocatedBytes = Allocation.LeastBytes(() => Record(WriteEngine.IoUring, packets: 20_000, new TriggerGate(), out blocks));
        Assert.InRange(blocks, 100ul, 300ul);
        Assert.Equal(0, allocatedBytes);
    }

    /// <summary>FAKE: a disk that answers only once the recorder does not wait for it any more.</summary>
    private sealed class LateDisk(RingCounters counters) : WriteQueue
    {
        private readonly WriteQueue _disk = Create(WriteEngine.Threads, 8);

        public override string Name => "late";

        public override int Write(int fd, nint buffer, int bytes, long offset, ulong tag) => _disk.Write(fd, buffer, bytes, offset, tag);

        public override bool TryTake(out ulong tag, out int result)
        {
            (tag, result) = (0, 0);
            return counters.GivenUp > 0 && _disk.TryTake(out tag, out result);
        }

        public override void Wait(int timeoutMs) => Thread.Sleep(timeoutMs);

        public override void Dispose() => _disk.Dispose();
    }

    /// <summary>A stop waits 10 s for the disk; what is on it after that is counted as lost already, and once.</summary>
    [Fact]
    public void A_disk_that_answers_after_the_stop_gave_up_makes_no_packet_count_twice()
    {
        var counters = new RingCounters();
        Record(new LateDisk(counters), packets: 2000, null, counters);
        Assert.True(counters.GivenUp >= 2000, $"given up {counters.GivenUp}");
        Assert.Equal((0ul, counters.Received), (counters.Stored, counters.GivenUp));
    }

    /// <summary>Returns what the ring thread allocated from its first to its last instruction.</summary>
    private static long Record(WriteEngine engine, int packets, TriggerGate? gate, out ulong blocks)
    {
        var counters = new RingCounters();
        long allocatedBytes = Record(WriteQueue.Create(engine, 8), packets, gate, counters);
        Assert.True(counters.Stored + counters.Discarded >= (ulong)packets, $"stored {counters.Stored}, discarded {counters.Discarded} of {packets}");
        blocks = counters.NextSequence;
        return allocatedBytes;
    }

    private static long Record(WriteQueue disk, int packets, TriggerGate? gate, RingCounters counters)
    {
        string scratch = Directory.CreateTempSubdirectory("capbox-test-").FullName;
        try
        {
            using ArchiveDirectory archive = ArchiveDirectory.Open(scratch);
            var storage = new StorageOptions { Directory = scratch, SegmentBytes = 256 << 20 };
            var origin = new OriginRecord { Magic = Format.RecordMagic, Version = Format.RecordVersion, Kind = RecordKind.Origin };
            var port = new InterfaceInfo("lo", null, null, null, null, UtcOffset.Since2017);
            using var store = new SegmentWriter(archive, storage, 1, BlockBytes, origin, o => SegmentHeader.Build(o, "", [port], 1, Format.MaxSnapLength), NullLogger.Instance);
            var options = new PacketRingOptions(1 /* lo, LOOPBACK_IFINDEX in the kernel */, BlockBytes, Blocks, 20, ChunkLayout.PrivateBytes, 14, false, false);
            PacketRing ring = PacketRing.Open(options);
            using var blockRing = new PacketBlockRing(ring, options, null, 0, Format.MaxSnapLength, gate is not null);
            PreTriggerPolicy? policy = gate is null ? null : new PreTriggerPolicy(gate, Blocks, TimeSpan.FromSeconds(30), 20);
            using var recorder = new RingRecorder(new RingSetup(0, 0, 20, 8, new TimeQualityLog(1)), blockRing, new LinkStores(store), disk, new PortCounters(), counters, policy);
            long allocatedBytes = -1;
            var thread = new Thread(() =>
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                recorder.Run();
                allocatedBytes = GC.GetAllocatedBytesForCurrentThread() - before;
            });
            ring.SetFilter(FilterProgram.AcceptAll(Format.MaxSnapLength));
            thread.Start();
            if (gate is null)
                Send(packets, disk is LateDisk ? null : counters);
            else
                SendAroundWindow(packets, gate, policy!);
            ring.SetFilter(FilterProgram.RejectAll());
            recorder.RequestStop();
            thread.Join();
            Assert.Equal(counters.Received, counters.Ended);
            return allocatedBytes;
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private static void SendAroundWindow(int packets, TriggerGate gate, PreTriggerPolicy policy)
    {
        Send(packets * 4 / 5); // more than the ring holds
        long now = System.Diagnostics.Stopwatch.GetTimestamp();
        gate.Current = new GateWindow(1, now, now);
        Tool.WaitFor(() => policy.SeenVersion == 1 && policy.IsSettled, "the window to be written");
        gate.Current = null;
        Send(packets / 5);
    }

    /// <summary>At the disk's pace, if counters are given.</summary>
    private static void Send(int packets, RingCounters? counters = null)
    {
        using var receiver = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        receiver.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        byte[] payload = new byte[1400];
        for (int i = 0; i < packets; i++)
        {
            sender.SendTo(payload, receiver.LocalEndPoint!);
            if (i % 500 > 0)
                continue;
            Thread.Sleep(2);
            if (counters is not null)
                Tool.WaitFor(() => counters.FilledBlocks < Blocks / 2, "the disk");
        }
    }
}
