// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Packets.Pcapng;
using Xunit;

namespace Capbox.Tests;

/// <summary>Each kind of damage is found, at the byte where it is.</summary>
public sealed class PcapngVerifierTests
{
    // TestSegment.Small: the header is one page, then three chunks of one page each, then the footer's page.
    private const int FirstChunk = 4096, SecondChunk = 8192, ThirdChunk = 12288, FooterAt = 16384, FileBytes = 20480;

    // In the first chunk: 7 options of 12 bytes after the ISB's head, then the custom option with the record.
    private const int FirstRecord = FirstChunk + 20 + 84 + 8;
    private const int FirstPacket = FirstChunk + 20 + 84 + 8 + 144 + 8;

    [Fact]
    public void A_good_segment_has_no_findings()
    {
        VerifyReport report = Verify(static _ => { });
        Assert.Empty(report.Findings);
        Assert.True(report is { Ok: true, Sealed: true, MadeByCapbox: true, Repaired: false, Chunks: 3, Packets: 7, Fillers: 0, Sequence: 42 });
        Assert.Equal(("eth0", 5ul, 5ul, 2ul, 1ul, 4ul, 1000ul), Ledger(report.Ports[0]));
        Assert.Equal(("eth1", 2ul, 0ul, 0ul, 0ul, 0ul, 0ul), Ledger(report.Ports[1]));
        Assert.Equal(1ul, report.Ports[1].TruncatedPackets);
        Assert.Equal(2ul, report.Ports[1].HardwareStampedPackets);
    }

    [Theory]
    [InlineData("block type of a packet", FirstPacket, 3u, FirstPacket)]
    [InlineData("length of a packet block", FirstPacket + 4, 8u, FirstPacket + 4)]
    [InlineData("length not a multiple of 4", FirstPacket + 4, 105u, FirstPacket + 4)]
    [InlineData("length past the chunk", FirstPacket + 4, 0xFFFFFFFCu, FirstPacket + 4)]
    [InlineData("interface of another port", FirstPacket + 8, 2u, FirstPacket + 8)]
    [InlineData("stamp past 2262", FirstPacket + 12, 0x80000000u, FirstPacket + 12)]
    [InlineData("captured more than there was", FirstPacket + 20, 61u, FirstPacket + 20)]
    [InlineData("captured length past the block", FirstPacket + 20, 0x7FFFFFFFu, FirstPacket + 20)]
    [InlineData("trailing length", FirstPacket + 100, 1u, FirstPacket + 100)]
    [InlineData("option past the block", FirstPacket + 88, 0xFFFF0002u, FirstPacket + 88)]
    [InlineData("packets in the record", FirstRecord + 12, 6u, FirstChunk)]
    [InlineData("fewer packets in the record", FirstRecord + 12, 4u, FirstPacket + 1976)]
    [InlineData("hardware stamps in the record", FirstRecord + 44, 1u, FirstChunk)]
    [InlineData("first stamp in the record", FirstRecord + 48, 1u, FirstChunk)]
    [InlineData("last stamp in the record", FirstRecord + 56, 1u, FirstChunk)]
    [InlineData("captured bytes in the record", FirstRecord + 64, 1u, FirstChunk)]
    [InlineData("original bytes in the record", FirstRecord + 72, 1u, FirstChunk)]
    [InlineData("losses in the record", FirstRecord + 88, 1u, FirstChunk)]
    [InlineData("truncated packets in the record", FirstRecord + 120, 1u, FirstChunk)]
    [InlineData("the place in the record", FirstRecord + 16, 4097u, FirstChunk)]
    [InlineData("the segment in the record", FirstRecord + 24, 41u, FirstChunk)]
    [InlineData("the length in the record", FirstRecord + 8, 4095u, FirstChunk)]
    [InlineData("the magic of the record", FirstRecord, 0u, FirstChunk)]
    [InlineData("the end of the options before the record", FirstChunk + 20, 0x00080000u, FirstChunk)]
    [InlineData("a chunk's block type", SecondChunk, 6u, SecondChunk)]
    [InlineData("the port in the record", SecondChunk + 20 + 84 + 8 + 40, 7u, SecondChunk)]
    [InlineData("a byte of the index", FooterAt + 60, 1u, FooterAt)]
    [InlineData("a byte of the footer's padding", FooterAt + 2000, 1u, FooterAt)]
    [InlineData("the trailer's CRC", FileBytes - 92 + 28 + 24, 1u, FooterAt)]
    [InlineData("the trailer's magic", FileBytes - 92 + 28, 1u, FileBytes - 92)]
    [InlineData("the trailer's start time", FileBytes - 92 + 28 + 40, 1u, FileBytes - 92)]
    [InlineData("the trailer's flags", FileBytes - 92 + 28 + 28, 2u, FileBytes - 92)]
    [InlineData("the last byte", FileBytes - 4, 0u, FileBytes - 92)]
    [InlineData("the byte order", 8, 0x4D3C2B1Au, 8)]
    public void Damage_is_found_where_it_is(string what, int at, uint value, int foundAt)
    {
        VerifyReport report = Verify(content =>
        {
            Assert.NotEqual(value, BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(at)));
            BinaryPrimitives.WriteUInt32LittleEndian(content.AsSpan(at), value);
        });
        Assert.False(report.Ok, what);
        VerifyFinding[] errors = [.. report.Findings.Where(static finding => finding.Severity == VerifySeverity.Error)];
        Assert.True(errors.Any(error => error.Offset == foundAt), $"{what}: {string.Join("; ", errors.Select(static error => error.ToString()))}");
    }

    [Fact]
    public void Interfaces_that_differ_are_found_since_libpcap_would_refuse_them()
    {
        int first = 0;
        VerifyReport report = Verify(content =>
        {
            first = BinaryPrimitives.ReadInt32LittleEndian(content.AsSpan(4));
            content[first + 8] = 113;
        });
        Assert.Contains(report.Findings, finding => finding.Offset > first && finding.Offset < 4096 && finding.Message.Contains("link type", StringComparison.Ordinal));
        Assert.False(report.Ok);
    }

    [Fact]
    public void Every_way_to_cut_a_segment_is_found()
    {
        using var directory = new TestDirectory();
        byte[] content = TestSegment.Small().Sealed();
        // By default at every 43rd word: a number that meets every word of a record sooner or later.
        for (int length = 0; length < content.Length; length += Seed.IsRelease ? 4 : 4 * 43)
            Assert.False(SegmentVerifier.Verify(directory.Write(TestSegment.SealedName, content[..length])).Ok, $"cut to {length}");
    }

    [Fact]
    public void A_chunk_that_is_gone_is_an_error_and_the_ones_after_it_are_still_counted()
    {
        VerifyReport report = Verify(static content => content.AsSpan(SecondChunk, 4096).Clear());
        Assert.Contains(report.Findings, static finding => finding.Offset == SecondChunk && finding.Message.Contains("4096 bytes without a chunk", StringComparison.Ordinal));
        Assert.Equal((2ul, 5ul), (report.Chunks, report.Packets));
        Assert.Equal(2ul, report.Ports[0].LostRing);
    }

    [Fact]
    public void A_segment_in_progress_is_good_up_to_its_last_chunk()
    {
        using var directory = new TestDirectory();
        byte[] preallocated = [.. TestSegment.Small().InProgress(), .. new byte[65536]];
        VerifyReport report = SegmentVerifier.Verify(directory.Write(TestSegment.SealedName + ".part", preallocated));
        Assert.True(report is { Ok: true, Sealed: false, Packets: 7 });
        Assert.Equal([VerifySeverity.Warning], report.Findings.Select(static finding => finding.Severity));
    }

    [Fact]
    public void A_name_that_contradicts_the_header_is_an_error()
    {
        using var directory = new TestDirectory();
        byte[] content = TestSegment.Small().Sealed();
        Assert.False(SegmentVerifier.Verify(directory.Write("20261123T083000.123456789Z-0000000043.pcapng", content)).Ok);
        Assert.False(SegmentVerifier.Verify(directory.Write("20261123T083000.123456788Z-0000000042.pcapng", content)).Ok);
        VerifyReport renamed = SegmentVerifier.Verify(directory.Write("evidence.pcapng", content));
        Assert.True(renamed.Ok);
        Assert.Equal(VerifySeverity.Info, Assert.Single(renamed.Findings).Severity);
    }

    [Fact]
    public void Stamps_out_of_order_and_missing_blocks_are_told_but_are_no_error()
    {
        using var directory = new TestDirectory();
        TestSegment segment = new TestSegment()
            .Add([TestSegment.Packet(5, 60), TestSegment.Packet(3, 60), TestSegment.Packet(6, 60)], sequence: 4)
            .Add([TestSegment.Packet(7, 60)], sequence: 8);
        VerifyReport report = SegmentVerifier.Verify(directory.Write(TestSegment.SealedName, segment.Sealed()));
        Assert.True(report.Ok);
        Assert.Equal(2, report.Findings.Count(static finding => finding.Severity == VerifySeverity.Info));
        Assert.Contains(report.Findings, static finding => finding.Message.Contains("by 2000 ns", StringComparison.Ordinal));
        Assert.Contains(report.Findings, static finding => finding.Message.Contains("3 blocks are missing", StringComparison.Ordinal));
    }

    private static (string, ulong, ulong, ulong, ulong, ulong, ulong) Ledger(VerifyPort port) =>
        (port.Name, port.Packets, port.FilteredPackets, port.LostRing, port.LostNic, port.LostHost, port.GapNs);

    private static VerifyReport Verify(Action<byte[]> damage)
    {
        using var directory = new TestDirectory();
        byte[] content = TestSegment.Small().Sealed();
        Assert.Equal(FileBytes, content.Length);
        damage(content);
        return SegmentVerifier.Verify(directory.Write(TestSegment.SealedName, content));
    }
}
