// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Capbox.Platform.Json;

/// <summary>
/// One key of a document, declared once: the reader, the JSON Schema and the table of the manual are made from it. What a declaration
/// cannot express (keys that exclude each other, filters that compile)
/// the reader of its section checks.
/// </summary>
/// <param name="name">As it is written.</param>
/// <param name="type">Column of the manual.</param>
/// <param name="meaning">Description in the schema and column of the manual: Markdown.</param>
internal abstract class Key(string name, string type, string meaning)
{
    public string Name => name;

    public string Meaning => meaning;

    public bool IsRequired { get; init; }

    /// <summary>Column of the manual; null: what the type says.</summary>
    public string? Range { get; init; }

    /// <summary>Column of the manual where there is no default value.</summary>
    public string? Absent { get; init; }

    protected virtual string TypeRange => "";

    /// <summary>Null: no value.</summary>
    protected virtual JsonNode? Default => null;

    public JsonObject Schema()
    {
        var schema = new JsonObject { ["description"] = meaning };
        Describe(schema);
        if (Default is { } value)
            schema["default"] = value;
        return schema;
    }

    /// <summary>One row of the manual's table.</summary>
    public string Row() => $"| `{name}` | {type} | {Range ?? TypeRange} | {DefaultColumn()} | {meaning} |";

    /// <summary>Adds the keywords of the type.</summary>
    protected abstract void Describe(JsonObject schema);

    protected static JsonArray Words(IEnumerable<string> words) => new([.. words.Select(w => (JsonNode)w)]);

    private string DefaultColumn() => IsRequired ? Absent ?? "required" : Default switch
    {
        null => Absent ?? "none",
        JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>() is { Length: > 0 } text ? $"`{text}`" : "empty",
        JsonValue value => value.ToJsonString(),
        { } other => $"`{other.ToJsonString()}`",
    };
}

/// <inheritdoc cref="Key"/>
/// <typeparam name="T">Of the value.</typeparam>
internal abstract class Key<T>(string name, string type, string meaning) : Key(name, type, meaning)
{
    /// <summary>The value; the default where it is absent or wrong, and the reader has the error.</summary>
    public abstract T Read(JsonNodeReader node);
}

/// <summary>A string.</summary>
internal sealed class TextKey(string name, string meaning, string? fallback = null) : Key<string?>(name, "string", meaning)
{
    public int MinLength { get; init; }
    public int? MaxLength { get; init; }
    public string? Pattern { get; init; }

    /// <summary>What is wrong with a value, or null.</summary>
    public Func<string, string?>? Check { get; init; }

    protected override JsonNode? Default => fallback;

    public override string? Read(JsonNodeReader node)
    {
        if (node.Text(Name, IsRequired) is not { } text)
            return fallback;
        if (Check?.Invoke(text) is { } problem)
            node.Error(Name, problem);
        return text;
    }

    protected override void Describe(JsonObject schema)
    {
        schema["type"] = "string";
        if (MinLength > 0)
            schema["minLength"] = MinLength;
        if (MaxLength is { } length)
            schema["maxLength"] = length;
        if (Pattern is not null)
            schema["pattern"] = Pattern;
    }
}

/// <summary>true or false.</summary>
internal sealed class FlagKey(string name, string meaning) : Key<bool>(name, "boolean", meaning)
{
    protected override JsonNode Default => false;

    public override bool Read(JsonNodeReader node) => node.Flag(Name, fallback: false);

    protected override void Describe(JsonObject schema) => schema["type"] = "boolean";
}

/// <summary>A whole number.</summary>
internal sealed class NumberKey(string name, long? fallback, long min, long max, string meaning) : Key<long>(name, "integer", meaning)
{
    /// <summary>Value of an absent key that has no default.</summary>
    public long AbsentValue { get; init; }

    protected override JsonNode? Default => fallback;

    protected override string TypeRange => string.Create(CultureInfo.InvariantCulture, $"{min} to {max}");

    public override long Read(JsonNodeReader node) => node.Number(Name, fallback ?? AbsentValue, min, max);

    protected override void Describe(JsonObject schema)
    {
        schema["type"] = "integer";
        schema["minimum"] = min;
        if (max < long.MaxValue)
            schema["maximum"] = max;
    }
}

/// <summary>A size in bytes, with its unit.</summary>
/// <param name="fallback">Null: 0.</param>
internal sealed class SizeKey(string name, string? fallback, string min, string? max, string meaning) : Key<long>(name, "size", meaning)
{
    public const string Pattern = "^[0-9]+(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)$";

    protected override JsonNode? Default => fallback;

    protected override string TypeRange => max is null ? $"{UnitText.Spaced(min)} and more" : $"{UnitText.Spaced(min)} to {UnitText.Spaced(max)}";

    public override long Read(JsonNodeReader node) => node.SizeBytes(
        Name, fallback is null ? 0 : UnitText.Bytes(fallback), UnitText.Bytes(min), max is null ? long.MaxValue : UnitText.Bytes(max));

    protected override void Describe(JsonObject schema) => (schema["type"], schema["pattern"]) = ("string", Pattern);
}

/// <summary>A duration, with its unit.</summary>
/// <param name="fallback">Null: 0.</param>
internal sealed class DurationKey(string name, string? fallback, string min, string max, string meaning) : Key<TimeSpan>(name, "duration", meaning)
{
    public const string Pattern = "^[0-9]+(ms|s|m|h|d)$";

    /// <summary>Parts of a second are an error.</summary>
    public bool IsWholeSeconds { get; init; }

    protected override JsonNode? Default => fallback;

    protected override string TypeRange =>
        $"{UnitText.Spaced(min)} to {UnitText.Spaced(max)}{(IsWholeSeconds ? ", whole seconds" : "")}";

    public override TimeSpan Read(JsonNodeReader node)
    {
        long ms = node.DurationMs(Name, fallback is null ? 0 : UnitText.Milliseconds(fallback), UnitText.Milliseconds(min), UnitText.Milliseconds(max));
        if (IsWholeSeconds && ms % 1000 != 0)
            node.Error(Name, "whole seconds only");
        return TimeSpan.FromMilliseconds(ms);
    }

    protected override void Describe(JsonObject schema) => (schema["type"], schema["pattern"]) = ("string", Pattern);
}

/// <summary>One of a few words.</summary>
/// <param name="fallback">Word; null: <c>default(T)</c>.</param>
internal sealed class ChoiceKey<T>(string name, string? fallback, string meaning, params (string Word, T Value)[] choices) : Key<T>(name, "string", meaning)
{
    protected override JsonNode? Default => fallback;

    protected override string TypeRange => string.Join(", ", choices.Select(c => $"`{c.Word}`"));

    public override T Read(JsonNodeReader node) => node.Choice(Name, fallback is null ? default! : choices.First(c => c.Word == fallback).Value, choices);

    protected override void Describe(JsonObject schema) => (schema["type"], schema["enum"]) = ("string", Words(choices.Select(c => c.Word)));
}

/// <summary>An array; the reader of the section reads the elements.</summary>
/// <param name="type">Column of the manual.</param>
/// <param name="element">JSON Schema of an element.</param>
internal sealed class ArrayKey(string name, string type, int maxCount, string meaning, Func<JsonObject> element)
    : Key<IReadOnlyList<(string Path, JsonElement Value)>>(name, type, meaning)
{
    public bool IsUnique { get; init; }
    public int MinCount { get; init; }

    /// <summary>Value of an absent key, as JSON.</summary>
    public string? Fallback { get; init; }

    protected override JsonNode? Default => Fallback is null ? null : JsonNode.Parse(Fallback);

    public override IReadOnlyList<(string Path, JsonElement Value)> Read(JsonNodeReader node) => node.Array(Name, maxCount);

    protected override void Describe(JsonObject schema)
    {
        schema["type"] = "array";
        if (MinCount > 0)
            schema["minItems"] = MinCount;
        schema["maxItems"] = maxCount;
        if (IsUnique)
            schema["uniqueItems"] = true;
        schema["items"] = element();
    }
}

/// <summary>An object whose members are named by the user.</summary>
/// <param name="type">Column of the manual.</param>
/// <param name="value">JSON Schema of a member.</param>
internal sealed class MapKey(string name, string type, int maxCount, string meaning, Func<JsonObject> value) : Key<JsonNodeReader?>(name, type, meaning)
{
    public override JsonNodeReader? Read(JsonNodeReader node)
    {
        JsonNodeReader? map = node.Object(Name);
        if (map is not null && map.Members.Count() > maxCount)
            map.ErrorAt(map.Path, string.Create(CultureInfo.InvariantCulture, $"more than {maxCount} members"));
        return map;
    }

    protected override void Describe(JsonObject schema) =>
        (schema["type"], schema["maxProperties"], schema["additionalProperties"]) = ("object", maxCount, value());
}

/// <summary>An object with declared keys.</summary>
internal sealed class SectionKey(string name, string meaning, params Key[] keys) : Key<JsonNodeReader?>(name, "object", meaning)
{
    /// <summary>At least one of these keys is needed.</summary>
    public IReadOnlyList<string> AnyOf { get; init; } = [];

    public IReadOnlyList<Key> Keys => keys;

    public override JsonNodeReader? Read(JsonNodeReader node) => node.Object(Name);

    /// <summary>The manual's table.</summary>
    public string Table() => "| key | type | range | default | meaning |\n|---|---|---|---|---|\n" + string.Concat(keys.Select(k => k.Row() + "\n"));

    protected override void Describe(JsonObject schema)
    {
        schema["type"] = "object";
        schema["additionalProperties"] = false;
        schema["properties"] = new JsonObject(keys.Select(k => KeyValuePair.Create(k.Name, (JsonNode?)k.Schema())));
        if (keys.Any(k => k is { IsRequired: true, Absent: null }))
            schema["required"] = Words(keys.Where(k => k is { IsRequired: true, Absent: null }).Select(k => k.Name));
        if (AnyOf.Count > 0)
            schema["anyOf"] = new JsonArray([.. AnyOf.Select(n => new JsonObject { ["required"] = Words([n]) })]);
    }
}

/// <summary>Bounds and defaults of declarations, which are constants: a wrong one is a defect of the program.</summary>
file static class UnitText
{
    public static long Bytes(string text) => Units.TryParseSize(text, out long bytes) ? bytes : throw new FormatException(text);

    public static long Milliseconds(string text) => Units.TryParseDuration(text, out long ms) ? ms : throw new FormatException(text);

    /// <summary>Number and unit as prose has them.</summary>
    public static string Spaced(string text)
    {
        int unit = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        return $"{text[..unit]} {text[unit..]}";
    }
}
