// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Text.Json;
using Capbox.Changes;
using Capbox.Commands;
using Capbox.Config;
using Capbox.Health;
using Capbox.Mqtt;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Timing;
using Xunit;

namespace Capbox.Tests;

/// <summary>What is said over MQTT, without a broker.</summary>
public class MqttTests
{
    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static BoxSnapshot Box(int second, ulong stored = 0, ulong lost = 0, PortState state = PortState.Capturing, ClockState? clock = null, string? disk = null, string? portFault = null) => new(new RecorderSnapshot
    {
        At = DateTimeOffset.UnixEpoch.AddSeconds(second),
        Uptime = TimeSpan.FromSeconds(second),
        Ports =
        [
            new PortLedger
            {
                Port = "eth2", CurrentName = "eth2", State = state, Fault = portFault, HardwareStamps = false, StoredPackets = stored, StoredBytes = stored * 100, FilteredPackets = 0, PendingPackets = 0, LostRing = lost,
                LostDisk = 0, LostNic = 0, LostHost = 0, TruncatedPackets = 0, RingFreezes = 0, Gap = TimeSpan.Zero,
            },
        ],
        Storage = new StorageSnapshot { SegmentsSealed = 0, BytesWritten = stored * 128, WriteErrors = 0, Engine = "io_uring", Direct = true, FreeBytes = 1 << 30, RecentlySealed = [], Fault = disk },
    })
    { Clock = clock is { } c ? new ClockSnapshot { Interface = "eth0", Steered = true, State = c, BoundNs = double.PositiveInfinity } : null };

    [Theory]
    [InlineData("""{}""", "$.mqtt.broker: this key is required")]
    [InlineData("""{"broker":"host"}""", "$.mqtt.broker: \"host\" is no broker: expected mqtts://HOST[:PORT], mqtt://HOST[:PORT] or embedded://127.0.0.1[:PORT]")]
    [InlineData("""{"broker":"http://host"}""", "$.mqtt.broker: \"http://host\" is no broker")]
    [InlineData("""{"broker":"mqtts://host/path"}""", "$.mqtt.broker: \"mqtts://host/path\" is no broker")]
    [InlineData("""{"broker":"mqtts://me:secret@host"}""", "$.mqtt.broker: a name or password does not belong here")]
    [InlineData("""{"broker":"mqtt://10.1.2.3"}""", "$.mqtt.broker: 10.1.2.3 is not this machine: use mqtts://")]
    [InlineData("""{"broker":"mqtt://localhost","ca":"/a"}""", "$.mqtt.ca: without TLS (mqtts://) it is not used")]
    [InlineData("""{"broker":"embedded://127.0.0.1","ca":"/a"}""", "$.mqtt.ca: without TLS (mqtts://) it is not used")]
    [InlineData("""{"broker":"embedded://10.0.0.1","allowPlaintext":true}""", "$.mqtt.broker: 10.0.0.1: the embedded broker is for this machine alone")]
    [InlineData("""{"broker":"mqtts://host","clientKey":"/a"}""", "$.mqtt.clientKey: clientCertificate and clientKey go together")]
    [InlineData("""{"broker":"mqtts://host","passwordFile":"/a"}""", "$.mqtt.passwordFile: a password needs a username")]
    [InlineData("""{"broker":"mqtts://host","password":"secret"}""", "$.mqtt.password: unknown key")]
    [InlineData("""{"broker":"mqtts://host","deviceId":"a/b"}""", "$.mqtt.deviceId: \"a/b\": 1 to 64 letters, digits")]
    [InlineData("""{"broker":"mqtts://host","deviceId":"+"}""", "$.mqtt.deviceId: \"+\"")]
    [InlineData("""{"broker":"mqtts://host","keepAlive":"10ms"}""", "$.mqtt.keepAlive: 10ms is not within")]
    [InlineData("""{"broker":"mqtts://host","version":"4"}""", "$.mqtt.version: \"4\" is none of 5, 3.1.1")]
    [InlineData("""{"broker":"mqtts://host","allowUntrusted":true}""", "$.mqtt.allowUntrusted: unknown key")]
    public void A_wrong_section_is_refused(string section, string expected) =>
        Assert.Contains(ConfigDocument.Parse(Utf8($$"""{"ports":[],"mqtt":{{section}}}""")).Errors, e => e.ToString().StartsWith(expected, StringComparison.Ordinal));

    [Fact]
    public void A_section_is_read_and_the_serial_is_the_name()
    {
        MqttOptions options = ConfigDocument.Parse(Utf8("""{"serial":"CB-7","ports":[],"mqtt":{"broker":"mqtts://[::1]:9999","ca":"/ca.pem","username":"u","passwordFile":"/p"}}""")).Mqtt!;
        Assert.Equal(("::1", 9999, true, "CB-7", "/ca.pem", "/p"), (options.Host, options.Port, options.IsTls, options.DeviceId, options.Ca, options.PasswordFile));
        Assert.Equal(8883, ConfigDocument.Parse(Utf8("""{"serial":"a","ports":[],"mqtt":{"broker":"mqtts://b.example"}}""")).Mqtt!.Port);
        Assert.Equal((1883, false), ConfigDocument.Parse(Utf8("""{"ports":[],"mqtt":{"broker":"mqtt://10.0.0.1","allowPlaintext":true}}""")).Mqtt is { } m ? (m.Port, m.IsTls) : default);
    }

    [Theory]
    [InlineData("capbox/v1/box/reply/noc", null, "capbox/v1/box/reply/noc")]
    [InlineData("capbox/v1/box/reply/noc/17", "x", "capbox/v1/box/reply/noc/17")]
    [InlineData("capbox/v1/box/config/desired", "noc", "capbox/v1/box/reply/noc")]
    [InlineData("capbox/v1/other/reply/noc", null, null)]
    [InlineData("capbox/v1/box/reply/", null, null)]
    [InlineData("capbox/v1/box/reply/a/../b", null, "capbox/v1/box/reply/a/../b")]
    [InlineData("capbox/v1/box/reply/a//b", null, null)]
    [InlineData("capbox/v1/box/reply/#", null, null)]
    [InlineData(null, "no/slash", null)]
    [InlineData(null, null, null)]
    public void Answers_go_nowhere_but_to_replies(string? topic, string? requester, string? expected) => Assert.Equal(expected, new Topics("box").Reply(topic, requester));

    [Fact]
    public void Commands_are_those_of_the_socket_but_none_that_changes_the_configuration()
    {
        var commands = new CommandTable();
        int ran = 0;
        commands.Add(new CommandSpec<int>("count", "", [CommandMember.Number("by", 1, 10, "")], CountJson.Default.Int32), request => ran += (int)(request.Number("by") ?? 1));
        commands.Add<int>(new("config-apply", "", [], CountJson.Default.Int32) { IsSocketOnly = true }, _ => throw new InvalidOperationException("must not run"));
        var desk = new CommandTopics(commands);
        string Ask(string name, string payload, byte[]? correlation = null) => Encoding.UTF8.GetString(desk.Answer(name, Utf8(payload), "noc", correlation, out _));

        Assert.Equal("""{"ok":true,"result":1}""", Ask("count", ""));
        Assert.Equal("""{"ok":true,"result":4}""", Ask("count", """{"by":3}"""));
        Assert.Contains("is not within 1 to 10", Ask("count", """{"by":30}"""));
        Assert.Contains("unknown key", Ask("count", """{"bye":3}"""));
        Assert.Contains("is not for here", Ask("config-apply", "{}"));
        Assert.Contains("there is no", Ask("reboot-now", "{}"));
        foreach (string bad in new[] { "[]", "nonsense", "{", "{\"by\":\"\\ud800\"}", new string('[', 100) })
            Assert.StartsWith("{\"ok\":false", Ask("count", bad), StringComparison.Ordinal);
        Assert.Contains("longer than", Ask("count", new string(' ', CommandTopics.MaxBytes + 1)));
        Assert.Equal(["commands", "count"], desk.Names);
        Assert.Equal(4, ran);
    }

    [Fact]
    public void The_same_request_again_gets_the_same_answer_and_is_not_carried_out()
    {
        var commands = new CommandTable();
        int ran = 0;
        commands.Add<int>(new("count", "", [], CountJson.Default.Int32), _ => ++ran);
        var desk = new CommandTopics(commands);
        byte[] first = desk.Answer("count", default, "noc", [1, 2], out bool isDuplicate);
        Assert.False(isDuplicate);
        Assert.Same(first, desk.Answer("count", default, "noc", [1, 2], out isDuplicate));
        Assert.True(isDuplicate);
        desk.Answer("count", default, "other", [1, 2], out isDuplicate);
        Assert.False(isDuplicate);
        Assert.Equal(2, ran);
        // Without correlation each is another; and what is remembered is bounded.
        for (int i = 0; i < 2 * CommandTopics.MaxRemembered; i++)
            desk.Answer("count", default, "noc", BitConverter.GetBytes(i + 1000), out _);
        desk.Answer("count", default, "noc", [1, 2], out isDuplicate);
        Assert.False(isDuplicate);
    }

    [Fact]
    public void Long_answers_are_remembered_up_to_a_bound_of_bytes()
    {
        var commands = new CommandTable();
        int length = 1 << 16;
        commands.Add<string>(new("long", "", [], MqttJson.Default.String), _ => new string('x', length));
        const int MostBytes = 1 << 20;
        var desk = new CommandTopics(commands, MostBytes);
        bool IsRemembered(int request)
        {
            _ = desk.Answer("long", default, "noc", [(byte)request], out bool isDuplicate);
            return isDuplicate;
        }

        int bytes = desk.Answer("long", default, "noc", [0], out _).Length;
        int fit = MostBytes / bytes;
        for (int i = 1; i < 2 * fit; i++)
            Assert.False(IsRemembered(i));
        // The newest that fit, and none before those.
        for (int i = fit; i < 2 * fit; i++)
            Assert.True(IsRemembered(i), $"{i} of {2 * fit}");
        Assert.False(IsRemembered(fit - 1));
        // One that is longer than all may be takes the place of all, and is remembered: its requester asks again.
        length = MostBytes;
        Assert.False(IsRemembered(200));
        Assert.True(IsRemembered(200));
        Assert.False(IsRemembered((2 * fit) - 1));
        Assert.False(IsRemembered(200));
    }

    /// <summary>FAKE: takes every document.</summary>
    internal sealed class Taker : IConfigurator
    {
        public ConfigReport Report { get; set; } = new(4, "old", ConfigStatus.Applied, []) { HighestVersion = 4, Revision = 9, Document = """{"ports":[]}""" };
        public List<ConfigProposal> Proposals { get; } = [];
        public List<string> Confirmed { get; } = [];
        public event Action? Changed;

        public ConfigReport Apply(ConfigProposal proposal)
        {
            Proposals.Add(proposal);
            Report = Report with { Version = proposal.Version!.Value, Id = proposal.Id!, HighestVersion = proposal.Version.Value };
            Changed?.Invoke();
            return Report;
        }

        public ConfigReport Confirm(string id, string who)
        {
            Confirmed.Add($"{id} by {who}");
            return Report;
        }
    }

    [Fact]
    public void A_desired_document_is_proposed_with_all_that_was_said_of_it()
    {
        var taker = new Taker();
        var topics = new ConfigTopics(taker);
        Assert.Null(topics.Desired(Utf8("""{"version":5,"id":"j","base":9,"confirmSeconds":30,"why":"because","config":{"ports":[],"x":1}}"""), isRetained: true, "mqtt:noc"));
        ConfigProposal proposal = Assert.Single(taker.Proposals);
        Assert.Equal((5, "j", 9, 30, "because", "mqtt:noc", """{"ports":[],"x":1}"""), (proposal.Version, proposal.Id, proposal.BaseRevision, proposal.ConfirmSeconds, proposal.Why, proposal.Who, proposal.Document.Line));
        // It lies there and comes again at the next connect: no news. Neither is a message that was taken away.
        Assert.Null(topics.Desired(Utf8("""{"version":5,"id":"j","config":{}}"""), isRetained: true, "mqtt:noc"));
        Assert.Null(topics.Desired(default, isRetained: true, "mqtt:noc"));
        Assert.Single(taker.Proposals);
        topics.Confirm(Utf8("""{"id":"j"}"""), "mqtt:noc");
        Assert.Equal(["j by mqtt:noc"], taker.Confirmed);
        Assert.Equal(5, topics.Reported()!.Version);
    }

    [Theory]
    [InlineData("""{"id":"j","config":{}}""", "$.version")]
    [InlineData("""{"version":0,"id":"j","config":{}}""", "$.version")]
    [InlineData("""{"version":9000000000000000001,"id":"j","config":{}}""", "$.version")]
    [InlineData("""{"version":5,"config":{}}""", "$.id")]
    [InlineData("""{"version":5,"id":"j"}""", "$.config")]
    [InlineData("""{"version":5,"id":"j","config":[]}""", "$.config")]
    [InlineData("""{"version":5,"id":"j","config":{},"extra":1}""", "$.extra")]
    [InlineData("""{"version":5,"id":"j","config":{},"confirmSeconds":-3}""", "$.confirmSeconds")]
    [InlineData("[]", "$")]
    [InlineData("garbage", "$")]
    public void A_desired_document_that_makes_no_sense_is_rejected_and_nothing_proposed(string payload, string path)
    {
        var taker = new Taker();
        ConfigReport answer = new ConfigTopics(taker).Desired(Utf8(payload), isRetained: false, "mqtt:noc")!;
        Assert.Equal((ConfigStatus.Rejected, 9, path), (answer.Status, answer.Revision, answer.Errors[0].Path));
        Assert.Empty(taker.Proposals);
        Assert.Equal("""{"ports":[]}""", answer.Document);
    }

    [Fact]
    public void A_box_that_was_started_with_a_file_says_so()
    {
        var topics = new ConfigTopics(null);
        Assert.Contains("stays with it", topics.Desired(Utf8("""{"version":5,"id":"j","config":{}}"""), isRetained: true, "x")!.Errors[0].Reason);
        Assert.Throws<RequestRefusedException>(() => topics.Confirm(Utf8("""{"id":"j"}"""), "x"));
        Assert.Null(topics.Reported());
    }

    [Fact]
    public void Health_is_the_worst_of_all_and_remembers_since_when()
    {
        var health = new HealthEvaluator();
        Assert.Equal(HealthLevel.Ok, health.Evaluate(Box(0, clock: ClockState.Locked)).Overall);
        HealthMessage down = health.Evaluate(Box(10, state: PortState.Down));
        Assert.Equal((HealthLevel.Warning, HealthLevel.Warning, HealthLevel.Ok), (down.Overall, down.Components["capture"], down.Components["storage"]));
        HealthMessage worse = health.Evaluate(Box(20, state: PortState.Down, disk: "no room", clock: ClockState.Holdover), new ComponentState("mqtt", "control", HealthLevel.Warning, "the connection is in the clear"));
        Assert.Equal(HealthLevel.Error, worse.Overall);
        Assert.Equal(["port-down/eth2", "disk", "clock-state", "mqtt"], worse.Alarms.Select(a => a.Id));
        Assert.Equal(["1970-01-01T00:00:10Z", "1970-01-01T00:00:20Z"], worse.Alarms.Take(2).Select(a => a.Since));
        Assert.Empty(health.Evaluate(Box(30)).Alarms);
        Assert.Equal("1970-01-01T00:00:40Z", Assert.Single(health.Evaluate(Box(40, state: PortState.Down)).Alarms).Since);
    }

    [Fact]
    public void Loss_is_an_alarm_for_a_minute_after_the_last()
    {
        var health = new HealthEvaluator();
        bool IsAlarm(int second, ulong lost) => health.Evaluate(Box(second, lost: lost)).Alarms.Any(a => a.Id == "loss/eth2");
        Assert.False(IsAlarm(0, 0));
        Assert.True(IsAlarm(10, 5));
        Assert.True(IsAlarm(50, 9));
        Assert.True(IsAlarm(109, 9));
        Assert.False(IsAlarm(110, 9));
        Assert.True(IsAlarm(120, 10));
    }

    [Fact]
    public void A_self_test_says_of_each_thing_whether_it_is_good()
    {
        SelfTestItem[] bad = [.. SelfTest.CheckCounters(Box(10, state: PortState.Missing, clock: ClockState.Holdover, disk: "no room"))];
        Assert.Equal(["recording", "catalog", "port/eth2", "clock"], bad.Select(i => i.Name));
        Assert.All(bad, i => Assert.False(i.Good));
        Assert.Equal("no room", bad[0].Detail);
        Assert.All(SelfTest.CheckCounters(Box(10, clock: ClockState.Locked)).Where(i => i.Name != "catalog"), i => Assert.True(i.Good));
    }

    [Fact]
    public void Telemetry_tells_counts_and_rates_in_valid_json()
    {
        var telemetry = new Telemetry(new BoxRun("boot", "run"));
        JsonElement Of(BoxSnapshot box, string suffix)
        {
            (string, byte[] Payload) message = telemetry.Make(box, new MqttCounts()).Single(m => m.Suffix == suffix);
            return JsonDocument.Parse(message.Payload).RootElement;
        }

        Assert.Equal(JsonValueKind.Null, Of(Box(10, stored: 100, clock: ClockState.Acquiring), "telemetry/clock").GetProperty("clock").GetProperty("boundNs").ValueKind);
        JsonElement capture = Of(Box(20, stored: 600, lost: 10), "telemetry/capture");
        JsonElement port = capture.GetProperty("ports")[0];
        Assert.Equal((50.0, 40_000.0, 1.0), (port.GetProperty("packetsPerSecond").GetDouble(), port.GetProperty("bitsPerSecond").GetDouble(), port.GetProperty("lostPerSecond").GetDouble()));
        Assert.Equal((2, "boot", "run", "1970-01-01T00:00:20.000Z"), (capture.GetProperty("head").GetProperty("sequence").GetInt32(), capture.GetProperty("head").GetProperty("bootId").GetString(), capture.GetProperty("head").GetProperty("run").GetString(), capture.GetProperty("head").GetProperty("time").GetString()));
        // A recorder that began anew: no rate below zero.
        Assert.Equal(JsonValueKind.Null, Of(Box(30, stored: 1), "telemetry/capture").GetProperty("ports")[0].GetProperty("packetsPerSecond").ValueKind);
    }

    [Fact]
    public void A_day_of_telemetry_does_not_grow()
    {
        var telemetry = new Telemetry(new BoxRun("boot", "run"));
        var health = new HealthEvaluator();
        long bytes = 0;
        void Day(int from, int to)
        {
            for (int second = from; second < to; second += 10)
            {
                BoxSnapshot box = Box(second, (ulong)second * 1000, (ulong)second / 1000, second % 7000 < 50 ? PortState.Down : PortState.Capturing, ClockState.Locked);
                bytes += telemetry.Make(box, new MqttCounts()).Sum(m => (long)m.Payload.Length) + health.Evaluate(box).Alarms.Count;
            }
        }

        int partSeconds = Seed.Cases(1_200, 14_400);
        long grown = Allocation.LeastHeapGrowth(6, part => Day(part * partSeconds, (part + 1) * partSeconds));
        Assert.True(grown < 50 * 1024, $"{grown} bytes more after {partSeconds} s");
        Assert.True(bytes > 500_000, $"{bytes} bytes");
    }
}
