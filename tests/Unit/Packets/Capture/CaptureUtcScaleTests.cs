// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using Frame = Capbox.Tests.CaptureBlockRewriterTests.Frame;

namespace Capbox.Tests;

/// <summary>Chunks around a change of TAI - UTC: stamps of a NIC, from a ring laid out by hand, through the real recorder into real segments.</summary>
public sealed unsafe class CaptureUtcScaleTests : IDisposable
{
    private const long Second = 1_000_000_000, Midnight = 1_483_228_800 * Second; // 2017-01-01T00:00:00Z, after a leap second
    private const long LeapTai = Midnight + (36 * Second); // the start of 23:59:60
    private static readonly UtcOffset _before = new(36), _after = new(37);

    private readonly string _scratch = Directory.CreateTempSubdirectory("capbox-test-").FullName;

    public void Dispose() => Directory.Delete(_scratch, recursive: true);

    [Fact]
    public void A_leap_second_changes_the_offset_at_its_start_in_TAI_and_in_UTC()
    {
        var scale = new UtcScale(_before);
        Assert.Equal(_before, scale.At(LeapTai + Second, isTai: true));
        scale.Change(_after, new(LeapTai));
        Assert.Equal(_after, scale.Latest);
        Assert.Equal(_before, scale.At(LeapTai - 1, isTai: true));
        Assert.Equal(_after, scale.At(LeapTai, isTai: true));
        // UTC shows 23:59:59 twice: the second time with the new offset.
        Assert.Equal(_before, scale.At(Midnight - Second - 1, isTai: false));
        Assert.Equal(_after, scale.At(Midnight - Second, isTai: false));
        Assert.Equal(_after, scale.At(Midnight, isTai: false));
    }

    [Fact]
    public void A_second_that_is_left_out_changes_it_at_the_end_of_the_58th()
    {
        var scale = new UtcScale(_after);
        long endTai = Midnight - Second + _after.Nanoseconds; // end of 23:59:58
        scale.Change(_before, new(endTai));
        Assert.Equal(_after, scale.At(endTai - 1, isTai: true));
        Assert.Equal(_before, scale.At(endTai, isTai: true));
        Assert.Equal(_before, scale.At(Midnight, isTai: false));
        Assert.Equal(_after, scale.At(Midnight - Second - 1, isTai: false));
    }

    [Fact]
    public void The_last_changes_are_kept_and_no_more()
    {
        var scale = new UtcScale(new(30));
        for (int i = 1; i <= 10; i++)
            scale.Change(new(30 + i), new(i * Second));
        Assert.Equal(new UtcOffset(40), scale.Latest);
        Assert.Equal(new UtcOffset(38), scale.At((9 * Second) - 1, isTai: true));
        Assert.Equal(new UtcOffset(37), scale.At(0, isTai: true)); // the oldest that is kept
    }

    [Theory]
    [InlineData(-5, -1, 36, 500)] // before, shown as such
    [InlineData(0, 5, 37, 500)]
    [InlineData(-5, 5, 36, 1_000_000_500)] // across: one of them is a second off
    [InlineData(-5, -1, 37, 1_000_000_500)] // late, and its own segment was gone
    public void A_chunk_that_is_shown_a_second_wrong_says_so(int firstSeconds, int lastSeconds, int usedOffset, uint boundNs)
    {
        var scale = new UtcScale(_before);
        scale.Change(_after, new(LeapTai));
        var used = new UtcOffset(usedOffset);
        var record = new ChunkRecord
        {
            Packets = 2,
            HardwareStampedPackets = 2,
            FirstUtcNs = LeapTai + (firstSeconds * Second) - used.Nanoseconds,
            LastUtcNs = LeapTai + (lastSeconds * Second) - used.Nanoseconds,
            ClockState = ClockState.Locked,
            ClockBoundNs = 500,
        };
        scale.Widen(ref record, used);
        Assert.Equal((boundNs == 500 ? ClockState.Locked : ClockState.Degraded, boundNs), (record.ClockState, record.ClockBoundNs));
        record.HardwareStampedPackets = 0;
        record.ClockBoundNs = 500;
        scale.Widen(ref record, used);
        Assert.Equal(500u, record.ClockBoundNs); // the system clock's stamps are UTC as they are
    }

    [Fact]
    public void Chunks_go_to_the_segment_whose_header_makes_them_UTC()
    {
        long[][] blocks = // by TAI; the third is late, the fourth spans the leap
        [
            [LeapTai - (3 * Second), LeapTai - (2 * Second)],
            [LeapTai + Second, LeapTai + (2 * Second)],
            [LeapTai - Second, LeapTai - 1],
            [LeapTai - 2, LeapTai + (3 * Second)],
            [LeapTai + (4 * Second)],
        ];
        RecordAll(blocks);
        List<(int Offset, long Utc, uint Bound)> found = ReadAll();
        Assert.Equal(blocks.Sum(b => b.Length), found.Count);
        long Utc(long tai, int offset) => tai - (offset * Second);
        foreach (int i in new[] { 0, 2 })
            Assert.All(blocks[i], tai => Assert.Contains((36, Utc(tai, 36), 700u), found));
        foreach (int i in new[] { 1, 4 })
            Assert.All(blocks[i], tai => Assert.Contains((37, Utc(tai, 37), 700u), found));
        // The chunk cannot be both: it says that it may be a second wrong.
        Assert.Contains((36, Utc(blocks[3][0], 36), 1_000_000_700u), found);
        Assert.Contains((36, Utc(blocks[3][1], 36), 1_000_000_700u), found);
    }

    [Fact]
    public void A_store_ends_when_nobody_has_been_in_it_and_late_chunks_go_to_the_newest()
    {
        using ArchiveDirectory archive = ArchiveDirectory.Open(_scratch);
        var stores = new LinkStores(NewStore(archive, _before));
        SegmentWriter held = stores.Enter(_before)!;
        Assert.Empty(stores.Retire(0)); // the only one
        stores.Add(NewStore(archive, _after));
        Assert.Empty(stores.Retire(0)); // somebody is inside
        Assert.Equal(_before, held.Offset);
        held.Leave();
        Assert.Empty(stores.Retire(60_000)); // it was left just now
        IReadOnlyList<SegmentWriter> ended = [];
        Tool.WaitFor(() => (ended = stores.Retire(0)).Count > 0, "its keeper to end");
        Assert.Equal([_before], ended.Select(s => s.Offset));
        Assert.Equal([_after], stores.All.Select(s => s.Offset));
        SegmentWriter late = stores.Enter(_before)!;
        Assert.Equal(_after, late.Offset);
        late.Leave();
        foreach (SegmentWriter store in ended.Concat(stores.All))
            store.Dispose();
    }

    private void RecordAll(long[][] blocks)
    {
        using ArchiveDirectory archive = ArchiveDirectory.Open(_scratch);
        var stores = new LinkStores(NewStore(archive, _before));
        stores.Add(NewStore(archive, _after));
        var board = new TimeQualityLog(1, _before);
        board.Utc.Change(_after, new(LeapTai));
        board.Publish(0, TimeQuality.None, [new TimeQuality(ClockState.Locked, 700)]);
        using var ring = new HandRing(blocks);
        var counters = new RingCounters();
        using (var recorder = new RingRecorder(new RingSetup(0, 0, 20, 4, board), ring, stores, WriteQueue.Create(WriteEngine.Threads, 4), new PortCounters(), counters))
        {
            var thread = new Thread(recorder.Run);
            thread.Start();
            Assert.True(ring.AllGivenBack.Wait(30_000), "blocks were not given back");
            recorder.RequestStop();
            thread.Join();
        }

        Assert.Equal((blocks.Length, 0), (counters.FilledHighBlocks, counters.FilledBlocks));
        foreach (SegmentWriter store in stores.All)
            store.Dispose();
    }

    private static SegmentWriter NewStore(ArchiveDirectory archive, UtcOffset offset)
    {
        var origin = new OriginRecord { Magic = Format.RecordMagic, Version = Format.RecordVersion, Kind = RecordKind.Origin };
        var port = new InterfaceInfo("nic", null, null, null, null, offset);
        var options = new StorageOptions { Directory = archive.Root, SegmentBytes = 16 << 20 };
        return new SegmentWriter(archive, options, 1, HandRing.BlockBytes, origin, o => SegmentHeader.Build(o, "", [port], 1, Format.MaxSnapLength), NullLogger.Instance, needsFirst: false) { Offset = offset };
    }

    private List<(int Offset, long Utc, uint Bound)> ReadAll()
    {
        List<(int, long, uint)> found = [];
        foreach (string path in Directory.GetFiles(_scratch, "*.pcapng"))
        {
            Assert.True(SegmentVerifier.Verify(path).Ok, path);
            using SegmentReader reader = SegmentReader.Open(path);
            foreach (ChunkRecord chunk in reader.Chunks)
            {
                foreach (SegmentPacket packet in reader.Packets(chunk))
                    found.Add(((int)-reader.Ports[0].HardwareOffsetSeconds, packet.UtcNs, chunk.ClockBoundNs));
            }
        }

        return found;
    }

    /// <summary>Stands for a kernel's ring of a NIC that stamps in hardware: its blocks are there from the start, each once.</summary>
    private sealed class HandRing : BlockRing
    {
        public const int BlockBytes = 64 * 1024;

        private readonly byte* _memory;
        private readonly bool[] _taken, _givenBack;
        private int _left;

        public HandRing(long[][] blocks)
        {
            (_left, _taken, _givenBack) = (blocks.Length, new bool[blocks.Length], new bool[blocks.Length]);
            _memory = (byte*)NativeMemory.AlignedAlloc((nuint)(blocks.Length * BlockBytes), 4096);
            for (int i = 0; i < blocks.Length; i++)
                CaptureBlockRewriterTests.LayOut(Block(i), [.. blocks[i].Select(ns => new Frame(new byte[60], 60, (ulong)ns, false, 0, true, 0, 0))]);
        }

        public ManualResetEventSlim AllGivenBack { get; } = new();

        public override int SlotCount => _taken.Length;

        public override bool IsHandedOver(int slot) => !_taken[slot];

        public override uint PacketsIn(int slot) => ((TpacketBlockDesc*)Block(slot))->PacketCount;

        public override long FirstStamp(int slot, out bool isTai) => PacketBlockRing.FirstStamp((TpacketBlockDesc*)Block(slot), out isTai);

        public override void Prepare(int slot, UtcOffset offset, out RewrittenBlock block)
        {
            _taken[slot] = true;
            BlockRewriter.Rewrite(Block(slot), BlockBytes, 0, Format.MaxSnapLength, offset, out block);
        }

        public override byte* Chunk(int slot) => Block(slot) + ChunkLayout.ChunkOffset;

        public override int FilledBlocks() => _left;

        public override void Release(int slot)
        {
            Assert.False(_givenBack[slot], "given back twice");
            _givenBack[slot] = true;
            if (--_left == 0)
                AllGivenBack.Set();
        }

        public override RingGrowth TakeStatistics() => default;

        public override ulong PacketsLeft() => 0;

        public override void Wait(int timeoutMs) => Thread.Sleep(Math.Min(timeoutMs, 5));

        public override void Dispose()
        {
            NativeMemory.AlignedFree(_memory);
            AllGivenBack.Dispose();
        }

        private byte* Block(int slot) => _memory + (slot * BlockBytes);
    }
}
