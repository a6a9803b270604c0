// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Many boxes at a real broker: two that record, and simulated ones (Bench boxes: the real control line, without a recorder).</summary>
[Collection("Remote")]
public class FleetTests
{
    private const int Simulated = 20;

    /// <summary>SIMULATED boxes in the recorder's namespace.</summary>
    private sealed class Boxes : IDisposable
    {
        private readonly Process _process;
        private readonly StringBuilder _said = new();
        private volatile bool _isReady;

        public Boxes(Lab lab, int count, params string[] more)
        {
            ProcessStartInfo info = Tool.Info(
                "ip", ["netns", "exec", lab.RecorderSpace, "dotnet", Path.Combine(AppContext.BaseDirectory, "Bench.dll"), "boxes", "--boxes", $"{count}", "--dir", Path.Combine(lab.Scratch, "boxes"), .. more]);
            info.RedirectStandardInput = true;
            _process = Process.Start(info)!;
            _process.ErrorDataReceived += (_, e) => _said.AppendLine(e.Data);
            _process.OutputDataReceived += (_, e) =>
            {
                if (e.Data == "ready")
                    _isReady = true;
            };
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
            Tool.WaitFor(() => _process.HasExited ? throw new InvalidOperationException($"the simulated boxes ended: {_said}") : _isReady, "the simulated boxes to connect");
        }

        public void Dispose()
        {
            _process.StandardInput.Close();
            if (!_process.WaitForExit(Tool.LimitSeconds * 1000))
                _process.Kill();
            _process.Dispose();
        }
    }

    private static CapboxProcess StartReal(Lab lab, int number)
    {
        string path = Path.Combine(lab.Scratch, $"real-{number}.json");
        File.WriteAllText(path, $$"""
            {"serial":"real-{{number}}","storage":{"directory":"{{lab.Archive}}-{{number}}"},"change":{"watch":"2s"},"mqtt":{"broker":"mqtt://127.0.0.1","telemetry":"1s"},
             "ports":[{"name":"b{{number}}","ringSize":"4MiB","blockSize":"256KiB","handover":"20ms"}]}
            """);
        return CapboxProcess.StartOnly(lab, "--state", Path.Combine(lab.Scratch, $"state-{number}"), "--config", path);
    }

    private static (int Code, string Output, string Error) Fleet(Lab lab, params string[] arguments) =>
        Tool.Try("ip", ["netns", "exec", lab.RecorderSpace, CapboxProcess.Binary, "fleet", .. arguments.Contains("--broker") ? Array.Empty<string>() : ["--broker", "mqtt://127.0.0.1"], "--requester", "noc", .. arguments]);

    private static string Good((int Code, string Output, string Error) run) => run.Code == 0 ? run.Output : throw new InvalidOperationException($"exit {run.Code}: {run.Error}{run.Output}");

    private static JsonElement Parsed(string json) => JsonDocument.Parse(json).RootElement;

    private static void AwaitReady(Lab lab, int boxes) => Tool.WaitFor(
        () => Fleet(lab, "status", "--json", "--select", "state=ready and config=applied and health>=ok") is { Code: 0 } run && Parsed(run.Output).GetProperty("boxes").GetArrayLength() == boxes, $"{boxes} ready boxes", 90);

    [Fact]
    public void Recording_and_simulated_boxes_are_listed_changed_and_asked()
    {
        using var lab = new Lab(pairs: 2);
        using var broker = new Broker(lab);
        using CapboxProcess first = StartReal(lab, 0), second = StartReal(lab, 1);
        using var boxes = new Boxes(lab, Simulated);
        AwaitReady(lab, Simulated + 2);
        broker.Publish("capbox/v1/evil/state", "{\"state\":", retain: true);
        broker.Publish("capbox/v1/SIM-1/health", "[]", retain: true);

        (int code, string table, string warnings) = Fleet(lab, "status");
        Assert.Equal(0, code);
        Assert.Matches(@"real-0 +ready +\d+\.\d+\.\d+ +1 +applied +\w+", table);
        Assert.Contains("22 boxes: 22 ready", table, StringComparison.Ordinal);
        Assert.Contains("messages that no box should publish were passed over, the first in capbox/v1/evil/state", warnings, StringComparison.Ordinal);
        Assert.Contains("2 boxes: 2 ready", Good(Fleet(lab, "status", "--select", "port=b* and id=real-*")), StringComparison.Ordinal);
        Assert.Equal(1, Fleet(lab, "status", "--select", "id=nobody").Code);
        Assert.All(Parsed(Good(Fleet(lab, "status", "--live", "3", "--select", "id=real-0", "--json"))).GetProperty("boxes").EnumerateArray(), b => Assert.Equal(JsonValueKind.String, b.GetProperty("heard").ValueKind));

        // What would change: the same for all but for one.
        Good(Fleet(lab, "apply", "--set", "filters.feed=udp", "--select", "id=SIM-7"));
        (code, table, _) = Fleet(lab, "config", "diff", "--set", "filters.feed=udp");
        Assert.Equal(1, code);
        Assert.Matches(@"(?s)21 boxes: SIM-1, .*\+ \$\.filters: \{""feed"":""udp""\}.*1 box: SIM-7\n  no difference", table);
        Assert.Contains("interrupted: none", Good(Fleet(lab, "apply", "--set", "filters.feed=udp", "--all", "--dry-run")), StringComparison.Ordinal);

        // One, then some at a time; the boxes have it, and have it already.
        JsonElement rollout = Parsed(Good(Fleet(lab, "apply", "--set", "filters.feed=udp", "--all", "--first", "2", "--batch", "7", "--why", "feed B", "--json")));
        Assert.Equal(Simulated + 2, rollout.GetProperty("boxes").GetArrayLength());
        Assert.All(rollout.GetProperty("boxes").EnumerateArray(), b => Assert.True(b.GetProperty("hasIt").GetBoolean()));
        Assert.Contains("\"who\":\"mqtt:noc\"", broker.Ask("real-0", "config-show"), StringComparison.Ordinal);
        Assert.Contains("\"why\":\"feed B\"", broker.Ask("real-1", "config-show"), StringComparison.Ordinal);
        Assert.Contains("22 of 22 have it", Good(Fleet(lab, "apply", "--set", "filters.feed=udp", "--all")), StringComparison.Ordinal);

        // A change of the connection is confirmed once each box is back.
        rollout = Parsed(Good(Fleet(lab, "apply", "--set", "mqtt.keepAlive=15s", "--select", "id=real-* or id=SIM-1,SIM-2", "--first", "1", "--batch", "3", "--json")));
        Assert.All(rollout.GetProperty("boxes").EnumerateArray(), b => Assert.Equal("applied", b.GetProperty("outcome").GetString()));
        Assert.Contains("was confirmed by mqtt:noc", first.Errors, StringComparison.Ordinal);

        // Commands: an answer from each, as lines; what is refused is told.
        string[] answers = Good(Fleet(lab, "cmd", "config-status", "--all", "--json", "--parallel", "5")).Trim().Split('\n');
        Assert.Equal(Simulated + 2, answers.Select(l => Parsed(l)).Count(a => a.GetProperty("ok").GetBoolean() && a.GetProperty("result").GetProperty("status").GetString() == "applied"));
        Assert.Contains("2 boxes: 2 answered", Good(Fleet(lab, "cmd", "rotate", "--select", "id=real-*")), StringComparison.Ordinal);
        (code, table, _) = Fleet(lab, "cmd", "rotate", "{\"x\":1}", "--select", "id=real-0,SIM-3");
        Assert.Equal(1, code);
        Assert.Contains("$.x: unknown key", table, StringComparison.Ordinal);
        Assert.Contains("there is no \"rotate\"", table, StringComparison.Ordinal);

        // One that is gone is told, not asked and not changed.
        second.Stop();
        (code, table, _) = Fleet(lab, "cmd", "config-status", "--select", "id=real-*");
        Assert.Equal(1, code);
        Assert.Matches(@"real-1 +- +FAILED +not asked: not ready", table);
        (code, table, _) = Fleet(lab, "apply", "--set", "filters.feed=tcp", "--select", "id=real-*");
        Assert.Equal(1, code);
        Assert.Matches(@"real-0 +applied +yes", table);
        Assert.Matches(@"real-1 +not ready +no +\d+ +its state is disconnected", table);
        first.Stop();
    }

    [Fact]
    public void A_box_that_refuses_or_takes_it_back_or_leaves_ends_the_rollout()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using var boxes = new Boxes(lab, 12, "--refuse", "3", "--lose", "6", "--leave", "9");
        AwaitReady(lab, 12);

        string[] Outcomes(int expected, params string[] arguments)
        {
            (int code, string output, string error) = Fleet(lab, ["apply", "--json", .. arguments]);
            Assert.True(code == expected, $"exit {code}: {error}{output}");
            return [.. Parsed(output).GetProperty("boxes").EnumerateArray().Select(b => $"{b.GetProperty("deviceId").GetString()} {b.GetProperty("outcome").GetString()} {b.GetProperty("hasIt")}".TrimEnd())];
        }

        Assert.Equal(
            ["SIM-1 applied True", "SIM-2 applied True", "SIM-3 rejected False", "SIM-4 not begun False", "SIM-5 not begun False"],
            Outcomes(1, "--set", "filters.a=udp", "--select", "id=SIM-1,SIM-2,SIM-3,SIM-4,SIM-5", "--batch", "2"));
        // What was refused does not lie at the broker, where it would be tried again.
        string Retained(string device) => Tool.Try("ip", "netns", "exec", lab.RecorderSpace, "mosquitto_sub", "-p", $"{Broker.Port}", "-t", $"capbox/v1/{device}/config/desired", "-W", "1").Output;
        Assert.Empty(Retained("SIM-3"));
        Assert.Contains("\"filters\":{\"a\":\"udp\"}", Retained("SIM-1"), StringComparison.Ordinal);

        Assert.Equal(
            ["SIM-5 applied True", "SIM-6 rolled-back False", "SIM-7 not begun False"],
            Outcomes(1, "--set", "filters.a=udp", "--select", "id=SIM-5,SIM-6,SIM-7", "--batch", "1", "--soak", "10"));

        Assert.Equal(["SIM-9 lost", "SIM-10 not begun False"], Outcomes(1, "--set", "filters.a=udp", "--select", "id=SIM-9,SIM-10", "--timeout", "5", "--soak", "3"));
        Assert.Equal(["SIM-10 applied True", "SIM-11 applied True"], Outcomes(0, "--set", "filters.a=udp", "--select", "id=SIM-10,SIM-11"));

        // A version that somebody used up and that is not the last one proposed.
        broker.Publish("capbox/v1/SIM-12/config/desired", """{"version":90,"id":"x","config":{"poorts":[]}}""");
        broker.Publish("capbox/v1/SIM-12/config/desired", """{"version":5,"id":"y","config":{"poorts":[]}}""");
        using (var listener = new Listener(lab, "capbox/v1/SIM-12/config/reported"))
            listener.WaitFor("config/reported", "5 is not above 90");
        Assert.Equal(["SIM-12 applied True"], Outcomes(0, "--set", "filters.a=udp", "--select", "id=SIM-12"));
    }

    [Fact]
    public void Interrupted_it_begins_no_further_box_and_tells_who_has_it()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using var boxes = new Boxes(lab, 4);
        AwaitReady(lab, 4);
        using var listener = new Listener(lab, "capbox/v1/+/config/reported");
        using var fleet = Process.Start(Tool.Info(
            "ip", "netns", "exec", lab.RecorderSpace, CapboxProcess.Binary, "fleet", "apply", "--broker", "mqtt://127.0.0.1", "--requester", "noc", "--all", "--set", "filters.a=udp", "--batch", "1", "--soak", "4", "--json"))!;
        listener.WaitFor("SIM-2/config/reported", "\"filters\":{\"a\":\"udp\"}");
        Tool.Run("kill", "-INT", $"{fleet.Id}");
        JsonElement told = Parsed(fleet.StandardOutput.ReadToEnd());
        fleet.WaitForExit();
        Assert.Equal((1, "interrupted"), (fleet.ExitCode, told.GetProperty("stopped").GetString()));
        Assert.Equal(["applied", "applied", "not begun", "not begun"], told.GetProperty("boxes").EnumerateArray().Select(b => b.GetProperty("outcome").GetString()!));
    }

    [Fact]
    public void With_the_access_list_of_the_manual_an_operator_may_do_what_it_is_for_and_nobody_else()
    {
        using var lab = new Lab();
        var pki = new Certificates(lab);
        (string certificate, string key) = pki.Issue("broker");
        (string operatorCertificate, string operatorKey) = pki.Issue("fleet-noc");
        (string otherCertificate, string otherKey) = pki.Issue("stranger");
        string acl = Path.Combine(lab.Scratch, "acl");
        File.WriteAllLines(acl, DocumentedAcl());
        using var broker = new Broker(
            lab, $"listener {Broker.TlsPort} 127.0.0.1", $"cafile {pki.Ca}", $"certfile {certificate}", $"keyfile {key}", "require_certificate true", "use_identity_as_username true", $"acl_file {acl}");
        using var boxes = new Boxes(lab, 3);
        AwaitReady(lab, 3);

        string profile = Path.Combine(lab.Scratch, "fleet.json");
        File.WriteAllText(profile, $$"""
            {
              "broker": "mqtts://localhost:{{Broker.TlsPort}}", // as a box's section mqtt
              "ca": "pki/ca.pem", "clientCertificate": "{{operatorCertificate}}", "clientKey": "{{operatorKey}}", "requester": "fleet-noc",
            }
            """);
        (int Code, string Output, string Error) With(params string[] arguments) => Tool.Try("ip", ["netns", "exec", lab.RecorderSpace, CapboxProcess.Binary, "fleet", "--profile", profile, .. arguments]);
        Assert.Contains("3 boxes: 3 ready", Good(With("status")), StringComparison.Ordinal);
        Assert.Contains("3 of 3 have it", Good(With("apply", "--all", "--set", "filters.a=udp", "--confirm", "30")), StringComparison.Ordinal);
        Assert.Contains("3 boxes: 3 answered", Good(With("cmd", "config-status", "--all")), StringComparison.Ordinal);

        // As somebody else: nothing is heard.
        (int code, _, string error) = With("status", "--cert", otherCertificate, "--key", otherKey);
        Assert.Equal(1, code);
        Assert.Contains("no box has published anything", error, StringComparison.Ordinal);
        (code, _, error) = With("status", "--ca", operatorCertificate);
        Assert.Equal(1, code);
        Assert.Contains("(CN=broker) is not trusted", error, StringComparison.Ordinal);
    }

    /// <summary>The access list that docs/guide/fleet.md shows.</summary>
    private static string[] DocumentedAcl() =>
        [.. File.ReadLines(Path.Combine(Repository.Root, "docs", "guide", "fleet.md")).Select(l => l.Trim()).Where(l => l.StartsWith("user ", StringComparison.Ordinal) || l.StartsWith("topic ", StringComparison.Ordinal))];
}
