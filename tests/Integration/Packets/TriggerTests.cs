// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using Capbox.Cli;
using Capbox.Commands;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>The flight recorder with real packets: what a trigger claims is stored completely, byte for byte as tcpdump saw it beside, and every packet is accounted for.</summary>
[Collection("Integration")]
public class TriggerTests
{
    private const long Ms = 1_000_000;

    /// <summary>A packet, its stamp as one number.</summary>
    private readonly record struct Stamped(long UtcNs, string Hex);

    private static string Document(string archive, string trigger, string port = """ "ringSize": "16MiB", "blockSize": "256KiB" """) => $$"""
        {"storage": {"directory": "{{archive}}", "segmentSize": "64MiB", "mode": "trigger", "trigger": {{trigger}} }, "ports": [{"name": "b0", {{port}} }]}
        """;

    private static TriggerAnswer Trigger(string archive, string reason = "test")
    {
        string json = Tool.Run(CapboxProcess.Binary, "trigger", "--archive", archive, "--reason", reason, "--json");
        return JsonSerializer.Deserialize(json, ControlJson.Default.TriggerAnswer)!;
    }

    private static RecorderSnapshot Status(string archive) =>
        JsonSerializer.Deserialize(Tool.Run(CapboxProcess.Binary, "status", "--archive", archive, "--json"), Json.Default.RecorderSnapshot)!;

    private static void AwaitEnd(string archive) => Tool.WaitFor(() => Status(archive) is { Trigger.Writing: false }, "the window to end", 300);

    /// <summary>Waits for the recorder to have so much: the sender is a process that takes its time to begin, and on a busy machine sends less than its pace.</summary>
    private static void AwaitPackets(string archive, Func<PortLedger, bool> condition, string what) => Tool.WaitFor(() => condition(Status(archive).Ports[0]), what);

    private static long Ns(string rfc3339)
    {
        DateTimeOffset whole = DateTimeOffset.Parse(rfc3339[..19] + "Z", CultureInfo.InvariantCulture);
        return (whole.ToUnixTimeSeconds() * 1_000_000_000) + long.Parse(rfc3339.AsSpan(20, 9), CultureInfo.InvariantCulture);
    }

    private static List<Stamped> Read(IEnumerable<Packet> packets) => [.. packets.Select(p => new Stamped((p.Seconds * 1_000_000_000) + p.Fraction, p.Hex))];

    /// <summary>All segments in order, each verified, as tcpdump reads them.</summary>
    private static List<Stamped> Stored(Lab lab, string archive)
    {
        string[] files = [.. Directory.GetFiles(archive, "*.pcapng").OrderBy(f => SegmentName.TryParse(Path.GetFileName(f), out SegmentName name) ? name.Sequence : 0)];
        if (files.Length == 0)
            return [];
        (int code, string said, string error) = Tool.Try(CapboxProcess.Binary, ["verify", .. files]);
        Assert.True(code == 0 && error.Length == 0, said + error);
        return Read(files.SelectMany(f => PcapFile.ReadThroughTcpdump(lab, f)));
    }

    /// <summary>What is stored is one piece of what tcpdump saw, and it reaches over the whole claim but not much further.</summary>
    private static void AssertHolds(List<Stamped> stored, List<Stamped> seen, TriggerAnswer first, TriggerAnswer last, long slackNs)
    {
        long reachedNs = Ns(first.Reached), toNs = Ns(last.To);
        Assert.NotEmpty(stored);
        int start = seen.IndexOf(stored[0]);
        Assert.True(start >= 0, "the first stored packet was not seen by tcpdump");
        Assert.Equal(seen.GetRange(start, Math.Min(stored.Count, seen.Count - start)), stored);
        if (start > 0)
            Assert.True(seen[start - 1].UtcNs < reachedNs, $"a packet is missing after {first.Reached}");
        if (start + stored.Count < seen.Count)
            Assert.True(seen[start + stored.Count].UtcNs > toNs, $"a packet is missing before {last.To}");
        Assert.InRange(stored[0].UtcNs, Ns(first.From) - slackNs, long.MaxValue);
        Assert.InRange(stored[^1].UtcNs, 0, toNs + slackNs);
    }

    private static void AssertLedger(RecorderSnapshot last, long sent, int stored)
    {
        PortLedger port = last.Ports[0];
        Assert.Equal((ulong)sent, port.SeenPackets);
        Assert.Equal(0ul, port.PendingPackets);
        Assert.Equal((ulong)stored, port.StoredPackets);
        Assert.Equal((ulong)sent, port.StoredPackets + port.FilteredPackets + port.DiscardedPackets + port.LostPackets);
    }

    private static Task<long> Send(Lab lab, params string[] options) => Task.Run(() => lab.Generate(options), TestContext.Current.CancellationToken);

    [Fact]
    public void A_window_is_what_tcpdump_saw_from_before_to_after_and_overlapping_triggers_make_one()
    {
        using var lab = new Lab();
        using var beside = new TcpdumpBeside(lab, lab.RecorderSpace, "b0");
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab.Archive, """{"before": "1s", "after": "2s"}"""));
        using RunningGenerator traffic = lab.StartGenerator("--pps", "3000", "--size", "64,400,1400");
        AwaitPackets(lab.Archive, p => p.DiscardedPackets > 5000, "more than a window of traffic");
        TriggerAnswer first = Trigger(lab.Archive, "first");
        TriggerAnswer second = Trigger(lab.Archive, "second");
        AwaitEnd(lab.Archive);
        TriggerAnswer third = Trigger(lab.Archive, "third");
        AwaitEnd(lab.Archive);
        long sent = traffic.Stop();
        RecorderSnapshot last = capbox.Stop();
        List<Stamped> seen = Read(beside.Seen(sent));

        Assert.True(first.Complete && second.Prolonged && !first.Prolonged && !third.Prolonged, $"{first} {second} {third}");
        Assert.Equal((1ul, 1ul, 2ul), (first.Window, second.Window, third.Window));
        Assert.Equal(second.From, first.From);
        Assert.True(Ns(second.To) > Ns(first.To));
        Assert.Equal(2ul, last.Storage.SegmentsSealed);
        List<Stamped>[] windows = [.. Directory.GetFiles(lab.Archive, "*.pcapng").Order(StringComparer.Ordinal).Select(f => Read(PcapFile.ReadThroughTcpdump(lab, f)))];
        AssertHolds(windows[0], seen, first, second, 600 * Ms);
        // The second one begins inside the first: it claims what lies there, too, and stores nothing twice.
        HashSet<Stamped> all = [.. windows[0], .. windows[1]];
        Assert.Equal(windows[0].Count + windows[1].Count, all.Count);
        Assert.DoesNotContain(seen.Where(p => p.UtcNs >= Ns(third.Reached) && p.UtcNs <= Ns(third.To)), p => !all.Contains(p));
        Assert.True(windows[1][0].UtcNs > windows[0][^1].UtcNs);
        AssertLedger(last, sent, Stored(lab, lab.Archive).Count);
        Assert.Equal(0ul, last.Ports[0].LostPackets);
        Assert.True(last.Ports[0].DiscardedPackets > 5000, $"discarded {last.Ports[0].DiscardedPackets}");
        Assert.Equal((2ul, 3ul, "third"), (last.Trigger!.Windows, last.Trigger.Triggers, last.Trigger.LastReason));
    }

    [Fact]
    public void A_ring_too_small_for_the_time_says_how_far_it_reaches_and_holds_that()
    {
        using var lab = new Lab();
        using var beside = new TcpdumpBeside(lab, lab.RecorderSpace, "b0");
        using CapboxProcess capbox = CapboxProcess.StartWith(
            lab, Document(lab.Archive, """{"before": "30s", "after": "200ms"}""", """ "ringSize": "2MiB", "blockSize": "64KiB", "handover": "20ms" """));
        using RunningGenerator traffic = lab.StartGenerator("--pps", "10000", "--size", "500");
        AwaitPackets(lab.Archive, p => p.DiscardedPackets > 1000, "packets to be let go");
        TriggerAnswer answer = Trigger(lab.Archive);
        AwaitEnd(lab.Archive);
        long sent = traffic.Stop();
        RecorderSnapshot last = capbox.Stop();
        List<Stamped> stored = Stored(lab, lab.Archive);
        Assert.False(answer.Complete);
        // 22 blocks of some 80 packets at 10,000 a second.
        Assert.InRange(Ns(answer.Triggered) - Ns(answer.Reached), 50 * Ms, 600 * Ms);
        AssertHolds(stored, Read(beside.Seen(sent)), answer, answer, 31_000 * Ms);
        AssertLedger(last, sent, stored.Count);
        Assert.Equal(0ul, last.Ports[0].LostPackets);
        Assert.Contains("the rings held no more", capbox.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_trickle_does_not_push_itself_out_of_the_ring()
    {
        using var lab = new Lab();
        using var beside = new TcpdumpBeside(lab, lab.RecorderSpace, "b0");
        using CapboxProcess capbox = CapboxProcess.StartWith(
            lab, Document(lab.Archive, """{"before": "3s", "after": "200ms"}""", """ "ringSize": "1MiB", "blockSize": "64KiB", "handover": "20ms" """));
        using RunningGenerator traffic = lab.StartGenerator("--pps", "50");
        AwaitPackets(lab.Archive, p => p.SeenPackets > 250, "five seconds of a trickle");
        TriggerAnswer answer = Trigger(lab.Archive);
        AwaitEnd(lab.Archive);
        long sent = traffic.Stop();
        RecorderSnapshot last = capbox.Stop();
        List<Stamped> stored = Stored(lab, lab.Archive);
        Assert.True(answer.Complete, answer.ToString());
        AssertHolds(stored, Read(beside.Seen(sent)), answer, answer, 1000 * Ms);
        AssertLedger(last, sent, stored.Count);
    }

    [Fact]
    public void A_disk_that_refuses_gets_the_window_when_it_takes_blocks_again()
    {
        using var lab = new Lab();
        string disk = lab.MountSmallDisk(300);
        using var beside = new TcpdumpBeside(lab, lab.RecorderSpace, "b0");
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(disk, """{"before": "2s", "after": "500ms"}"""));
        using RunningGenerator traffic = lab.StartGenerator("--pps", "2000", "--size", "500");
        AwaitPackets(disk, p => p.SeenPackets > 5000, "two and a half seconds of traffic");
        TriggerAnswer answer;
        Tool.Run("fsfreeze", "-f", disk);
        try
        {
            answer = Trigger(disk);
            ulong seen = Status(disk).Ports[0].SeenPackets;
            AwaitPackets(disk, p => p.SeenPackets > seen + 3000, "more than the window to come while the disk refuses");
        }
        finally
        {
            Tool.Run("fsfreeze", "-u", disk);
        }

        AwaitEnd(disk);
        long sent = traffic.Stop();
        RecorderSnapshot last = capbox.Stop();
        List<Stamped> stored = Stored(lab, disk);
        Assert.True(answer.Complete, answer.ToString());
        AssertHolds(stored, Read(beside.Seen(sent)), answer, answer, 3000 * Ms);
        AssertLedger(last, sent, stored.Count);
        Assert.Equal(0ul, last.Ports[0].LostPackets);
    }

    [Fact]
    public async Task Full_speed_through_a_window_is_whole_and_accounted_for()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab.Archive, """{"before": "30s", "after": "300ms"}""", """ "ringSize": "64MiB" """));
        Task<long> traffic = Send(lab, "--milliseconds", "2500", "--size", "1500");
        AwaitPackets(lab.Archive, p => p.DiscardedPackets > 1000, "packets to be let go");
        TriggerAnswer answer = Trigger(lab.Archive);
        long sent = await traffic;
        AwaitEnd(lab.Archive);
        RecorderSnapshot last = capbox.Stop();
        List<Stamped> stored = Stored(lab, lab.Archive);
        AssertLedger(last, sent, stored.Count);
        long reachedNs = Ns(answer.Reached), toNs = Ns(answer.To);
        Assert.True(stored[0].UtcNs <= reachedNs + (20 * Ms), $"reached {answer.Reached}, first packet {(stored[0].UtcNs - reachedNs) / 1e6} ms later");
        ulong[] sequences = [.. stored.Select(p => BinaryPrimitives.ReadUInt64BigEndian(Convert.FromHexString(p.Hex.AsSpan(100, 16))))];
        ulong missing = sequences[^1] - sequences[0] + 1 - (ulong)sequences.Length;
        Assert.Equal(sequences.Length, sequences.Distinct().Count());
        // One sender, one ring: a hole is a loss, and there is none that the ledger does not tell.
        Assert.InRange(missing, 0ul, last.Ports[0].LostPackets);
        Assert.True(stored[^1].UtcNs >= toNs || sequences[^1] == (ulong)sent - 1, "the window ends early");
    }

    [Fact]
    public void Four_rings_reach_as_far_as_the_worst_of_them()
    {
        using var lab = new Lab();
        using var beside = new TcpdumpBeside(lab, lab.RecorderSpace, "b0");
        using CapboxProcess capbox = CapboxProcess.StartWith(
            lab, Document(lab.Archive, """{"before": "10s", "after": "400ms"}""", """ "rings": 4, "ringSize": "1MiB", "blockSize": "64KiB", "handover": "20ms" """));
        using RunningGenerator traffic = lab.StartGenerator("--pps", "8000", "--size", "500", "--flows", "6");
        AwaitPackets(lab.Archive, p => p.SeenPackets > 8000, "a second of traffic");
        TriggerAnswer answer = Trigger(lab.Archive);
        AwaitEnd(lab.Archive);
        long sent = traffic.Stop();
        RecorderSnapshot last = capbox.Stop();
        List<Stamped> stored = Stored(lab, lab.Archive);
        AssertLedger(last, sent, stored.Count);
        Assert.Equal(4, answer.Rings);
        HashSet<Stamped> all = [.. stored];
        Assert.Equal(stored.Count, all.Count);
        Stamped[] claimed = [.. Read(beside.Seen(sent)).Where(p => p.UtcNs >= Ns(answer.Reached) && p.UtcNs <= Ns(answer.To))];
        Assert.True(claimed.Length > 100, $"only {claimed.Length} packets claimed");
        // What a ring of 256 KiB lost while the machine did other things is told; nothing else is missing.
        ulong missing = (ulong)claimed.Count(p => !all.Contains(p));
        Assert.True(missing <= last.Ports[0].LostRing, $"{missing} of {claimed.Length} claimed packets are missing, {last.Ports[0].LostRing} lost");
    }

    [Fact]
    public void A_packet_that_matches_triggers_at_once_also_when_the_port_does_not_record_it()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"filters": {"alarm": "udp dst port 7777"},
             "storage": {"directory": "{{lab.Archive}}", "mode": "trigger", "trigger": {"before": "4s", "after": "3s", "holdoff": "100ms", "filter": "@alarm"} },
             "ports": [{"name": "b0", "ringSize": "16MiB", "blockSize": "256KiB", "filter": "not udp dst port 7777"}]}
            """);
        using var beside = new TcpdumpBeside(lab, lab.RecorderSpace, "b0");
        using RunningGenerator traffic = lab.StartGenerator("--pps", "2000", "--size", "200");
        AwaitPackets(lab.Archive, p => p.SeenPackets > 3000, "a second and a half of traffic");
        byte[] alarm = Frames.Udp("10.1.0.1", "10.1.0.2", 5, 7777, 30);
        // For half a second: one window, prolonged.
        RawSender.Send(lab.SenderSpace, "a0", Enumerable.Repeat(alarm, 50), pauseEvery: 1);
        RecorderSnapshot during = null!;
        Tool.WaitFor(() => (during = Status(lab.Archive)).Ports[0].FilteredPackets == 50, "the alarms to be counted", 300);
        AwaitEnd(lab.Archive);
        long sent = traffic.Stop();
        RecorderSnapshot last = capbox.Stop();
        List<Stamped> seen = Read(beside.Seen(sent + 50)), stored = Stored(lab, lab.Archive);
        Stamped[] alarms = [.. seen.Where(p => p.Hex == Convert.ToHexString(alarm))];
        Assert.Equal(50, alarms.Length);
        Assert.Equal(1ul, last.Trigger!.Windows);
        Assert.Equal("filter on port b0", last.Trigger.LastReason);
        AssertLedger(last, sent + 50, stored.Count);
        Assert.Equal(50ul, last.Ports[0].FilteredPackets);
        // 20 ms between looks; the rest is for a machine that is busy with other things, and less than what the window has to spare.
        long lateNs = ((during.Trigger!.LastAt!.Value - DateTimeOffset.UnixEpoch).Ticks * 100) - alarms[^1].UtcNs;
        Assert.True(lateNs < 2000 * Ms, $"triggered {lateNs / 1e6} ms after the packet");
        Stamped[] around = [.. seen.Where(p => p.UtcNs >= alarms[0].UtcNs - (900 * Ms) && p.UtcNs <= alarms[^1].UtcNs + (400 * Ms) && !alarms.Contains(p))];
        HashSet<Stamped> all = [.. stored];
        Assert.True(around.Length > 500, $"{around.Length} packets around the alarms");
        Assert.DoesNotContain(around, p => !all.Contains(p));
    }

    [Fact]
    public void A_stop_outside_a_window_lets_all_go_and_writes_no_file()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab.Archive, """{"before": "30s"}"""));
        long sent = lab.Generate("--packets", "5000", "--pps", "20000", "--size", "300");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        AssertLedger(last, sent, 0);
        Assert.Equal((ulong)sent, last.Ports[0].DiscardedPackets);
        Assert.Empty(Directory.GetFiles(lab.Archive));
    }

    [Fact]
    public void A_stop_inside_a_window_writes_all()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab.Archive, """{"before": "30s", "after": "1m"}"""));
        long sent = lab.Generate("--packets", "5000", "--pps", "20000", "--size", "300");
        Trigger(lab.Archive);
        sent += lab.Generate("--packets", "5000", "--pps", "20000", "--size", "300", "--first", "5000");
        RecorderSnapshot last = capbox.Stop();
        AssertLedger(last, sent, Stored(lab, lab.Archive).Count);
        Assert.Equal((ulong)sent, last.Ports[0].StoredPackets);
        Assert.Equal(1ul, last.Storage.SegmentsSealed);
        Assert.Contains("window 1 has ended", capbox.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Losses_before_a_window_are_in_the_ledger_and_not_in_the_window()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(
            lab, Document(lab.Archive, """{"before": "2s", "after": "200ms"}""", """ "ringSize": "16MiB", "blockSize": "256KiB", "filter": "udp" """));
        RawSender.Send(lab.SenderSpace, "a0", Enumerable.Range(0, 300).Select(i => Frames.Plain(60, i)));
        long sent = 300 + lab.Generate("--packets", "1000", "--pps", "5000");
        Thread.Sleep(3500);
        RawSender.Send(lab.SenderSpace, "a0", Enumerable.Range(0, 20).Select(i => Frames.Plain(60, i)));
        sent += 20 + lab.Generate("--packets", "100", "--pps", "5000", "--first", "1000");
        Trigger(lab.Archive);
        AwaitEnd(lab.Archive);
        RecorderSnapshot last = capbox.Stop();
        AssertLedger(last, sent, 100);
        Assert.Equal(320ul, last.Ports[0].FilteredPackets);
        string verified = Tool.Run(CapboxProcess.Binary, ["verify", .. Directory.GetFiles(lab.Archive, "*.pcapng")]);
        Assert.Contains("stored 100, filtered 20,", verified, StringComparison.Ordinal);
    }

    [Fact]
    public void Continuous_recording_has_nothing_to_trigger()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        (int code, string output, string error) = Tool.Try(CapboxProcess.Binary, "trigger", "--archive", lab.Archive);
        Assert.Equal((1, ""), (code, output));
        Assert.Contains("storage.mode is continuous", error, StringComparison.Ordinal);
        capbox.Stop();
    }
}
