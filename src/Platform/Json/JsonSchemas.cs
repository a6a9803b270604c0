// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Capbox.Platform.Json;

/// <summary>The words that a string may be, for its schema.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class WordsAttribute(params string[] words) : Attribute
{
    public IReadOnlyList<string> Words { get; } = words;
}

/// <summary>JSON Schema (draft 7) of serialised types, made from the types themselves, so that the two cannot differ.</summary>
internal static class JsonSchemas
{
    private static readonly JsonSchemaExporterOptions s_options = new() { TreatNullObliviousAsNonNullable = true, TransformSchemaNode = Refine };

    public static JsonNode Of(JsonTypeInfo type)
    {
        JsonNode schema = type.GetJsonSchemaAsNode(s_options);
        Inline(schema, schema);
        return schema;
    }

    /// <summary>
    /// Copies a type to the second place that has it. The exporter refers to the first place, by a path that is right only while the schema
    /// is a document of its own. No type contains itself.
    /// </summary>
    private static void Inline(JsonNode? node, JsonNode root)
    {
        if (node is JsonArray items)
        {
            foreach (JsonNode? item in items)
                Inline(item, root);
        }
        else if (node is JsonObject members)
        {
            if (members["$ref"]?.GetValue<string>() is { } pointer)
            {
                members.Remove("$ref");
                JsonNode target = pointer[1..].Split('/', StringSplitOptions.RemoveEmptyEntries).Aggregate(root, (at, step) => at is JsonArray array ? array[int.Parse(step, CultureInfo.InvariantCulture)]! : at[step]!);
                foreach ((string key, JsonNode? value) in target.AsObject())
                    members.TryAdd(key, value?.DeepClone());
            }

            foreach ((string _, JsonNode? value) in members)
                Inline(value, root);
        }
    }

    /// <summary>
    /// Members that are always written are required, others do not exist, counters are not negative, and some strings are one of a few
    /// words.
    /// </summary>
    private static JsonNode Refine(JsonSchemaExporterContext context, JsonNode schema)
    {
        Type type = Nullable.GetUnderlyingType(context.TypeInfo.Type) ?? context.TypeInfo.Type;
        if (type == typeof(JsonElement))
            return new JsonObject { ["type"] = "object" };
        if (schema is not JsonObject node)
            return schema;
        if (node["properties"] is JsonObject properties)
        {
            // Null is left out where the context says so.
            bool isNullLeftOut = context.TypeInfo.Options.DefaultIgnoreCondition == JsonIgnoreCondition.WhenWritingNull;
            node["required"] = new JsonArray([.. properties.Where(p => !isNullLeftOut || !TakesNull(p.Value)).Select(p => (JsonNode)p.Key)]);
            node["additionalProperties"] = false;
        }

        if (type == typeof(ulong) || type == typeof(uint) || type == typeof(ushort))
            node["minimum"] = 0;
        if (context.PropertyInfo?.AttributeProvider?.GetCustomAttributes(typeof(WordsAttribute), false) is [WordsAttribute { Words: var words }])
            node["enum"] = new JsonArray([.. words.Select(w => (JsonNode)w)]);
        return node;
    }

    private static bool TakesNull(JsonNode? schema) => schema is JsonObject node &&
        ((node["type"] is JsonArray types && types.Any(t => t?.GetValue<string>() == "null")) || (node["enum"] is JsonArray words && words.Contains(null)));
}
