// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using Capbox.Config;
using Capbox.Health;

namespace Capbox.Fleet;

/// <summary>
/// Reads what boxes publish. Whoever may publish there may write anything: text is cut and freed of control characters, so that it can
/// neither fill the memory nor steer a terminal, and members that are not known are
/// passed over, since a newer box may have more of them.
/// </summary>
internal static class FleetReader
{
    /// <summary>Longest text that is kept, other than a document.</summary>
    public const int MaxText = 300;

    private const int MaxErrors = 20, MaxAlarms = 20, MaxPorts = 256;
    private static readonly JsonDocumentOptions s_strict = new() { MaxDepth = 24 };

    /// <summary>The box with what this message says; null: it is not such a message.</summary>
    /// <param name="box">As it was.</param>
    /// <param name="suffix">Of the topic, behind the device.</param>
    /// <param name="payload">JSON.</param>
    public static FleetBox? Read(FleetBox box, string suffix, ReadOnlyMemory<byte> payload)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(payload, s_strict);
            JsonElement root = document.RootElement;
            return root.ValueKind != JsonValueKind.Object ? null : suffix switch
            {
                "state" => Text(root, "state") is { } state ? box with { State = state, Session = Text(root, "session") } : null,
                "info" => Info(root) is { } info ? box with { Info = info } : null,
                "config/reported" => Report(root) is { } report ? box with { Report = report } : null,
                "health" => Health(root) is { } health ? box with { Health = health } : null,
                _ => null,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null; // no JSON, or a string that is not valid UTF-8
        }
    }

    /// <summary>One line that can be shown.</summary>
    public static string Clean(string text, int most = MaxText)
    {
        string cut = text.Length > most ? text[..most] + "..." : text;
        return string.Concat(cut.Select(c => char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator ? ' ' : c));
    }

    private static BoxInfo? Info(JsonElement root) => Text(root, "version") is not { } version ? null
        : new BoxInfo(
            Text(root, "model") ?? "", Text(root, "serial") ?? "", version.StartsWith("capbox ", StringComparison.Ordinal) ? version["capbox ".Length..] : version, Text(root, "os") ?? "", Text(root, "run") ?? "",
            root.TryGetProperty("mayConfigure", out JsonElement may) && may.ValueKind == JsonValueKind.True);

    private static BoxReport? Report(JsonElement root)
    {
        if (Text(root, "status") is not { } status || Text(root, "id") is not { } id || !root.TryGetProperty("config", out JsonElement config) || config.ValueKind != JsonValueKind.Object)
            return null;
        string[] errors = [.. Elements(root, "errors", MaxErrors).Select(e => $"{Text(e, "path") ?? "$"}: {Text(e, "reason") ?? ""}")];
        string[] ports = [.. Elements(config, "ports", MaxPorts).Select(PortOf).OfType<string>()];
        long version = Number(root, "version");
        // An older box tells the last version alone.
        long highest = Number(root, "highestVersion") is > 0 and long told ? told : version;
        return new BoxReport(version, id, highest, status, Number(root, "revision"), errors, ports, config.GetRawText());
    }

    /// <summary>As it is called wherever ports are named.</summary>
    private static string? PortOf(JsonElement port) => Text(port, "name") is { } name ? ConfigText.PortName(Text(port, "netns"), name) : null;

    private static BoxHealth? Health(JsonElement root)
    {
        if (Level(Text(root, "overall")) is not { } overall)
            return null;
        BoxAlarm[] alarms = [.. Elements(root, "alarms", MaxAlarms).Select(Alarm).OfType<BoxAlarm>().OrderByDescending(a => a.Severity)];
        return new BoxHealth(overall, alarms);
    }

    private static BoxAlarm? Alarm(JsonElement alarm) =>
        Text(alarm, "id") is { } id && Level(Text(alarm, "severity")) is { } severity ? new BoxAlarm(id, severity, Text(alarm, "since") ?? "", Text(alarm, "text") ?? "") : null;

    private static HealthLevel? Level(string? word) => word switch { "ok" => HealthLevel.Ok, "warning" => HealthLevel.Warning, "error" => HealthLevel.Error, _ => null };

    private static string? Text(JsonElement node, string key) =>
        node.ValueKind == JsonValueKind.Object && node.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? Clean(value.GetString()!) : null;

    private static long Number(JsonElement node, string key) =>
        node.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : 0;

    private static IEnumerable<JsonElement> Elements(JsonElement node, string key, int most) =>
        node.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().Take(most) : [];
}
