// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Capbox.Config;
using Capbox.Platform.Json;

namespace Capbox.Fleet;

/// <summary>A change that cannot be made of what was given; one line.</summary>
internal sealed class FleetChangeException(string message) : Exception(message)
{
    /// <summary><c>set</c> or <c>whole</c>; null: the file.</summary>
    public string? Field { get; init; }
}

/// <summary>What one box would have with a change.</summary>
/// <param name="Device">The box.</param>
/// <param name="Document">One line; empty if it cannot be made.</param>
/// <param name="Differences">From what it has.</param>
/// <param name="Plan">What they do; null: nothing changes, or it cannot be made.</param>
/// <param name="Errors">Why it cannot be made.</param>
internal sealed record BoxChange(string Device, string Document, IReadOnlyList<ConfigDifference> Differences, ConfigPlan? Plan, IReadOnlyList<ConfigError> Errors)
{
    /// <summary>The box makes its connection anew: only over a new one it shows that it can be reached.</summary>
    public bool NeedsNewSession => Plan is { } plan && (plan.TouchesAccess || plan.NeedsRestart);
}

/// <summary>
/// One change for many boxes: what is the same on all is in it, what is each box's own stays. A merge patch and single values go into the
/// document that the box reports; a whole document takes its place but for
/// <c>serial</c> and <c>mqtt</c>, unless it has them. Pure.
/// </summary>
/// <param name="file">A merge patch or a whole document, JSON; null: single values alone.</param>
/// <param name="isWhole">Which.</param>
/// <param name="settings">Paths and values, as <c>config set</c> takes them.</param>
internal sealed class FleetChange(JsonObject? file, bool isWhole, IReadOnlyList<(string Path, string Value)> settings)
{
    /// <summary>Of each box itself.</summary>
    private static readonly string[] s_own = ["serial", "mqtt"];

    private static readonly JsonDocumentOptions s_reading = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <param name="text">Of a file: JSON with comments, an object.</param>
    /// <param name="isWhole">A document, and no patch.</param>
    /// <param name="settings">PATH=VALUE.</param>
    /// <exception cref="FleetChangeException">It is none.</exception>
    public static FleetChange Parse(string? text, bool isWhole, IEnumerable<string> settings)
    {
        (string, string)[] pairs = [.. settings.Select(Setting)];
        if (text is null && pairs.Length == 0)
            throw new FleetChangeException("nothing to change: neither a document nor settings are given");
        if (text is null && isWhole)
            throw new FleetChangeException("needs a document") { Field = "whole" };
        try
        {
            JsonNode? node = text is null ? null : JsonNode.Parse(text, documentOptions: s_reading);
            return text is null || node is JsonObject ? new FleetChange(node as JsonObject, isWhole, pairs) : throw new FleetChangeException("$: expected an object");
        }
        catch (JsonException e)
        {
            throw new FleetChangeException(JsonErrorText.Describe(e));
        }
    }

    /// <summary>What a box would have. Whatever is wrong with it is in the result.</summary>
    /// <param name="device">The box.</param>
    /// <param name="before">What it has, one line.</param>
    public BoxChange For(string device, string before)
    {
        try
        {
            JsonObject own = JsonNode.Parse(before)!.AsObject();
            JsonObject document = file is null ? own : isWhole ? Whole(own) : MergePatch.Apply(own, file)!.AsObject();
            string line = ConfigText.ToLine(Encoding.UTF8.GetBytes(document.ToJsonString()));
            foreach ((string path, string value) in settings)
                line = ConfigText.Set(line, path, value);
            return Plan(device, before, line);
        }
        catch (ConfigPathException e)
        {
            return Failed(device, new ConfigError(e.Path, e.Message));
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return Failed(device, new ConfigError("$", $"its document cannot be changed: {e.Message}"));
        }
    }

    private static BoxChange Plan(string device, string before, string after)
    {
        ConfigResult next = ConfigDocument.Parse(Encoding.UTF8.GetBytes(after));
        if (next.Options is null)
            return Failed(device, [.. next.Errors]);
        if (Stranger(device, before, after, next) is { } stranger)
            return Failed(device, stranger);
        IReadOnlyList<ConfigDifference> differences = ConfigDifference.Between(before, after);
        if (differences.Count == 0)
            return new BoxChange(device, after, [], null, []);
        ConfigResult now = ConfigDocument.ParseKept(before);
        if (now.Options is null)
            return Failed(device, new ConfigError("$", $"what it has now is not understood by this capbox: {now.Errors[0]}"));
        return new BoxChange(device, after, differences, ConfigPlan.Make(now, next), []);
    }

    /// <summary>
    /// A box that comes back under another name, or not at all, cannot be followed, and two of one name put each other out.
    /// </summary>
    private static ConfigError? Stranger(string device, string before, string after, ConfigResult next)
    {
        if (next.Mqtt is null)
            return new ConfigError("$.mqtt", "the box would leave the broker for good");
        string? was = NameIn(before), name = NameIn(after);
        return was == name || name == device ? null
            : new ConfigError("$.mqtt.deviceId", name is null ? $"the box would not be called \"{device}\" any more" : $"the box would be called \"{name}\" and no longer \"{device}\"");
    }

    /// <summary>What a document calls the box; null: it leaves that to the machine.</summary>
    private static string? NameIn(string document)
    {
        JsonNode? root = JsonNode.Parse(document);
        string? serial = (string?)root?["serial"];
        return (string?)root?["mqtt"]?["deviceId"] ?? (string.IsNullOrEmpty(serial) ? null : serial);
    }

    private JsonObject Whole(JsonObject own)
    {
        JsonObject document = (JsonObject)file!.DeepClone();
        foreach (string key in s_own.Where(k => !document.ContainsKey(k) && own[k] is not null))
            document[key] = own[key]!.DeepClone();
        return document;
    }

    private static BoxChange Failed(string device, params ConfigError[] errors) => new(device, "", [], null, errors);

    /// <summary>The first "=" outside brackets and quotes parts them: <c>ports[eth2].filter=udp</c>.</summary>
    private static (string Path, string Value) Setting(string text)
    {
        char? within = null;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (within is not null)
                within = c == within ? null : within;
            else if (c is '\'' or '"' or '[')
                within = c == '[' ? ']' : c;
            else if (c == '=' && i > 0)
                return (text[..i], text[(i + 1)..]);
        }

        throw new FleetChangeException($"{text}: expected PATH=VALUE") { Field = "set" };
    }
}
