// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using Capbox.Changes;
using Capbox.Config;
using Capbox.Health;
using Capbox.Packets.Capture;
using Capbox.Platform.Json;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Capbox.Tests;

/// <summary>Events on disk: in order, once, over crashes, cuts and flipped bits, and what is gone is counted.</summary>
public sealed class EventSpoolTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("capbox-spool-").FullName;
    private static readonly SpoolLimits s_small = new(MaxFileBytes: 400, MaxFiles: 4, IsSynced: false);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static byte[] Payload(int number) => Encoding.ASCII.GetBytes($"event {number.ToString(CultureInfo.InvariantCulture)} {new string('x', number % 50)}");

    private static int NumberOf(byte[] payload) => int.Parse(Encoding.ASCII.GetString(payload).Split(' ')[1], CultureInfo.InvariantCulture);

    private EventSpool Open(SpoolLimits? limits = null) => new(_directory, limits ?? s_small);

    /// <summary>All that waits, acknowledged one by one: numbers, and what each says was missed before it.</summary>
    private static List<(int Number, ulong Missed)> Drain(EventSpool spool, int most = int.MaxValue)
    {
        List<(int, ulong)> drained = [];
        while (drained.Count < most && spool.TryPeek(out SpooledEvent next))
        {
            drained.Add((NumberOf(next.Payload), next.Missed));
            spool.Acknowledge(next.Ordinal);
        }

        return drained;
    }

    private static void AssertAddsUp(EventSpool spool)
    {
        EventCounts counts = spool.Counts;
        Assert.Equal(counts.Written, counts.Sent + counts.Waiting + counts.Dropped + counts.Damaged);
    }

    /// <summary>Events 1 to count in one file; returns where each ends in it.</summary>
    private List<int> WriteOneFile(SpoolLimits limits, int count)
    {
        List<int> ends = [];
        using var spool = Open(limits);
        for (int i = 1; i <= count; i++)
        {
            spool.Append([Payload(i)]);
            ends.Add((int)new FileInfo(Files()[0]).Length);
        }

        return ends;
    }

    /// <summary>The disk may be well again in a moment: nothing is given up for one failure.</summary>
    [Fact]
    public void A_file_that_cannot_be_read_for_a_while_is_read_later()
    {
        using var spool = Open();
        spool.Append([.. Enumerable.Range(1, 5).Select(Payload)]);
        string file = Files()[0];
        File.Move(file, file + ".away");
        Assert.False(spool.TryPeek(out _));
        Assert.Contains(file, spool.Fault, StringComparison.Ordinal);
        Assert.Equal((5ul, 0ul), (spool.Counts.Waiting, spool.Counts.Damaged));
        File.Move(file + ".away", file);
        Assert.Equal(Enumerable.Range(1, 5).Select(n => (n, 0ul)), Drain(spool));
        Assert.Null(spool.Fault);
    }

    [Fact]
    public void A_file_that_cannot_be_read_for_long_is_given_up_and_the_next_go_on()
    {
        using var spool = Open();
        spool.Append([.. Enumerable.Range(1, 20).Select(Payload)]);
        File.Delete(Files()[0]);
        int looks = 0;
        SpooledEvent next;
        while (!spool.TryPeek(out next))
            Assert.InRange(++looks, 1, 100);
        Assert.Equal((ulong)NumberOf(next.Payload) - 1, next.Missed);
        Assert.True(next.Missed > 0);
        AssertAddsUp(spool);
    }

    [Fact]
    public void What_cannot_be_read_at_the_start_makes_no_number_used_twice()
    {
        using (var spool = Open())
            spool.Append([.. Enumerable.Range(1, 20).Select(Payload)]);
        string last = Files()[^1];
        File.Move(last, last + ".away");
        File.CreateSymbolicLink(last, last + ".nowhere");
        using (var spool = Open())
        {
            Assert.NotNull(spool.Fault);
            spool.Append([Payload(99)]);
            List<(int Number, ulong Missed)> drained = Drain(spool);
            Assert.Equal(99, drained[^1].Number);
            Assert.InRange(drained[^1].Missed, 1ul, 1000ul);
        }

        File.Delete(last);
        File.Move(last + ".away", last);
        using var after = Open();
        Assert.Empty(Drain(after)); // it was told as missed
    }

    private string[] Files() => [.. Directory.GetFiles(_directory, "*.spool").Order(StringComparer.Ordinal)];

    [Fact]
    public void What_was_kept_comes_in_order_and_goes_when_it_was_heard()
    {
        using var spool = Open();
        Assert.False(spool.TryPeek(out _));
        for (int i = 1; i <= 20; i++)
            spool.Append([Payload(i)]);
        Assert.True(Files().Length > 1);
        // Heard of, but not acknowledged: the same again.
        Assert.True(spool.TryPeek(out SpooledEvent first) && spool.TryPeek(out SpooledEvent again) && first.Ordinal == again.Ordinal);
        Assert.Equal(Enumerable.Range(1, 20).Select(i => (i, 0ul)), Drain(spool));
        Assert.Single(Files());
        AssertAddsUp(spool);
    }

    [Fact]
    public void A_restart_goes_on_where_it_was()
    {
        using (var spool = Open())
        {
            spool.Append([.. Enumerable.Range(1, 20).Select(Payload)]);
            Drain(spool, 7);
        }

        using (var spool = Open())
        {
            spool.Append([Payload(21)]);
            Assert.Equal(Enumerable.Range(8, 14).Select(i => (i, 0ul)), Drain(spool));
            AssertAddsUp(spool);
        }

        using var last = Open();
        Assert.False(last.TryPeek(out _));
        last.Append([Payload(22)]);
        Assert.Equal([(22, 0ul)], Drain(last));
    }

    [Fact]
    public void After_a_crash_what_was_not_written_down_as_heard_comes_again_and_nothing_is_missed()
    {
        var crashed = Open();
        crashed.Append([.. Enumerable.Range(1, 9).Select(Payload)]);
        Drain(crashed, 2);
        crashed.Save();
        Drain(crashed, 3);
        // No Dispose: the box died here. Files that were done are gone, the rest comes again.
        using var spool = Open();
        List<(int Number, ulong Missed)> drained = Drain(spool);
        Assert.All(drained, d => Assert.Equal(0ul, d.Missed));
        Assert.Equal(Enumerable.Range(drained[0].Number, 10 - drained[0].Number), drained.Select(d => d.Number));
        Assert.InRange(drained[0].Number, 3, 6);
    }

    [Fact]
    public void Beyond_its_room_the_oldest_go_and_the_next_says_how_many()
    {
        using var spool = Open();
        for (int i = 1; i <= 500; i++)
            spool.Append([Payload(i)]);
        Assert.True(Files().Length <= s_small.MaxFiles);
        Assert.True(Files().Sum(f => new FileInfo(f).Length) <= s_small.MaxFiles * s_small.MaxFileBytes);
        ulong dropped = spool.Counts.Dropped;
        AssertAddsUp(spool);
        List<(int Number, ulong Missed)> drained = Drain(spool);
        Assert.Equal((dropped, 500), (drained[0].Missed, drained[^1].Number));
        Assert.Equal((ulong)drained[0].Number - 1, dropped);
        Assert.All(drained.Skip(1), d => Assert.Equal(0ul, d.Missed));
        AssertAddsUp(spool);
    }

    [Fact]
    public void The_count_of_what_went_survives_a_restart()
    {
        using (var spool = Open())
        {
            spool.Append([Payload(1), Payload(2)]);
            Drain(spool, 1);
            for (int i = 3; i <= 300; i++)
                spool.Append([Payload(i)]);
        }

        using var again = Open();
        List<(int Number, ulong Missed)> drained = Drain(again);
        Assert.Equal((ulong)drained[0].Number - 2, drained[0].Missed);
    }

    [Fact]
    public void One_that_is_dropped_while_it_is_under_way_is_not_counted_as_missed()
    {
        using var spool = Open();
        spool.Append([Payload(1)]);
        Assert.True(spool.TryPeek(out SpooledEvent underWay));
        for (int i = 2; i <= 300; i++)
            spool.Append([Payload(i)]);
        spool.Acknowledge(underWay.Ordinal);
        List<(int Number, ulong Missed)> drained = Drain(spool);
        Assert.Equal((ulong)drained[0].Number - 2, drained[0].Missed);
        AssertAddsUp(spool);
    }

    /// <summary>Whatever is left of a file, what is whole in it is there, in order, and the next says how many are not.</summary>
    [Fact]
    public void A_file_cut_at_any_byte_loses_only_what_was_cut()
    {
        var limits = new SpoolLimits(MaxFileBytes: 100_000, MaxFiles: 4, IsSynced: false);
        List<int> ends = WriteOneFile(limits, 12);
        string path = Files()[0];
        byte[] whole = File.ReadAllBytes(path);
        for (int cut = 0; cut <= whole.Length; cut += Seed.IsRelease ? 1 : 3)
        {
            foreach (string file in Directory.GetFiles(_directory))
                File.Delete(file);
            File.WriteAllBytes(path, whole[..cut]);
            int left = ends.Count(e => e <= cut);
            bool isTorn = cut > 0 && !ends.Contains(cut);
            using var spool = Open(limits);
            Assert.Equal(isTorn ? 1ul : 0, spool.Counts.Damaged);
            spool.Append([Payload(100)]);
            (int, ulong)[] expected = [.. Enumerable.Range(1, left).Select(i => (i, 0ul)), (100, isTorn ? 1ul : 0)];
            Assert.Equal(expected, Drain(spool));
            AssertAddsUp(spool);
        }
    }

    /// <summary>A bit in a record is at most that record.</summary>
    [Fact]
    public void Any_flipped_bit_loses_one_event_and_that_is_counted()
    {
        const int Count = 5;
        var limits = new SpoolLimits(MaxFileBytes: 100_000, MaxFiles: 4, IsSynced: false);
        List<int> ends = WriteOneFile(limits, Count);
        string path = Files()[0];
        byte[] whole = File.ReadAllBytes(path);
        for (int bit = 0; bit < whole.Length * 8; bit += Seed.IsRelease ? 1 : 7)
        {
            byte[] flipped = [.. whole];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            foreach (string file in Directory.GetFiles(_directory))
                File.Delete(file);
            File.WriteAllBytes(path, flipped);
            int hit = ends.FindIndex(e => bit / 8 < e) + 1;
            using var spool = Open(limits);
            Assert.Equal(1ul, spool.Counts.Damaged);
            spool.Append([Payload(100)]);
            int[] left = [.. Enumerable.Range(1, Count).Where(i => i != hit), 100];
            int after = left.First(i => i > hit);
            Assert.Equal(left.Select(i => (i, i == after ? 1ul : 0)), Drain(spool));
            AssertAddsUp(spool);
        }
    }

    /// <summary>A flipped cursor makes events come again, and none go.</summary>
    [Fact]
    public void A_damaged_cursor_loses_nothing()
    {
        using (var spool = Open(new SpoolLimits(100_000, 4, IsSynced: false)))
        {
            spool.Append([.. Enumerable.Range(1, 6).Select(Payload)]);
            Drain(spool, 3);
        }

        string cursor = Path.Combine(_directory, "cursor");
        byte[] bytes = File.ReadAllBytes(cursor);
        for (int i = 0; i < bytes.Length; i++)
        {
            byte[] flipped = [.. bytes];
            flipped[i] ^= 0x10;
            File.WriteAllBytes(cursor, flipped);
            using var spool = Open(new SpoolLimits(100_000, 4, IsSynced: false));
            Assert.True(spool.TryPeek(out SpooledEvent first));
            Assert.Equal((1, 0ul), (NumberOf(first.Payload), first.Missed));
            File.WriteAllBytes(cursor, bytes);
        }
    }

    /// <summary>Any order of keeping, hearing, dying with any part of the last write, and coming back: in order, and numbers and holes add up.</summary>
    [Fact]
    public void Whatever_happens_the_reader_knows_how_many_it_has_not_heard()
    {
        Gen<(int Kind, int Amount)> step = Gen.Select(Gen.Int[0, 9], Gen.Int[1, 40]);
        step.List[1, 60].ForAll(steps =>
        {
            foreach (string file in Directory.GetFiles(_directory))
                File.Delete(file);
            var spool = Open();
            int written = 0, last = 0;
            bool isUnsure = false; // after a crash, until the next that is news
            // A reader as the manual tells it: what it has had before is no news; between two that are news lie as many as the second says were missed.
            HashSet<int> torn = [];
            void Read(int most)
            {
                foreach ((int number, ulong missed) in Drain(spool, most))
                {
                    if (number <= last)
                        continue;
                    int between = number - last - 1;
                    // Of records that were torn off before they could be sent the last is known, at least.
                    bool isTorn = Enumerable.Range(last + 1, between).Any(torn.Contains);
                    // What was heard in the last second before a crash may be counted as missed where it was dropped since.
                    Assert.True((isTorn || (int)missed >= between) && (isUnsure || (int)missed <= between), $"{number} after {last}: {missed} missed");
                    (last, isUnsure) = (number, false);
                }
            }

            foreach ((int kind, int amount) in steps)
            {
                if (kind <= 5)
                {
                    spool.Append([.. Enumerable.Range(written + 1, amount).Select(Payload)]);
                    written += amount;
                }
                else if (kind <= 7)
                {
                    Read(amount);
                }
                else if (kind == 8)
                {
                    spool = Open(); // died without a word
                    isUnsure = true;
                }
                else
                {
                    spool.Dispose();
                    if (Files().LastOrDefault() is { } file && new FileInfo(file).Length is var length && length > amount)
                    {
                        using Microsoft.Win32.SafeHandles.SafeFileHandle cut = File.OpenHandle(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
                        RandomAccess.SetLength(cut, length - amount);
                        // No more than so many records end in so many bytes.
                        int most = (amount / SpoolRecord.HeaderBytes) + 1;
                        torn.UnionWith(Enumerable.Range(Math.Max(1, written - most + 1), Math.Min(written, most)));
                    }

                    spool = Open();
                }

                Assert.True(Files().Length <= s_small.MaxFiles);
            }

            Read(int.MaxValue);
            AssertAddsUp(spool);
            spool.Dispose();
        }, cases: 25, all: 300);
    }

    [Fact]
    public void What_the_disk_refuses_waits_in_memory_bounded_and_in_order()
    {
        string file = Path.Combine(_directory, "no-directory");
        File.WriteAllText(file, "");
        using var spool = new EventSpool(Path.Combine(file, "events"), s_small);
        Assert.NotNull(spool.Fault);
        for (int i = 1; i <= EventSpool.MaxInMemory + 10; i++)
            spool.Append([Payload(i)]);
        Assert.Contains("no-directory", spool.Fault);
        List<(int Number, ulong Missed)> drained = Drain(spool);
        Assert.Equal((11, 10ul), drained[0]);
        Assert.Equal(EventSpool.MaxInMemory, drained.Count);
        AssertAddsUp(spool);
    }

    [Fact]
    public void What_was_synced_needs_no_orderly_end()
    {
        var spool = Open(new SpoolLimits());
        spool.Append([Payload(1), Payload(2)]);
        using var again = Open(new SpoolLimits());
        Assert.Equal([(1, 0ul), (2, 0ul)], Drain(again));
    }

    /// <summary>A trial that ends while nothing runs, as by a power failure: whoever watches hears of it from the next start.</summary>
    [Fact]
    public void What_was_taken_back_before_the_start_is_told_right_after_it()
    {
        using var spool = Open(new SpoolLimits());
        var report = new ConfigReport(7, "job-7", ConfigStatus.RolledBack, [new ConfigError("$", "it was not confirmed within 30 s")]) { Revision = 3 };
        using var log = new EventJournal(new BoxRun("boot", "run"), () => EventDetectorTests.Box(1), spool, NullLogger.Instance);
        ConfigEvents.Begin(log, null, report);
        (string Suffix, string Json) Next()
        {
            Assert.True(spool.TryPeek(out SpooledEvent next));
            spool.Acknowledge(next.Ordinal);
            (string suffix, byte[] json) = EventJournal.Unpack(next);
            return (suffix, System.Text.Encoding.UTF8.GetString(json));
        }

        Assert.Equal("event/info/started", Next().Suffix);
        (string suffix, string told) = Next();
        Assert.Equal("event/warning/config-rolled-back", suffix);
        Assert.Contains("it was not confirmed within 30 s", told);
        Assert.Contains("\"data\":{\"version\":7,\"id\":\"job-7\",\"revision\":3}", told);
    }

    /// <summary>A day without a broker by the clock of the looks: bounded on disk and in memory, and at the end what is there and what is told to be missed are all.</summary>
    [Fact]
    public void A_day_of_events_without_a_broker_does_not_grow()
    {
        var limits = new SpoolLimits(16 * 1024, 8, IsSynced: false);
        using var spool = new EventSpool(_directory, limits);
        BoxSnapshot now = EventDetectorTests.Box(0);
        // Its looks are ours: nothing is started.
        using var log = new EventJournal(new BoxRun("boot", "run"), () => now, spool, NullLogger.Instance);
        var detector = new EventDetector();
        int made = 0;
        ulong lost = 0;
        void Until(int from, int to)
        {
            for (int second = from; second < to; second++)
            {
                lost += second % 100 < 3 ? 1u : 0;
                now = EventDetectorTests.Box(second, EventDetectorTests.Port(state: second % 50 < 2 ? PortState.Down : PortState.Capturing, ring: lost), disk: second % 600 < 30 ? "no room" : null);
                foreach (BoxEvent what in detector.Detect(now))
                {
                    log.Add(what);
                    made++;
                }
            }
        }

        long grown = Allocation.LeastHeapGrowth(5, quarter => Until(quarter == 0 ? 0 : 20_000 + ((quarter - 1) * 16_600), 20_000 + (quarter * 16_600)));
        Assert.True(grown < 32 * 1024, $"{grown} bytes more after a fifth of a day");
        Assert.True(Files().Sum(f => new FileInfo(f).Length) <= limits.MaxFiles * limits.MaxFileBytes);
        ulong heard = 0, missed = 0;
        while (spool.TryPeek(out SpooledEvent next))
        {
            (string suffix, byte[] json) = EventJournal.Unpack(next);
            using var message = System.Text.Json.JsonDocument.Parse(json);
            heard++;
            missed += message.RootElement.TryGetProperty("missed", out System.Text.Json.JsonElement count) ? count.GetUInt64() : 0;
            Assert.Equal(heard + missed, message.RootElement.GetProperty("head").GetProperty("sequence").GetUInt64());
            Assert.Equal($"event/{message.RootElement.GetProperty("severity").GetString()}/{message.RootElement.GetProperty("code").GetString()}", suffix);
            spool.Acknowledge(next.Ordinal);
        }

        Assert.True(made > 5000 && missed > 0);
        Assert.Equal((ulong)made, heard + missed);
    }
}
