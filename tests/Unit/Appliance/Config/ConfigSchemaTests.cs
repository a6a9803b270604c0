// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Capbox.Config;
using Capbox.Platform.Json;
using NJsonSchema;
using NJsonSchema.Validation;
using Xunit;

namespace Capbox.Tests;

/// <summary>The schema cannot drift from the reader: both know the same keys, take the same example and refuse the same mistakes.</summary>
public partial class ConfigSchemaTests
{
    private static readonly Lazy<JsonSchema> s_schema = new(() => JsonSchema.FromJsonAsync(ConfigSchema.Text()).GetAwaiter().GetResult());

    private static ICollection<ValidationError> Validate(string document) => s_schema.Value.Validate(document);

    private static bool IsGood(string document) => ConfigDocument.Parse(Encoding.UTF8.GetBytes(document)).Options is not null;

    /// <summary>Every object of the schema by its place in a document, with one document that has it and an unknown key in it.</summary>
    public static TheoryData<string, string> Objects => new()
    {
        { "", """{"ports":[],"??????":0}""" },
        { "storage", """{"ports":[],"storage":{"??????":0}}""" },
        { "storage/properties/trigger", """{"ports":[],"storage":{"trigger":{"??????":0}}}""" },
        { "storage/properties/retention", """{"ports":[],"storage":{"retention":{"maxAge":"1d","??????":0}}}""" },
        { "custody", """{"ports":[],"custody":{"key":"/k","??????":0}}""" },
        { "clock", """{"ports":[],"clock":{"interface":"eth0","??????":0}}""" },
        { "mqtt", """{"ports":[],"mqtt":{"broker":"mqtts://b","??????":0}}""" },
        { "metrics", """{"ports":[],"metrics":{"listen":"/m","??????":0}}""" },
        { "control", """{"ports":[],"control":{"??????":0}}""" },
        { "change", """{"ports":[],"change":{"??????":0}}""" },
        { "ports/items", """{"ports":[{"name":"lo","??????":0}]}""" },
        { "filters/additionalProperties/anyOf/1", """{"ports":[],"filters":{"a":{"protocol":"udp","??????":0}}}""" },
    };

    [GeneratedRegex("known here: (.*)$")]
    private static partial Regex Known();

    [Theory]
    [MemberData(nameof(Objects))]
    public void The_reader_and_the_schema_know_the_same_keys(string place, string document)
    {
        ConfigError error = Assert.Single(ConfigDocument.Parse(Encoding.UTF8.GetBytes(document)).Errors);
        string[] known = [.. Known().Match(error.Reason).Groups[1].Value.Split(", ").Distinct().Order(StringComparer.Ordinal)];
        JsonNode at = JsonNode.Parse(ConfigSchema.Text())!;
        foreach (string step in place.Length == 0 ? [] : ("properties/" + place).Split('/'))
            at = (int.TryParse(step, out int index) ? at[index] : at[step])!;
        Assert.Equal(known, at["properties"]!.AsObject().Select(p => p.Key).Order(StringComparer.Ordinal));
        Assert.False(at["additionalProperties"]!.GetValue<bool>());
        Assert.All(at["properties"]!.AsObject(), p => Assert.False(string.IsNullOrEmpty(p.Value!["description"]?.GetValue<string>()), p.Key));
        Assert.NotEmpty(Validate(document));
        Assert.Empty(Validate(document.Replace(",\"??????\":0", "", StringComparison.Ordinal).Replace("\"??????\":0", "", StringComparison.Ordinal)));
    }

    [Fact]
    public void Every_object_is_looked_at()
    {
        int objects = 0;
        void Count(JsonNode? node)
        {
            if (node is JsonObject o)
            {
                objects += o["additionalProperties"] is JsonValue ? 1 : 0;
                foreach ((string _, JsonNode? child) in o)
                    Count(child);
            }
            else if (node is JsonArray array)
            {
                foreach (JsonNode? child in array)
                    Count(child);
            }
        }

        Count(JsonNode.Parse(ConfigSchema.Text()));
        Assert.Equal(objects, Objects.Count);
    }

    [Fact]
    public void The_documented_example_keeps_to_the_schema() =>
        Assert.Empty(Validate(ConfigText.ToLine(File.ReadAllBytes(Path.Combine(Repository.Root, "docs", "reference", "capbox.example.json")))));

    [Theory]
    [InlineData("""{}""")]
    [InlineData("""{"ports":{}}""")]
    [InlineData("""{"ports":[{}]}""")]
    [InlineData("""{"ports":[{"name":""}]}""")]
    [InlineData("""{"ports":[{"name":"sixteen-letters-"}]}""")]
    [InlineData("""{"ports":[{"name":"lo","snapLength":31}]}""")]
    [InlineData("""{"ports":[{"name":"lo","snapLength":"100"}]}""")]
    [InlineData("""{"ports":[{"name":"lo","rings":65}]}""")]
    [InlineData("""{"ports":[{"name":"lo","direction":"up"}]}""")]
    [InlineData("""{"ports":[{"name":"lo","ringSize":"64"}]}""")]
    [InlineData("""{"ports":[{"name":"lo","ringSize":64}]}""")]
    [InlineData("""{"ports":[{"name":"lo","handover":"0.1s"}]}""")]
    [InlineData("""{"ports":[{"name":"lo","hooks":["ingres"]}]}""")]
    [InlineData("""{"ports":[{"name":"lo","cpus":[1024]}]}""")]
    [InlineData("""{"ports":[],"serial":"caf\u00e9"}""")]
    [InlineData("""{"ports":[],"revision":-1}""")]
    [InlineData("""{"ports":[],"storage":{"retention":{}}}""")]
    [InlineData("""{"ports":[],"storage":{"retention":{"minFree":"5"}}}""")]
    [InlineData("""{"ports":[],"storage":{"writesInFlight":0}}""")]
    [InlineData("""{"ports":[],"storage":{"engine":"uring"}}""")]
    [InlineData("""{"ports":[],"custody":{}}""")]
    [InlineData("""{"ports":[],"mqtt":{}}""")]
    [InlineData("""{"ports":[],"mqtt":{"broker":"http://x"}}""")]
    [InlineData("""{"ports":[],"mqtt":{"broker":"mqtts://x","version":5}}""")]
    [InlineData("""{"ports":[],"metrics":{}}""")]
    [InlineData("""{"ports":[],"change":{"watch":60}}""")]
    [InlineData("""{"ports":[],"clock":{"interface":"eth0","domains":[256]}}""")]
    [InlineData("""{"ports":[],"clock":{"interface":"eth0","targetNs":0}}""")]
    [InlineData("""{"ports":[],"filters":{"a":{"ports":[0]}}}""")]
    public void What_the_schema_can_say_it_refuses_as_the_reader_does(string document)
    {
        Assert.False(IsGood(document));
        Assert.NotEmpty(Validate(document));
    }

    [Fact]
    public void Its_defaults_are_those_of_the_reader()
    {
        // A document that names every default means the same as one that names none.
        JsonNode schema = JsonNode.Parse(ConfigSchema.Text())!["properties"]!;
        JsonObject Defaults(JsonNode properties) => new(properties.AsObject().Where(p => p.Value!["default"] is not null).Select(p => KeyValuePair.Create(p.Key, p.Value!["default"]?.DeepClone())));
        JsonObject port = Defaults(schema["ports"]!["items"]!["properties"]!);
        port["name"] = "lo";
        JsonObject document = Defaults(schema);
        document["ports"] = new JsonArray(port);
        JsonObject storage = Defaults(schema["storage"]!["properties"]!);
        document["storage"] = storage;
        document["change"] = Defaults(schema["change"]!["properties"]!);
        JsonObject clock = Defaults(schema["clock"]!["properties"]!), mqtt = Defaults(schema["mqtt"]!["properties"]!);
        (clock["interface"], mqtt["broker"], mqtt["deviceId"]) = ("eth0", "mqtts://b", "d");
        (document["clock"], document["mqtt"]) = (clock, mqtt);
        ConfigResult all = ConfigDocument.Parse(Encoding.UTF8.GetBytes(document.ToJsonString()));
        ConfigResult none = ConfigDocument.Parse("""{"ports":[{"name":"lo"}],"clock":{"interface":"eth0"},"mqtt":{"broker":"mqtts://b","deviceId":"d"}}"""u8.ToArray());
        Assert.Empty(all.Errors);
        Assert.Equal(none.Options!.Storage, all.Options!.Storage);
        Assert.True(Packets.Capture.RecorderChange.IsSame(none.Options.Ports[0], all.Options.Ports[0]));
        Assert.Equal(none.Change, all.Change);
        Assert.Equal(none.Mqtt, all.Mqtt);
        Assert.Equal(none.Clock! with { Domains = [], Grandmasters = [] }, all.Clock! with { Domains = [], Grandmasters = [] });
        Assert.Equal(none.Clock!.Domains, all.Clock!.Domains);
        Assert.True(port.Count > 10 && storage.Count > 4 && clock.Count > 8 && mqtt.Count > 4, "the defaults are gone");
    }
}
