// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;

namespace Capbox.Platform.Json;

/// <summary>
/// One object of the document with its path. A getter reports an error instead of throwing, and returns the default, so that one
/// pass finds all errors. A key that no getter has read is unknown: call <see cref="Finish"/> last.
/// </summary>
internal sealed class JsonNodeReader
{
    private readonly ConfigErrors _errors;
    private readonly Dictionary<string, JsonElement> _members = [];
    private readonly List<string> _known = [];
    private readonly bool _isObject;

    public JsonNodeReader(JsonElement element, string path, ConfigErrors errors)
    {
        Path = path;
        _errors = errors;
        if (element.ValueKind != JsonValueKind.Object)
        {
            errors.Add(path, $"expected an object, found {Describe(element)}");
            return;
        }

        _isObject = true;
        foreach (JsonProperty member in element.EnumerateObject())
        {
            if (!_members.TryAdd(member.Name, member.Value))
                errors.Add(PathOf(member.Name), "this key appears twice");
        }
    }

    public string Path { get; }

    public IEnumerable<KeyValuePair<string, JsonElement>> Members => _members;

    public bool Has(string key) => _members.ContainsKey(key);

    /// <summary>The path of a member; a key that is no plain word is quoted.</summary>
    public string PathOf(string key) =>
        key.Length > 0 && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') ? $"{Path}.{key}" : $"{Path}['{key}']";

    public void Error(string key, string reason) => _errors.Add(PathOf(key), reason);

    public void ErrorAt(string path, string reason) => _errors.Add(path, reason);

    public string? Text(string key, bool required = false)
    {
        if (!TryGet(key, required, out JsonElement value))
            return null;
        if (value.ValueKind == JsonValueKind.String)
            return value.GetString();
        Error(key, $"expected a string, found {Describe(value)}");
        return null;
    }

    /// <summary>true or false.</summary>
    public bool Flag(string key, bool fallback)
    {
        if (!TryGet(key, required: false, out JsonElement value))
            return fallback;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
            return value.GetBoolean();
        Error(key, $"expected true or false, found {Describe(value)}");
        return fallback;
    }

    public long Number(string key, long fallback, long min, long max)
    {
        if (!TryGet(key, required: false, out JsonElement value))
            return fallback;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out long number))
            Error(key, $"expected a whole number, found {Describe(value)}");
        else if (number < min || number > max)
            Error(key, $"{number} is not within {min} to {max}");
        else
            return number;
        return fallback;
    }

    /// <summary>A size in bytes: a string with a unit.</summary>
    public long SizeBytes(string key, long fallback, long min, long max)
    {
        if (Text(key) is not { } text)
            return fallback;
        if (!Units.TryParseSize(text, out long bytes))
            Error(key, $"\"{text}\" is not a size: {Units.SizeHelp}");
        else if (bytes < min || bytes > max)
            Error(key, $"{text} is not within {Units.FormatSize(min)} to {Units.FormatSize(max)}");
        else
            return bytes;
        return fallback;
    }

    /// <summary>A duration in milliseconds: a string with a unit.</summary>
    public long DurationMs(string key, long fallback, long min, long max)
    {
        if (Text(key) is not { } text)
            return fallback;
        if (!Units.TryParseDuration(text, out long milliseconds))
            Error(key, $"\"{text}\" is not a duration: {Units.DurationHelp}");
        else if (milliseconds < min || milliseconds > max)
            Error(key, $"{text} is not within {min} ms to {max} ms");
        else
            return milliseconds;
        return fallback;
    }

    /// <summary>One of a few words.</summary>
    public T Choice<T>(string key, T fallback, params ReadOnlySpan<(string Word, T Value)> choices)
    {
        if (Text(key) is not { } text)
            return fallback;
        List<string> words = [];
        foreach ((string word, T value) in choices)
        {
            if (word == text)
                return value;
            words.Add(word);
        }

        Error(key, $"\"{text}\" is none of {string.Join(", ", words)}");
        return fallback;
    }

    public JsonNodeReader? Object(string key) =>
        TryGet(key, required: false, out JsonElement value) ? new JsonNodeReader(value, PathOf(key), _errors) : null;

    /// <summary>A member that is required and an object, unread; it lives as long as its document.</summary>
    public JsonElement? Element(string key)
    {
        if (!TryGet(key, required: true, out JsonElement value))
            return null;
        if (value.ValueKind == JsonValueKind.Object)
            return value;
        Error(key, $"expected an object, found {Describe(value)}");
        return null;
    }

    /// <summary>The elements of an array with their paths; empty if it is absent or no array.</summary>
    public IReadOnlyList<(string Path, JsonElement Value)> Array(string key, int maxCount)
    {
        if (!TryGet(key, required: false, out JsonElement value))
            return [];
        if (value.ValueKind != JsonValueKind.Array)
            Error(key, $"expected an array, found {Describe(value)}");
        else if (value.GetArrayLength() > maxCount)
            Error(key, $"{value.GetArrayLength()} elements, at most {maxCount} are possible");
        else
            return [.. value.EnumerateArray().Select((element, i) => ($"{PathOf(key)}[{i}]", element))];
        return [];
    }

    /// <summary>Reports the keys that no getter has read.</summary>
    public void Finish()
    {
        foreach (string key in _members.Keys.Where(k => !_known.Contains(k)))
        {
            string? near = _known.FirstOrDefault(k => IsNear(k, key));
            Error(key, near is null ? $"unknown key; known here: {string.Join(", ", _known)}" : $"unknown key; did you mean \"{near}\"?");
        }
    }

    /// <summary>The kind of an element, for "expected a, found b".</summary>
    public static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => $"the string \"{value.GetString()}\"",
        JsonValueKind.Number => $"the number {value.GetRawText()}",
        JsonValueKind.Null => "null",
        _ => value.GetRawText(),
    };

    private bool TryGet(string key, bool required, out JsonElement value)
    {
        _known.Add(key);
        if (_members.TryGetValue(key, out value))
            return true;
        if (required && _isObject)
            Error(key, "this key is required");
        return false;
    }

    /// <summary>The same word but for case, or one with at most two letters added, lost or changed.</summary>
    public static bool IsNear(string known, string given)
    {
        if (known.Equals(given, StringComparison.OrdinalIgnoreCase))
            return true;
        if (given.Length > 40 || Math.Abs(known.Length - given.Length) > 2)
            return false;

        int[] row = [.. Enumerable.Range(0, given.Length + 1)];
        foreach (char expected in known)
        {
            int diagonal = row[0]++;
            for (int i = 1; i <= given.Length; i++)
            {
                int change = diagonal + (given[i - 1] == expected ? 0 : 1);
                diagonal = row[i];
                row[i] = Math.Min(change, Math.Min(row[i], row[i - 1]) + 1);
            }
        }

        return row[^1] <= 2;
    }
}
