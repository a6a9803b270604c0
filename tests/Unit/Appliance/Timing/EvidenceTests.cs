// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Xml.Linq;
using Capbox.Packets.Pcapng;
using Capbox.Timing;
using Capbox.Timing.Evidence;
using CsCheck;
using Xunit;

namespace Capbox.Tests;

/// <summary>Evidence of the clock: files, what a day of them says, and the plot.</summary>
public sealed class EvidenceTests : IDisposable
{
    private const long Second = 1_000_000_000, Noon = 1_795_521_600 * Second; // 2026-11-24T12:00:00Z
    private static readonly DateOnly _day = new(2026, 11, 24);

    private readonly string _archive = Directory.CreateTempSubdirectory("capbox-test-").FullName;

    public void Dispose() => Directory.Delete(_archive, recursive: true);

    private static EvidenceRecord At(int second, double offsetNs = 100, double boundNs = 400, ClockState state = ClockState.Locked) => new()
    {
        UtcNs = Noon + (second * Second),
        RawNs = (5000 + second) * Second,
        State = state,
        OffsetNs = offsetNs,
        BoundNs = boundNs,
        Parts = double.IsNaN(boundNs) ? null : new(10, 20, 30, 40, 50, 60),
        FrequencyPpb = -12.5,
        Grandmaster = 0x0200_00FF_FE00_0001,
        Domain = 3,
        ClockClass = 6,
        StepsRemoved = 1,
        UtcOffsetSeconds = 37,
        Steps = 1,
    };

    [Fact]
    public void Comma_separated_values_are_read_back_whole()
    {
        EvidenceRecord[] records =
        [
            At(0), At(1, boundNs: double.NaN, state: ClockState.Unsynchronised) with { Grandmaster = 0, UtcOffsetSeconds = 0 }, At(2) with { Text = "fault: \"a\", b" },
            At(3) with { SystemState = ClockState.Holdover, SystemOffsetNs = -1.25, SystemBoundNs = 5 },
        ];
        string[] lines = EvidenceCsv.Make(records).Split("\r\n");
        Assert.Equal("", lines[^1]);
        Assert.Equal(records.Length + 2, lines.Length);
        Assert.Equal("2026-11-24T12:00:00.000000000Z,locked,100,400,020000.fffe.000001,3,6,37,1,,,,", lines[1].Replace("0200.00ff", "020000", StringComparison.Ordinal));
        Assert.Equal("2026-11-24T12:00:01.000000000Z,unsynchronised,100,,,,,,1,,,,", lines[2]);
        Assert.EndsWith(",\"fault: \"\"a\"\", b\"", lines[3], StringComparison.Ordinal);
        Assert.EndsWith(",holdover,-1.25,5,", lines[4], StringComparison.Ordinal);
        Assert.All(lines[..3], l => Assert.Equal(12, l.Count(c => c == ',')));
    }

    [Fact]
    public void Every_record_reads_back_as_it_was_written_and_no_flipped_bit_is_believed()
    {
        Gen.Select(Gen.Long, Gen.Long, Gen.Double[-1e12, 1e12], Gen.Bool, Gen.Int[0, 100], Gen.ULong, Gen.Int[0, EvidenceFormat.Bytes * 8 - 1]).ForAll((utc, raw, offset, isClaimed, tai, master, bit) =>
        {
            EvidenceRecord record = At(0, offset, isClaimed ? Math.Abs(offset) + 1 : double.NaN) with
            {
                UtcNs = utc,
                RawNs = raw,
                UtcOffsetSeconds = tai,
                Grandmaster = master,
                SystemState = isClaimed ? ClockState.Holdover : null,
                SystemOffsetNs = offset / 2,
                SystemBoundNs = isClaimed ? 5 : double.NaN,
            };
            byte[] bytes = new byte[EvidenceFormat.Bytes];
            EvidenceFormat.Write(record, bytes);
            Assert.Equal(record, EvidenceFormat.Read(bytes));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null(EvidenceFormat.Read(bytes));
        });
    }

    [Fact]
    public void An_event_of_any_length_is_cut_in_whole_characters()
    {
        byte[] bytes = new byte[EvidenceFormat.Bytes];
        EvidenceRecord record = new() { UtcNs = 1, RawNs = 2, Text = new string('ä', 200) };
        EvidenceFormat.Write(record, bytes);
        Assert.Equal(new string('ä', EvidenceFormat.TextBytes / 2), EvidenceFormat.Read(bytes)!.Text);
        EvidenceFormat.Write(record with { Text = "stop" }, bytes);
        Assert.Equal("stop", EvidenceFormat.Read(bytes)!.Text);
    }

    [Fact]
    public void The_log_goes_on_after_a_torn_record_in_files_by_day_and_old_days_go()
    {
        Write([At(0)]);
        for (int i = 1; i < 30; i++)
            File.WriteAllText(EvidenceFiles.PathOf(_archive, _day.AddDays(-10 * i)), "");
        string path = EvidenceFiles.PathOf(_archive, _day);
        using (FileStream torn = new(path, FileMode.Append))
            torn.Write(new byte[50]);
        Assert.Single(EvidenceFiles.Read(_archive, _day, out int damaged));
        Assert.Equal(1, damaged);
        Write([At(1), At(12 * 3600)]);
        Assert.Equal([At(0), At(1)], EvidenceFiles.Read(_archive, _day, out damaged));
        Assert.Equal(0, damaged);
        Assert.Equal([At(12 * 3600)], EvidenceFiles.Read(_archive, _day.AddDays(1), out _));
        // Thirty are kept: the oldest went when a new one came.
        Assert.Equal((30, _day.AddDays(-280), _day.AddDays(1)), (EvidenceFiles.Days(_archive).Count, EvidenceFiles.Days(_archive)[0], EvidenceFiles.Days(_archive)[^1]));
        // Damage in the middle costs one record.
        byte[] bytes = File.ReadAllBytes(path);
        bytes[30] ^= 1;
        File.WriteAllBytes(path, bytes);
        Assert.Equal([At(1)], EvidenceFiles.Read(_archive, _day, out damaged));
        Assert.Equal(1, damaged);
    }

    [Fact]
    public void A_disk_that_refuses_is_told_and_what_waited_is_written_when_it_takes_it()
    {
        string state = Path.Combine(_archive, ".capbox");
        File.WriteAllText(state, "no directory");
        using (EvidenceLog log = new(_archive, 30))
        {
            for (int i = 0; i < 5000; i++)
                log.Post(At(i));
            Until(() => log.Fault is not null);
            File.Delete(state);
            Until(() => log.Fault is null);
        }

        IReadOnlyList<EvidenceRecord> read = EvidenceFiles.Read(_archive, _day, out _);
        Assert.Equal(4096, read.Count(r => r.Text is null));
        Assert.StartsWith("904 records are missing", Assert.Single(read, r => r.Text is not null).Text);
    }

    [Fact]
    public void A_day_adds_up()
    {
        List<EvidenceRecord> records = [At(0) with { Text = "start: eth0" }];
        var random = new Random(4);
        double[] bounds = [.. Enumerable.Range(0, 1000).Select(_ => Math.Round(random.NextDouble() * 2_000))];
        for (int i = 0; i < 1000; i++)
            records.Add(At(i, -bounds[i] / 2, bounds[i]));
        EvidenceReport good = EvidenceReport.Make(_day, records, 0, 500);
        Assert.True(good.Good, string.Join(';', good.Reasons));
        double[] sorted = [.. bounds.Order()];
        Assert.Equal(new Percentiles(sorted[499], sorted[949], sorted[989], sorted[998], sorted[999]), good.Divergence);
        Assert.Equal(sorted[999] / 2, good.Offset!.Max);
        Assert.Equal((1000, 1000, 1000, bounds.Count(b => b <= 500)), (good.Seconds, good.Claimed, good.WithinRts25, good.WithinTarget));
        Assert.Equal([new EvidenceReference("020000.fffe.000001", 3, 6, 1, 1000)], good.References);
        Assert.Equal("start: eth0", Assert.Single(good.Events).What);

        // A step of the system clock back by an hour is no gap; a minute without records is; wide and missing bounds are told.
        records.AddRange(Enumerable.Range(1000, 5).Select(i => At(i) with { UtcNs = Noon + ((i - 3600) * Second) }));
        records.Add(At(1065, 0, 150_000, ClockState.Degraded));
        records.Add(At(1066, 0, double.NaN, ClockState.Unsynchronised));
        EvidenceReport bad = EvidenceReport.Make(_day, records, 2, 500);
        Assert.False(bad.Good);
        Assert.Equal(["1 seconds without a bound", "1 seconds with a bound beyond 100 us", "1 gaps", "2 damaged records"], bad.Reasons);
        Assert.Equal(61, Assert.Single(bad.Gaps).Seconds);
        Assert.Equal((1005, 1, 1), (bad.SecondsByState["Locked"], bad.SecondsByState["Degraded"], bad.SecondsByState["Unsynchronised"]));
        Assert.Equal(["no second is recorded"], EvidenceReport.Make(_day, [], 0, 500).Reasons);
    }

    [Fact]
    public void The_plot_is_XML_with_a_mark_for_each_minute()
    {
        List<EvidenceRecord> records = [At(0), At(30, -200, 900), At(60, 50, 300), At(600, 0, double.NaN, ClockState.Unsynchronised)];
        XElement svg = XElement.Parse(EvidencePlot.Draw(EvidenceReport.Make(_day, records, 0, 500), records));
        string[] Marks(string kind) => [.. svg.Descendants().Where(e => (string?)e.Attribute("class") == kind).Select(e => $"{e.Attribute("x")!.Value} {e.Attribute("fill")!.Value}")];
        Assert.Equal(["810 #d5d5d5", "811 #d5d5d5"], Marks("bound"));
        Assert.Equal(["810 #1f5fbf", "811 #1f5fbf"], Marks("offset"));
        Assert.Equal(["810 #2e9e4f", "811 #2e9e4f", "820 #c8312b"], Marks("state"));
    }

    [Fact]
    public void Changes_are_told_once()
    {
        ClockSnapshot first = new() { Interface = "eth0", Steered = true, State = ClockState.Acquiring, Clock = "/dev/ptp0" };
        Assert.Equal(["clock: none -> /dev/ptp0 by capbox on eth0", "state: none -> Acquiring"], EvidenceRecorder.Changes(null, first));
        ClockSnapshot locked = first with { State = ClockState.Locked, Grandmaster = "gm", UtcOffsetSeconds = 37, Steps = 1 };
        Assert.Equal(["state: Acquiring -> Locked", "reference: none -> gm", "TAI - UTC: not known -> 37", "steps: 1"], EvidenceRecorder.Changes(first, locked));
        Assert.Empty(EvidenceRecorder.Changes(locked, locked with { OffsetNs = 5 }));
        Assert.Equal(["class: 6 -> 7", "fault: gone"], EvidenceRecorder.Changes(locked with { ClockClass = 6 }, locked with { ClockClass = 7, Fault = "gone" }));
    }

    private void Write(IEnumerable<EvidenceRecord> records)
    {
        using EvidenceLog log = new(_archive, 30);
        foreach (EvidenceRecord record in records)
            log.Post(record);
    }

    private static void Until(Func<bool> done)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(30);
        while (!done())
        {
            Assert.True(DateTime.UtcNow < end, "in vain for 30 s");
            Thread.Sleep(20);
        }
    }
}
