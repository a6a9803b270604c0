// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Platform.Time;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>The archive beside a real recording: catalog, retention and holds, on real small file systems.</summary>
[Collection("Integration")]
public class ArchiveTests
{
    private static string Document(string directory, string retention, string segment = "16MiB", string ring = "8MiB") => $$"""
        {"storage": {"directory": "{{directory}}", "segmentSize": "{{segment}}"{{(retention.Length > 0 ? ", \"retention\": " + retention : "")}}},
         "ports": [{"name": "b0", "ringSize": "{{ring}}", "blockSize": "256KiB"}]}
        """;

    private static (ulong Sequence, bool Held, string State, string Path)[] Segments(string archive, params string[] options)
    {
        using var document = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, ["segments", archive, "--json", .. options]));
        return
        [
            .. document.RootElement.EnumerateArray().Select(s => (
                s.GetProperty("sequence").GetUInt64(), s.GetProperty("held").GetBoolean(), s.GetProperty("state").GetString()!, s.GetProperty("path").GetString()!)),
        ];
    }

    private static ulong[] OnDisk(string archive) => [.. CatalogSync.List(archive).Select(f => f.Name.Sequence)];

    private static void CheckCatalog(string archive)
    {
        using Catalog catalog = Catalog.Open(archive, create: false);
        Assert.Equal(OnDisk(archive), catalog.All().Select(e => e.Sequence));
    }

    [Fact]
    public void A_small_disk_records_for_ever_with_retention_and_loses_nothing()
    {
        using var lab = new Lab();
        string disk = lab.MountSmallDisk(200);
        // Three times the disk.
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(disk, """{"minFree": "90MiB", "maxDeletesPerMinute": 600}""", ring: "64MiB"));
        long sent = lab.Generate("--packets", "400000", "--size", "1500", "--pps", "20000");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal((ulong)sent, last.Ports[0].StoredPackets);
        Assert.Equal(0ul, last.Ports[0].LostPackets);
        Assert.Equal(0ul, last.Storage.WriteErrors);
        ulong[] left = OnDisk(disk);
        Assert.Equal(left[^1], (ulong)(left.Length - 1) + left[0]);
        Deletion[] deleted = [.. new DeletionJournal(disk).Read()];
        Assert.Equal(Enumerable.Range(1, (int)left[0] - 1).Select(i => (ulong)i), deleted.Select(d => d.Sequence));
        Assert.All(deleted, d => Assert.StartsWith("minFree", d.Reason, StringComparison.Ordinal));
        CheckCatalog(disk);
        Tool.Run(CapboxProcess.Binary, ["verify", .. Directory.GetFiles(disk, "*.pcapng")]);
    }

    [Fact]
    public void What_a_run_before_left_counts_and_holds_survive_it()
    {
        using var lab = new Lab();
        using (CapboxProcess first = CapboxProcess.StartWith(lab, Document(lab.Archive, "")))
        {
            first.WaitUntilSeen(lab.Generate("--packets", "60000", "--size", "1500", "--pps", "20000"));
            first.Stop();
        }

        ulong[] before = OnDisk(lab.Archive);
        Assert.True(before.Length >= 5, $"{before.Length} segments");
        SegmentEntry second = SegmentEntry.Read(Path.Combine(lab.Archive, CatalogSync.List(lab.Archive)[1].Name.ToString()));
        string id = Hold(lab, "--from", Epoch(second.FirstUtcNs + 1000), "--to", Epoch(second.LastUtcNs - 1000), "--reason", "the second");
        Assert.Equal([before[1]], Segments(lab.Archive).Where(s => s.Held).Select(s => s.Sequence));
        using (CapboxProcess run = CapboxProcess.StartWith(lab, Document(lab.Archive, """{"maxTotal": "64MiB"}""")))
        {
            Tool.WaitFor(() => OnDisk(lab.Archive) is [var oldest, ..] && oldest == before[1] && OnDisk(lab.Archive).Length <= 3, "retention to delete down to 64 MiB");
            Assert.Contains(before[1], OnDisk(lab.Archive));
            // Beside a running recorder: the hold goes, and so does the segment.
            Tool.Run(CapboxProcess.Binary, "hold", "remove", id, "--archive", lab.Archive);
            run.WaitUntilSeen(lab.Generate("--packets", "60000", "--size", "1500", "--pps", "20000"));
            Tool.WaitFor(() => !OnDisk(lab.Archive).Contains(before[1]), "the segment that is no longer held to go");
            run.Stop();
        }

        CheckCatalog(lab.Archive);
    }

    [Fact]
    public void A_filter_holds_only_segments_with_such_packets()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab.Archive, ""));
        for (int i = 0; i < 4; i++)
        {
            RawSender.Send(lab.SenderSpace, "a0", [Frames.Udp("10.2.0.1", $"10.2.0.{i}", 1, 2, 100)]);
            capbox.WaitFor(s => s.Ports[0].StoredPackets == (ulong)i + 1, "it to be stored: with nothing stored there is nothing to rotate");
            capbox.Signal("HUP");
            Tool.WaitFor(() => OnDisk(lab.Archive).Length == i + 1, "a rotation");
        }

        capbox.Stop();
        Hold(lab, "--from", "-1h", "--to", "now", "--filter", "dst host 10.2.0.1 or dst host 10.2.0.3", "--reason", "two of four");
        Assert.Equal([2ul, 4], Segments(lab.Archive).Where(s => s.Held).Select(s => s.Sequence));
        (int code, _, string error) = Tool.Try(CapboxProcess.Binary, "hold", "add", "--archive", lab.Archive, "--from", "-1h", "--to", "now", "--filter", "host nowhere.invalid.", "--reason", "x");
        Assert.Equal(2, code);
        Assert.Contains("--filter", error, StringComparison.Ordinal);
        Assert.Equal([3ul], Segments(lab.Archive, "--from", Epoch(First(lab, 2)), "--to", "+1us").Select(s => s.Sequence));
    }

    [Fact]
    public void The_catalog_survives_kill_9_again_and_again()
    {
        using var lab = new Lab();
        var random = new Random(7);
        for (int round = 0; round < 8; round++)
        {
            using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab.Archive, """{"maxTotal": "100MiB"}"""));
            lab.Generate("--packets", "40000", "--size", "1500", "--pps", "40000");
            Thread.Sleep(random.Next(700));
            capbox.KillHard();
        }

        using (CapboxProcess last = CapboxProcess.StartWith(lab, Document(lab.Archive, "")))
        {
            Tool.WaitFor(() => Directory.GetFiles(lab.Archive, "*.part").Length <= 2, "the repair");
            last.WaitUntilSeen(lab.Generate("--packets", "1000", "--size", "1500", "--pps", "40000"));
            last.Stop();
            Assert.DoesNotContain("rebuilt", last.Errors, StringComparison.Ordinal);
        }

        Assert.NotNull(ArchiveIndex.FromCatalog(lab.Archive, 0, long.MaxValue));
        CheckCatalog(lab.Archive);
    }

    [Fact]
    public void A_full_disk_stops_the_catalog_and_neither_recording_nor_retention()
    {
        using var lab = new Lab();
        string disk = lab.MountSmallDisk(120);
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(disk, """{"minFree": "1MiB"}"""));
        long sent = lab.Generate("--packets", "10000", "--size", "1500", "--pps", "20000");
        capbox.WaitUntilSeen(sent);
        // Somebody else takes the rest of the disk, to the last byte.
        Tool.Try("dd", "if=/dev/zero", $"of={Path.Combine(disk, "foreign.bin")}", "bs=4096", "status=none");
        sent += lab.Generate("--packets", "80000", "--size", "1500", "--pps", "20000", "--first", "10000");
        capbox.WaitUntilSeen(sent);
        File.Delete(Path.Combine(disk, "foreign.bin"));
        capbox.WaitFor(s => s.Storage.Fault is null, "the disk to take segments again");
        sent += lab.Generate("--packets", "20000", "--size", "1500", "--pps", "20000", "--first", "90000");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal((ulong)sent, last.Ports[0].SeenPackets);
        Assert.NotEmpty(new DeletionJournal(disk).Read());
        CheckCatalog(disk);
    }

    [Fact]
    public async Task A_running_recorder_answers_for_its_archive()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab.Archive, "", ring: "64MiB"));
        long sent = 0;
        IndexAnswer? index = null;
        // What a busy machine loses before its ring is emptied fills no segment: so many are sent as it takes.
        while (index is not { Segments.Count: >= 5 })
        {
            Assert.InRange(sent, 0, 1_000_000);
            sent += lab.Generate("--packets", "20000", "--size", "1500", "--pps", "30000", "--first", $"{sent}");
            capbox.WaitUntilSeen(sent);
            index = Cli.ArchiveAccess.FastIndex(lab.Archive, new UtcTime(0), new UtcTime(long.MaxValue));
        }

        Assert.Equal("recorder", index.Source);
        // A segment that is sealed at this moment is told a little before or after it has its name.
        Tool.WaitFor(
            () => (index = Cli.ArchiveAccess.FastIndex(lab.Archive, new UtcTime(0), new UtcTime(long.MaxValue))) is not null
                && OnDisk(lab.Archive).SequenceEqual(index.Segments.Select(s => s.Sequence))
                && Directory.GetFiles(lab.Archive, "*.part").Select(Path.GetFileName).Order().SequenceEqual(index.Parts.Order()),
            "the index to be what is on disk");
        SegmentEntry third = index.Segments[2];
        Assert.Equal(SegmentEntry.Read(Path.Combine(lab.Archive, third.FileName)).Ports, third.Ports);
        IndexAnswer one = Cli.ArchiveAccess.FastIndex(lab.Archive, new UtcTime(third.FirstUtcNs + 1), new UtcTime(third.FirstUtcNs + 2))!;
        Assert.Equal((third.Sequence, third.Sequence + 1), (Assert.Single(one.Segments).Sequence, one.Next!.Sequence));

        // Segments are sealed and written meanwhile: nothing is missed and nothing comes twice.
        Task<long> more = Task.Run(() => lab.Generate("--packets", "100000", "--size", "1500", "--pps", "30000", "--first", $"{sent}"), TestContext.Current.CancellationToken);
        for (int i = 0; i < 10; i++)
        {
            using var report = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", "0000001", "--to", Epoch(index.Segments[^1].LastUtcNs), "-o", Path.Combine(lab.Scratch, "x.pcapng"), "--json"));
            long before = index.Segments.Sum(s => (long)s.Packets) - 1;
            Assert.Equal(before, report.RootElement.GetProperty("packets").GetInt64());
        }

        sent += await more;
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal((ulong)sent, last.Ports[0].SeenPackets);
        Assert.Equal((long)last.Ports[0].StoredPackets, Extracted(lab));
    }

    private static long Extracted(Lab lab)
    {
        using var report = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", "0000001", "-o", Path.Combine(lab.Scratch, "all.pcapng"), "--json"));
        return report.RootElement.GetProperty("packets").GetInt64();
    }

    [Fact]
    public void What_a_trigger_writes_is_held()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}", "mode": "trigger", "trigger": {"before": "5s", "after": "3s"} }, "ports": [{"name": "b0", "ringSize": "8MiB", "blockSize": "256KiB"}]}
            """);
        RawSender.Send(lab.SenderSpace, "a0", [Frames.Udp("10.2.0.1", "10.2.0.2", 1, 2, 100)]);
        capbox.WaitUntilSeen(1);
        Assert.Empty(OnDisk(lab.Archive));
        Tool.Run(CapboxProcess.Binary, "trigger", "--archive", lab.Archive, "--reason", "order 4711");
        Tool.Run(CapboxProcess.Binary, "trigger", "--archive", lab.Archive, "--reason", "again");
        Tool.WaitFor(() => OnDisk(lab.Archive).Length == 1, "the window to be sealed");
        using var holds = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "hold", "list", "--archive", lab.Archive, "--json"));
        JsonElement hold = Assert.Single(holds.RootElement.EnumerateArray());
        Assert.Equal(("order 4711", "trigger", 1), (hold.GetProperty("reason").GetString(), hold.GetProperty("by").GetString(), hold.GetProperty("segments").GetInt32()));
        Assert.True(Assert.Single(Segments(lab.Archive), s => s.State == "sealed").Held);
        capbox.Stop();
    }

    [Fact]
    public void Rebuild_makes_a_catalog_and_refuses_while_a_recorder_has_it()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab.Archive, ""));
        capbox.WaitUntilSeen(lab.Generate("--packets", "20000", "--size", "1500", "--pps", "40000"));
        (int code, _, string error) = Tool.Try(CapboxProcess.Binary, "catalog", "rebuild", lab.Archive);
        Assert.Equal(1, code);
        Assert.Contains("catalog.db", error, StringComparison.Ordinal);
        capbox.Stop();
        File.Delete(Catalog.PathOf(lab.Archive));
        Assert.Equal(Segments(lab.Archive).Length, OnDisk(lab.Archive).Length);
        using var report = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "catalog", "rebuild", lab.Archive, "--json"));
        Assert.Equal(OnDisk(lab.Archive).Length, report.RootElement.GetProperty("added").GetInt32());
        Assert.NotNull(ArchiveIndex.FromCatalog(lab.Archive, 0, long.MaxValue));
    }

    private static long First(Lab lab, int number) => SegmentEntry.Read(Path.Combine(lab.Archive, CatalogSync.List(lab.Archive)[number].Name.ToString())).FirstUtcNs;

    private static string Epoch(long ns) => FormattableString.Invariant($"{ns / 1_000_000_000}.{ns % 1_000_000_000:D9}");

    private static string Hold(Lab lab, params string[] options)
    {
        using var hold = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, ["hold", "add", "--json", "--archive", lab.Archive, .. options]));
        return hold.RootElement.GetProperty("id").GetString()!;
    }
}
