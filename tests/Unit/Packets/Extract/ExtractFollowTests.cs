// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Extract;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Capbox.Tests;

/// <summary>Following an archive whose segments are written by the test, chunk by chunk, as a recorder may write them.</summary>
public sealed class ExtractFollowTests : IDisposable
{
    private const string Part1 = "20261123T083000.123456789Z-0000000001.pcapng.part", Sealed1 = "20261123T083000.200000000Z-0000000001.pcapng";
    private const string Part2 = "20261123T083000.150000000Z-0000000002.pcapng.part", Sealed2 = "20261123T083001.000000000Z-0000000002.pcapng";
    private const int PreallocatedBytes = 1 << 20;
    private readonly TestDirectory _archive = new();
    private readonly TestDirectory _scratch = new();
    private readonly CancellationTokenSource _stop = new();

    public void Dispose()
    {
        _stop.Dispose();
        _archive.Dispose();
        _scratch.Dispose();
    }

    private string Output => Path.Combine(_scratch.Path, "out.pcap");

    private Task<ExtractReport> Follow(int windowMs, long toNs = long.MaxValue, string? filter = null, params string[] ports) => Task.Run(() =>
    {
        var request = new ExtractRequest { Archive = _archive.Path, From = new UtcTime(1), To = new UtcTime(toNs), Filter = filter, Ports = ports };
        using SafeFileHandle file = File.OpenHandle(Output, FileMode.Create, FileAccess.Write, FileShare.Read);
        return LiveExtraction.Run(request, ExtractFormat.PcapNs, file, windowMs, null, _stop.Token);
    });

    private int Written => File.Exists(Output) && new FileInfo(Output).Length >= 24 ? PcapFile.Read(Output).Count : 0;

    private void WaitForPackets(int count) => Tool.WaitFor(() => Written >= count, $"{count} packets to come through");

    /// <summary>A part that holds the header of a segment, and room.</summary>
    private FileStream CreatePart(string name, TestSegment segment)
    {
        // As the recorder does it: the file appears before its header.
        var file = new FileStream(Path.Combine(_archive.Path, name), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        file.SetLength(PreallocatedBytes);
        file.Write(segment.InProgress().AsSpan(0, Format.PageBytes));
        return file;
    }

    private static void WriteChunk(FileStream part, TestSegment segment, int index)
    {
        (long offset, int bytes, _) = segment.Chunks[index];
        part.Position = offset;
        part.Write(segment.InProgress().AsSpan((int)offset, bytes));
    }

    private void Seal(FileStream part, TestSegment segment, string name, string sealedName)
    {
        byte[] all = segment.Sealed();
        part.Position = 0;
        part.Write(all);
        part.SetLength(all.Length);
        part.Dispose();
        File.Move(Path.Combine(_archive.Path, name), Path.Combine(_archive.Path, sealedName));
    }

    private static int[] Numbers(IEnumerable<Packet> packets) => [.. packets.Select(p => System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(p.Data.AsSpan(14)))];

    private static TestPacket P(int number) => TestSegment.Packet(number, 60 + (number % 50));

    [Fact]
    public async Task Chunks_come_in_any_order_parts_are_sealed_and_the_next_one_begins()
    {
        var first = new TestSegment(sequence: 1);
        first.Add([P(1), P(3)]).Add([P(2), P(4)], ring: 1).Add([P(5), P(6)], sequence: 1).Add([P(7), P(8)], ring: 1, sequence: 1);
        var second = new TestSegment(sequence: 2);
        second.Add([P(9), P(12)], sequence: 2).Add([P(10), P(11)], ring: 1, sequence: 2);
        FileStream part = CreatePart(Part1, first);
        WriteChunk(part, first, 0);
        Task<ExtractReport> following = Follow(windowMs: 3000);
        WriteChunk(part, first, 2); // in front of its turn: a hole is left
        using FileStream next = CreatePart(Part2, second);
        await Task.Delay(200, TestContext.Current.CancellationToken);
        WriteChunk(part, first, 1); // the hole fills in time
        WaitForPackets(6);
        Seal(part, first, Part1, Sealed1); // the last chunk is known by the index alone
        WriteChunk(next, second, 1);
        await Task.Delay(100, TestContext.Current.CancellationToken);
        WriteChunk(next, second, 0);
        WaitForPackets(12);
        await _stop.CancelAsync();
        ExtractReport report = await following;
        Assert.Equal(Enumerable.Range(1, 12), Numbers(PcapFile.Read(Output)));
        Assert.Equal((12ul, 0ul, true), (report.Packets, report.LatePackets, report.Complete));
        Assert.Equal((2, 6L), (report.Segments, report.ChunksRead));
    }

    [Fact]
    public async Task What_comes_after_the_window_is_late_but_comes()
    {
        var segment = new TestSegment(sequence: 1);
        segment.Add([P(1), P(5)]).Add([P(2), P(6), P(7)], ring: 1);
        using FileStream part = CreatePart(Part1, segment);
        WriteChunk(part, segment, 0);
        Task<ExtractReport> following = Follow(windowMs: 100);
        WaitForPackets(2);
        WriteChunk(part, segment, 1);
        WaitForPackets(5);
        await _stop.CancelAsync();
        ExtractReport report = await following;
        Assert.Equal([1, 5, 2, 6, 7], Numbers(PcapFile.Read(Output)));
        Assert.Equal((5ul, 1ul), (report.Packets, report.LatePackets));
    }

    /// <summary>A write that failed leaves a hole that only the sealing fills; what is behind it must not wait for that.</summary>
    [Fact]
    public async Task A_hole_that_does_not_fill_is_passed_and_its_filler_changes_nothing()
    {
        var segment = new TestSegment(sequence: 1);
        segment.Add([P(1)]).AddFiller(16384).Add([P(2)], sequence: 2).Add([P(3)], sequence: 3);
        FileStream part = CreatePart(Part1, segment);
        WriteChunk(part, segment, 0);
        WriteChunk(part, segment, 2);
        WriteChunk(part, segment, 3);
        Task<ExtractReport> following = Follow(windowMs: 100);
        WaitForPackets(3);
        Seal(part, segment, Part1, Sealed1);
        await Task.Delay(300, TestContext.Current.CancellationToken);
        await _stop.CancelAsync();
        ExtractReport report = await following;
        Assert.Equal([1, 2, 3], Numbers(PcapFile.Read(Output)));
        Assert.Equal(3ul, report.Packets);
    }

    /// <summary>A chunk whose head is on disk but not its end is not there.</summary>
    [Fact]
    public async Task A_chunk_that_is_half_written_waits_for_its_end()
    {
        var segment = new TestSegment(sequence: 1);
        segment.Add([.. Enumerable.Range(1, 20).Select(i => TestSegment.Packet(i, 1000))]);
        using FileStream part = CreatePart(Part1, segment);
        byte[] bytes = segment.InProgress();
        (long offset, int length, _) = segment.Chunks[0];
        Assert.True(length > 2 * Format.PageBytes);
        Task<ExtractReport> following = Follow(windowMs: 50);
        foreach (int page in new[] { 0, (length / Format.PageBytes) - 1 })
        {
            part.Position = offset + (page * Format.PageBytes);
            part.Write(bytes.AsSpan((int)part.Position, Format.PageBytes));
            await Task.Delay(250, TestContext.Current.CancellationToken);
            Assert.Equal(0, Written);
        }

        WriteChunk(part, segment, 0);
        WaitForPackets(20);
        await _stop.CancelAsync();
        Assert.Equal(20ul, (await following).Packets);
    }

    [Fact]
    public async Task History_ports_filter_and_an_end_in_the_past()
    {
        var first = new TestSegment(sequence: 1);
        first.Add([P(1), P(2), P(3)]).Add([TestSegment.Packet(4, 60, hardware: true), P(5)], port: 1);
        _archive.Write(Sealed1, first.Sealed());
        var second = new TestSegment(sequence: 2);
        second.Add([P(6), P(7)], port: 1);
        _archive.Write(Sealed2, second.Sealed());
        ExtractReport report = await Follow(200, TestSegment.StartNs + 7000, null, "eth1");
        Assert.Equal([4, 5, 6], Numbers(PcapFile.Read(Output)));
        Assert.Equal((3ul, true), (report.Packets, report.Complete));
        report = await Follow(200, TestSegment.StartNs + 1_000_000, "greater 64", "eth1");
        Assert.Equal([5, 6, 7], Numbers(PcapFile.Read(Output)));
        await Assert.ThrowsAsync<ExtractException>(() => Follow(200, long.MaxValue, null, "eth9"));
        await Assert.ThrowsAsync<ExtractException>(() => Follow(200, long.MaxValue, "host and"));
    }

    /// <summary>A clock that jumps must not stop the flow, nor the order once it is home again.</summary>
    [Fact]
    public async Task Clock_steps_do_not_hold_anything_back()
    {
        const int century = 2_000_000_000; // microseconds: half an hour, as far as an int goes
        var segment = new TestSegment(sequence: 1);
        segment.Add([P(1), P(century)]).Add([P(2), P(3)], sequence: 1).Add([P(4)], ring: 1).Add([P(5)], sequence: 2);
        using FileStream part = CreatePart(Part1, segment);
        Task<ExtractReport> following = Follow(windowMs: 100);
        foreach ((int chunk, int packets) in new[] { (0, 2), (1, 4), (2, 5), (3, 6) })
        {
            WriteChunk(part, segment, chunk);
            WaitForPackets(packets);
        }

        await _stop.CancelAsync();
        ExtractReport report = await following;
        Assert.Equal([1, century, 2, 3, 4, 5], Numbers(PcapFile.Read(Output)));
        Assert.Equal(2ul, report.LatePackets); // those found while the stamp written last was the wrong one
    }
}
