// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;

namespace Capbox.Testing;

/// <summary>JSON Schema (draft 7) of the envelope of an answer.</summary>
internal static class AnswerSchema
{
    /// <summary>An answer with this result.</summary>
    public static JsonObject Answer(JsonNode result) => Envelope(true, "result", result);

    /// <summary>The answer to what was not carried out.</summary>
    public static JsonObject Error() => Envelope(false, "error", new JsonObject { ["description"] = "What is wrong, one line; it names the member at fault.", ["type"] = "string", ["minLength"] = 1 });

    /// <summary>MQTT 3.1.1 has no correlation data: what the request had as a member is in the answer.</summary>
    private static JsonObject Correlation() => new() { ["description"] = "As in a request by MQTT 3.1.1 that had one.", ["type"] = "string" };

    private static JsonObject Envelope(bool isGood, string name, JsonNode content) => new()
    {
        ["type"] = "object",
        ["properties"] = new JsonObject { ["ok"] = new JsonObject { ["type"] = "boolean", ["enum"] = new JsonArray(isGood) }, [name] = content, ["correlation"] = Correlation() },
        ["required"] = new JsonArray("ok", name),
        ["additionalProperties"] = false,
    };
}
