// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Capbox.Commands;
using Capbox.Config;
using Capbox.Health;
using Capbox.Mqtt;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Json;

namespace Capbox.Testing;

/// <summary>
/// Makes docs/reference/asyncapi.yaml: every topic of the box as an AsyncAPI 3.0 document, from the types that capbox serialises and its table of commands. capbox embeds the file, and
/// <c>capbox control asyncapi</c> prints it; a test compares the two and writes the file anew (<see cref="GeneratedFile"/>).
/// </summary>
internal static class AsyncApi
{
    private const string Root = "capbox/v1/{deviceId}/";

    /// <summary>One topic that is not a command's.</summary>
    /// <param name="Suffix">Behind the device; <c>{name}</c> stands for one level.</param>
    /// <param name="Summary">One line.</param>
    /// <param name="Payload">JSON Schema.</param>
    private sealed record Topic(string Suffix, string Summary, Func<JsonNode> Payload)
    {
        /// <summary>Whether the box says it; else it hears it.</summary>
        public bool IsOut { get; init; } = true;
        public bool IsRetained { get; init; }
        public int QoS { get; init; } = 1;

        /// <summary>Name of channel, message and operation.</summary>
        public string Name => string.Concat(Suffix.Split('/').Where(level => !level.StartsWith('{')).Select((level, i) => i == 0 ? level : char.ToUpperInvariant(level[0]) + level[1..]));
    }

    private static readonly CommandMember[] s_desired =
    [
        CommandMember.Number("version", 1, long.MaxValue, "Above every version that was proposed before.", required: true),
        CommandMember.Text("id", 200, "Names the proposal; the last one again changes nothing.", required: true),
        CommandMember.Document("config", "The configuration document, docs/reference/capbox.schema.json."),
        CommandMember.Number("base", 1, long.MaxValue, "Revision it was made from: refused if another is in force."),
        CommandMember.Number("confirmSeconds", 0, ChangeSection.MaxSeconds, "Rolled back unless confirmed within this."),
        CommandMember.Text("why", 200, "For the revision."),
    ];

    private static readonly CommandMember[] s_confirm = [CommandMember.Text("id", 200, "Of what waits.", required: true)];

    private static readonly Topic[] s_topics =
    [
        Out("state", "Whether the box is there; the broker says lost in its place.", MqttJson.Default.StateMessage, isRetained: true),
        Out("info", "What the box is.", MqttJson.Default.InfoMessage, isRetained: true),
        new("config/desired", "A document that somebody wants in force.", () => CommandMember.Schema(s_desired)) { IsOut = false, IsRetained = true },
        new("config/confirm", "Confirms the pending configuration. Never retained.", () => CommandMember.Schema(s_confirm)) { IsOut = false },
        Out("config/reported", "What is in force, and what became of the last proposal.", MqttJson.Default.ReportedMessage, isRetained: true),
        Out("health", "The worst of all, of each component, and why.", MqttJson.Default.HealthMessage, isRetained: true),
        Out("telemetry/capture", "Counts and rates of the ports.", MqttJson.Default.CaptureTelemetry, qos: 0),
        Out("telemetry/storage", "Disk and archive.", MqttJson.Default.StorageTelemetry, qos: 0),
        Out("telemetry/clock", "The clock that stamps.", MqttJson.Default.ClockTelemetry, qos: 0),
        Out("telemetry/nic", "What was lost before the rings.", MqttJson.Default.NicTelemetry, qos: 0),
        Out("telemetry/system", "The process, and what went over this connection.", MqttJson.Default.SystemTelemetry),
        new("event/{severity}/{code}", "Something that happened, kept while the broker is away.", () => JsonSchemas.Of(EventJson.Default.EventMessage)),
    ];

    /// <summary>The document as YAML, with its newline.</summary>
    public static string Yaml() => "# Made by `capbox control asyncapi`; docs/reference/control.md tells more.\n" + YamlText.Of(Make());

    public static JsonObject Make()
    {
        JsonObject channels = [], operations = [], messages = [];
        foreach (Topic topic in s_topics)
        {
            messages.Add(topic.Name, Message(topic.Summary, topic.Payload()));
            channels.Add(topic.Name, Channel(topic.Suffix, topic.Summary, topic.Name));
            operations.Add(topic.Name, Operation(topic.Name, topic.IsOut ? "send" : "receive", topic.IsRetained, topic.QoS));
        }

        AddCommands(channels, operations, messages);
        channels.Add("updateStatus", new JsonObject { ["address"] = Root + "update/status", ["description"] = "Reserved: nothing is said here yet.", ["parameters"] = Parameters(Root + "update/status") });
        return new JsonObject
        {
            ["asyncapi"] = "3.0.0",
            ["info"] = new JsonObject
            {
                ["title"] = "capbox",
                ["version"] = SegmentHeader.Application.Split(' ', '/')[^1],
                ["description"] = "What a capture appliance says and hears over MQTT, from its own point of view: it sends what is told of it and receives what it is asked. Packets never go over MQTT.",
            },
            ["defaultContentType"] = "application/json",
            ["channels"] = channels,
            ["operations"] = operations,
            ["components"] = new JsonObject { ["messages"] = messages },
        };
    }

    private static void AddCommands(JsonObject channels, JsonObject operations, JsonObject messages)
    {
        var replies = new JsonObject { ["error"] = Reference("#/components/messages/error") };
        messages.Add("error", Message("A command that was not carried out.", AnswerSchema.Error()));
        foreach (CommandSpec command in CommandTable.All.Where(c => !c.IsSocketOnly))
        {
            string request = Camel("cmd-" + command.Name), reply = Camel("reply-" + command.Name);
            messages.Add(request, Request(command));
            messages.Add(reply, Message($"The answer to {command.Name}.", AnswerSchema.Answer(command.ResultSchema())));
            replies.Add(reply, Reference($"#/components/messages/{reply}"));
            channels.Add(request, Channel("cmd/" + command.Name, command.Summary, request));
            JsonObject operation = Operation(request, "receive", isRetained: false, qos: 1);
            operation.Add("reply", new JsonObject
            {
                ["channel"] = Reference("#/channels/reply"),
                ["messages"] = new JsonArray(Reference($"#/channels/reply/messages/{reply}"), Reference("#/channels/reply/messages/error")),
            });
            operations.Add(request, operation);
        }

        channels.Add("reply", new JsonObject
        {
            ["address"] = Root + "reply/{requester}",
            ["description"] = "Answers: to the response topic of the request if it is below reply/, else to that of its requester; with its correlation data.",
            ["parameters"] = Parameters(Root + "reply/{requester}"),
            ["messages"] = replies,
        });
    }

    private static Topic Out(string suffix, string summary, JsonTypeInfo type, bool isRetained = false, int qos = 1) => new(suffix, summary, () => JsonSchemas.Of(type)) { IsRetained = isRetained, QoS = qos };

    private static JsonObject Message(string summary, JsonNode payload) => new() { ["summary"] = summary, ["contentType"] = "application/json", ["payload"] = payload };

    private static JsonObject Request(CommandSpec command)
    {
        JsonObject message = Message(command.Summary, command.RequestSchema());
        message.Add("correlationId", new JsonObject { ["location"] = "$message.header#/correlationData", ["description"] = "MQTT 5 correlation data: the same again, of the same requester, is not carried out again." });
        message.Add("headers", new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject
            {
                ["correlationData"] = new JsonObject { ["type"] = "string", ["description"] = "MQTT 5 property." },
                ["responseTopic"] = new JsonObject { ["type"] = "string", ["description"] = "MQTT 5 property: below reply/ of this box." },
                ["requester"] = new JsonObject { ["type"] = "string", ["pattern"] = "^[A-Za-z0-9._-]{1,64}$", ["description"] = "User property: names who asks where there is no response topic." },
            },
        });
        return message;
    }

    private static JsonObject Channel(string suffix, string summary, string message) => new()
    {
        ["address"] = Root + suffix,
        ["description"] = summary,
        ["parameters"] = Parameters(Root + suffix),
        ["messages"] = new JsonObject { [message] = Reference($"#/components/messages/{message}") },
    };

    private static JsonObject Operation(string name, string action, bool isRetained, int qos) => new()
    {
        ["action"] = action,
        ["channel"] = Reference($"#/channels/{name}"),
        ["messages"] = new JsonArray(Reference($"#/channels/{name}/messages/{name}")),
        ["bindings"] = new JsonObject { ["mqtt"] = new JsonObject { ["qos"] = qos, ["retain"] = isRetained } },
    };

    private static JsonObject Parameters(string address)
    {
        var parameters = new JsonObject();
        foreach (string level in address.Split('/').Where(l => l.StartsWith('{')).Select(l => l[1..^1]))
        {
            parameters.Add(level, level switch
            {
                "deviceId" => new JsonObject { ["description"] = "The box: $.mqtt.deviceId, or $.serial." },
                "requester" => new JsonObject { ["description"] = "Who asked." },
                "severity" => new JsonObject { ["description"] = "As in the message.", ["enum"] = new JsonArray("info", "warning", "error") },
                _ => new JsonObject { ["description"] = "As in the message." },
            });
        }

        return parameters;
    }

    private static JsonObject Reference(string pointer) => new() { ["$ref"] = pointer };

    private static string Camel(string name) => string.Concat(name.Split('-').Select((word, i) => i == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..]));
}
