// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Capbox.Commands;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Commands at a broker and on the socket of a real recorder; each answer is held to its schema.</summary>
[Collection("Remote")]
public class CommandTests
{
    private const string Device = "box-1";

    private static CapboxProcess Start(Lab lab, string storage = "")
    {
        string path = Path.Combine(lab.Scratch, "first.json");
        File.WriteAllText(path, $$"""
            {"serial":"{{Device}}","storage":{"directory":"{{lab.Archive}}"{{storage}}},"mqtt":{"broker":"mqtt://127.0.0.1","telemetry":"1s"},
             "ports":[{"name":"b0","ringSize":"4MiB","blockSize":"256KiB","handover":"20ms"}]}
            """);
        CapboxProcess capbox = CapboxProcess.Start(lab, "--state", Path.Combine(lab.Scratch, "state"), "--config", path);
        capbox.WaitFor(_ => Tool.Run(CapboxProcess.Binary, "status", "--archive", lab.Archive, "--json").Contains("\"connected\":true", StringComparison.Ordinal), "the connection to the broker");
        return capbox;
    }

    /// <summary>Packets in sealed segments, so many in each.</summary>
    private static void Record(Lab lab, CapboxProcess capbox, params int[] packets)
    {
        int sum = 0;
        ulong sealedOnes = 0;
        foreach (int count in packets)
        {
            RawSender.Send(lab.SenderSpace, "a0", Enumerable.Range(0, count).Select(i => Frames.Plain(100, i)));
            sum += count;
            capbox.WaitFor(s => s.Ports[0].StoredPackets == (ulong)sum, "all to be stored");
            Tool.Run(CapboxProcess.Binary, "rotate", "--archive", lab.Archive);
            sealedOnes++;
            capbox.WaitFor(s => s.Storage.SegmentsSealed == sealedOnes, "the segment to be sealed");
        }
    }

    private static JsonElement Result(string answer)
    {
        using JsonDocument document = JsonDocument.Parse(answer);
        Assert.True(document.RootElement.GetProperty("ok").GetBoolean(), answer);
        return document.RootElement.GetProperty("result").Clone();
    }

    [Fact]
    public void Holds_are_made_listed_and_removed_by_the_rules_of_the_command_line()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using CapboxProcess capbox = Start(lab);
        Record(lab, capbox, 300, 200);
        JsonElement added = Result(broker.Ask(Device, "hold-add", """{"from":"-1h","to":"+2h","reason":"case 12","ports":["b0"],"expires":"30d"}""", requester: "noc"));
        Assert.Equal("h1", added.GetProperty("hold").GetProperty("id").GetString());
        Assert.Equal(2, added.GetProperty("hold").GetProperty("segments").GetInt32());
        Assert.Equal(added.GetProperty("hold").GetProperty("bytes").GetInt64(), added.GetProperty("heldBytes").GetInt64());
        Assert.Equal("mqtt:noc", added.GetProperty("hold").GetProperty("by").GetString());
        // The command line sees it, and the other way round.
        Assert.Contains("\"reason\":\"case 12\"", Tool.Run(CapboxProcess.Binary, "hold", "list", "--archive", lab.Archive, "--json"));
        Tool.Run(CapboxProcess.Binary, "hold", "add", "--archive", lab.Archive, "--from", "-1h", "--to", "now", "--reason", "case 13");
        // A filter that no packet meets holds nothing that is there.
        Assert.Equal(0, Result(broker.Ask(Device, "hold-add", """{"from":"-1h","to":"now","reason":"case 14","filter":"tcp port 4711"}""")).GetProperty("hold").GetProperty("segments").GetInt32());
        JsonElement page = Result(broker.Ask(Device, "holds"));
        Assert.Equal(["h1", "h2", "h3"], page.GetProperty("holds").EnumerateArray().Select(h => h.GetProperty("id").GetString()!));
        Assert.Equal(["h3"], Result(broker.Ask(Device, "holds", """{"after":"h2"}""")).GetProperty("holds").EnumerateArray().Select(h => h.GetProperty("id").GetString()!));

        Assert.Contains("$.reason: this key is required", broker.Ask(Device, "hold-add", """{"from":"-1h","to":"now"}"""));
        Assert.Contains("$.to: not after from", broker.Ask(Device, "hold-add", """{"from":"now","to":"-1h","reason":"x"}"""));
        Assert.Contains("$.from: tomorrow: not a time", broker.Ask(Device, "hold-add", """{"from":"tomorrow","to":"now","reason":"x"}"""));
        Assert.Contains("$.ports: b7: the archive has no such port, but b0", broker.Ask(Device, "hold-add", """{"from":"-1h","to":"now","reason":"x","ports":["b7"]}"""));
        Assert.Contains("$.filter", broker.Ask(Device, "hold-add", """{"from":"-1h","to":"now","reason":"x","filter":"ucp"}"""));
        Assert.Contains("$.expires: -1d: not a time to come", broker.Ask(Device, "hold-add", """{"from":"-1h","to":"now","reason":"x","expires":"-1d"}"""));
        Assert.Contains("$.id: there is no hold", broker.Ask(Device, "hold-remove", """{"id":"h9"}"""));
        Assert.Equal("""{"ok":true,"result":{"id":"h1"}}""", broker.Ask(Device, "hold-remove", """{"id":"h1"}"""));
        Assert.Equal("""{"ok":true,"result":{"id":"h3"}}""", broker.Ask(Device, "hold-remove", """{"id":"h3"}"""));
        Assert.DoesNotContain("case 12", Tool.Run(CapboxProcess.Binary, "hold", "list", "--archive", lab.Archive));
        capbox.Stop();
    }

    [Fact]
    public void A_hold_beyond_the_quota_is_refused_with_figures()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using CapboxProcess capbox = Start(lab, ",\"holdQuota\":\"1KiB\"");
        Record(lab, capbox, 50);
        string answer = broker.Ask(Device, "hold-add", """{"from":"-1h","to":"now","reason":"x"}""");
        Assert.Contains("refused: it would hold 1 segments of ", answer);
        Assert.Contains("more than the quota of 1024 bytes", answer);
        Assert.Empty(Result(broker.Ask(Device, "holds")).GetProperty("holds").EnumerateArray());
        capbox.Stop();
    }

    [Fact]
    public void Extract_info_tells_what_an_extraction_gives()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using CapboxProcess capbox = Start(lab);
        Record(lab, capbox, 300, 200);
        JsonElement info = Result(broker.Ask(Device, "extract-info", """{"from":"-1h","to":"now"}"""));
        Assert.Equal((2, 500ul, 500ul), (info.GetProperty("segments").GetInt32(), info.GetProperty("packetsAtLeast").GetUInt64(), info.GetProperty("packetsAtMost").GetUInt64()));
        Assert.True(info.GetProperty("complete").GetBoolean());
        string range = $"--from {info.GetProperty("from").GetString()} --to {info.GetProperty("to").GetString()}", file = Path.Combine(lab.Scratch, "out.pcapng");
        JsonElement done = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, ["extract", "--archive", lab.Archive, .. range.Split(' '), "-o", file, "--json"])).RootElement;
        Assert.Equal((done.GetProperty("segments").GetInt32(), done.GetProperty("chunkBytes").GetInt64(), done.GetProperty("packets").GetUInt64()), (2, info.GetProperty("chunkBytes").GetInt64(), 500ul));
        JsonElement port = Assert.Single(info.GetProperty("ports").EnumerateArray());
        Assert.Equal(("b0", 500ul, 0ul), (port.GetProperty("port").GetString(), port.GetProperty("packets").GetUInt64(), port.GetProperty("lostPackets").GetUInt64()));

        // A filter may let any of them through; what has not begun is empty; what is wrong is said.
        JsonElement filtered = Result(broker.Ask(Device, "extract-info", """{"from":"-1h","to":"now","ports":["b0"],"filter":"udp"}"""));
        Assert.Equal((0ul, 500ul), (filtered.GetProperty("packetsAtLeast").GetUInt64(), filtered.GetProperty("packetsAtMost").GetUInt64()));
        Assert.Equal(0, Result(broker.Ask(Device, "extract-info", """{"from":"2020-01-01","to":"2020-01-02"}""")).GetProperty("segments").GetInt32());
        Assert.Contains("$.filter", broker.Ask(Device, "extract-info", """{"from":"-1h","to":"now","filter":"ucp"}"""));
        Assert.Contains("$.ports: b7", broker.Ask(Device, "extract-info", """{"from":"-1h","to":"now","ports":["b7"]}"""));
        // Of a segment that is being written, too; and a port that was away makes it incomplete.
        RawSender.Send(lab.SenderSpace, "a0", Enumerable.Range(0, 70).Select(i => Frames.Plain(100, i)));
        capbox.WaitFor(s => s.Ports[0].StoredPackets == 570, "all to be stored");
        Assert.Equal(570ul, Result(broker.Ask(Device, "extract-info", """{"from":"-1h","to":"now"}""")).GetProperty("packetsAtMost").GetUInt64());
        lab.Ip("link", "set", "b0", "down");
        capbox.WaitFor(s => s.Ports[0].State == Packets.Capture.PortState.Down, "the port to be down");
        lab.Ip("link", "set", "b0", "up");
        capbox.WaitFor(s => s.Ports[0].State == Packets.Capture.PortState.Capturing, "the port to capture");
        RawSender.Send(lab.SenderSpace, "a0", Enumerable.Range(0, 30).Select(i => Frames.Plain(100, i)));
        capbox.WaitFor(s => s.Ports[0].StoredPackets == 600, "all to be stored");
        Tool.Run(CapboxProcess.Binary, "rotate", "--archive", lab.Archive);
        capbox.WaitFor(s => s.Storage.SegmentsSealed >= 3, "the segment to be sealed");
        Tool.WaitFor(() => Result(broker.Ask(Device, "extract-info", """{"from":"-1h","to":"now"}""")) is var all && all.GetProperty("packetsAtMost").GetUInt64() == 600 && !all.GetProperty("complete").GetBoolean(), "the gap");
        capbox.Stop();
    }

    [Fact]
    public void The_box_tells_its_commands_and_their_schemas_and_does_not_reboot()
    {
        using var lab = new Lab();
        using var broker = new Broker(lab);
        using var listener = new Listener(lab);
        using CapboxProcess capbox = Start(lab);
        JsonElement commands = Result(broker.Ask(Device, "commands"));
        Assert.Equal(CommandTable.All.Select(c => c.Name), commands.EnumerateArray().Select(c => c.GetProperty("name").GetString()!));
        listener.WaitFor("info", $"\"configSchema\":\"{Config.ConfigSchema.Hash}\"");
        listener.WaitFor("info", "\"hold-add\"");
        // Without a recorder, and over the socket, they are the same.
        JsonElement one = Assert.Single(JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "control", "schema", "hold-add")).RootElement.EnumerateArray());
        Assert.Equal(one.GetRawText(), Assert.Single(JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "control", "ask", "commands", """{"name":"hold-add"}""", "--archive", lab.Archive)).RootElement.EnumerateArray()).GetRawText());
        Assert.Equal(File.ReadAllText(Path.Combine(Repository.Root, "docs", "reference", "asyncapi.yaml")), Tool.Run(CapboxProcess.Binary, "control", "asyncapi"));

        Assert.Contains("$.control.reboot", broker.Ask(Device, "reboot"));
        Assert.Contains("$.control.reboot", broker.Ask(Device, "reboot", """{"token":"0123456789abcdef0123456789abcdef"}"""));
        Assert.Contains("\"ok\":false", broker.Ask(Device, "identify", """{"led":"no such LED"}"""));
        (int code, string _, string error) = Tool.Try(CapboxProcess.Binary, "identify", "--led", "no such LED", "--archive", lab.Archive);
        Assert.Equal(1, code);
        Assert.Contains("LED", error);
        Assert.Equal(2, Tool.Try(CapboxProcess.Binary, "control", "ask", "status", "[]", "--archive", lab.Archive).Code);
        capbox.Stop();
    }
}
