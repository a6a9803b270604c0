// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Ports that go down, disappear, come back or are renamed.</summary>
[Collection("Integration")]
public class PortTests
{
    [Fact]
    public void Down_and_up_again_is_a_gap_and_capture_goes_on()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        lab.Generate("--packets", "1000");
        capbox.WaitUntilSeen(1000);
        lab.Ip("link", "set", "b0", "down");
        capbox.WaitFor(s => s.Ports[0].State == PortState.Down, "the port to be down");
        Thread.Sleep(500);
        lab.Ip("link", "set", "b0", "up");
        capbox.WaitFor(s => s.Ports[0].State == PortState.Capturing, "the port to be up");
        lab.Generate("--packets", "500", "--first", "1000");
        capbox.WaitUntilSeen(1500);
        PortLedger port = capbox.Stop().Ports[0];
        Assert.Equal(1500ul, port.StoredPackets);
        Assert.InRange(port.Gap.TotalSeconds, 0.3, 10);
    }

    [Fact]
    public void Deleted_and_made_again_is_opened_again_and_the_ledger_keeps_counting()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}"}, "ports": [{"name": "b0", "rings": 2, "ringSize": "8MiB", "filter": "udp"}]}
            """);
        lab.Generate("--packets", "1000", "--flows", "16");
        capbox.WaitUntilSeen(1000);
        lab.Ip("link", "del", "b0");
        capbox.WaitFor(s => s.Ports[0].State == PortState.Missing, "the port to be missing");
        lab.AddPair(0);
        capbox.WaitFor(s => s.Ports[0].State == PortState.Capturing, "the port to be back");
        lab.Generate("--packets", "700", "--first", "1000", "--flows", "16");
        capbox.WaitUntilSeen(1700);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal(1700ul, last.Ports[0].StoredPackets);
        Assert.True(last.Ports[0].Gap > TimeSpan.Zero);
        string[] files = [.. last.Storage.RecentlySealed];
        (int code, string said, string error) = Tool.Try(CapboxProcess.Binary, ["verify", .. files]);
        Assert.True(code == 0, said + error);
    }

    [Fact]
    public void A_cpu_that_is_not_there_is_told_and_the_thread_runs_somewhere()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""{"storage":{"directory":"{{lab.Archive}}"},"ports":[{"name":"b0","ringSize":"8MiB","cpus":[1000]}]}""");
        Tool.WaitFor(() => capbox.Errors.Contains("port b0: cpus: there is no CPU 1000 for this process", StringComparison.Ordinal), "the word of it");
        capbox.Stop();
    }

    [Fact]
    public async Task Renamed_it_is_followed_without_a_loss()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        Task<long> traffic = Task.Run(() => lab.Generate("--packets", "20000", "--pps", "10000"), TestContext.Current.CancellationToken);
        Thread.Sleep(700);
        lab.Ip("link", "set", "b0", "name", "renamed0");
        long sent = await traffic;
        capbox.WaitUntilSeen(sent);
        capbox.WaitFor(s => s.Ports[0].CurrentName == "renamed0", "the new name to show");
        PortLedger port = capbox.Stop().Ports[0];
        Assert.Equal((ulong)sent, port.StoredPackets);
        Assert.Equal("b0", port.Port);
    }

    [Fact]
    public void Missing_at_the_start_it_is_waited_for()
    {
        using var lab = new Lab(pairs: 1);
        using CapboxProcess capbox = CapboxProcess.StartOnly(lab, "--port", "b0,b7", "--archive", lab.Archive);
        capbox.WaitFor(s => s.Ports[0].State == PortState.Capturing && s.Ports[1].State == PortState.Missing, "b0 to capture and b7 to be missing");
        lab.AddPair(7);
        capbox.WaitFor(s => s.Ports[1].State == PortState.Capturing, "b7 to capture");
        RawSender.Send(lab.SenderSpace, "a7", [Frames.Plain(60, 1)]);
        capbox.WaitUntilSeen(1);
        Assert.Equal([0ul, 1ul], capbox.Stop().Ports.Select(p => p.StoredPackets));
    }

    [Fact]
    public void Promiscuous_mode_ends_with_the_process_even_when_it_is_killed()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        string Details() => Tool.Run("ip", "-n", lab.RecorderSpace, "-d", "link", "show", "b0");
        Assert.Contains("promiscuity 1", Details(), StringComparison.Ordinal);
        capbox.KillHard();
        Tool.WaitFor(() => Details().Contains("promiscuity 0", StringComparison.Ordinal), "promiscuous mode to end");
    }
}
