// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Events at a real broker that goes away, hangs behind a dead line, takes rights back, and comes again.</summary>
[Collection("Remote")]
public class EventTests
{
    private const string Device = "box-1", BrokerAddress = "10.77.2.2", RouterAddress = "10.77.1.1";

    private static string Document(Lab lab, string mqtt) => $$"""
        {"serial":"{{Device}}","storage":{"directory":"{{lab.Archive}}"},"change":{"watch":"0s"},"mqtt":{{mqtt}},
         "ports":[{"name":"b0","ringSize":"64MiB","blockSize":"256KiB","handover":"20ms"},{"name":"b1","ringSize":"4MiB","blockSize":"256KiB"}]}
        """.ReplaceLineEndings(" ");

    private static CapboxProcess Start(Lab lab, string document)
    {
        string path = Path.Combine(lab.Scratch, "first.json");
        File.WriteAllText(path, document);
        return CapboxProcess.StartOnly(lab, "--state", Path.Combine(lab.Scratch, "state"), "--config", path);
    }

    /// <summary>What a reader of the manual makes of what it heard: the same run and sequence again is no news.</summary>
    private static List<JsonElement> News(Listener listener)
    {
        HashSet<string> had = [];
        return
        [
            .. listener.Heard.Where(m => m.Topic.Contains("/event/", StringComparison.Ordinal)).Select(m => JsonDocument.Parse(m.Payload).RootElement)
                .Where(e => had.Add(e.GetProperty("head").GetProperty("run").GetString() + e.GetProperty("head").GetProperty("sequence").GetUInt64().ToString(CultureInfo.InvariantCulture))),
        ];
    }

    /// <summary>Within each run the sequence has no hole that the next event does not tell.</summary>
    private static void AssertWhole(List<JsonElement> events)
    {
        foreach (IGrouping<string?, JsonElement> run in events.GroupBy(e => e.GetProperty("head").GetProperty("run").GetString()))
        {
            ulong before = 0;
            foreach (JsonElement e in run)
            {
                ulong sequence = e.GetProperty("head").GetProperty("sequence").GetUInt64(), missed = e.TryGetProperty("missed", out JsonElement m) ? m.GetUInt64() : 0;
                Assert.Equal(before + missed + 1, sequence);
                before = sequence;
            }
        }
    }

    /// <summary>Even what QoS 1 may bring twice came once: no connection ended before an acknowledgement.</summary>
    private static void AssertOnce(Listener listener) =>
        Assert.Equal(listener.Heard.Count(m => m.Topic.Contains("/event/", StringComparison.Ordinal)), News(listener).Count);

    private static string[] Codes(List<JsonElement> events, string prefix) => [.. events.Select(e => e.GetProperty("code").GetString()!).Where(c => c.StartsWith(prefix, StringComparison.Ordinal))];

    /// <summary>The second port goes and comes; each time the event is waited for, on disk, where it is with and without a broker.</summary>
    private static void Flap(Lab lab, int times)
    {
        string spool = Path.Combine(lab.Scratch, "state", ".capbox", "events");
        int Count(string code) => Directory.GetFiles(spool, "*.spool").Sum(f => File.ReadAllText(f).Split($"\"{code}\"").Length - 1);
        for (int i = 0; i < times; i++)
        {
            foreach ((string state, string code) in new[] { ("down", "port-down"), ("up", "port-up") })
            {
                int before = Count(code);
                lab.Ip("link", "set", "b1", state);
                Tool.WaitFor(() => Count(code) > before, $"{code} on disk");
            }
        }
    }

    private static long Resident(CapboxProcess capbox) =>
        long.Parse(File.ReadLines($"/proc/{capbox.Id}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;

    [Fact]
    public async Task With_the_broker_killed_for_more_than_a_minute_under_load_events_come_once_in_order_and_memory_is_flat()
    {
        using var lab = new Lab(pairs: 2);
        // The listener's place is kept over the broker's death, so that nothing is missed by coming late.
        string kept = Path.Combine(lab.Scratch, "mosquitto.db");
        using var broker = new Broker(lab, "persistence true", $"persistence_location {lab.Scratch}/");
        using CapboxProcess capbox = Start(lab, Document(lab, """{"broker":"mqtt://127.0.0.1","telemetry":"1s","keepAlive":"2s"}"""));
        using (var early = new Listener(lab, session: "ear"))
        {
            early.WaitFor("event/info/started", "\"sequence\":1}");
            early.WaitFor("event/info/port-up", "\"port\":\"b1\"");
        }

        broker.Signal("USR1"); // write it down now
        Tool.WaitFor(() => File.Exists(kept), "the broker's memory on disk");
        broker.Kill();
        Tool.WaitFor(() => capbox.Errors.Contains("is gone", StringComparison.Ordinal), "the loss of the broker");
        var away = Stopwatch.StartNew();
        Task<long> load = Task.Run(() => lab.Generate("--milliseconds", "55000", "--pps", "5000", "--size", "200"), TestContext.Current.CancellationToken);
        Flap(lab, 4);
        long resident = Resident(capbox);
        int flaps = 4;
        for (; away.Elapsed < TimeSpan.FromSeconds(70); flaps++)
            Flap(lab, 1);
        long grown = Resident(capbox) - resident;
        long sent = await load;
        broker.Start();
        using var listener = new Listener(lab, session: "ear");
        listener.WaitFor("event/info/broker-back", "\"seconds\":");
        List<JsonElement> events = [.. News(listener).SkipWhile(e => e.GetProperty("code").GetString() != "broker-lost")];
        // Live state was there first.
        string[] topics = [.. listener.Heard.Select(m => m.Topic[$"capbox/v1/{Device}/".Length..])];
        Assert.True(Array.IndexOf(topics, "health") < Array.FindIndex(topics, t => t.StartsWith("event/", StringComparison.Ordinal)));
        AssertOnce(listener);
        Assert.Equal("broker-back", events[^1].GetProperty("code").GetString());
        Assert.True(events[^1].GetProperty("data").GetProperty("seconds").GetDouble() > 50);
        ulong first = events[0].GetProperty("head").GetProperty("sequence").GetUInt64();
        Assert.Equal(Enumerable.Range(0, events.Count).Select(i => first + (ulong)i), events.Select(e => e.GetProperty("head").GetProperty("sequence").GetUInt64()));
        Assert.Equal(Enumerable.Range(0, 2 * flaps).Select(i => i % 2 == 0 ? "port-down" : "port-up"), Codes(events, "port-"));
        Assert.True(grown < 16 << 20, $"{grown} bytes more resident");
        Packets.Capture.RecorderSnapshot end = capbox.Stop();
        Assert.Equal(((ulong)sent, 0ul), (end.Ports[0].StoredPackets, end.Ports[0].LostPackets));
    }

    [Fact]
    public void Events_survive_kill_9_and_a_restart_and_the_last_says_good_bye()
    {
        using var lab = new Lab(pairs: 2);
        string mqtt = """{"broker":"mqtt://127.0.0.1","telemetry":"1s"}""";
        using (CapboxProcess capbox = Start(lab, Document(lab, mqtt)))
        {
            capbox.WaitFor(s => s.Ports.All(p => p.State == Packets.Capture.PortState.Capturing), "the ports");
            Flap(lab, 2);
            capbox.KillHard();
        }

        using var broker = new Broker(lab);
        using var listener = new Listener(lab);
        using CapboxProcess again = Start(lab, Document(lab, mqtt));
        Tool.WaitFor(() => Codes(News(listener), "started").Length == 2 && Codes(News(listener), "port-up").Length >= 6, "the events of both runs");
        again.Stop();
        listener.WaitFor("event/info/stopped", "in order");
        List<JsonElement> events = News(listener);
        AssertWhole(events);
        string[] runs = [.. events.Select(e => e.GetProperty("head").GetProperty("run").GetString()!).Distinct()];
        string run = Assert.Single(runs, r => r != events[0].GetProperty("head").GetProperty("run").GetString());
        Assert.Equal(["started", "stopped"], Codes([.. events.Where(e => e.GetProperty("head").GetProperty("run").GetString() == run)], "st"));
    }

    [Fact]
    public void What_becomes_of_a_configuration_is_an_event()
    {
        using var lab = new Lab(pairs: 2);
        using var broker = new Broker(lab);
        using var listener = new Listener(lab);
        string good = Document(lab, """{"broker":"mqtt://127.0.0.1","telemetry":"1s"}""");
        using CapboxProcess capbox = Start(lab, good);
        listener.WaitFor("state", "ready");
        void Desire(int version, string document, string more = "") =>
            broker.Publish($"capbox/v1/{Device}/config/desired", $$"""{"version":{{version}},"id":"job-{{version}}","config":{{document}}{{more}}}""", retain: true);
        Desire(2, good.Replace("\"handover\":\"20ms\"", "\"handover\":\"30ms\"", StringComparison.Ordinal), ",\"confirmSeconds\":3");
        listener.WaitFor("event/info/config-pending", "\"version\":2");
        listener.WaitFor("event/warning/config-rolled-back", "not confirmed within 3 s");
        Desire(3, good.Replace("\"handover\":\"20ms\"", "\"handover\":\"40ms\"", StringComparison.Ordinal), ",\"confirmSeconds\":300");
        listener.WaitFor("event/info/config-pending", "\"version\":3");
        broker.Publish($"capbox/v1/{Device}/config/confirm", """{"id":"job-3"}""");
        listener.WaitFor("event/info/config-confirmed", "\"version\":3");
        Desire(4, good.Replace("\"handover\":\"20ms\"", "\"handover\":\"2\"", StringComparison.Ordinal));
        listener.WaitFor("event/warning/config-rejected", "$.ports[0].handover");
        Desire(5, "[]");
        listener.WaitFor("event/warning/config-rejected", "\"version\":5");
        AssertWhole(News(listener));
        capbox.Stop();
    }

    [Fact]
    public void What_is_taken_back_while_nothing_runs_is_an_event_of_the_next_start()
    {
        using var lab = new Lab(pairs: 2);
        using var broker = new Broker(lab);
        using var listener = new Listener(lab);
        string good = Document(lab, """{"broker":"mqtt://127.0.0.1","telemetry":"1s"}""");
        var pending = Stopwatch.StartNew();
        using (CapboxProcess capbox = Start(lab, good))
        {
            listener.WaitFor("state", "ready");
            broker.Publish(
                $"capbox/v1/{Device}/config/desired", $$"""{"version":2,"id":"job-2","config":{{good.Replace("\"handover\":\"20ms\"", "\"handover\":\"30ms\"", StringComparison.Ordinal)}},"confirmSeconds":20}""", retain: true);
            listener.WaitFor("event/info/config-pending", "\"version\":2");
            capbox.KillHard();
            pending.Restart();
        }

        // CLOCK_BOOTTIME goes on: the time for the confirmation is over.
        Tool.WaitFor(() => pending.Elapsed > TimeSpan.FromSeconds(21), "the trial to be over");
        using CapboxProcess again = Start(lab, good);
        listener.WaitFor("event/warning/config-rolled-back", "not confirmed within 20 s");
        List<JsonElement> events = News(listener);
        JsonElement Head(string code) => events.Last(e => e.GetProperty("code").GetString() == code).GetProperty("head");
        Assert.Equal(2, Head("config-rolled-back").GetProperty("sequence").GetInt32());
        Assert.Equal(Head("started").GetProperty("run").GetString(), Head("config-rolled-back").GetProperty("run").GetString());
        Assert.NotEqual(Head("config-pending").GetProperty("run").GetString(), Head("config-rolled-back").GetProperty("run").GetString());
        AssertWhole(events);
        again.Stop();
    }

    /// <summary>The line between box and broker goes dead at a router in between, carrier up: nobody says a word.</summary>
    [Fact]
    public void A_line_that_goes_dead_is_noticed_and_what_happened_meanwhile_is_told_later()
    {
        using var lab = new Lab(pairs: 2);
        string router = lab.AddSpace("r"), far = lab.AddSpace("f");
        Join(lab.RecorderSpace, "up0", "10.77.1.2/24", router, "down0", RouterAddress + "/24");
        Join(router, "up1", "10.77.2.1/24", far, "down1", BrokerAddress + "/24");
        lab.Ip("route", "add", "10.77.2.0/24", "via", RouterAddress);
        Tool.Run("ip", "-n", far, "route", "add", "10.77.1.0/24", "via", "10.77.2.1");
        void Forward(string value) => Tool.Run("ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=" + value);
        Forward("1");
        using var broker = Broker.In(lab, far);
        using var listener = new Listener(lab, "capbox/#", far);
        using CapboxProcess capbox = Start(lab, Document(lab, $$"""{"broker":"mqtt://{{BrokerAddress}}","allowPlaintext":true,"telemetry":"1s","keepAlive":"4s"}"""));
        listener.WaitFor("state", "ready");
        Forward("0");
        Tool.WaitFor(() => capbox.Errors.Contains("tried again", StringComparison.Ordinal), "the dead line to be noticed");
        Assert.Contains("\"connected\":false", Tool.Run(CapboxProcess.Binary, "status", "--archive", lab.Archive, "--json"));
        Flap(lab, 2);
        Forward("1");
        listener.WaitFor("event/info/broker-back", "\"seconds\":");
        List<JsonElement> events = News(listener);
        AssertWhole(events);
        Assert.Equal(["broker-lost", "broker-back"], Codes(events, "broker-"));
        capbox.Stop();
    }

    private static void Join(string left, string leftName, string leftAddress, string right, string rightName, string rightAddress)
    {
        Tool.Run("ip", "link", "add", leftName, "netns", left, "type", "veth", "peer", "name", rightName, "netns", right);
        foreach ((string space, string name, string address) in new[] { (left, leftName, leftAddress), (right, rightName, rightAddress) })
        {
            Tool.Run("ip", "-n", space, "addr", "add", address, "dev", name);
            Tool.Run("ip", "-n", space, "link", "set", name, "up");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_right_that_is_not_there_is_said_and_all_comes_when_it_is_given(bool isTakenBack)
    {
        using var lab = new Lab(pairs: 2);
        string acl = Path.Combine(lab.Scratch, "acl"), passwords = Path.Combine(lab.Scratch, "passwords"), secret = Path.Combine(lab.Scratch, "secret");
        File.WriteAllText(passwords, "box:secret\n");
        Tool.Run("mosquitto_passwd", "-U", passwords);
        File.WriteAllText(secret, "secret\n");
        File.SetUnixFileMode(secret, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        const string All = "topic read #\nuser box\ntopic readwrite capbox/#\n", Less = "topic read #\nuser box\ntopic readwrite capbox/v1/+/state\ntopic readwrite capbox/v1/+/telemetry/#\n";
        File.WriteAllText(acl, isTakenBack ? All : Less);
        using var broker = new Broker(lab, "listener 8006 127.0.0.1", $"password_file {passwords}", "allow_anonymous false", $"acl_file {acl}");
        // Sessions of one broker are one: who listens at the open listener hears it all.
        using var listener = new Listener(lab);
        using CapboxProcess capbox = Start(lab, Document(lab, $$"""{"broker":"mqtt://127.0.0.1:8006","username":"box","passwordFile":"{{secret}}","telemetry":"1s"}"""));
        if (isTakenBack)
        {
            listener.WaitFor("event/info/port-up", "\"port\":\"b1\"");
            File.WriteAllText(acl, Less);
            broker.Signal("HUP");
        }
        else
        {
            listener.WaitFor("telemetry/capture", "\"state\":\"Capturing\"");
        }

        Flap(lab, 1);
        Tool.WaitFor(() => capbox.Errors.Contains("the broker does not take capbox/v1/box-1/event/", StringComparison.Ordinal), "the refusal in the log");
        Tool.WaitFor(() => Tool.Run(CapboxProcess.Binary, "status", "--archive", lab.Archive, "--json").Contains("\"fault\":\"the broker does not take", StringComparison.Ordinal), "the refusal in the status");
        File.WriteAllText(acl, All);
        broker.Signal("HUP");
        Tool.WaitFor(() => Codes(News(listener), "port-down").Length == 1 && Codes(News(listener), "port-up").Length == 3, "the events that were refused");
        Tool.WaitFor(() => Tool.Run(CapboxProcess.Binary, "status", "--archive", lab.Archive, "--json").Contains("\"connected\":true,\"fault\":null", StringComparison.Ordinal), "the alarm to be over");
        listener.WaitFor("info", "\"deviceId\"");
        Assert.Contains(listener.Heard, m => m.Topic.EndsWith("/health", StringComparison.Ordinal));
        AssertWhole(News(listener));
        capbox.Stop();
    }

    [Fact]
    public void With_MQTT_3_1_1_on_both_sides_all_of_it_works_with_replies_to_the_requester()
    {
        using var lab = new Lab(pairs: 2);
        using var broker = new Broker(lab);
        using var listener = new Listener(lab);
        using CapboxProcess capbox = Start(lab, Document(lab, """{"broker":"mqtt://127.0.0.1","telemetry":"1s","version":"3.1.1"}"""));
        listener.WaitFor("state", "ready");
        listener.WaitFor("event/info/port-up", "\"port\":\"b1\"");
        listener.WaitFor("telemetry/system", "residentBytes");
        void Ask(string command, string payload) => Tool.Run("ip", "netns", "exec", lab.RecorderSpace, "mosquitto_pub", "-V", "mqttv311", "-q", "1", "-p", $"{Broker.Port}", "-t", $"capbox/v1/{Device}/cmd/{command}", "-m", payload);
        Ask("rotate", """{"requester":"noc","correlation":"1"}""");
        listener.WaitFor("reply/noc", """{"ok":true,"result":{"requested":true},"correlation":"1"}""");
        Ask("rotate", """{"requester":"noc","correlation":"1"}""");
        listener.WaitFor("telemetry/system", "\"duplicates\":1");
        Ask("rotate", "{}");
        Ask("rotate", """{"requester":"../noc"}""");
        listener.WaitFor("telemetry/system", "\"malformed\":2");
        broker.Publish($"capbox/v1/{Device}/config/desired", """{"version":9,"id":"j","config":[]}""", retain: true);
        listener.WaitFor("config/reported", "\"status\":\"rejected\"");
        capbox.Stop();
        listener.WaitFor("state", "disconnected");
    }

    [Fact]
    public void The_embedded_broker_is_there_for_a_first_run()
    {
        using var lab = new Lab(pairs: 2);
        using CapboxProcess capbox = Start(lab, Document(lab, """{"broker":"embedded://127.0.0.1","telemetry":"1s"}"""));
        Tool.WaitFor(() => capbox.Errors.Contains("mqtt: connected", StringComparison.Ordinal), "the connection");
        using var listener = new Listener(lab);
        listener.WaitFor("state", "ready");
        listener.WaitFor("telemetry/capture", "Capturing");
        Flap(lab, 1);
        listener.WaitFor("event/info/port-up", "\"port\":\"b1\"");
        // Loopback alone, and nothing is there for who only listens.
        string[] sockets = Tool.Run("ip", "netns", "exec", lab.RecorderSpace, "ss", "-Hltn").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("127.0.0.1:1883", Assert.Single(sockets));
        Tool.Try("ip", "netns", "exec", lab.RecorderSpace, "mosquitto_pub", "-V", "5", "-q", "1", "-p", $"{Broker.Port}", "-t", $"capbox/v1/{Device}/cmd/rotate", "-m", """{"requester":"x"}""");
        listener.WaitFor("telemetry/system", "\"received\":0");
        capbox.Stop();
    }
}
