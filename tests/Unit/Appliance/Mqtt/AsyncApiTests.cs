// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Nodes;
using Capbox.Changes;
using Capbox.Commands;
using Capbox.Mqtt;
using Capbox.Platform.Json;
using Xunit;

namespace Capbox.Tests;

/// <summary>The AsyncAPI document and the schemas of commands are what the code says and hears. tests/asyncapi/run.sh validates the file.</summary>
public class AsyncApiTests
{
    private static readonly string s_file = Path.Combine(Repository.Root, "docs", "reference", "asyncapi.yaml");

    [Fact]
    public void The_file_is_made_from_the_code()
    {
        (string expected, string actual) = GeneratedFile.Compare(s_file, _ => AsyncApi.Yaml());
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Every_reference_leads_somewhere_and_every_message_is_used()
    {
        JsonObject document = AsyncApi.Make();
        HashSet<string> used = [];
        void Follow(JsonNode? node)
        {
            if (node is JsonObject { Count: 1 } alone && alone["$ref"]?.GetValue<string>() is { } pointer)
            {
                used.Add(pointer);
                JsonNode? target = document;
                foreach (string step in pointer[2..].Split('/'))
                    target = target?[step];
                Assert.True(target is not null, pointer);
            }
            else if (node is JsonObject members)
            {
                foreach ((string _, JsonNode? value) in members)
                    Follow(value);
            }
            else if (node is JsonArray items)
            {
                foreach (JsonNode? item in items)
                    Follow(item);
            }
        }

        Follow(document);
        foreach ((string name, JsonNode? _) in document["components"]!["messages"]!.AsObject())
            Assert.Contains($"#/components/messages/{name}", used);
    }

    [Fact]
    public void It_has_the_topics_of_the_manual_and_all_commands()
    {
        string manual = File.ReadAllText(Path.Combine(Repository.Root, "docs", "reference", "control.md"));
        string[] addresses = [.. AsyncApi.Make()["channels"]!.AsObject().Select(c => c.Value!["address"]!.GetValue<string>()["capbox/v1/{deviceId}/".Length..])];
        foreach (CommandSpec spec in CommandTable.All)
        {
            Assert.Equal(!spec.IsSocketOnly, addresses.Contains("cmd/" + spec.Name));
            Assert.Contains($"| `{spec.Name}` |", manual);
            // Each member that it takes is told there, in its row.
            string row = manual.Split('\n').First(l => l.StartsWith($"| `{spec.Name}` |", StringComparison.Ordinal));
            Assert.All(spec.Members, m => Assert.Contains($"`{m.Name}`", row));
        }

        foreach (string address in addresses.Where(a => !a.StartsWith("cmd/", StringComparison.Ordinal)))
            Assert.Contains($"`{address.Replace("{severity}", "SEVERITY", StringComparison.Ordinal).Replace("{code}", "CODE", StringComparison.Ordinal).Replace("{requester}", "REQUESTER", StringComparison.Ordinal)}`", manual);
    }

    [Fact]
    public void What_the_box_hears_of_its_configuration_has_the_keys_that_its_reader_knows()
    {
        string[] Keys(string message) => [.. AsyncApi.Make()["components"]!["messages"]![message]!["payload"]!["properties"]!.AsObject().Select(p => p.Key).Order(StringComparer.Ordinal)];
        string[] Known(string error) => [.. error.Split("known here: ")[1].Split(", ").Distinct().Order(StringComparer.Ordinal)];
        var topics = new ConfigTopics(null);
        ConfigReport refused = topics.Desired("""{"version":1,"id":"x","config":{},"??????":0}"""u8.ToArray(), isRetained: false, "test")!;
        Assert.Equal(Known(refused.Errors.First(e => e.Reason.StartsWith("unknown key", StringComparison.Ordinal)).Reason), Keys("configDesired"));
        Assert.Equal(Known(Assert.Throws<RequestRefusedException>(() => topics.Confirm("""{"id":"x","??????":0}"""u8.ToArray(), "test")).Message), Keys("configConfirm"));
    }

    [Fact]
    public void A_schema_says_what_is_always_there_and_nothing_else()
    {
        JsonNode schema = JsonSchemas.Of(MqttJson.Default.ReportedMessage);
        Assert.False(schema["additionalProperties"]!.GetValue<bool>());
        Assert.Equal(["version", "id", "highestVersion", "status", "errors", "revision", "confirmBy", "config"], schema["required"]!.AsArray().Select(r => r!.GetValue<string>()));
        Assert.Equal("pending-confirm", schema["properties"]!["status"]!["enum"]![1]!.GetValue<string>());
        // Where null is left out it is not required.
        JsonNode index = CommandTable.All.First(c => c.Name == "segments").ResultSchema();
        Assert.DoesNotContain("next", index["required"]!.AsArray().Select(r => r!.GetValue<string>()));
        Assert.Contains("segments", index["required"]!.AsArray().Select(r => r!.GetValue<string>()));
    }

    [Theory]
    [InlineData("""{"state":"ready","session":"s"}""", true)]
    [InlineData("""{"state":"asleep","session":"s"}""", false)]
    [InlineData("""{"state":"ready"}""", false)]
    [InlineData("""{"state":"ready","session":"s","more":1}""", false)]
    [InlineData("no JSON", false)]
    public void The_check_of_the_wire_sees_what_is_wrong(string payload, bool isGood) => Assert.Equal(isGood, WireSchemas.Problems("capbox/v1/box/state", payload).Count == 0);

    [Fact]
    public void The_check_of_the_wire_knows_no_other_topics()
    {
        Assert.NotEmpty(WireSchemas.Problems("capbox/v1/box/state/of/affairs", "{}"));
        Assert.Empty(WireSchemas.Problems("capbox/v1/box/reply/noc/7", """{"ok":false,"error":"x"}"""));
        Assert.NotEmpty(WireSchemas.Problems("capbox/v1/box/reply/noc", """{"ok":false}"""));
        Assert.NotEmpty(WireSchemas.ReplyProblems("rotate", """{"ok":true,"result":{"requested":1}}"""));
        Assert.Empty(WireSchemas.ReplyProblems("rotate", """{"ok":true,"result":{"requested":true}}"""));
    }

    /// <summary>What the schema of a request refuses the reader refuses, and the other way round.</summary>
    [Theory]
    [InlineData("hold-add", """{"from":"-1h","to":"now","reason":"x"}""")]
    [InlineData("hold-add", """{"from":"-1h","to":"now"}""")]
    [InlineData("hold-add", """{"from":"-1h","to":"now","reason":"x","ports":"eth2"}""")]
    [InlineData("hold-add", """{"from":"-1h","to":"now","reason":"x","ports":["eth2",7]}""")]
    [InlineData("hold-add", """{"from":"-1h","to":"now","reason":"x\ny"}""")]
    [InlineData("hold-add", """{"from":5,"to":"now","reason":"x"}""")]
    [InlineData("hold-add", """{"from":"-1h","to":"now","reason":"x","why":"y"}""")]
    [InlineData("identify", """{"seconds":30}""")]
    [InlineData("identify", """{"seconds":-1}""")]
    [InlineData("identify", """{"seconds":3601}""")]
    [InlineData("identify", """{"seconds":"30"}""")]
    [InlineData("identify", """{"seconds":1.5}""")]
    [InlineData("reboot", """{"token":null}""")]
    [InlineData("config-plan", """{"config":"x"}""")]
    [InlineData("config-plan", """{}""")]
    [InlineData("status", """{"verbose":true}""")]
    public void Reader_and_schema_of_a_request_agree(string command, string members)
    {
        CommandSpec spec = CommandTable.All.First(c => c.Name == command);
        bool isTaken = true;
        try
        {
            using JsonDocument document = JsonDocument.Parse(members);
            new CommandRequest(command, document.RootElement, "test").Read(spec.Members);
        }
        catch (RequestRefusedException)
        {
            isTaken = false;
        }

        Assert.Equal(isTaken, WireSchemas.Problems(spec.RequestSchema(), members).Count == 0);
    }
}
