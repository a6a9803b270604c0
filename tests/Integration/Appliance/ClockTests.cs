// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text.Json;
using Capbox.Cli;
using Capbox.Packets.Pcapng;
using Capbox.Timing;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>The clock that the recorder keeps, where no card has one: software stamps over veth, a real ptp4l, and this machine's clock, which is compared and never touched.</summary>
[Collection("Remote")]
public class ClockTests
{
    private static string Document(Lab lab, string clock) => $$"""
        {"storage": {"directory": "{{lab.Archive}}"}, "ports": [{"name": "b0", "ringSize": "8MiB", "filter": "udp"}], "clock": {{clock}} }
        """;

    private static ClockSnapshot Clock(Lab lab) =>
        JsonSerializer.Deserialize(Tool.Run(CapboxProcess.Binary, "status", "--archive", lab.Archive, "--json"), Json.Default.BoxSnapshot)!.Clock!;

    private static string Verified(IReadOnlyList<string> files)
    {
        (int code, string said, string error) = Tool.Try(CapboxProcess.Binary, ["verify", .. files]);
        Assert.True(code == 0, said + error);
        return said;
    }

    private static ClockState StateOf(Lab lab)
    {
        using JsonDocument segments = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "segments", lab.Archive, "--json"));
        return Enum.Parse<ClockState>(segments.RootElement[0].GetProperty("ports")[0].GetProperty("clockState").GetString()!);
    }

    [Theory]
    [InlineData("b0", "b0: the card has no clock; discipline the system clock instead")]
    [InlineData("b7", "b7: no such interface")]
    public void Without_a_clock_to_keep_it_says_why_and_records_all_the_same(string name, string reason)
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab, $$"""{"interface": "{{name}}"}"""));
        Tool.WaitFor(() => Clock(lab).Fault is not null, "the reason to be told");
        Assert.Equal((reason, ClockState.Untraceable, null), (Clock(lab).Fault, Clock(lab).State, Clock(lab).BoundNs));
        lab.Generate("--packets", "500");
        capbox.WaitUntilSeen(500);
        (int code, string said, _) = Tool.Try(CapboxProcess.Binary, "clock", "status", "--archive", lab.Archive);
        Assert.Equal(1, code);
        Assert.Contains(reason, said, StringComparison.Ordinal);
        (code, _, string refused) = Tool.Try(CapboxProcess.Binary, "clock", "accept", "--archive", lab.Archive);
        Assert.Equal(1, code);
        Assert.Contains(reason, refused, StringComparison.Ordinal);
        Verified(capbox.Stop().Storage.RecentlySealed);
        Assert.Contains(reason + "; recording continues, its stamps have no bound", capbox.Errors, StringComparison.Ordinal);
        Assert.Equal(ClockState.Untraceable, StateOf(lab));
    }

    /// <summary>ptp4l serves this machine's clock and calls it TAI: by so much, 37 s, the clock is wrong for all that a follower can know.</summary>
    [Fact]
    public void A_clock_that_is_known_to_be_wrong_is_told_to_be_and_not_locked()
    {
        using var lab = new Lab();
        string file = Path.Combine(lab.Scratch, "ptp4l.conf"), socket = Path.Combine(lab.Scratch, "uds");
        File.WriteAllText(file, $"""
            [global]
            time_stamping software
            free_running 1
            masterOnly 1
            network_transport L2
            logSyncInterval -3
            logMinDelayReqInterval -3
            logAnnounceInterval -1
            uds_address {socket}
            [a0]

            """);
        using Process ptp4l = Process.Start(Tool.Info("ip", "netns", "exec", lab.SenderSpace, "ptp4l", "-f", file, "-q"))!;
        try
        {
            Tool.WaitFor(() => File.Exists(socket), "ptp4l");
            Tool.WaitFor(() => SetGrandmaster(lab, socket), "ptp4l to vouch for its time");
            using CapboxProcess capbox = CapboxProcess.StartWith(
                lab, Document(lab, """{"interface": "b0", "clock": "system", "mode": "measure", "transport": "ethernet", "asymmetryNs": 0}"""));
            // Until 8 sigma are within 1 us, or a tenth of the delay: with software stamps a minute, on a busy machine more.
            Tool.WaitFor(() => Clock(lab).State == ClockState.Degraded, "the clock to be compared", 300);
            ClockSnapshot clock = Clock(lab);
            Assert.InRange(clock.OffsetNs, 36_999_000_000, 37_001_000_000);
            // Chunks have room for 4 s of bound.
            Assert.Equal((null, false, 6, 37, 0L), (clock.BoundNs, clock.Steered, clock.ClockClass, clock.UtcOffsetSeconds, clock.Steps));
            lab.Generate("--packets", "500");
            capbox.WaitUntilSeen(500);
            Tool.Run(CapboxProcess.Binary, "clock", "accept", "--archive", lab.Archive, "--json");
            Tool.WaitFor(() => capbox.Errors.Contains("ns of steps that were not followed", StringComparison.Ordinal), "what is unresolved to be accepted");
            Verified(capbox.Stop().Storage.RecentlySealed);
        }
        finally
        {
            ptp4l.Kill();
            ptp4l.WaitForExit();
        }

        Assert.Equal(ClockState.Degraded, StateOf(lab));
        CheckEvidence(lab);
    }

    /// <summary>Written down each second, from the start to the stop; and no proof, since no bound was claimed.</summary>
    private static void CheckEvidence(Lab lab)
    {
        JsonElement[] lines = [.. Tool.Run(CapboxProcess.Binary, "clock", "log", "--archive", lab.Archive, "--json").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)];
        string[] events = [.. lines.Select(l => l.GetProperty("event").GetString()).OfType<string>()];
        Assert.Equal(("start: b0", "stop"), (events[0], events[^1]));
        Assert.Contains("state: Acquiring -> Degraded", events);
        Assert.Contains("TAI - UTC: not known -> 37", events);
        JsonElement last = lines.Last(l => l.GetProperty("event").ValueKind == JsonValueKind.Null);
        Assert.Equal(("Degraded", JsonValueKind.Null, 6), (last.GetProperty("state").GetString(), last.GetProperty("boundNs").ValueKind, last.GetProperty("clockClass").GetInt32()));
        Assert.InRange(last.GetProperty("offsetNs").GetDouble(), 36_999_000_000, 37_001_000_000);
        string plot = Path.Combine(lab.Scratch, "clock.svg");
        (int code, string said, _) = Tool.Try(CapboxProcess.Binary, "clock", "report", "--archive", lab.Archive, "--svg", plot);
        Assert.Equal(1, code);
        Assert.Matches("NOT SHOWN: [0-9]+ seconds without a bound", said);
        Assert.StartsWith("<svg", File.ReadAllText(plot), StringComparison.Ordinal);
        Assert.Equal(1, Tool.Try(CapboxProcess.Binary, "clock", "report", "--archive", lab.Archive, "--day", "2001-02-03").Item1);
        Assert.Equal(2, Tool.Try(CapboxProcess.Binary, "clock", "report", "--archive", lab.Archive, "--day", "yesterday").Item1);
    }

    private static bool SetGrandmaster(Lab lab, string socket)
    {
        const string Settings = "clockClass 6 clockAccuracy 0x21 offsetScaledLogVariance 0x4e5d currentUtcOffset 37 leap61 0 leap59 0 currentUtcOffsetValid 1 "
            + "ptpTimescale 1 timeTraceable 1 frequencyTraceable 1 timeSource 0x20";
        string said = Tool.Run(
            "ip", "netns", "exec", lab.SenderSpace, "pmc", "-u", "-b", "0", "-i", Path.Combine(lab.Scratch, "pmc"), "-s", socket, "SET GRANDMASTER_SETTINGS_NP " + Settings);
        return said.Contains("RESPONSE MANAGEMENT GRANDMASTER_SETTINGS_NP", StringComparison.Ordinal);
    }
}
