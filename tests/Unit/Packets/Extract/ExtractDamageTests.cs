// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Archive;
using Capbox.Packets.Extract;
using Capbox.Platform.Time;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Capbox.Tests;

/// <summary>Nothing is called complete of which a sealed segment is damaged.</summary>
public sealed class ExtractDamageTests : IDisposable
{
    private readonly TestDirectory _archive = new();
    private readonly TestDirectory _scratch = new();

    public void Dispose()
    {
        _archive.Dispose();
        _scratch.Dispose();
    }

    private static TestSegment ThreeChunks(ulong sequence = TestSegment.Sequence) =>
        new TestSegment(sequence: sequence).Add([TestSegment.Packet(0, 60)]).Add([TestSegment.Packet(1, 90)], sequence: 1).Add([TestSegment.Packet(2, 128)], sequence: 2);

    private ExtractRequest Request(long fromNs = 1, long toNs = TestSegment.StartNs + 1_000_000_000) =>
        new() { Archive = _archive.Path, From = new UtcTime(fromNs), To = new UtcTime(toNs) };

    private ExtractReport Extract(ExtractRequest request, bool follow = false)
    {
        using SafeFileHandle file = File.OpenHandle(Path.Combine(_scratch.Path, "out"), FileMode.Create, FileAccess.Write);
        return follow
            ? LiveExtraction.Run(request, ExtractFormat.Pcapng, file, 50, null, TestContext.Current.CancellationToken)
            : Extraction.Run(request, ExtractFormat.Pcapng, file, null, TestContext.Current.CancellationToken);
    }

    private void AssertTold(string path, ulong packets, ExtractRequest request)
    {
        foreach (bool follow in new[] { false, true })
        {
            ExtractReport report = Extract(request, follow);
            Assert.Equal((packets, false), (report.Packets, report.Complete));
            Assert.StartsWith(path + ": ", Assert.Single(report.Warnings), StringComparison.Ordinal);
        }

        ExtractInfo info = ExtractEstimate.Make(request with { Candidates = ArchivePorts.NewestFirst(_archive.Path) }, isCut: false);
        Assert.False(info.Complete);
        Assert.StartsWith(path + ": ", Assert.Single(info.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_sealed_segment_that_was_cut_is_told_and_what_is_left_of_it_comes()
    {
        TestSegment segment = ThreeChunks();
        string path = _archive.Write(TestSegment.SealedName, segment.Sealed());
        Assert.True(Extract(Request()).Complete);
        File.WriteAllBytes(path, segment.Sealed()[..(int)segment.Chunks[2].Offset]);
        AssertTold(path, 2, Request());
        AssertTold(path, 2, Request() with { Candidates = [path] });
        Assert.True(Extraction.HasAny(Request() with { Filter = "greater 1000" }, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_segment_in_progress_needs_no_footer(bool follow)
    {
        _archive.Write(TestSegment.SealedName + ".part", ThreeChunks().InProgress());
        ExtractReport report = Extract(Request(), follow);
        Assert.Equal((3ul, true), (report.Packets, report.Complete));
    }

    /// <summary>A catalog or a reading of the directory may name the part that was sealed since.</summary>
    [Fact]
    public void A_part_that_was_sealed_meanwhile_is_no_damage()
    {
        string path = _archive.Write(TestSegment.SealedName, ThreeChunks().Sealed());
        ExtractReport report = Extract(Request() with { Candidates = [path + ".part"] });
        Assert.Equal((3ul, true), (report.Packets, report.Complete));
    }

    [Fact]
    public void Damage_counts_from_what_rings_may_have_kept_before_the_segment_until_it_was_written_last()
    {
        string path = _archive.Write(TestSegment.SealedName, ThreeChunks().InProgress());
        const long Hour = 3_600_000_000_000;
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddTicks((TestSegment.StartNs + Hour) / 100));
        Assert.True(Extract(Request(1, TestSegment.StartNs - (2 * Hour))).Complete);
        // In mode trigger packets are older than the segment.
        Assert.False(Extract(Request(1, TestSegment.StartNs - (Hour / 2))).Complete);
        Assert.True(Extract(Request(TestSegment.StartNs + (2 * Hour), TestSegment.StartNs + (3 * Hour))).Complete);
        // Between the last packet that can be read and the last write.
        Assert.False(Extract(Request(TestSegment.StartNs + (Hour / 2), TestSegment.StartNs + (3 * Hour))).Complete);

        // The catalog names it for the same range.
        (Catalog catalog, _) = CatalogSync.Open(_archive.Path, _ => 0, null, null, TestContext.Current.CancellationToken);
        using (catalog)
        {
            Assert.Single(catalog.InRange(TestSegment.StartNs + (Hour / 2), TestSegment.StartNs + (3 * Hour)));
            Assert.Empty(catalog.InRange(TestSegment.StartNs + (2 * Hour), TestSegment.StartNs + (3 * Hour)));
        }
    }
}
