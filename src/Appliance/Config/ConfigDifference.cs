// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Nodes;

namespace Capbox.Config;

/// <summary>One place where two documents differ.</summary>
/// <param name="Path">A JSON path; elements of an array are told by their name where they have one.</param>
/// <param name="Before">JSON; null: was not there.</param>
/// <param name="After">JSON; null: is there no more.</param>
public sealed record ConfigDifference(string Path, string? Before, string? After)
{
    public override string ToString() => (Before, After) switch
    {
        (null, { }) => $"+ {Path}: {After}",
        ({ }, null) => $"- {Path}: {Before}",
        _ => $"~ {Path}: {Before} -> {After}",
    };

    /// <summary>All differences, in the order of the documents. The order of keys and of named elements is no difference.</summary>
    /// <param name="before">A document.</param>
    /// <param name="after">Another.</param>
    public static IReadOnlyList<ConfigDifference> Between(string before, string after)
    {
        List<ConfigDifference> found = [];
        Compare("$", JsonNode.Parse(before), JsonNode.Parse(after), found);
        return found;
    }

    /// <inheritdoc cref="Between(string, string)"/>
    public static IReadOnlyList<ConfigDifference> Between(JsonElement before, JsonElement after)
    {
        List<ConfigDifference> found = [];
        Compare("$", JsonObject.Create(before), JsonObject.Create(after), found);
        return found;
    }

    private static void Compare(string path, JsonNode? before, JsonNode? after, List<ConfigDifference> found)
    {
        switch (before, after)
        {
            case (JsonObject a, JsonObject b):
                foreach (string key in a.Select(m => m.Key).Union(b.Select(m => m.Key)))
                    Compare(PathOf(path, key), a[key], b[key], found);
                break;
            case (JsonArray a, JsonArray b):
                Dictionary<string, JsonNode?> left = Elements(a), right = Elements(b);
                foreach (string key in left.Keys.Union(right.Keys))
                    Compare($"{path}[{key}]", left.GetValueOrDefault(key), right.GetValueOrDefault(key), found);
                break;
            default:
                if (!JsonNode.DeepEquals(before, after))
                    found.Add(new ConfigDifference(path, before?.ToJsonString(), after?.ToJsonString()));
                break;
        }
    }

    private static string PathOf(string path, string key) =>
        key.Length > 0 && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') ? $"{path}.{key}" : $"{path}['{key}']";

    /// <summary>By name; by number where an element has none, or one that another has.</summary>
    private static Dictionary<string, JsonNode?> Elements(JsonArray array)
    {
        Dictionary<string, JsonNode?> elements = [];
        for (int i = 0; i < array.Count; i++)
        {
            string? name = array[i] is JsonObject element ? ConfigText.NameOf(element) : null;
            if (name is null || !elements.TryAdd(name, array[i]))
                elements[i.ToString(System.Globalization.CultureInfo.InvariantCulture)] = array[i];
        }

        return elements;
    }
}
