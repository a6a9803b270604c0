// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Archive;
using Capbox.Packets.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static Capbox.Testing.FakeClocks;

namespace Capbox.Tests;

/// <summary>Retention carried out on real files, with clocks and disk figures set by hand.</summary>
public sealed class RetentionTests : IDisposable
{
    private const long Bytes = 12_288; // a bare segment: header, hole, footer
    private readonly TestDirectory _directory = new();
    private readonly FakeClocks _clocks = new();
    private (long Free, long Disk) _space = (1L << 40, 1L << 41);
    private SegmentList _segments = new();
    private ArchiveClock _clock;
    private Retention? _retention;

    public RetentionTests()
    {
        ArchiveDirectory.OpenState(_directory.Path);
        _clock = ArchiveClock.Open(_directory.Path, _clocks);
    }

    public void Dispose() => _directory.Dispose();

    private static CancellationToken None => TestContext.Current.CancellationToken;

    private ulong[] OnDisk => [.. CatalogSync.List(_directory.Path).Select(f => f.Name.Sequence)];

    private string State(string name) => ArchiveDirectory.StatePath(_directory.Path, name);

    /// <summary>Ten seconds each, stored one a day.</summary>
    private void Record(int segments, long apartNs = Day, params string[] ports)
    {
        for (int i = 0; i < segments; i++)
        {
            ulong sequence = _segments.Rows.Count == 0 ? 1 : _segments.Rows[^1].Sequence + 1;
            string path = BareSegment.Write(_directory.Path, sequence, _clocks.WallNs, _clocks.WallNs + (10 * Second), 4096, ports.Length == 0 ? ["eth0"] : ports);
            SegmentEntry entry = SegmentEntry.Read(path) with { StoredAtNs = _clock.NowNs };
            _segments.Add(entry);
            using (Catalog catalog = Catalog.Open(_directory.Path, create: true))
                catalog.Add(entry);
            _clocks.Pass(apartNs);
        }
    }

    private Retention Start(RetentionRules rules, long quota = 0)
    {
        _retention = new Retention(new ArchivistOptions { Directory = _directory.Path, Retention = rules, HoldQuotaBytes = quota }, _clocks, NullLogger.Instance) { Space = () => _space };
        _retention.Open();
        return _retention;
    }

    private ulong[] Step()
    {
        IReadOnlyList<Deletion> deleted = _retention!.Step(_segments, _clock.NowNs);
        _segments.RemoveAll(deleted.Select(d => d.Sequence).ToHashSet());
        return [.. deleted.Select(d => d.Sequence)];
    }

    /// <summary>The process ends and begins again; what it knew is read from the archive.</summary>
    private void Restart(RetentionRules rules)
    {
        _clock.Save(_segments.Rows[^1].Sequence, _segments.Rows[0].Sequence, last: true);
        _clock = ArchiveClock.Open(_directory.Path, _clocks);
        _segments = new SegmentList();
        (Catalog catalog, _) = CatalogSync.Open(_directory.Path, _clock.StoredAtNs, _segments.Add, null, None);
        catalog.Dispose();
        Start(rules);
    }

    [Fact]
    public void What_lay_there_before_a_restart_counts()
    {
        Record(10);
        Restart(new RetentionRules { MaxTotalBytes = 6 * Bytes });
        Assert.Equal([1ul, 2, 3, 4], Step());
        Assert.Equal([5ul, 6, 7, 8, 9, 10], OnDisk);
    }

    [Theory]
    [InlineData(4_070_908_800)]
    [InlineData(0)]
    public void Clock_steps_and_restarts_delete_nothing_that_is_not_old(long wrongSeconds)
    {
        var rules = new RetentionRules { MaxAgeNs = 30 * Day };
        Start(rules);
        Record(10);
        Assert.Empty(Step());
        long right = _clocks.WallNs;
        _clocks.WallNs = wrongSeconds * Second;
        Assert.Empty(Step());
        Record(3); // packets stamped in 1970 or 2099
        Assert.Empty(Step());
        Restart(rules);
        Assert.Empty(Step());
        _clocks.WallNs = right + (3 * Day);
        Assert.Empty(Step());
        Restart(rules);
        Assert.Empty(Step());
        // Thirteen days have really passed; the first is 30 days old in 17 more.
        _clocks.Pass((17 * Day) + Second);
        Assert.Equal([1ul], Step());
        _clocks.Pass(9 * Day);
        Assert.Equal([2ul, 3, 4, 5, 6, 7, 8, 9, 10], Step());
        Assert.Equal([11ul, 12, 13], OnDisk);
    }

    [Fact]
    public void A_lost_catalog_makes_nothing_old()
    {
        var rules = new RetentionRules { MaxAgeNs = 30 * Day };
        Record(20);
        Catalog.Delete(_directory.Path);
        File.Delete(State("clock.json"));
        _clock = ArchiveClock.Open(_directory.Path, _clocks);
        Restart(rules);
        _clocks.Pass(29 * Day);
        Assert.Empty(Step());
    }

    [Fact]
    public void Foreign_files_are_neither_counted_nor_touched()
    {
        Record(3);
        string[] foreign =
        [
            _directory.Write("core.1234", new byte[1 << 20]), _directory.Write("20261123T083000.123456789Z-1.pcapng", new byte[9]), _directory.Write("capture.pcapng", new byte[9]),
            _directory.Write("20261123T083000.123456789Z-0000000001.pcapng.part.broken", new byte[9]), _directory.Write("20261123T083000.123456789Z-0000000002.pcapng.part", new byte[9]),
        ];
        Restart(new RetentionRules { MaxTotalBytes = 1 });
        Assert.Equal([1ul, 2, 3], Step());
        Assert.All(foreign, f => Assert.True(File.Exists(f), f));
    }

    [Fact]
    public void A_disk_that_somebody_else_fills_costs_no_more_than_the_rate_and_what_is_to_be_kept_stays()
    {
        Record(40, Second);
        _space = (0, 1000 * Bytes);
        Restart(new RetentionRules { MinFreePercent = 10, KeepBytes = 10 * Bytes, MaxDeletesPerMinute = 6 });
        Assert.Equal(6, Step().Length);
        int minutes = 0;
        for (; OnDisk.Length > 10 && minutes < 20; minutes++)
        {
            int deleted = 0;
            for (int second = 0; second < 60; second += 5)
            {
                _clocks.Pass(5 * Second);
                deleted += Step().Length;
            }

            Assert.InRange(deleted, 0, 6);
        }

        Assert.Equal(Enumerable.Range(31, 10).Select(i => (ulong)i), OnDisk);
        _clocks.Pass(61 * Second);
        Assert.Empty(Step());
        Assert.Contains("minFree", _retention!.Fault, StringComparison.Ordinal);
        _space = (500 * Bytes, 1000 * Bytes);
        _clocks.Pass(10 * Second);
        Step();
        Assert.Null(_retention.Fault);
    }

    [Fact]
    public void The_rate_holds_over_a_restart()
    {
        Record(20, Second);
        var rules = new RetentionRules { MaxTotalBytes = 1, MaxDeletesPerMinute = 5 };
        Restart(rules);
        Assert.Equal(5, Step().Length);
        _clocks.Pass(5 * Second);
        Restart(rules);
        Assert.Empty(Step());
        _clocks.Pass(56 * Second);
        Assert.Equal(5, Step().Length);
    }

    [Fact]
    public void Room_that_comes_late_is_waited_for()
    {
        Record(10, Second);
        _space = (0, 1000 * Bytes);
        Start(new RetentionRules { MinFreeBytes = 2 * Bytes });
        Assert.Equal([1ul, 2], Step());
        _clocks.Pass(Second);
        Assert.Empty(Step());
        _space = (2 * Bytes, 1000 * Bytes);
        _clocks.Pass(5 * Second);
        Assert.Empty(Step());
    }

    [Fact]
    public void What_was_deleted_is_on_record_with_when_and_why()
    {
        Record(3);
        Start(new RetentionRules { MaxAgeNs = (2 * Day) + Second });
        _clocks.Pass(Second);
        Assert.Equal([1ul], Step());
        Deletion deletion = Assert.Single(_retention!.Journal.Read());
        Assert.Equal((1ul, Bytes, _clocks.WallNs, (string?)null), (deletion.Sequence, deletion.Bytes, deletion.AtUtcNs, deletion.Failed));
        Assert.Contains("maxAge", deletion.Reason, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_directory.Path, deletion.File)));
        Assert.EndsWith("-0000000001.pcapng", deletion.File, StringComparison.Ordinal);
    }

    [Fact]
    public void A_segment_that_may_not_go_stays_and_the_next_ones_go()
    {
        Record(4, Second);
        Start(new RetentionRules { MaxTotalBytes = 2 * Bytes }).Deleting = (_, sequence, _) =>
        {
            if (sequence == 1)
                throw new IOException("no tombstone can be written");
        };
        Assert.Equal([2ul], Step());
        _clocks.Pass(5 * Second);
        Assert.Equal([3ul], Step());
        Assert.Equal([1ul, 4], OnDisk);
        _retention!.Deleting = null;
        _clocks.Pass(61 * Second);
        Record(1, Second);
        Assert.Equal([1ul], Step());
        Assert.Equal([(1ul, "no tombstone can be written"), (2, null), (3, null), (1, null)], _retention.Journal.Read().Select(d => (d.Sequence, d.Failed)));
    }

    [Fact]
    public void Without_a_journal_nothing_is_deleted()
    {
        Record(4, Second);
        Directory.CreateDirectory(State(DeletionJournal.FileName));
        Start(new RetentionRules { MaxTotalBytes = 1 });
        Assert.Empty(Step());
        Assert.Equal(4, OnDisk.Length);
    }

    [Fact]
    public void Held_segments_survive_every_rule_until_the_hold_is_gone()
    {
        Record(6, Day, "eth0");
        long from = CatalogSync.List(_directory.Path)[2].Name.Start!.Value.Nanoseconds;
        AddHold(from + Second, from + Day + Second);
        Start(new RetentionRules { MaxTotalBytes = 1, MaxAgeNs = Day });
        Assert.Equal([1ul, 2, 5, 6], Step());
        Assert.Equal([3ul, 4], OnDisk);
        Assert.Equal((1, 2, 2 * Bytes), (_retention!.Holds, _retention.HeldSegments, _retention.HeldBytes));
        using (HoldStore store = HoldStore.Open(_directory.Path))
            store.Save(store.Load() with { Holds = [] });
        _clocks.Pass(5 * Second);
        Assert.Equal([3ul, 4], Step());
    }

    [Fact]
    public void A_hold_for_a_port_covers_segments_with_its_packets_only()
    {
        Record(2, Day, "eth0");
        Record(2, Day, "eth1", "eth2");
        AddHold(0, long.MaxValue, ports: "eth2");
        Start(new RetentionRules { MaxTotalBytes = 1 });
        Assert.Equal([1ul, 2], Step());
    }

    [Fact]
    public void A_hold_expires_by_time_that_passed_and_not_by_a_step_to_2099()
    {
        Record(3, Second);
        AddHold(0, long.MaxValue, lifeNs: 10 * Day);
        var rules = new RetentionRules { MaxTotalBytes = 1 };
        Start(rules);
        Assert.Empty(Step());
        long right = _clocks.WallNs;
        _clocks.WallNs = 4_070_908_800 * Second;
        _clocks.Pass(9 * Day);
        Assert.Empty(Step());
        Restart(rules);
        _clocks.Pass(Second);
        Assert.Empty(Step());
        _clocks.WallNs = right;
        _clocks.Pass(Day);
        Assert.Equal(3, Step().Length);
        Assert.Empty(HoldStore.Peek(_directory.Path).Holds);
    }

    [Theory]
    [InlineData("{\"holds\": [")]
    [InlineData("")]
    [InlineData("null")]
    public void Holds_that_cannot_be_read_stop_every_deletion_until_they_can(string damage)
    {
        Record(3, Second);
        Start(new RetentionRules { MaxTotalBytes = 1 });
        File.WriteAllText(State("holds.json"), damage);
        Assert.Empty(Step());
        Assert.Contains("holds.json", _retention!.Fault, StringComparison.Ordinal);
        File.Delete(State("holds.json"));
        _clocks.Pass(5 * Second);
        Assert.Equal(3, Step().Length);
        Assert.Null(_retention.Fault);
    }

    [Fact]
    public async Task A_hold_that_was_granted_is_never_too_late()
    {
        Record(Seed.Cases(60, 200), Second);
        int recorded = OnDisk.Length;
        Start(new RetentionRules { MaxTotalBytes = 1, MaxDeletesPerMinute = 1 });
        bool isDone = false;
        Task deleting = Task.Run(
            () =>
            {
                // There must be something left to hold, however slowly the holds come.
                while (!Volatile.Read(ref isDone))
                {
                    if (OnDisk.Length < 30)
                    {
                        Thread.Sleep(1);
                        continue;
                    }

                    _clocks.Pass(61 * Second);
                    Step();
                }
            },
            None);
        for (int i = 0; i < Seed.Cases(3, 20); i++)
        {
            // The oldest that is left: the one in most danger.
            HoldPlan plan = HoldPlanner.Add(
                _directory.Path, NewHold(0, long.MaxValue), (archive, from, to) =>
                {
                    IndexAnswer all = ArchiveIndex.FromSegments(archive, from.Nanoseconds, to.Nanoseconds, null, None);
                    return all with { Segments = [.. all.Segments.Take(1)] };
                },
                null, None);
            string path = Path.Combine(_directory.Path, Assert.Single(plan.Covered).FileName);
            await Task.Delay(10, None);
            Assert.True(File.Exists(path), path);
            using HoldStore store = HoldStore.Open(_directory.Path);
            store.Save(store.Load() with { Holds = [] });
        }

        Volatile.Write(ref isDone, true);
        await deleting;
        Assert.True(OnDisk.Length < recorded, "nothing was deleted beside the holds");
    }

    [Fact]
    public void A_hold_beyond_its_quota_is_refused_with_the_figures()
    {
        Record(10, Day);
        Start(new RetentionRules { MaxTotalBytes = 1 }, quota: 5 * Bytes);
        long third = CatalogSync.List(_directory.Path)[2].Name.Start!.Value.Nanoseconds;
        HoldPlan plan = Plan(NewHold(0, third));
        Assert.Equal((2, 2 * Bytes, 5 * Bytes), (plan.Covered.Count, plan.HeldBytes, plan.QuotaBytes));
        HoldException e = Assert.Throws<HoldException>(() => Plan(NewHold(third, long.MaxValue)));
        Assert.Contains($"8 segments of {8 * Bytes} bytes; with {2 * Bytes} bytes of other holds", e.Message, StringComparison.Ordinal);
        Assert.Contains($"quota of {5 * Bytes} bytes", e.Message, StringComparison.Ordinal);
        // What overlaps counts once.
        Assert.Equal(5 * Bytes, Plan(NewHold(0, third + (2 * Day) + Second)).HeldBytes);
        Assert.Equal(["h1", "h2"], HoldStore.Peek(_directory.Path).Holds.Select(h => h.Id));
        Assert.Throws<HoldException>(() => Plan(NewHold(0, 1) with { Ports = ["eth7"] }));
    }

    private HoldPlan Plan(Hold hold) => HoldPlanner.Add(
        _directory.Path, hold, (archive, from, to) => ArchiveIndex.FromSegments(archive, from.Nanoseconds, to.Nanoseconds, null, None), null, None);

    private Hold NewHold(long fromNs, long toNs, long? lifeNs = null, params string[] ports) => new()
    {
        Id = "",
        FromUtcNs = fromNs,
        ToUtcNs = toNs,
        Ports = ports,
        Reason = "test",
        By = "test",
        CreatedUtcNs = _clocks.WallNs,
        ExpiresUtcNs = lifeNs is null ? null : _clocks.WallNs + lifeNs,
    };

    private void AddHold(long fromNs, long toNs, long? lifeNs = null, params string[] ports) => Plan(NewHold(fromNs, toNs, lifeNs, ports));
}
