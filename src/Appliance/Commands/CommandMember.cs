// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using Capbox.Platform.Json;

namespace Capbox.Commands;

/// <summary>One member that a command takes: what it may be, for the reader of requests and for the schema alike.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Description">For people.</param>
/// <param name="IsRequired">A request without it is refused.</param>
internal abstract record CommandMember(string Name, string Description, bool IsRequired)
{
    /// <summary>Any character but control characters.</summary>
    private const string OneLine = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";

    public static CommandMember Text(string name, int maxLength, string description, bool required = false) => new TextMember(name, maxLength, description, required);

    public static CommandMember Number(string name, long min, long max, string description, bool required = false) => new NumberMember(name, min, max, description, required);

    public static CommandMember Texts(string name, int maxCount, int maxLength, string description) => new TextsMember(name, maxCount, maxLength, description);

    public static CommandMember Document(string name, string description) => new DocumentMember(name, description);

    /// <summary>The value, null if it is not there; what is wrong with it is said to the node.</summary>
    public abstract object? Read(JsonNodeReader node);

    /// <summary>JSON Schema of the value.</summary>
    public abstract JsonObject Schema();

    /// <summary>JSON Schema of an object with these members and no others.</summary>
    public static JsonObject Schema(IReadOnlyList<CommandMember> members)
    {
        var properties = new JsonObject();
        foreach (CommandMember member in members)
        {
            JsonObject schema = member.Schema();
            schema.Insert(0, "description", member.Description);
            properties.Add(member.Name, schema);
        }

        var whole = new JsonObject { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };
        if (members.Any(m => m.IsRequired))
            whole.Add("required", new JsonArray([.. members.Where(m => m.IsRequired).Select(m => (JsonNode)m.Name)]));
        return whole;
    }

    private static bool IsLine(string text, int maxLength) => text.Length <= maxLength && !text.Any(char.IsControl);

    private sealed record TextMember(string Name, int MaxLength, string Description, bool IsRequired) : CommandMember(Name, Description, IsRequired)
    {
        public override object? Read(JsonNodeReader node)
        {
            string? text = node.Text(Name, IsRequired);
            if (text is null || IsLine(text, MaxLength))
                return text;
            node.Error(Name, $"at most {MaxLength} characters, none of them a control character");
            return null;
        }

        public override JsonObject Schema() => new() { ["type"] = "string", ["maxLength"] = MaxLength, ["pattern"] = OneLine };
    }

    private sealed record NumberMember(string Name, long Min, long Max, string Description, bool IsRequired) : CommandMember(Name, Description, IsRequired)
    {
        public override object? Read(JsonNodeReader node)
        {
            if (node.Has(Name))
                return node.Number(Name, Min, Min, Max);
            // Known all the same, and missed where it is required.
            node.Number(Name, Min, Min, Max);
            if (IsRequired)
                node.Error(Name, "this key is required");
            return null;
        }

        public override JsonObject Schema() => new() { ["type"] = "integer", ["minimum"] = Min, ["maximum"] = Max };
    }

    private sealed record TextsMember(string Name, int MaxCount, int MaxLength, string Description) : CommandMember(Name, Description, false)
    {
        public override object? Read(JsonNodeReader node)
        {
            List<string> texts = [];
            foreach ((string path, System.Text.Json.JsonElement value) in node.Array(Name, MaxCount))
            {
                if (value.ValueKind == System.Text.Json.JsonValueKind.String && value.GetString() is { } text && IsLine(text, MaxLength))
                    texts.Add(text);
                else
                    node.ErrorAt(path, $"expected a string of at most {MaxLength} characters, none of them a control character");
            }

            return texts;
        }

        public override JsonObject Schema() => new()
        {
            ["type"] = "array",
            ["maxItems"] = MaxCount,
            ["items"] = new JsonObject { ["type"] = "string", ["maxLength"] = MaxLength, ["pattern"] = OneLine },
        };
    }

    private sealed record DocumentMember(string Name, string Description) : CommandMember(Name, Description, true)
    {
        public override object? Read(JsonNodeReader node) => node.Element(Name);

        public override JsonObject Schema() => new() { ["type"] = "object" };
    }
}
