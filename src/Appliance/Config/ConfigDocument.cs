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
    public Config.MqttOptions? Mqtt { get; init; }

    /// <summary>Where metrics are served; null: nowhere.</summary>
    public Config.MetricsAddress? Metrics { get; init; }

    /// <summary>The command reboot is allowed.</summary>
    public bool MayReboot { get; init; }

    /// <summary>How changes of a running box are watched.</summary>
    public ChangeOptions Change { get; init; } = new();
}

/// <summary>
/// The configuration document: JSON with comments and trailing commas, validated whole into <see cref="RecorderOptions"/>. Every key is
/// told in docs/reference/config.md and shown in docs/reference/capbox.example.json.
/// </summary>
public static class ConfigDocument
{
    /// <summary>The archive when neither document nor command line names one.</summary>
    public const string DefaultDirectory = "/var/lib/capbox";
    public const int MaxPorts = RecordingPlan.MaxPorts;
    private const int MaxBytes = 1 << 20;
    private const int MaxFilters = 1024;

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
            return Failed("$", FileFault.Of(e, path));
        }
    }

    /// <summary>Reads a document given as UTF-8.</summary>
    public static ConfigResult Parse(ReadOnlyMemory<byte> utf8) => ParseAs(utf8, isKept: false);

    /// <summary>Reads a document that was accepted before. A filter that does not compile is no error: what names stand for cannot be looked up at any time. Whoever uses it waits for it.</summary>
    /// <param name="line">As it is kept.</param>
    public static ConfigResult ParseKept(string line) => ParseAs(Encoding.UTF8.GetBytes(line), isKept: true);

    private static ConfigResult ParseAs(ReadOnlyMemory<byte> utf8, bool isKept)
    {
        try
        {
            var options = new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 16 };
            using JsonDocument document = JsonDocument.Parse(utf8, options);
            return Read(document.RootElement, isKept);
        }
        catch (JsonException e)
        {
            return Failed(JsonFault.Position(e), JsonFault.Reason(e));
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
        long revision = node.Number("revision", 0, 0, long.MaxValue);
        string serial = node.Text("serial") ?? "";
        if (serial.Length > 64 || serial.Any(c => c is < ' ' or > '~'))
            node.Error("serial", "at most 64 printable ASCII characters");

        (NamedFilters filters, HashSet<string> broken) = ReadFilters(node.Object("filters"), isKept, errors);
        (StorageOptions storage, TriggerOptions? trigger, ArchivistOptions archive) = ReadStorage(node.Object("storage"), filters, broken, errors);
        string? custodyKey = ReadCustody(node.Object("custody"));
        Timing.ClockOptions? clock = ClockSection.Read(node.Object("clock"), errors);
        Config.MqttOptions? mqtt = MqttSection.Read(node.Object("mqtt"), serial);
        Config.MetricsAddress? metrics = MetricsSection.Read(node.Object("metrics"));
        ChangeOptions change = ChangeSection.Read(node.Object("change"));
        bool mayReboot = ControlSection.Read(node.Object("control"));
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
        if (node.Members.Count() > MaxFilters)
            errors.Add(node.Path, $"more than {MaxFilters} filters");
        foreach ((string name, JsonElement value) in node.Members.Take(MaxFilters))
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

    private static (StorageOptions Storage, TriggerOptions? Trigger, ArchivistOptions Archive) ReadStorage(
        JsonNodeReader? node, NamedFilters filters, IReadOnlySet<string> broken, ConfigErrors errors)
    {
        if (node is null)
            return (new StorageOptions { Directory = DefaultDirectory }, null, new ArchivistOptions { Directory = DefaultDirectory });
        string directory = node.Text("directory") ?? DefaultDirectory;
        if (directory.Length == 0 || directory.Contains('\0'))
            node.Error("directory", "not a path");
        long rotateMs = node.DurationMs("rotate", 0, 0, 7 * 86_400_000L);
        if (rotateMs % 1000 != 0)
            node.Error("rotate", "whole seconds only");
        StorageOptions storage = new()
        {
            Directory = directory,
            SegmentBytes = node.SizeBytes("segmentSize", 1L << 30, 16L << 20, 1L << 40),
            RotateSeconds = (int)(rotateMs / 1000),
            WritesInFlight = (int)node.Number("writesInFlight", 8, 1, 64),
            Engine = node.Choice(
                "engine", WriteEngine.Auto, ("auto", WriteEngine.Auto), ("io_uring", WriteEngine.IoUring), ("threads", WriteEngine.Threads),
                ("null", WriteEngine.Null)),
        };
        TriggerOptions? trigger = TriggerSection.Read(node, filters, broken);
        var archive = new ArchivistOptions
        {
            Directory = directory,
            Retention = RetentionSection.Read(node.Object("retention"), errors),
            HoldQuotaBytes = node.SizeBytes("holdQuota", 0, 1, long.MaxValue),
        };
        node.Finish();
        return (storage, trigger, archive);
    }

    /// <summary>The key itself is read at the start, not here: a document may be checked on another machine.</summary>
    private static string? ReadCustody(JsonNodeReader? node)
    {
        if (node is null)
            return null;
        string? key = node.Text("key", required: true);
        if (key is not null && (key.Length == 0 || key.Contains('\0')))
            node.Error("key", "not a path");
        node.Finish();
        return key;
    }

    private static List<PortOptions> ReadPorts(JsonNodeReader root, NamedFilters filters, HashSet<string> broken, ConfigErrors errors)
    {
        List<PortOptions> ports = [];
        Dictionary<string, string> firstUse = [];
        IReadOnlyList<(string Path, JsonElement Value)> elements = root.Array("ports", MaxPorts);
        if (!root.Has("ports"))
            root.Error("ports", "this key is required; [] records nothing");
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
            root.Error("storage", $"segmentSize {Units.FormatSize(storage.SegmentBytes)} is less than 4 blocks of {Units.FormatSize(largest)}");
    }
}
