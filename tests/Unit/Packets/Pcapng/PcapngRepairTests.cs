// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using CsCheck;
using Xunit;

namespace Capbox.Tests;

public sealed class PcapngRepairTests
{
    private const string PartName = TestSegment.SealedName + ".part";

    [Fact]
    public void Cut_anywhere_every_chunk_that_is_whole_survives()
    {
        TestSegment segment = Many();
        byte[] content = segment.InProgress();
        for (int length = 0; length <= content.Length; length += 2048)
        {
            using var directory = new TestDirectory();
            RepairResult result = SegmentRepair.Repair(directory.Write(PartName, content[..length]));
            var whole = segment.Chunks.Where(chunk => chunk.Offset + chunk.Bytes <= length).ToArray();
            if (whole.Length == 0)
            {
                // A header cut in the middle, or a torn first chunk, is data that somebody may want to see.
                Assert.Equal(length is 0 or 4096 ? RepairOutcome.Deleted : RepairOutcome.Broken, result.Outcome);
                Assert.Equal(length is 0 or 4096 ? 0 : 1, Directory.GetFiles(directory.Path).Length);
                continue;
            }

            AssertRepaired(directory, result, whole.Sum(static chunk => chunk.Packets), (uint)whole.Length, fillers: 0);
        }
    }

    [Fact]
    public void A_zeroed_page_anywhere_costs_only_the_chunk_that_it_tears()
    {
        TestSegment segment = Many();
        byte[] content = segment.InProgress();
        for (int page = 4096; page < content.Length; page += 4096)
        {
            byte[] torn = [.. content, .. new byte[32768]];
            torn.AsSpan(page, 4096).Clear();
            using var directory = new TestDirectory();
            RepairResult result = SegmentRepair.Repair(directory.Write(PartName, torn));
            (long Offset, int Bytes, int Packets) lost = segment.Chunks.Single(chunk => page >= chunk.Offset && page < chunk.Offset + chunk.Bytes);
            bool isLast = lost == segment.Chunks[^1];
            AssertRepaired(directory, result, segment.Packets.Count - lost.Packets, (uint)segment.Chunks.Count - 1, isLast ? 0u : 1u);
            Assert.Equal(lost.Bytes - 4096, result.CutBytes);
        }
    }

    [Fact]
    public void Any_damaged_word_in_a_descriptor_costs_no_other_chunk()
    {
        TestSegment segment = Many();
        (long Offset, int Bytes, int Packets) hit = segment.Chunks[3];
        foreach (uint value in (uint[])[0, 0x00080000, 0xFFFFFFFF])
        {
            for (int at = 0; at < 264; at += Seed.IsRelease ? 4 : 12)
            {
                byte[] content = segment.InProgress();
                BitConverter.TryWriteBytes(content.AsSpan((int)hit.Offset + at), value);
                using var directory = new TestDirectory();
                RepairResult result = SegmentRepair.Repair(directory.Write(PartName, content));
                Assert.Equal(RepairOutcome.Repaired, result.Outcome);
                Assert.InRange(result.Chunks, (uint)segment.Chunks.Count - 1, (uint)segment.Chunks.Count);
            }
        }
    }

    [Fact]
    public void Any_set_of_missing_chunks_leaves_the_others_readable() =>
        Gen.Select(Gen.Bool.Array[12], Gen.Bool).ForAll(
            static (missing, tornNotZero) =>
            {
                TestSegment segment = Many();
                byte[] content = [.. segment.InProgress(), .. new byte[65536]];
                int kept = 0;
                uint whole = 0;
                for (int i = 0; i < segment.Chunks.Count; i++)
                {
                    (long offset, int bytes, int packets) = segment.Chunks[i];
                    if (!missing[i % missing.Length])
                    {
                        kept += packets;
                        whole++;
                    }
                    else if (tornNotZero)
                        content.AsSpan((int)offset + bytes - 4096, 4096).Fill(0xA5);
                    else
                        content.AsSpan((int)offset, bytes).Clear();
                }

                using var directory = new TestDirectory();
                RepairResult result = SegmentRepair.Repair(directory.Write(PartName, content));
                if (whole == 0)
                    Assert.Equal(tornNotZero ? RepairOutcome.Broken : RepairOutcome.Deleted, result.Outcome);
                else
                    AssertRepaired(directory, result, kept, whole, result.Fillers);
            },
            cases: 40, all: 300);

    [Fact]
    public void A_hole_longer_than_the_longest_filler_gets_several()
    {
        TestSegment head = Many();
        byte[] first = head.InProgress();
        int holeBytes = (2 * Filler.MaxBytes) + 8192;
        byte[] last = ChunkBuilder.Build([TestSegment.Packet(1, 60)], first.Length + holeBytes, TestSegment.Sequence);
        using var directory = new TestDirectory();
        RepairResult result = SegmentRepair.Repair(directory.Write(PartName, [.. first, .. new byte[holeBytes], .. last]));
        AssertRepaired(directory, result, head.Packets.Count + 1, (uint)head.Chunks.Count + 1, fillers: 3);
    }

    [Fact]
    public void A_chunk_of_another_segment_or_of_another_place_is_not_taken()
    {
        TestSegment segment = Many();
        byte[] content = segment.InProgress();
        byte[] stale = ChunkBuilder.Build([TestSegment.Packet(1, 60)], content.Length, TestSegment.Sequence - 1);
        byte[] misplaced = ChunkBuilder.Build([TestSegment.Packet(1, 60)], 4096, TestSegment.Sequence);
        using var directory = new TestDirectory();
        RepairResult result = SegmentRepair.Repair(directory.Write(PartName, [.. content, .. stale, .. misplaced]));
        AssertRepaired(directory, result, segment.Packets.Count, (uint)segment.Chunks.Count, fillers: 0);
        Assert.Equal(8192, result.CutBytes);
    }

    [Fact]
    public void A_segment_that_only_lacked_the_rename_is_sealed_byte_for_byte()
    {
        using var directory = new TestDirectory();
        byte[] content = Many().Sealed();
        RepairResult result = SegmentRepair.Repair(directory.Write(PartName, content));
        Assert.Equal(RepairOutcome.Intact, result.Outcome);
        Assert.Equal(content, File.ReadAllBytes(result.ResultPath!));
        Assert.Equal(TestSegment.SealedName, Path.GetFileName(result.ResultPath));
    }

    [Fact]
    public void A_segment_made_ahead_of_its_use_is_named_by_its_header()
    {
        using var directory = new TestDirectory();
        byte[] content = Many().Sealed();
        RepairResult result = SegmentRepair.Repair(directory.Write("20261123T082900.000000000Z-0000000042.pcapng.part", content));
        Assert.Equal(RepairOutcome.Intact, result.Outcome);
        Assert.Equal(TestSegment.SealedName, Path.GetFileName(result.ResultPath));
        // Cut off between footer and header: the header's start is one second earlier.
        BitConverter.TryWriteBytes(content.AsSpan(content.AsSpan().IndexOf(BitConverter.GetBytes(TestSegment.StartNs))), TestSegment.StartNs - 1_000_000_000);
        result = SegmentRepair.Repair(directory.Write(PartName, content));
        Assert.Equal((RepairOutcome.Repaired, "20261123T082959.123456789Z-0000000042.pcapng"), (result.Outcome, Path.GetFileName(result.ResultPath)));
        Assert.True(SegmentVerifier.Verify(result.ResultPath!).Ok);
    }

    [Fact]
    public void A_footer_that_contradicts_the_chunks_is_written_anew()
    {
        TestSegment segment = Many();
        byte[] content = segment.Sealed();
        content.AsSpan((int)segment.Chunks[2].Offset, 4096).Clear();
        using var directory = new TestDirectory();
        RepairResult result = SegmentRepair.Repair(directory.Write(PartName, content));
        AssertRepaired(directory, result, segment.Packets.Count - segment.Chunks[2].Packets, (uint)segment.Chunks.Count - 1, fillers: 1);
    }

    [Fact]
    public void Half_a_footer_is_cut_and_written_anew()
    {
        TestSegment segment = Many();
        byte[] content = segment.Sealed();
        using var directory = new TestDirectory();
        RepairResult result = SegmentRepair.Repair(directory.Write(PartName, content[..^1000]));
        AssertRepaired(directory, result, segment.Packets.Count, (uint)segment.Chunks.Count, fillers: 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(65536)]
    public void A_file_of_nothing_but_zeros_is_deleted(int bytes)
    {
        using var directory = new TestDirectory();
        RepairResult result = SegmentRepair.Repair(directory.Write(PartName, new byte[bytes]));
        Assert.Equal((RepairOutcome.Deleted, null), (result.Outcome, result.ResultPath));
        Assert.Empty(Directory.GetFiles(directory.Path));
    }

    [Fact]
    public void A_header_with_preallocated_zeros_is_deleted()
    {
        using var directory = new TestDirectory();
        Assert.Equal(RepairOutcome.Deleted, SegmentRepair.Repair(directory.Write(PartName, [.. new TestSegment().InProgress(), .. new byte[65536]])).Outcome);
    }

    [Fact]
    public void A_broken_header_is_set_aside_and_an_older_one_is_not_overwritten()
    {
        using var directory = new TestDirectory();
        string older = directory.Write(PartName + ".broken", [1, 2, 3]);
        byte[] content = Many().InProgress();
        content[9] ^= 0xFF;
        RepairResult result = SegmentRepair.Repair(directory.Write(PartName, content));
        Assert.Equal(RepairOutcome.Broken, result.Outcome);
        Assert.Equal(content, File.ReadAllBytes(result.ResultPath!));
        Assert.Equal([1, 2, 3], File.ReadAllBytes(older));
    }

    [Fact]
    public void Foreign_names_and_sealed_segments_are_left_alone()
    {
        using var directory = new TestDirectory();
        byte[] content = Many().Sealed();
        foreach (string name in (string[])[TestSegment.SealedName, "notes.part", "x.pcapng.part"])
        {
            string path = directory.Write(name, content);
            Assert.Equal(RepairOutcome.Refused, SegmentRepair.Repair(path).Outcome);
            Assert.Equal(content, File.ReadAllBytes(path));
        }
    }

    [Fact]
    public void A_sealed_segment_of_the_same_name_is_never_overwritten()
    {
        using var directory = new TestDirectory();
        string sealedPath = directory.Write(TestSegment.SealedName, [1, 2, 3]);
        RepairResult result = SegmentRepair.Repair(directory.Write(PartName, Many().InProgress()));
        Assert.Equal(RepairOutcome.Failed, result.Outcome);
        Assert.Contains(directory.Path, result.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(sealedPath));
        Assert.True(File.Exists(Path.Combine(directory.Path, PartName)));
    }

    [Fact]
    public void A_missing_file_is_a_result_that_names_it()
    {
        string path = Path.Combine(Path.GetTempPath(), "capbox-nowhere", PartName);
        RepairResult result = SegmentRepair.Repair(path);
        Assert.Equal(RepairOutcome.Failed, result.Outcome);
        Assert.Contains("capbox-nowhere", result.Message, StringComparison.Ordinal);
    }

    /// <summary>Twelve chunks of one to three pages on both ports.</summary>
    private static TestSegment Many()
    {
        var segment = new TestSegment();
        for (int i = 0; i < 12; i++)
        {
            int first = i * 10;
            segment.Add([.. Enumerable.Range(first, 1 + (i % 7)).Select(static number => TestSegment.Packet(number, 1514))], port: i & 1, sequence: (ulong)(i / 2));
        }

        return segment;
    }

    private static void AssertRepaired(TestDirectory directory, RepairResult result, int packets, uint chunks, uint fillers)
    {
        Assert.Equal((RepairOutcome.Repaired, chunks, (ulong)packets, fillers), (result.Outcome, result.Chunks, result.Packets, result.Fillers));
        Assert.Equal([Path.Combine(directory.Path, TestSegment.SealedName)], Directory.GetFiles(directory.Path));
        VerifyReport report = SegmentVerifier.Verify(result.ResultPath!);
        Assert.True(report is { Ok: true, Sealed: true, Repaired: true }, string.Join('\n', report.Findings));
        Assert.Equal((ulong)packets, report.Packets);
        Assert.Equal(fillers, report.Fillers);
    }
}
