// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Capbox.Config;

/// <summary>The JSON Schema (2020-12) of the document, made from the declarations of its keys. docs has a copy for editors.</summary>
public static class ConfigSchema
{
    private static readonly Lazy<string> s_text = new(Make);

    /// <summary>SHA-256 of the text, UTF-8: two boxes with the same hash accept the same documents.</summary>
    public static string Hash => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text())));

    public static string Text() => s_text.Value;

    private static string Make()
    {
        JsonObject schema = ConfigKeys.Root.Schema();
        schema.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        schema.Insert(1, "title", "capbox configuration");
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            schema.WriteTo(writer);
        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }
}
