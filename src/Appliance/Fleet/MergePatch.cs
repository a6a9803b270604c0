// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;

namespace Capbox.Fleet;

/// <summary>
/// JSON Merge Patch (RFC 7396): objects are merged key by key, null takes a key away, everything else, arrays too, takes the place of what
/// was there.
/// </summary>
internal static class MergePatch
{
    /// <summary>The document with the patch in it. Neither argument is changed.</summary>
    public static JsonNode? Apply(JsonNode? document, JsonNode? patch)
    {
        if (patch is not JsonObject changes)
            return patch?.DeepClone();
        JsonObject result = document is JsonObject before ? (JsonObject)before.DeepClone() : [];
        foreach ((string key, JsonNode? value) in changes)
        {
            if (value is null)
                result.Remove(key);
            else
                result[key] = Apply(result[key], value);
        }

        return result;
    }
}
