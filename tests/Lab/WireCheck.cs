// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NJsonSchema;

namespace Capbox.Testing;

/// <summary>What boxes may say, by topic, out of the AsyncAPI document.</summary>
internal static class WireSchemas
{
    private static readonly Lazy<(Regex Address, JsonSchema[] Payloads)[]> s_said = new(() => Load());

    /// <summary>What is wrong with a message; empty: nothing.</summary>
    public static IReadOnlyList<string> Problems(string topic, string payload)
    {
        (Regex _, JsonSchema[] payloads) = s_said.Value.FirstOrDefault(s => s.Address.IsMatch(topic));
        if (payloads is null)
            return ["the AsyncAPI document has no such topic"];
        List<string> problems = [];
        foreach (JsonSchema schema in payloads)
        {
            string[] found = Problems(schema, payload);
            if (found.Length == 0)
                return [];
            problems.AddRange(found);
        }

        return problems;
    }

    /// <summary>What is wrong with the answer to a command.</summary>
    public static IReadOnlyList<string> ReplyProblems(string command, string payload)
    {
        JsonObject messages = AsyncApi.Make()["components"]!["messages"]!.AsObject();
        string name = "reply" + string.Concat(command.Split('-').Select(w => char.ToUpperInvariant(w[0]) + w[1..]));
        bool isGood = payload.StartsWith("{\"ok\":true", StringComparison.Ordinal);
        return messages[isGood ? name : "error"] is { } message ? Problems(Schema(message["payload"]!), payload) : [$"the AsyncAPI document has no message {name}"];
    }

    /// <summary>What a schema says against a document.</summary>
    public static IReadOnlyList<string> Problems(JsonNode schema, string payload) => Problems(Schema(schema), payload);

    private static string[] Problems(JsonSchema schema, string payload)
    {
        try
        {
            return [.. schema.Validate(payload).Select(e => e.ToString())];
        }
        catch (Newtonsoft.Json.JsonException e)
        {
            return [$"no JSON: {e.Message}"];
        }
    }

    private static JsonSchema Schema(JsonNode payload) => JsonSchema.FromJsonAsync(payload.ToJsonString()).GetAwaiter().GetResult();

    /// <summary>Each parameter is a level, but below reply/ there may be some more.</summary>
    private static Regex Pattern(string address) => new("^" + Regex.Replace(address.Replace("{requester}", "[^/]+(/[^/]+){0,3}", StringComparison.Ordinal), "\\{[a-zA-Z]+\\}", "[^/]+") + "$");

    private static (Regex Address, JsonSchema[] Payloads)[] Load()
    {
        JsonObject document = AsyncApi.Make();
        JsonSchema[] Payloads(JsonNode channel) =>
            [.. (channel["messages"]?.AsObject() ?? []).Select(m => Schema(document["components"]!["messages"]![m.Value!["$ref"]!.GetValue<string>().Split('/')[^1]]!["payload"]!))];
        return [.. document["channels"]!.AsObject().Select(c => (Pattern(c.Value!["address"]!.GetValue<string>()), Payloads(c.Value!)))];
    }
}

/// <summary>Hears all that boxes say at a broker, and holds every message to the schema of its topic.</summary>
internal sealed class WireCheck : IDisposable
{
    private const int MaxTold = 5;
    private readonly Process _process;
    private readonly ConcurrentQueue<(string Topic, string Payload)> _heard = new();

    public WireCheck(string space)
    {
        // Not what others say to boxes: among that is what must be refused.
        string[] said = ["state", "info", "health", "config/reported", "telemetry/#", "event/#", "reply/#", "update/#"];
        string[] topics = [.. said.SelectMany(s => new[] { "-t", $"capbox/v1/+/{s}" })];
        _process = new Process
        {
            StartInfo = Tool.Info("ip", ["netns", "exec", space, "mosquitto_sub", "-V", "5", "-q", "1", "-p", $"{Broker.Port}", .. topics, "-F", "%t %p"]),
        };
        _process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is { } line && line.Split(' ', 2) is [var name, var payload])
                _heard.Enqueue((name, payload));
        };
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>How many were heard.</summary>
    public int Count => _heard.Count;

    /// <param name="forged">Messages that no box said.</param>
    /// <exception cref="InvalidOperationException">A message is not as its schema says.</exception>
    public void End(IReadOnlySet<(string Topic, string Payload)> forged)
    {
        Dispose();
        string[] wrong = [.. _heard.Where(m => !forged.Contains(m)).Select(m => (m.Topic, m.Payload, Problems: WireSchemas.Problems(m.Topic, m.Payload))).Where(m => m.Problems.Count > 0).Take(MaxTold)
            .Select(m => $"{m.Topic} {m.Payload}: {string.Join("; ", m.Problems)}")];
        if (wrong.Length > 0)
            throw new InvalidOperationException($"messages that are not as docs/reference/asyncapi.yaml says:\n{string.Join('\n', wrong)}");
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
