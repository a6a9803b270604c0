// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using Capbox.Packets.Capture;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>The box at a real broker, mosquitto: born, asked, configured, cut off, deceived.</summary>
[Collection("Remote")]
public class MqttLinkTests
{
    private const string Device = "box-1";

    private static string Document(Lab lab, string mqtt, string port = "", string more = "") => $$"""
        {"serial":"{{Device}}","storage":{"directory":"{{lab.Archive}}"},"change":{"watch":"2s"},"mqtt":{{mqtt}},
         "ports":[{"name":"b0","ringSize":"32MiB","blockSize":"256KiB","handover":"20ms"{{port}}}]{{more}}}
        """.ReplaceLineEndings(" ");

    private static string Plain(string more = "") => $$"""{"broker":"mqtt://127.0.0.1","telemetry":"1s"{{more}}}""";

    private static CapboxProcess Start(Lab lab, string document)
    {
        string path = Path.Combine(lab.Scratch, "first.json");
        File.WriteAllText(path, document);
        return CapboxProcess.StartOnly(lab, "--state", Path.Combine(lab.Scratch, "state"), "--config", path);
    }

    private static string Desired(int version, string config, string more = "") => $$"""{"version":{{version}},"id":"job-{{version}}","config":{{config}}{{more}}}""";

    private static void ExpectError(CapboxProcess capbox, string part)
    {
        try
        {
            Tool.WaitFor(() => capbox.Errors.Contains(part, StringComparison.Ordinal), $"\"{part}\" in the log");
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}: {capbox.Errors}");
        }
    }

    [Fact]
    public void It_is_born_tells_of_itself_and_says_good_bye()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using var listener = new Listener(lab);
        using CapboxProcess capbox = Start(lab, Document(lab, Plain()));
        listener.WaitFor("state", "ready");
        listener.WaitFor("telemetry/capture", "\"port\":\"b0\"");
        listener.WaitFor("telemetry/capture", "\"state\":\"Capturing\"");
        RawSender.Send(lab.SenderSpace, "a0", Enumerable.Range(0, 50).Select(i => Frames.Plain(60, i)));
        listener.WaitFor("telemetry/capture", "\"storedPackets\":50");
        listener.WaitFor("telemetry/system", "\"residentBytes\"");
        listener.WaitFor("telemetry/storage", "\"segmentsSealed\"");
        listener.WaitFor("health", "\"overall\":\"ok\"");
        listener.WaitFor("info", "\"mayConfigure\":true");
        listener.WaitFor("config/reported", "\"status\":\"applied\"");
        string[] states = [.. listener.Heard.Where(m => m.Topic == $"capbox/v1/{Device}/state").Select(m => JsonDocument.Parse(m.Payload).RootElement.GetProperty("state").GetString()!)];
        Assert.Equal(["init", "ready"], states);
        capbox.Stop();
        listener.WaitFor("state", "disconnected");
        // Who comes later hears the same, since it is retained.
        using var late = new Listener(lab);
        late.WaitFor("state", "disconnected");
        late.WaitFor("config/reported", "\"revision\":1");
    }

    [Fact]
    public void A_box_that_dies_is_told_lost_and_one_that_comes_back_is_ready()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using var listener = new Listener(lab);
        using (CapboxProcess capbox = Start(lab, Document(lab, Plain())))
        {
            listener.WaitFor("state", "ready");
            string session = JsonDocument.Parse(listener.Last("state")!).RootElement.GetProperty("session").GetString()!;
            capbox.KillHard();
            listener.WaitFor("state", $$"""{"state":"lost","session":"{{session}}"}""");
        }

        using CapboxProcess again = Start(lab, Document(lab, Plain()));
        listener.WaitFor("state", "ready");
        again.Stop();
    }

    [Fact]
    public void Commands_are_answered_where_they_may_be()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using var listener = new Listener(lab);
        using CapboxProcess capbox = Start(lab, Document(lab, Plain()));
        listener.WaitFor("state", "ready");
        Assert.Equal("""{"ok":true,"result":{"requested":true}}""", broker.Ask(Device, "rotate"));
        Assert.Contains("$.reson: unknown key", broker.Ask(Device, "trigger", """{"reson":"x"}"""));
        Assert.Contains("format-disk", broker.Ask(Device, "format-disk"));
        Assert.Contains("is not for here", broker.Ask(Device, "config-apply", """{"config":{}}"""));
        Assert.Contains("\"storedPackets\"", broker.Ask(Device, "status"));
        Assert.Contains("\"name\":\"b0\"", broker.Ask(Device, "ports"));
        Assert.Contains("{\"name\":\"disk\",\"good\":true,\"detail\":\"a page was written, synced and read back\"}", broker.Ask(Device, "self-test"));

        // To a topic of somebody else nothing goes; to the requester's reply it does.
        string commands = $"capbox/v1/{Device}/cmd/rotate";
        broker.Publish(commands, "{}", false, "-D", "publish", "response-topic", "elsewhere/reply");
        broker.Publish(commands, "{}", false, "-D", "publish", "response-topic", "elsewhere/reply", "-D", "publish", "user-property", "requester", "noc-7");
        listener.WaitFor("reply/noc-7", "\"ok\":true");
        // The same request twice is one.
        for (int i = 0; i < 2; i++)
            broker.Publish(commands, "{}", false, "-D", "publish", "user-property", "requester", "noc-8", "-D", "publish", "correlation-data", "77");
        // One that lies there is of nobody.
        broker.Publish(commands, "{}", retain: true, "-D", "publish", "user-property", "requester", "noc-9");
        listener.WaitFor("telemetry/system", "\"duplicates\":1");
        Assert.Equal(2, listener.Heard.Count(m => m.Topic.EndsWith("/reply/noc-8", StringComparison.Ordinal)));
        capbox.Stop();
        using CapboxProcess again = Start(lab, Document(lab, Plain()));
        listener.WaitFor("telemetry/system", "\"retainedIgnored\":1");
        again.Stop();
    }

    [Fact]
    public void The_configuration_is_changed_refused_confirmed_and_taken_back()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using var listener = new Listener(lab);
        using CapboxProcess capbox = Start(lab, Document(lab, Plain()));
        listener.WaitFor("state", "ready");
        string topic = $"capbox/v1/{Device}/config/desired";
        string udp = Document(lab, Plain(), ",\"filter\":\"udp\"");
        broker.Publish(topic, Desired(5, udp), retain: true, "-D", "publish", "user-property", "requester", "noc");
        listener.WaitFor("config/reported", "\"version\":5,\"id\":\"job-5\",\"highestVersion\":5,\"status\":\"applied\",\"errors\":[],\"revision\":2");
        Assert.Contains("by mqtt:noc is in force", capbox.Errors);

        broker.Publish(topic, Desired(6, Document(lab, Plain(), ",\"filter\":\"ucp\"")), retain: true);
        listener.WaitFor("config/reported", "\"version\":6,\"id\":\"job-6\",\"highestVersion\":6,\"status\":\"rejected\",\"errors\":[{\"path\":\"$.ports[0].filter\"");
        broker.Publish(topic, Desired(6, udp), retain: true);
        broker.Publish(topic, "{\"version\":", retain: true);
        listener.WaitFor("config/reported", "no JSON");

        broker.Publish(topic, Desired(7, Document(lab, Plain(), ",\"filter\":\"tcp\""), ",\"confirmSeconds\":10"), retain: true);
        listener.WaitFor("config/reported", "pending-confirm");
        listener.WaitFor("config/reported", "\"status\":\"rolled-back\"");
        Assert.Contains("not confirmed within 10 s", listener.Last("config/reported"));
        Assert.Contains("\"filter\":\"udp\"", listener.Last("config/reported"));

        // How the box is reached changes: by itself on trial, and confirmed over the new connection.
        broker.Publish(topic, Desired(8, Document(lab, Plain(",\"keepAlive\":\"5s\""))), retain: true);
        listener.WaitFor("config/reported", "pending-confirm");
        int born = listener.Heard.Count(m => m.Payload.Contains("ready", StringComparison.Ordinal) && m.Topic.EndsWith("/state", StringComparison.Ordinal));
        Tool.WaitFor(() => listener.Heard.Count(m => m.Payload.Contains("ready", StringComparison.Ordinal) && m.Topic.EndsWith("/state", StringComparison.Ordinal)) > Math.Max(1, born - 1), "the new connection");
        broker.Publish($"capbox/v1/{Device}/config/confirm", """{"id":"job-8"}""");
        listener.WaitFor("config/reported", "\"version\":8,\"id\":\"job-8\",\"highestVersion\":8,\"status\":\"applied\"");
        Assert.Equal(0ul, capbox.Stop().Ports[0].LostPackets);
    }

    [Fact]
    public void A_broker_that_takes_the_box_away_is_left_again()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using var listener = new Listener(lab);
        using CapboxProcess capbox = Start(lab, Document(lab, Plain()));
        listener.WaitFor("state", "ready");
        // A port where nobody listens: nobody can confirm, so the box comes back.
        string away = Document(lab, """{"broker":"mqtt://127.0.0.1:9"}""");
        broker.Publish($"capbox/v1/{Device}/config/desired", Desired(5, away, ",\"confirmSeconds\":4"), retain: true);
        listener.WaitFor("state", "disconnected");
        listener.WaitFor("state", "ready");
        listener.WaitFor("config/reported", "\"status\":\"rolled-back\"");
        capbox.Stop();
    }

    [Fact]
    public void After_the_broker_was_away_all_that_is_retained_is_there_again_and_nothing_was_lost()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using CapboxProcess capbox = Start(lab, Document(lab, Plain(",\"keepAlive\":\"2s\"")));
        using (var listener = new Listener(lab))
            listener.WaitFor("telemetry/capture", "Capturing");
        broker.Kill();
        ExpectError(capbox, "mqtt: ");
        RawSender.Send(lab.SenderSpace, "a0", Enumerable.Range(0, 500).Select(i => Frames.Plain(60, i)));
        // Without persistence this one knows nothing any more.
        broker.Start();
        using (var listener = new Listener(lab))
        {
            listener.WaitFor("state", "ready");
            listener.WaitFor("info", "mayConfigure");
            listener.WaitFor("config/reported", "applied");
            listener.WaitFor("health", "overall");
            listener.WaitFor("telemetry/capture", "\"storedPackets\":500");
        }

        // One that hangs, the connection half open: noticed by the keep-alive.
        string before = capbox.Errors;
        broker.Signal("STOP");
        Tool.WaitFor(() => capbox.Errors.Length > before.Length && capbox.Errors[before.Length..].Contains("mqtt: ", StringComparison.Ordinal), "the hanging broker to be noticed", 25);
        broker.Signal("CONT");
        using (var listener = new Listener(lab))
            listener.WaitFor("state", "ready");
        Assert.Equal(0ul, capbox.Stop().Ports[0].LostPackets);
    }

    [Fact]
    public void Only_the_right_broker_is_talked_to()
    {
        using var lab = new Lab();
        var pki = new Certificates(lab);
        var foreign = new Certificates(lab, "foreign");
        (string good, string goodKey) = pki.Issue("broker");
        (string other, string otherKey) = pki.Issue("other", host: "other.example");
        (string old, string oldKey) = pki.Issue("old", days: -1);
        (string client, string clientKey) = pki.Issue(Device);
        (string stranger, string strangerKey) = foreign.Issue("stranger");
        string[] Tls(int port, string certificate, string key, bool asksForOne = false, params string[] more) =>
        [
            $"listener {port} 127.0.0.1", $"cafile {pki.Ca}", $"certfile {certificate}", $"keyfile {key}", .. asksForOne ? ["require_certificate true", "use_identity_as_username true"] : new[] { "allow_anonymous true" }, .. more,
        ];
        string passwords = Path.Combine(lab.Scratch, "passwords"), acl = Path.Combine(lab.Scratch, "acl");
        File.WriteAllText(passwords, "box:secret\n");
        Tool.Run("mosquitto_passwd", "-U", passwords);
        File.WriteAllText(acl, $"user {Device}\ntopic readwrite capbox/v1/{Device}/state\n");
        string documented = Path.Combine(lab.Scratch, "documented");
        File.WriteAllLines(documented, DocumentedAcl());
        using var broker = new Broker(
            lab,
            [
                .. Tls(8001, good, goodKey), .. Tls(8002, other, otherKey), .. Tls(8003, old, oldKey), .. Tls(8004, good, goodKey, asksForOne: true), .. Tls(8005, good, goodKey, asksForOne: true, $"acl_file {acl}"),
                .. Tls(8007, good, goodKey, asksForOne: true, $"acl_file {documented}"), "listener 8006 127.0.0.1", $"password_file {passwords}", "allow_anonymous false",
            ]);
        string right = WriteSecret(lab, "right", "secret"), wrong = WriteSecret(lab, "wrong", "guess"), open = WriteSecret(lab, "open", "secret");
        File.SetUnixFileMode(open, UnixFileMode.UserRead | UnixFileMode.OtherRead);

        void Connects(string mqtt)
        {
            using CapboxProcess capbox = Start(lab, Document(lab, mqtt));
            ExpectError(capbox, "mqtt: connected");
            capbox.Stop();
            Directory.Delete(Path.Combine(lab.Scratch, "state"), recursive: true);
        }

        void Fails(string mqtt, string reason)
        {
            using CapboxProcess capbox = Start(lab, Document(lab, mqtt));
            ExpectError(capbox, reason);
            Assert.DoesNotContain("mqtt: connected", capbox.Errors);
            // The recording does not care, and status tells.
            capbox.WaitFor(s => s.Ports[0].State == PortState.Capturing, "the port to capture");
            using var status = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "status", "--archive", lab.Archive, "--json"));
            JsonElement link = status.RootElement.GetProperty("mqtt");
            Assert.False(link.GetProperty("connected").GetBoolean());
            Assert.Contains(reason, link.GetProperty("fault").GetString());
            capbox.Stop();
            Directory.Delete(Path.Combine(lab.Scratch, "state"), recursive: true);
        }

        string At(int port, string ca, string more = "") => $$"""{"broker":"mqtts://localhost:{{port}}","ca":"{{ca}}"{{more}}}""";
        string As(string certificate, string key) => $$""","clientCertificate":"{{certificate}}","clientKey":"{{key}}" """;
        Connects(At(8001, pki.Ca));
        Fails(At(8001, foreign.Ca), "(CN=broker) is not trusted");
        Fails("""{"broker":"mqtts://localhost:8001"}""", "(CN=broker) is not trusted");
        Fails(At(8002, pki.Ca), "(CN=other) is for another name");
        Fails(At(8003, pki.Ca), "certificate has expired");
        Fails(At(8004, pki.Ca), "8004");
        Fails(At(8004, pki.Ca, As(stranger, strangerKey)), "8004");
        Connects(At(8004, pki.Ca, As(client, clientKey)));
        Fails("""{"broker":"mqtts://localhost:1883","ca":"CA"}""".Replace("CA", pki.Ca, StringComparison.Ordinal), "1883");
        Fails("""{"broker":"mqtt://127.0.0.1:8006"}""", "NotAuthorized");
        Fails($$"""{"broker":"mqtt://127.0.0.1:8006","username":"box","passwordFile":"{{wrong}}"}""", "NotAuthorized");
        Fails($$"""{"broker":"mqtt://127.0.0.1:8006","username":"box","passwordFile":"{{open}}"}""", "others may read or change it");
        Connects($$"""{"broker":"mqtt://127.0.0.1:8006","username":"box","passwordFile":"{{right}}"}""");

        // With the access list of the manual it may do all it does.
        using (CapboxProcess capbox = Start(lab, Document(lab, At(8007, pki.Ca, As(client, clientKey)))))
        {
            ExpectError(capbox, "mqtt: connected");
            Tool.WaitFor(() => Tool.Run(CapboxProcess.Binary, "status", "--archive", lab.Archive, "--json").Contains("\"published\":1", StringComparison.Ordinal), "more than ten messages");
            Assert.DoesNotContain("does not", capbox.Errors);
            Assert.Contains("\"publishFailures\":0", Tool.Run(CapboxProcess.Binary, "status", "--archive", lab.Archive, "--json"));
            capbox.Stop();
            Directory.Delete(Path.Combine(lab.Scratch, "state"), recursive: true);
        }

        // An ACL that lets it do little: connected, and said.
        using CapboxProcess limited = Start(lab, Document(lab, At(8005, pki.Ca, As(client, clientKey))));
        ExpectError(limited, "mqtt: the broker does not");
        limited.Stop();
    }

    /// <summary>The access list that docs/reference/control.md shows.</summary>
    private static string[] DocumentedAcl() =>
        [.. File.ReadLines(Path.Combine(Repository.Root, "docs", "reference", "control.md")).Select(l => l.Trim()).Where(l => l.StartsWith("pattern ", StringComparison.Ordinal) || l.StartsWith("user ", StringComparison.Ordinal) || l.StartsWith("topic ", StringComparison.Ordinal))];

    private static string WriteSecret(Lab lab, string name, string text)
    {
        string path = Path.Combine(lab.Scratch, name);
        File.WriteAllText(path, text + "\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }

    [Fact]
    public void Ten_thousand_hostile_messages_change_nothing_and_leave_nothing()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using var listener = new Listener(lab, $"capbox/v1/{Device}/telemetry/system");
        using CapboxProcess capbox = Start(lab, Document(lab, Plain()));
        listener.WaitFor("telemetry/system", "residentBytes");
        string before = broker.Ask(Device, "config-show"), holds = broker.Ask(Device, "holds");
        var random = new Random(7);
        string[] topics = [.. new[] { "cmd/rotat", "cmd/status", "cmd/trigger", "cmd/config-apply", "cmd/" + new string('x', 200), "cmd/%00", "config/desired", "config/confirm" }.Select(t => $"capbox/v1/{Device}/{t}")];
        long Bytes(string member) => JsonDocument.Parse(listener.Last("telemetry/system")!).RootElement.GetProperty(member).GetInt64();
        void Burst(int count)
        {
            // One client, a line a message: thousands a second.
            foreach (string topic in topics)
            {
                string file = Path.Combine(lab.Scratch, "burst");
                File.WriteAllLines(file, Enumerable.Range(0, count / topics.Length).Select(_ => Hostile(random)));
                Tool.Run("sh", "-c", $"ip netns exec {lab.RecorderSpace} mosquitto_pub -V 5 -q 1 -p {Broker.Port} -t '{topic}' -D publish response-topic 'elsewhere/#' -D publish user-property requester '../x' -l < {file}");
            }
        }

        // Where they are served and answered: nearly right ones.
        void BurstOfCommands(int count)
        {
            foreach ((string command, string[] members) in new[] { ("hold-add", new[] { "from", "to", "reason", "ports", "filter", "expires" }), ("hold-remove", ["id"]), ("extract-info", ["from", "to", "ports", "filter"]), ("reboot", ["token"]) })
            {
                string file = Path.Combine(lab.Scratch, "burst");
                File.WriteAllLines(file, Enumerable.Range(0, count / 4).Select(_ => HostileMembers.Make(random, members)));
                Tool.Run("sh", "-c", $"ip netns exec {lab.RecorderSpace} mosquitto_pub -V 5 -q 1 -p {Broker.Port} -t capbox/v1/{Device}/cmd/{command} -D publish user-property requester noc -l < {file}");
            }
        }

        // The first rounds bring the heap to its size; then it must not grow any more.
        List<long> residentBytes = [];
        using var flood = Task.Run(() => RawSender.Send(lab.SenderSpace, "a0", Enumerable.Range(0, 20_000).Select(i => Frames.Plain(200, i))), TestContext.Current.CancellationToken);
        for (int round = 0; round < 8; round++)
        {
            Burst(1400);
            BurstOfCommands(600);
            string seen = listener.Last("telemetry/system")!;
            Tool.WaitFor(() => listener.Last("telemetry/system") != seen, "the next counters");
            residentBytes.Add(Bytes("residentBytes"));
        }

        Tool.WaitFor(() => flood.IsCompleted, "the packets to be sent");
        long grown = residentBytes[^1] - residentBytes[3];
        Assert.True(grown < 16 << 20, $"{grown} bytes more resident: {string.Join(", ", residentBytes)}");
        Assert.Equal(before, broker.Ask(Device, "config-show"));
        Assert.Equal(holds, broker.Ask(Device, "holds"));
        RecorderSnapshot end = capbox.Stop();
        Assert.Equal((20_000ul, 0ul), (end.Ports[0].StoredPackets, end.Ports[0].LostPackets));
    }

    private static string Hostile(Random random) => random.Next(8) switch
    {
        0 => new string('[', random.Next(1, 2000)),
        1 => $$$"""{"version":{{{random.Next(int.MinValue, int.MaxValue).ToString(CultureInfo.InvariantCulture)}}},"id":"{{{new string('i', random.Next(300))}}}","config":{}}""",
        2 => """{"version":99999,"id":"x","config":{"ports":[{"name":"../../etc"}],"storage":{"directory":"/"}}}""",
        3 => "{\"id\":\"" + new string('\u00e9', random.Next(500)) + "\"}",
        4 => """{"reason":"\u0000\ud800"}""",
        5 => new string('9', random.Next(1, 5000)),
        6 => """{"version":1e400,"id":null,"config":"x"}""",
        _ => string.Concat(Enumerable.Range(0, random.Next(1, 200)).Select(_ => (char)random.Next(0x20, 0x7f))),
    };
}
