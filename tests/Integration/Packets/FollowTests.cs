// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Following a real recorder.</summary>
[Collection("Integration")]
public class FollowTests
{
    private static string Config(Lab lab) => $$"""
        {"storage": {"directory": "{{lab.Archive}}", "segmentSize": "16MiB"},
         "ports": [{"name": "b0", "rings": 2, "ringSize": "8MiB", "blockSize": "128KiB", "handover": "100ms"},
                   {"name": "b1", "rings": 2, "ringSize": "4MiB", "blockSize": "64KiB", "handover": "20ms"}]}
        """;

    private static Process Start(params string[] arguments) => Process.Start(Tool.Info(arguments[0], arguments[1..]))!;

    private static void Signal(Process process, string name) => Tool.Run("kill", "-" + name, process.Id.ToString(CultureInfo.InvariantCulture));

    [Fact]
    public async Task What_is_followed_through_rotations_is_what_is_extracted_afterwards()
    {
        using var lab = new Lab(pairs: 2);
        string followed = Path.Combine(lab.Scratch, "followed.pcapng"), after = Path.Combine(lab.Scratch, "after.pcapng");
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Config(lab));
        long sent = lab.Generate("--packets", "5000", "--flows", "16", "--size", "64,594,1500", "--pps", "20000");
        capbox.WaitUntilSeen(sent);
        using Process follow = Start(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", "-1h", "--follow", "-o", followed, "--json");
        Task side = Task.Run(() =>
        {
            for (int i = 0; i < 300; i++)
                RawSender.Send(lab.SenderSpace, "a1", [Frames.Udp("10.2.0.1", $"10.2.0.{i % 7}", 1, 2, 100 + i)]);
        }, TestContext.Current.CancellationToken);
        for (int round = 0; round < 3; round++)
        {
            sent += lab.Generate("--packets", "20000", "--flows", "32", "--size", "64,594,1500", "--pps", "20000");
            capbox.Signal("HUP");
        }

        await side;
        capbox.WaitUntilSeen(sent + 300);
        capbox.WaitFor(s => s.Ports.All(p => p.PendingPackets == 0), "all to be on disk");
        await Task.Delay(1500, TestContext.Current.CancellationToken); // the window
        Signal(follow, "INT");
        string json = await follow.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await follow.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(follow.ExitCode == 0, await follow.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        capbox.Stop();
        Assert.True(Directory.GetFiles(lab.Archive, "*.pcapng").Length >= 4);

        using JsonDocument report = JsonDocument.Parse(json);
        Assert.Equal(sent + 300, report.RootElement.GetProperty("packets").GetInt64());
        Assert.Equal(0, report.RootElement.GetProperty("latePackets").GetInt64());
        Assert.True(report.RootElement.GetProperty("complete").GetBoolean());
        Tool.Run(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", "-1h", "-o", after);
        Assert.Equal(Keys(PcapFile.ReadThroughTcpdump(lab, after)), Keys(PcapFile.ReadThroughTcpdump(lab, followed)));
        Assert.Contains("Strict time order:   True", Tool.Run("capinfos", "-M", followed), StringComparison.Ordinal);
    }

    private static IEnumerable<(long, long, string)> Keys(IEnumerable<Packet> packets) => packets.Select(p => (p.Seconds, p.Fraction, p.Hex));

    [Fact]
    public async Task A_reader_that_has_enough_ends_it_even_when_nothing_comes_any_more()
    {
        using var lab = new Lab(pairs: 2);
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Config(lab));
        string error = Path.Combine(lab.Scratch, "error"), code = Path.Combine(lab.Scratch, "code");
        using Process pipe = Start("sh", "-c",
            $"({CapboxProcess.Binary} extract --archive {lab.Archive} --follow --port b1 -o - 2>{error}; echo $? >{code}) | tshark -r - -c 100 -T fields -e udp.dstport 2>/dev/null");
        Tool.WaitFor(() => !File.Exists(code) && File.Exists(error), "capbox to run");
        await Task.Delay(500, TestContext.Current.CancellationToken);
        lab.Generate("--packets", "1000", "--pps", "20000"); // of the other port
        RawSender.Send(lab.SenderSpace, "a1", Enumerable.Range(0, 150).Select(i => Frames.Udp("10.2.0.1", "10.2.0.2", 1, (ushort)(7000 + i), 100)));
        string output = await pipe.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(7000, 100).Select(n => n.ToString(CultureInfo.InvariantCulture)), output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Tool.WaitFor(() => File.Exists(code) && new FileInfo(code).Length > 0, "capbox to end when its reader is gone");
        Assert.Equal("0", (await File.ReadAllTextAsync(code, TestContext.Current.CancellationToken)).Trim());
        capbox.Stop();
    }

    [Fact]
    public async Task A_reader_that_sleeps_does_not_hold_up_the_end()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""{"storage": {"directory": "{{lab.Archive}}"}, "ports": [{"name": "b0"}]}""");
        // The pipe and the buffers hold 4 MiB: more than that is waiting when it is told to end.
        long sent = lab.Generate("--packets", "10000", "--size", "1500", "--pps", "20000");
        capbox.WaitUntilSeen(sent);
        capbox.WaitFor(s => s.Ports[0].PendingPackets == 0, "all to be on disk");
        using Process follow = Start(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", "-1h", "--follow", "-o", "-");
        await Task.Delay(1500, TestContext.Current.CancellationToken);
        var clock = Stopwatch.StartNew();
        Signal(follow, "TERM");
        Assert.True(follow.WaitForExit(Tool.LimitSeconds * 1000));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 6);
        Assert.Contains("slept", await follow.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        capbox.Stop();
    }

    [Fact]
    public async Task An_end_in_the_future_ends_it_and_a_recorder_that_starts_later_is_followed()
    {
        using var lab = new Lab();
        Directory.CreateDirectory(lab.Archive);
        string output = Path.Combine(lab.Scratch, "followed.pcap");
        using Process follow = Start(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--follow", "--to", "+8s", "--format", "pcap-ns", "-o", output, "--json");
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""{"storage": {"directory": "{{lab.Archive}}"}, "ports": [{"name": "b0", "handover": "20ms"}]}""");
        long sent = lab.Generate("--packets", "2000", "--pps", "20000");
        capbox.WaitUntilSeen(sent);
        string json = await follow.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.True(follow.WaitForExit(Tool.LimitSeconds * 1000));
        Assert.True(follow.ExitCode == 0, await follow.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        using JsonDocument report = JsonDocument.Parse(json);
        Assert.Equal(sent, report.RootElement.GetProperty("packets").GetInt64());
        Assert.Equal((int)sent, PcapFile.Read(output).Count);
        capbox.Stop();
    }
}
