// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Text.Json;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Packets.Storage;
using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary>What came of reading a document: options, or everything that is wrong with it.</summary>
/// <param name="Options">Validated options; null if there are errors.</param>
/// <param name="Filters">Named filters of the document, for expressions given elsewhere.</param>
/// <param name="Errors">Empty if the document is good.</param>
public sealed record ConfigResult(RecorderOptions? Options, NamedFilters Filters, IReadOnlyList<ConfigError> Errors)
{
    /// <summary>How the archive is kept; null if there are errors.</summary>
    public ArchivistOptions? Archive { get; init; }

    /// <summary>Private key of the chain of custody, a path; null: no chain is kept.</summary>
    public string? CustodyKey { get; init; }

    /// <summary>The source of time; null: the system clock as it is.</summary>
    public Timing.ClockOptions? Clock { get; init; }

    /// <summary>Where the box is reached over MQTT; null: nowhere.</summary>
    public MqttOptions? Mqtt { get; init; }

    /// <summary>Where metrics are served; null: nowhere.</summary>
    public MetricsAddress? Metrics { get; init; }

    /// <summary>The command reboot is allowed.</summary>
    public bool MayReboot { get; init; }

    /// <summary>How changes of a running box are watched.</summary>
    public ChangeOptions Change { get; init; } = new();

    /// <summary>The document itself; undefined if the text was no JSON.</summary>
    public JsonElement Document { get; init; }

    /// <summary>The document in one line, without comments.</summary>
    public string Line => ConfigText.ToLine(Document);
}

/// <summary>
/// The configuration document: JSON with comments and trailing commas, validated whole into <see cref="RecorderOptions"/>. Every key is
/// told in docs/reference/config.md and shown in docs/reference/capbox.example.json.
/// </summary>
public static class ConfigDocument
{
    /// <summary>The archive when neither document nor command line names one.</summary>
    public const string DefaultDirectory = StorageSection.DefaultDirectory;
    public const int MaxPorts = RecordingPlan.MaxPorts;
    private const int MaxBytes = 1 << 20;

    /// <summary>Reads a file. An unreadable file is an error of the result and not an exception.</summary>
    public static ConfigResult Load(string path)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            byte[] buffer = new byte[MaxBytes + 1];
            int length = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            return length > MaxBytes ? Failed("$", "larger than 1 MiB") : Parse(buffer.AsMemory(0, length));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return Failed("$", FileErrorText.Describe(e, path));
        }
    }

    /// <summary>Reads a document given as UTF-8.</summary>
    public static ConfigResult Parse(ReadOnlyMemory<byte> utf8) => ParseAs(utf8, isKept: false);

    /// <summary>Reads a document that is a part of another one, as of a message.</summary>
    public static ConfigResult Read(JsonElement document) => ReadAs(document, isKept: false);

    /// <summary>
    /// Reads a document that was accepted before. A filter that does not compile is no error: the names in it cannot be looked up at any
    /// time, and the port that uses it waits.
    /// </summary>
    public static ConfigResult ReadKept(JsonElement document) => ReadAs(document, isKept: true);

    /// <inheritdoc cref="ReadKept"/>
    /// <param name="line">The document in one line.</param>
    public static ConfigResult ParseKept(string line) => ParseAs(Encoding.UTF8.GetBytes(line), isKept: true);

    private static ConfigResult ParseAs(ReadOnlyMemory<byte> utf8, bool isKept)
    {
        try
        {
            var options = new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 16 };
            using JsonDocument document = JsonDocument.Parse(utf8, options);
            return ReadAs(document.RootElement, isKept);
        }
        catch (JsonException e)
        {
            return Failed(JsonErrorText.Position(e), JsonErrorText.Reason(e));
        }
    }

    private static ConfigResult ReadAs(JsonElement root, bool isKept)
    {
        try
        {
            return Read(root, isKept) with { Document = root.Clone() };
        }
        catch (InvalidOperationException)
        {
            return Failed("$", "a string is not valid UTF-8");
        }
    }

    private static ConfigResult Failed(string path, string reason) => new(null, NamedFilters.None, [new ConfigError(path, reason)]);

    private static ConfigResult Read(JsonElement root, bool isKept)
    {
        ConfigErrors errors = new();
        JsonNodeReader node = new(root, "$", errors);
        long revision = ConfigKeys.Revision.Read(node);
        string serial = ConfigKeys.Serial.Read(node)!;
        (NamedFilters filters, HashSet<string> broken) = ReadFilters(ConfigKeys.Filters.Read(node), isKept, errors);
        (StorageOptions storage, TriggerOptions? trigger, ArchivistOptions archive) = StorageSection.Read(StorageSection.Key.Read(node), filters, broken);
        string? custodyKey = CustodySection.Read(CustodySection.Key.Read(node));
        Timing.ClockOptions? clock = ClockSection.Read(ClockSection.Key.Read(node));
        MqttOptions? mqtt = MqttSection.Read(MqttSection.Key.Read(node), serial);
        MetricsAddress? metrics = MetricsSection.Read(MetricsSection.Key.Read(node));
        ChangeOptions change = ChangeSection.Read(ChangeSection.Key.Read(node));
        bool mayReboot = ControlSection.Read(ControlSection.Key.Read(node));
        List<PortOptions> ports = ReadPorts(node, filters, broken, errors);
        CheckSegments(node, storage, ports);
        node.Finish();
        if (errors.Count > 0)
            return new ConfigResult(null, filters, errors.All);
        var options = new RecorderOptions { Ports = ports, Storage = storage, Trigger = trigger, Serial = serial, ConfigRevision = (ulong)revision, FiltersMayWait = isKept };
        return new ConfigResult(options, filters, []) { Archive = archive, CustodyKey = custodyKey, Clock = clock, Change = change, Mqtt = mqtt, Metrics = metrics, MayReboot = mayReboot };
    }

    private static (NamedFilters Filters, HashSet<string> Broken) ReadFilters(JsonNodeReader? node, bool isKept, ConfigErrors errors)
    {
        if (node is null)
            return (new NamedFilters(new Dictionary<string, string>()) { AreProved = isKept }, []);
        Dictionary<string, string> expressions = [];
        HashSet<string> broken = [];
        foreach ((string name, JsonElement value) in node.Members.Take(ConfigKeys.MaxFilters))
        {
            string? expression = value.ValueKind == JsonValueKind.String
                ? value.GetString()!
                : FilterSet.Read(value, node.PathOf(name), errors);
            if (!NamedFilters.IsName(name))
                node.Error(name, "a filter's name is a letter, then letters, digits, '_' and '-', at most 64");
            if (expression is null)
                broken.Add(name);
            expressions[name] = expression ?? "";
        }

        NamedFilters filters = new(expressions) { AreProved = isKept };
        foreach ((string name, string expression) in expressions)
        {
            if (broken.Contains(name))
                continue;
            if (PortSection.CheckFilter(expression, filters, broken, Packets.Pcapng.Format.MaxSnapLength, out _) is { } error)
            {
                node.Error(name, error);
                broken.Add(name);
            }
        }

        return (filters, broken);
    }

    private static List<PortOptions> ReadPorts(JsonNodeReader root, NamedFilters filters, HashSet<string> broken, ConfigErrors errors)
    {
        List<PortOptions> ports = [];
        Dictionary<string, string> firstUse = [];
        IReadOnlyList<(string Path, JsonElement Value)> elements = PortSection.Key.Read(root);
        if (!root.Has(PortSection.Key.Name))
            root.Error(PortSection.Key.Name, "this key is required; [] records nothing");
        foreach ((string path, JsonElement value) in elements)
        {
            PortOptions port = PortSection.Read(new JsonNodeReader(value, path, errors), filters, broken);
            if (port.Interface.Length > 0 && !firstUse.TryAdd(port.Name, path))
                errors.Add($"{path}.name", $"{port.Name} is a port already, at {firstUse[port.Name]}");
            ports.Add(port);
        }

        return ports;
    }

    private static void CheckSegments(JsonNodeReader root, StorageOptions storage, List<PortOptions> ports)
    {
        int largest = ports.Count == 0 ? 0 : ports.Max(p => p.BlockBytes);
        if (storage.SegmentBytes < 4L * largest)
            root.Error(StorageSection.Key.Name, $"segmentSize {Units.FormatSize(storage.SegmentBytes)} is less than 4 blocks of {Units.FormatSize(largest)}");
    }
}
