// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Text.Json;

namespace Capbox.Mqtt;

/// <summary>
/// A request of a client that cannot say who it is by properties, as with MQTT 3.1.1: the members <c>requester</c> and <c>correlation</c>
/// of the payload say it, and are taken out of it.
/// </summary>
/// <param name="Requester">Who asks.</param>
/// <param name="Correlation">Comes back in the answer; null: none was given.</param>
/// <param name="Rest">The request without them.</param>
internal sealed record RequestEnvelope(string Requester, string? Correlation, byte[] Rest)
{
    private const int MaxCorrelation = 200;
    private static readonly JsonDocumentOptions s_strict = new() { MaxDepth = 16 };

    /// <summary>Null: it names nobody.</summary>
    public static RequestEnvelope? Open(ReadOnlyMemory<byte> payload)
    {
        if (payload.Length > CommandTopics.MaxBytes)
            return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(payload, s_strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object || Text(document.RootElement, "requester") is not { } requester)
                return null;
            string? correlation = Text(document.RootElement, "correlation");
            return correlation is { Length: > MaxCorrelation } ? null : new RequestEnvelope(requester, correlation, Without(document.RootElement));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null; // no JSON, or no valid UTF-8 in it
        }
    }

    /// <summary>The answer with what tells it from others.</summary>
    public byte[] Close(byte[] answer) => Correlation is null
        ? answer
        : [.. answer.AsSpan(0, answer.Length - 1), .. ",\"correlation\":"u8, .. JsonSerializer.SerializeToUtf8Bytes(Correlation, MqttJson.Default.String), (byte)'}'];

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static byte[] Without(JsonElement element)
    {
        ArrayBufferWriter<byte> rest = new();
        using (Utf8JsonWriter writer = new(rest))
        {
            writer.WriteStartObject();
            foreach (JsonProperty member in element.EnumerateObject().Where(m => m.Name is not ("requester" or "correlation")))
                member.WriteTo(writer);
            writer.WriteEndObject();
        }

        return rest.WrittenSpan.ToArray();
    }
}
