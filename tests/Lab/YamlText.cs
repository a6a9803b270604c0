// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Capbox.Testing;

/// <summary>JSON as YAML 1.2 in block style: short to read, and lines to compare. Strings that are no plain words are quoted as in JSON, which YAML is a superset of.</summary>
internal static class YamlText
{
    private const string PlainMarks = "-_./ ()'+$#";

    public static string Of(JsonObject root)
    {
        var text = new StringBuilder();
        WriteMembers(text, root, 0);
        return text.ToString();
    }

    private static void WriteMembers(StringBuilder text, JsonObject node, int depth, bool isFirstInline = false)
    {
        foreach ((string key, JsonNode? value) in node)
        {
            if (!isFirstInline)
                text.Append(' ', 2 * depth);
            isFirstInline = false;
            text.Append(Scalar(key)).Append(':');
            WriteValue(text, value, depth + 1);
        }
    }

    /// <summary>What stands behind a key or a dash: on the same line, or deeper on the next ones.</summary>
    private static void WriteValue(StringBuilder text, JsonNode? value, int depth)
    {
        switch (value)
        {
            case JsonObject { Count: > 0 } node:
                text.Append('\n');
                WriteMembers(text, node, depth);
                break;
            case JsonArray { Count: > 0 } array when array.All(item => item is null or JsonValue):
                text.Append(" [").AppendJoin(", ", array.Select(Inline)).Append("]\n");
                break;
            case JsonArray { Count: > 0 } array:
                text.Append('\n');
                foreach (JsonNode? item in array)
                {
                    text.Append(' ', 2 * depth).Append('-');
                    if (item is JsonObject { Count: > 0 } member)
                    {
                        text.Append(' ');
                        WriteMembers(text, member, depth + 1, isFirstInline: true);
                    }
                    else
                    {
                        WriteValue(text, item, depth + 1);
                    }
                }

                break;
            default:
                text.Append(' ').Append(Inline(value)).Append('\n');
                break;
        }
    }

    private static string Inline(JsonNode? value) => value switch
    {
        null => "null",
        JsonObject => "{}",
        JsonArray => "[]",
        _ when value.GetValueKind() == JsonValueKind.String => Scalar(value.GetValue<string>()),
        _ => value.ToJsonString(),
    };

    /// <summary>Plain if nothing in it could mean anything to YAML.</summary>
    private static string Scalar(string text)
    {
        bool isPlain = text.Length > 0 && char.IsAsciiLetter(text[0]) && text[^1] != ' ' && text.All(c => char.IsAsciiLetterOrDigit(c) || PlainMarks.Contains(c))
            && !text.Contains(" #", StringComparison.Ordinal) && text.ToLowerInvariant() is not ("true" or "false" or "null" or "yes" or "no" or "on" or "off" or "y" or "n");
        return isPlain ? text : JsonValue.Create(text).ToJsonString();
    }
}
