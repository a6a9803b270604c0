// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Changes;
using Capbox.Config;
using Capbox.Health;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Json;
using Capbox.Timing;
using Xunit;

namespace Capbox.Tests;

/// <summary>Events out of looks at the box.</summary>
public class EventDetectorTests
{
    internal static PortLedger Port(string name = "eth2", PortState state = PortState.Capturing, string? fault = null, ulong ring = 0, ulong disk = 0, ulong nic = 0, ulong host = 0) => new()
    {
        Port = name,
        CurrentName = name,
        State = state,
        Fault = fault,
        HardwareStamps = false,
        StoredPackets = 0,
        StoredBytes = 0,
        FilteredPackets = 0,
        PendingPackets = 0,
        LostRing = ring,
        LostDisk = disk,
        LostNic = nic,
        LostHost = host,
        TruncatedPackets = 0,
        RingFreezes = 0,
        Gap = TimeSpan.Zero,
    };

    internal static BoxSnapshot Box(int second, PortLedger? port = null, string? disk = null, ClockSnapshot? clock = null, ulong repaired = 0, TriggerSnapshot? trigger = null, bool hasPort = true) => new(new RecorderSnapshot
    {
        At = DateTimeOffset.UnixEpoch.AddSeconds(second),
        Uptime = TimeSpan.FromSeconds(second),
        Ports = hasPort ? [port ?? Port()] : [],
        Storage = new StorageSnapshot { SegmentsSealed = 0, SegmentsRepaired = repaired, BytesWritten = 0, WriteErrors = 0, Engine = "io_uring", Direct = true, FreeBytes = 1 << 30, RecentlySealed = [], Fault = disk },
        Trigger = trigger,
    })
    { Clock = clock };

    private static ClockSnapshot Clock(ClockState state, long steps = 0, string? fault = null) => new() { Interface = "eth0", Steered = true, State = state, Steps = steps, Fault = fault };

    /// <summary>"severity code port cause packets count seconds from>to" of each; what is null is left out.</summary>
    private static string[] Tell(IEnumerable<BoxEvent> events) =>
    [
        .. events.Select(e => string.Join(' ', new[]
        {
            e.Severity.ToString().ToLowerInvariant(), e.Code, e.Data.Port, e.Data.Cause, e.Data.Packets?.ToString(CultureInfo.InvariantCulture), e.Data.Count?.ToString(CultureInfo.InvariantCulture),
            e.Data.Seconds?.ToString(CultureInfo.InvariantCulture) is { } s ? s + "s" : null, e.Data.From is null ? null : $"{e.Data.From}>{e.Data.To}",
        }.Where(p => p is not null))),
    ];

    [Fact]
    public void A_port_comes_goes_fails_and_is_removed()
    {
        var detector = new EventDetector();
        string[] At(int second, PortState state, string? fault = null) => Tell(detector.Detect(Box(second, Port(state: state, fault: fault))));
        Assert.Empty(At(0, PortState.Stopped));
        Assert.Equal(["info port-up eth2"], At(1, PortState.Capturing));
        Assert.Empty(At(2, PortState.Capturing));
        Assert.Equal(["warning port-down eth2"], At(3, PortState.Down));
        Assert.Equal(["warning port-gone eth2"], At(5, PortState.Missing));
        Assert.Equal(["error port-fault eth2"], At(6, PortState.Down, "no memory for the ring"));
        Assert.Empty(At(7, PortState.Down, "still none"));
        Assert.Equal(["info port-up eth2 4s"], At(10, PortState.Capturing));
        Assert.Equal(["info port-removed eth2"], Tell(detector.Detect(Box(11, hasPort: false))));
    }

    [Fact]
    public void A_loss_has_a_begin_an_end_a_cause_and_a_sum()
    {
        var detector = new EventDetector();
        string[] At(int second, ulong ring, ulong disk = 0) => [.. Tell(detector.Detect(Box(second, Port(ring: ring, disk: disk)))).Where(t => t.Contains("loss", StringComparison.Ordinal))];
        Assert.Empty(At(0, 0));
        Assert.Equal(["error loss-started eth2 ring 5"], At(1, 5));
        Assert.Empty(At(2, 5));
        Assert.Equal(["error loss-started eth2 disk 7"], At(4, 9, 7));
        Assert.Empty(At(13, 9, 7));
        Assert.Equal(["info loss-ended eth2 ring 9 3s", "info loss-ended eth2 disk 7 0s"], At(14, 9, 7));
        // The same cause again is another loss, and a port whose counts begin anew lost what it says.
        Assert.Equal(["error loss-started eth2 ring 1"], At(20, 10, 7));
        Assert.Empty(At(21, 2, 7));
        Assert.Equal(["info loss-ended eth2 ring 3 1s"], At(31, 2, 7));
        Assert.Equal(["error loss-started eth2 ring 4"], At(40, 6, 7));
        Assert.Equal(["info loss-ended eth2 ring 4 0s", "info port-removed eth2"], Tell(detector.Detect(Box(41, hasPort: false))));
    }

    [Fact]
    public void What_was_lost_before_the_first_look_is_told()
    {
        Assert.Equal(["info port-up eth2", "error loss-started eth2 nic 3", "warning segments-repaired 2"], Tell(new EventDetector().Detect(Box(1, Port(nic: 3), repaired: 2))));
    }

    [Fact]
    public void Faults_begin_and_end_and_their_words_are_no_event()
    {
        var detector = new EventDetector();
        detector.Detect(Box(0));
        BoxEvent begun = Assert.Single(detector.Detect(Box(10, disk: "/disk: no space")));
        Assert.Equal((EventSeverity.Error, "disk-refused", "storage", "/disk: no space"), (begun.Severity, begun.Code, begun.Component, begun.Text));
        Assert.Empty(detector.Detect(Box(11, disk: "/disk: no space left")));
        Assert.Equal(["info disk-resumed 5s"], Tell(detector.Detect(Box(15))));
    }

    [Fact]
    public void The_clock_changes_its_state_is_stepped_and_begun_anew()
    {
        var detector = new EventDetector();
        string[] At(int second, ClockSnapshot clock) => [.. Tell(detector.Detect(Box(second, clock: clock))).Where(t => t.Contains("clock", StringComparison.Ordinal))];
        Assert.Equal(["info clock-state untraceable>acquiring", "warning clock-step 1"], At(0, Clock(ClockState.Acquiring, steps: 1)));
        Assert.Equal(["info clock-state acquiring>locked"], At(5, Clock(ClockState.Locked, steps: 1)));
        Assert.Empty(At(6, Clock(ClockState.Locked, steps: 1)));
        Assert.Equal(["warning clock-refused", "warning clock-state locked>holdover", "warning clock-step 2"], At(7, Clock(ClockState.Holdover, steps: 3, fault: "no master")));
        Assert.Equal(["info clock-resumed 1s", "warning clock-state holdover>unsynchronised", "warning clock-step 1"], At(8, Clock(ClockState.Unsynchronised, steps: 1)));
    }

    [Fact]
    public void A_trigger_is_told()
    {
        var detector = new EventDetector();
        static TriggerSnapshot Windows(ulong count) => new() { Writing = true, Windows = count, Triggers = count, ReachSeconds = 1, BeforeSeconds = 1, LastReason = "order 7" };
        detector.Detect(Box(0, trigger: Windows(0)));
        BoxEvent told = Assert.Single(detector.Detect(Box(1, trigger: Windows(1))));
        Assert.Equal(("triggered", "a window is written: order 7"), (told.Code, told.Text));
    }

    [Theory]
    [InlineData("applied", "pending-confirm", true, "info config-pending")]
    [InlineData("pending-confirm", "applied", false, "info config-confirmed")]
    [InlineData("applied", "applied", true, "info config-applied")]
    [InlineData("applied", "rejected", true, "warning config-rejected")]
    [InlineData("pending-confirm", "rolled-back", false, "warning config-rolled-back")]
    [InlineData("applied", "rolled-back", false, "warning config-rolled-back")]
    [InlineData("pending-confirm", "applied", true, "info config-applied")]
    [InlineData("applied", "applied", false, null)]
    public void A_configuration_has_its_events(string from, string to, bool isAnother, string? expected)
    {
        ConfigReport Report(string status, int version) => new(version, $"job-{version}", status switch
        {
            "pending-confirm" => ConfigStatus.PendingConfirm,
            "rejected" => ConfigStatus.Rejected,
            "rolled-back" => ConfigStatus.RolledBack,
            _ => ConfigStatus.Applied,
        }, status is "rejected" or "rolled-back" ? [new ConfigError("$.x", "why")] : []);
        BoxEvent? made = ConfigEvents.Detect(Report(from, 1), Report(to, isAnother ? 2 : 1), DateTimeOffset.UnixEpoch);
        Assert.Equal(expected, made is null ? null : Tell([made])[0]);
        Assert.Equal(to is "rejected" or "rolled-back", made?.Text.Contains("$.x: why", StringComparison.Ordinal) == true);
    }

    [Fact]
    public void Every_code_is_in_the_manual_and_every_code_of_the_manual_is_made()
    {
        string[] rows = [.. File.ReadLines(Path.Combine(Repository.Root, "docs", "reference", "control.md")).SkipWhile(l => !l.StartsWith("| code | severity", StringComparison.Ordinal)).Skip(2).TakeWhile(l => l.StartsWith('|'))];
        string[] documented = [.. rows.SelectMany(r => r.Split('|')[1].Split(',')).Select(c => c.Trim().Trim('`')).Where(c => !c.EndsWith('*')).Order(StringComparer.Ordinal)];
        string[] rooms = ["Health", "Changes", "Mqtt"];
        string source = string.Concat(rooms.SelectMany(r => Directory.GetFiles(Path.Combine(Repository.Root, "src", "Appliance", r), "*.cs")).Select(File.ReadAllText));
        string[] faults = ["disk", "archive", "custody", "clock"];
        Assert.NotEmpty(documented);
        foreach (string code in documented)
            Assert.True(source.Contains($"\"{code}\"", StringComparison.Ordinal) || faults.Any(f => code == f + "-refused" || code == f + "-resumed"), $"{code} is made nowhere");
        string[] made = [.. System.Text.RegularExpressions.Regex.Matches(source, """EventSeverity\.\w+, (?:[^"\n]*\? )?"([a-z-]+)"(?: : "([a-z-]+)")?""").SelectMany(m => new[] { m.Groups[1].Value, m.Groups[2].Value }).Where(c => c.Length > 0 && c[0] != '-')];
        Assert.True(made.Length > 15, "the codes are written otherwise now");
        Assert.Empty(made.Except(documented).Except(["capture", "storage", "clock", "control"]));
    }
}
