// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Capbox.Config;

/// <summary>A path into a document, or a value, that does not fit it; one line.</summary>
public sealed class ConfigPathException : Exception
{
    public ConfigPathException()
    {
    }

    public ConfigPathException(string message) : base(message)
    {
    }

    public ConfigPathException(string message, Exception inner) : base(message, inner)
    {
    }

    /// <summary>The path as it was given.</summary>
    public string Path { get; init; } = "$";
}

/// <summary>
/// Documents as text: the form in which they are kept (no comments, keys in the order in which they were written) and their parts by path.
/// A path is <c>$.ports[0].filter</c>; the <c>$.</c> may be left out, an element of <c>ports</c> may be named (<c>ports[eth2].filter</c>),
/// and a key that is no plain word is quoted
/// (<c>filters['my feed']</c>).
/// </summary>
public static class ConfigText
{
    private static readonly JsonDocumentOptions s_reading = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 16 };

    /// <summary>The document in one line. It has been read by <see cref="ConfigDocument.Parse"/> before.</summary>
    public static string ToLine(ReadOnlyMemory<byte> utf8) => Write(utf8, indented: false);

    /// <summary>A document that was read before, in one line.</summary>
    public static string ToLine(JsonElement document) => Write(document, indented: false);

    /// <summary>The document for people.</summary>
    public static string ToText(ReadOnlyMemory<byte> utf8) => Write(utf8, indented: true);

    /// <summary>The document with one value set, made or, with null, taken away.</summary>
    /// <param name="line">The document.</param>
    /// <param name="path">Where. What is above it must be there, but for the last key; the index after the last makes an element.</param>
    /// <param name="value">JSON, or text that is no JSON and taken as a string; <c>null</c> takes the key away.</param>
    /// <exception cref="ConfigPathException">There is no such place.</exception>
    public static string Set(string line, string path, string value)
    {
        JsonNode root = JsonNode.Parse(line, documentOptions: s_reading)!;
        IReadOnlyList<string> steps = Steps(path);
        if (steps.Count == 0)
            throw new ConfigPathException($"the whole document is no value to set") { Path = path };
        JsonNode at = root;
        for (int i = 0; i < steps.Count - 1; i++)
        {
            JsonNode? next = Child(at, steps[i]);
            if (next is null && at is JsonObject parent && !steps[i + 1].StartsWith('['))
                parent[steps[i]] = next = new JsonObject();
            at = next ?? throw new ConfigPathException($"there is no {Join(steps, i + 1)}") { Path = path };
        }

        Place(at, steps, path, ValueOf(value));
        return ToLine(Encoding.UTF8.GetBytes(root.ToJsonString()));
    }

    /// <summary>A part of the document as JSON.</summary>
    /// <exception cref="ConfigPathException">There is no such place.</exception>
    public static string Get(string line, string path)
    {
        JsonNode? at = JsonNode.Parse(line, documentOptions: s_reading);
        IReadOnlyList<string> steps = Steps(path);
        for (int i = 0; i < steps.Count; i++)
            at = (at is null ? null : Child(at, steps[i])) ?? throw new ConfigPathException($"there is no {Join(steps, i + 1)}") { Path = path };
        return ToText(Encoding.UTF8.GetBytes(at!.ToJsonString()));
    }

    private static void Place(JsonNode at, IReadOnlyList<string> steps, string path, JsonNode? value)
    {
        string last = steps[^1];
        switch (at)
        {
            case JsonObject parent when !last.StartsWith('['):
                if (value is null && !parent.Remove(last))
                    throw new ConfigPathException($"there is no {Join(steps, steps.Count)}") { Path = path };
                if (value is not null)
                    parent[last] = value;
                break;
            case JsonArray array when last.StartsWith('['):
                int index = IndexIn(array, last[1..^1]);
                if (index < 0 || index > array.Count || (index == array.Count && value is null))
                    throw new ConfigPathException($"there is no {Join(steps, steps.Count)}") { Path = path };
                if (value is null)
                    array.RemoveAt(index);
                else if (index == array.Count)
                    array.Add(value);
                else
                    array[index] = value;
                break;
            default:
                throw new ConfigPathException($"{Join(steps, steps.Count - 1)} is no {(last.StartsWith('[') ? "array" : "object")}") { Path = path };
        }
    }

    private static JsonNode? Child(JsonNode at, string step)
    {
        if (!step.StartsWith('['))
            return at is JsonObject parent ? parent[step] : null;
        if (at is not JsonArray array)
            return null;
        int index = IndexIn(array, step[1..^1]);
        return index >= 0 && index < array.Count ? array[index] : null;
    }

    /// <summary>A number, or the name of an element.</summary>
    private static int IndexIn(JsonArray array, string key)
    {
        if (int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int index))
            return index;
        for (int i = 0; i < array.Count; i++)
        {
            if (array[i] is JsonObject element && NameOf(element) == key)
                return i;
        }

        return -1;
    }

    internal static string? NameOf(JsonObject element)
    {
        string? name = element["name"] is JsonValue value && value.TryGetValue(out string? text) ? text : null;
        return name is null ? null : PortName(element["netns"] is JsonValue netns && netns.TryGetValue(out string? space) ? space : null, name);
    }

    /// <summary>Name of a port: of its interface, behind that of its network namespace where it is in one.</summary>
    internal static string PortName(string? netns, string name) => netns is null ? name : $"{netns}/{name}";

    private static JsonNode? ValueOf(string text)
    {
        try
        {
            return JsonNode.Parse(text, documentOptions: s_reading);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }

    /// <summary>Keys as they are, elements in brackets.</summary>
    private static List<string> Steps(string path)
    {
        List<string> steps = [];
        int at = path.StartsWith('$') ? 1 : 0;
        while (at < path.Length)
        {
            if (path[at] == '[')
            {
                bool isQuoted = at + 1 < path.Length && path[at + 1] == '\'';
                int end = path.IndexOf(isQuoted ? "']" : "]", at, StringComparison.Ordinal);
                if (end < 0)
                    throw new ConfigPathException($"a bracket is not closed") { Path = path };
                steps.Add(isQuoted ? path[(at + 2)..end] : path[at..(end + 1)]);
                at = end + (isQuoted ? 2 : 1);
                continue;
            }

            int from = path[at] == '.' ? at + 1 : at;
            int stop = path.AsSpan(from).IndexOfAny('.', '[');
            at = stop < 0 ? path.Length : from + stop;
            if (from == at)
                throw new ConfigPathException($"a key is missing after \"{path[..from]}\"") { Path = path };
            steps.Add(path[from..at]);
        }

        return steps;
    }

    private static string Join(IReadOnlyList<string> steps, int count) =>
        "$" + string.Concat(steps.Take(count).Select(s => s.StartsWith('[') ? s : "." + s));

    private static string Write(ReadOnlyMemory<byte> utf8, bool indented)
    {
        using JsonDocument document = JsonDocument.Parse(utf8, s_reading);
        return Write(document.RootElement, indented);
    }

    private static string Write(JsonElement document, bool indented)
    {
        using var stream = new MemoryStream();
        // Filters are full of <, > and &.
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = indented, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            document.WriteTo(writer);
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
