// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text.Json;
using Capbox.Cli;
using Capbox.Packets.Pcapng;
using Capbox.Timing;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>The recorder beside an outside ptp4l or chronyd, which are not let touch this machine's clock: setpriv takes away their right, and the kernel refuses.</summary>
[Collection("Remote")]
public class ExternalClockTests
{
    private static readonly string[] s_withoutClock = ["setpriv", "--bounding-set=-sys_time"];

    private static string Document(Lab lab, string clock) => $$"""
        {"storage": {"directory": "{{lab.Archive}}"}, "ports": [{"name": "b0", "ringSize": "8MiB", "filter": "udp"}], "clock": {{clock}} }
        """;

    private static ClockSnapshot Clock(Lab lab) =>
        JsonSerializer.Deserialize(Tool.Run(CapboxProcess.Binary, "status", "--archive", lab.Archive, "--json"), Json.Default.BoxSnapshot)!.Clock!;

    private static ClockState StateOf(Lab lab)
    {
        using JsonDocument segments = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "segments", lab.Archive, "--json"));
        return Enum.Parse<ClockState>(segments.RootElement[0].GetProperty("ports")[0].GetProperty("clockState").GetString()!);
    }

    private static Process Start(string space, params string[] command)
    {
        string rights = Tool.Run(s_withoutClock[0], [.. s_withoutClock[1..], "grep", "CapEff", "/proc/self/status"]);
        Assert.Equal(0UL, Convert.ToUInt64(rights.Split(':')[1].Trim(), 16) & (1UL << 25));
        string[] all = [.. s_withoutClock, .. command];
        return Process.Start(Tool.Info("ip", ["netns", "exec", space, .. all]))!;
    }

    private static void Stop(params Process[] processes)
    {
        foreach (Process process in processes)
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }

    private static string Ptp4lFile(Lab lab, string name, string port, params string[] settings)
    {
        string file = Path.Combine(lab.Scratch, name + ".conf");
        File.WriteAllLines(
            file, ["[global]", "time_stamping software", "network_transport L2", .. settings, "uds_address " + Path.Combine(lab.Scratch, name), $"[{port}]"]);
        return file;
    }

    [Fact]
    public void Packets_are_worth_what_ptp4l_says_and_nothing_when_it_never_was()
    {
        using var lab = new Lab();
        string socket = Path.Combine(lab.Scratch, "slave");
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab, $$"""{"source": "ptp4l", "socket": "{{socket}}", "asymmetryNs": 0, "targetNs": 1000000000}"""));
        Tool.WaitFor(() => Clock(lab).Fault?.StartsWith($"ptp4l: {socket}: ", StringComparison.Ordinal) == true, "ptp4l to be missed");
        Assert.Equal(("ptp4l", false, ClockState.Untraceable, null), (Clock(lab).Source, Clock(lab).Steered, Clock(lab).State, Clock(lab).BoundNs));

        string masterFile = Ptp4lFile(lab, "master", "a0", "masterOnly 1", "free_running 1", "logSyncInterval -3", "logAnnounceInterval -1");
        string slaveFile = Ptp4lFile(lab, "slave", "b0", "slaveOnly 1", "step_threshold 0", "first_step_threshold 0", "logMinDelayReqInterval -3");
        Process master = Start(lab.SenderSpace, "ptp4l", "-f", masterFile, "-q"), slave = Start(lab.RecorderSpace, "ptp4l", "-f", slaveFile, "-q");
        try
        {
            // The master serves UTC and says so: its time scale is arbitrary, and nothing can be said of UTC.
            Tool.WaitFor(() => Clock(lab) is { Doing: "SLAVE", State: ClockState.Degraded or ClockState.Locked }, "ptp4l to be followed");
            ClockSnapshot clock = Clock(lab);
            Assert.Equal((ClockState.Degraded, null, "CLOCK_REALTIME", null), (clock.State, clock.BoundNs, clock.Clock, clock.UtcOffsetSeconds));
            Vouch(lab);
            Tool.WaitFor(() => Clock(lab).UtcOffsetSeconds == 37, "TAI - UTC to be known");
            // 37 s off, which is more than a chunk can tell.
            Tool.WaitFor(() => Clock(lab) is { OffsetNs: > 36e9, State: ClockState.Degraded }, "the offset to be known");
            (int code, string said, _) = Tool.Try(CapboxProcess.Binary, "clock", "status", "--archive", lab.Archive);
            Assert.Equal(1, code);
            Assert.Contains("ptp4l      steers CLOCK_REALTIME: SLAVE", said, StringComparison.Ordinal);
            Assert.Contains("(class 6, domain 0, 1 steps) on b0", said, StringComparison.Ordinal);
            lab.Generate("--packets", "500");
            capbox.WaitUntilSeen(500);
            (int good, string verified, string error) = Tool.Try(CapboxProcess.Binary, ["verify", .. capbox.Stop().Storage.RecentlySealed]);
            Assert.True(good == 0, verified + error);
        }
        finally
        {
            Stop(slave, master);
        }

        Assert.Equal(ClockState.Degraded, StateOf(lab));
    }

    [Fact]
    public void While_the_source_is_missing_each_second_is_evidence_too()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab, $$"""{"source": "ptp4l", "socket": "{{Path.Combine(lab.Scratch, "none")}}"}"""));
        string[] Seconds() => Tool.Try(CapboxProcess.Binary, "clock", "log", "--archive", lab.Archive, "--json").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        DateTimeOffset At(int line)
        {
            using JsonDocument second = JsonDocument.Parse(Seconds()[line]);
            return second.RootElement.GetProperty("at").GetDateTimeOffset();
        }

        // Asked for again and again, ever more rarely, up to each 30 s.
        Tool.WaitFor(() => Seconds().Length >= 12, "twelve seconds of it");
        Assert.InRange((At(11) - At(0)).TotalSeconds, 5, 25);
        capbox.Stop();
    }

    [Fact]
    public void Packets_are_worth_what_chronyd_says()
    {
        using var lab = new Lab();
        string serverFile = Path.Combine(lab.Scratch, "server.conf"), clientFile = Path.Combine(lab.Scratch, "client.conf"), socket = Path.Combine(lab.Scratch, "chronyd.sock");
        File.WriteAllLines(serverFile, ["local stratum 8", "allow", "cmdport 0", "bindcmdaddress /", "pidfile " + Path.Combine(lab.Scratch, "server.pid"), "port 11123"]);
        File.WriteAllLines(
            clientFile, ["server 127.0.0.1 port 11123 minpoll 0 maxpoll 0 iburst", "port 0", "cmdport 0", "bindcmdaddress " + socket, "pidfile " + Path.Combine(lab.Scratch, "client.pid")]);
        Process server = Start(lab.RecorderSpace, "chronyd", "-x", "-d", "-u", "root", "-f", serverFile), client = Start(lab.RecorderSpace, "chronyd", "-x", "-d", "-u", "root", "-f", clientFile);
        try
        {
            Tool.WaitFor(() => File.Exists(socket), "chronyd");
            using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab, $$"""{"source": "chrony", "socket": "{{socket}}", "targetNs": 1000000000}"""));
            Tool.WaitFor(() => Clock(lab).State == ClockState.Locked, "chronyd to be followed");
            Thread.Sleep(2_000); // a chunk's claim is the worst since the second before
            lab.Generate("--packets", "500");
            capbox.WaitUntilSeen(500);
            ClockSnapshot clock = Clock(lab);
            Assert.Equal(("chronyd", "CLOCK_REALTIME", "127.0.0.1", 9, null), (clock.Source, clock.Clock, clock.Grandmaster, clock.Stratum, clock.Fault));
            Assert.InRange(clock.BoundNs!.Value, 1_000, 100_000_000);
            string said = Tool.Run(CapboxProcess.Binary, "clock", "status", "--archive", lab.Archive);
            Assert.Contains("NTP server or reference clock 127.0.0.1, stratum 9", said, StringComparison.Ordinal);
            Assert.Contains("chronyd    steers CLOCK_REALTIME: follows 127.0.0.1, stratum 9", said, StringComparison.Ordinal);
            (int good, string verified, string error) = Tool.Try(CapboxProcess.Binary, ["verify", .. capbox.Stop().Storage.RecentlySealed]);
            Assert.True(good == 0, verified + error);
        }
        finally
        {
            Stop(client, server);
        }

        Assert.Equal(ClockState.Locked, StateOf(lab));
    }

    private static void Vouch(Lab lab)
    {
        const string Settings = "clockClass 6 clockAccuracy 0x21 offsetScaledLogVariance 0x4e5d currentUtcOffset 37 leap61 0 leap59 0 currentUtcOffsetValid 1 "
            + "ptpTimescale 1 timeTraceable 1 frequencyTraceable 1 timeSource 0x20";
        Tool.WaitFor(
            () => Tool.Run(
                "ip", "netns", "exec", lab.SenderSpace, "pmc", "-u", "-b", "0", "-i", Path.Combine(lab.Scratch, "pmc"), "-s", Path.Combine(lab.Scratch, "master"),
                "SET GRANDMASTER_SETTINGS_NP " + Settings).Contains("RESPONSE MANAGEMENT GRANDMASTER_SETTINGS_NP", StringComparison.Ordinal),
            "ptp4l to vouch for its time", 60);
    }
}
