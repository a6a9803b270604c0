// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Extract;
using Capbox.Platform.Time;
using Xunit;

namespace Capbox.Tests;

/// <summary>Segments that are being written, as one look finds them.</summary>
public class ExtractPartTests
{
    private static (ulong[] Offsets, List<string> Warnings) Find(TestDirectory directory, int holeWaitMs)
    {
        var scan = new SegmentScan(new ExtractRequest { Archive = directory.Path, From = new UtcTime(0), To = new UtcTime(long.MaxValue) }) { HoleWaitMs = holeWaitMs };
        return ([.. scan.Find().SelectMany(s => s.Chunks).Select(c => c.FileOffset)], scan.Warnings);
    }

    private static TestSegment ThreeChunks() =>
        new TestSegment().Add([TestSegment.Packet(0, 60)]).Add([TestSegment.Packet(1, 90)], sequence: 1).Add([TestSegment.Packet(2, 128)], sequence: 2);

    [Fact]
    public void A_hole_that_fills_in_time_is_waited_for_and_one_that_does_not_is_passed_and_said()
    {
        TestSegment segment = ThreeChunks();
        byte[] whole = segment.InProgress();
        (long hole, int bytes, _) = segment.Chunks[1];
        byte[] torn = [.. whole];
        torn.AsSpan((int)hole, bytes).Clear();
        using var directory = new TestDirectory();
        string path = directory.Write(TestSegment.SealedName + ".part", torn);

        (ulong[] offsets, List<string> warnings) = Find(directory, 50);
        Assert.Equal(segment.Chunks.Where(c => c.Offset != hole).Select(c => (ulong)c.Offset), offsets);
        Assert.Contains($"nothing was written at {hole}", Assert.Single(warnings), StringComparison.Ordinal);

        using var timer = new Timer(
            _ =>
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
                file.Seek(hole, SeekOrigin.Begin);
                file.Write(whole, (int)hole, bytes);
            },
            null, 100, Timeout.Infinite);
        (offsets, warnings) = Find(directory, 60_000);
        Assert.Equal(segment.Chunks.Select(c => (ulong)c.Offset), offsets);
        Assert.Empty(warnings);
    }

    [Fact]
    public void Room_behind_the_last_chunk_that_was_never_written_is_no_hole()
    {
        TestSegment segment = ThreeChunks();
        using var directory = new TestDirectory();
        string path = directory.Write(TestSegment.SealedName + ".part", segment.InProgress());
        using (FileStream file = File.OpenWrite(path))
            file.SetLength(1 << 30);
        (ulong[] offsets, List<string> warnings) = Find(directory, 50);
        Assert.Equal(segment.Chunks.Select(c => (ulong)c.Offset), offsets);
        Assert.Empty(warnings);
    }
}
