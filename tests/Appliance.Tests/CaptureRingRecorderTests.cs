using System.Net;
using System.Net.Sockets;
using Capbox.Capture;
using Capbox.Native;
using Capbox.Pcapng;
using Capbox.Ptp;
using Capbox.Storage;
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

    /// <summary>Returns what the ring thread allocated from its first to its last instruction.</summary>
    private static long Record(WriteEngine engine, int packets, TriggerGate? gate, out ulong blocks)
    {
        string scratch = Directory.CreateTempSubdirectory("capbox-test-").FullName;
        try
        {
            using ArchiveDirectory archive = ArchiveDirectory.Open(scratch);
            var storage = new StorageOptions { Directory = scratch, SegmentBytes = 256 << 20, Engine = engine };
            var origin = new OriginRecord { Magic = Format.RecordMagic, Version = Format.RecordVersion, Kind = RecordKind.Origin };
            var port = new InterfaceInfo("lo", null, null, null, null, UtcOffset.Since2017);
            using var store = new SegmentStore(archive, storage, 1, BlockBytes, origin, o => SegmentHeader.Build(o, "", [port], 1, Format.MaxSnapLength), NullLogger.Instance);
            var counters = new RingCounters();
            var options = new PacketRingOptions((int)LibC.if_nametoindex("lo"), BlockBytes, Blocks, 20, ChunkLayout.PrivateBytes, 14, false, false);
            PacketRing ring = PacketRing.Open(options);
            using var blockRing = new PacketBlockRing(ring, options, null, 0, Format.MaxSnapLength, gate is not null);
            KeepPolicy? policy = gate is null ? null : new KeepPolicy(gate, Blocks, TimeSpan.FromSeconds(30), 20);
            using var recorder = new RingRecorder(new RingSetup(0, 0, 20, 8, new ClockBoard(1)), blockRing, new LinkStores(store), WriteQueue.Create(engine, 8), new PortCounters(), counters, policy);
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
                Send(packets, counters);
            else
                SendAroundWindow(packets, gate, policy!);
            ring.SetFilter(FilterProgram.RejectAll());
            recorder.RequestStop();
            thread.Join();
            Assert.True(counters.Stored + counters.Discarded >= (ulong)packets, $"stored {counters.Stored}, discarded {counters.Discarded} of {packets}");
            Assert.Equal(counters.Received, counters.Ended);
            blocks = counters.NextSequence;
            return allocatedBytes;
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private static void SendAroundWindow(int packets, TriggerGate gate, KeepPolicy policy)
    {
        Send(packets * 4 / 5); // more than the ring holds
        long now = System.Diagnostics.Stopwatch.GetTimestamp();
        gate.Current = new GateWindow(1, now, now);
        Integration.Tool.WaitFor(() => policy.SeenVersion == 1 && policy.IsSettled, "the window to be written");
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
                Integration.Tool.WaitFor(() => counters.FilledBlocks < Blocks / 2, "the disk");
        }
    }
}
