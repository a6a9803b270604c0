using System.Globalization;
using System.Text.Json;
using Capbox.Packets.Archive;
using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.storage.retention</c> and <c>$.storage.holdQuota</c>.</summary>
internal static class RetentionSection
{
    private const long MaxBytes = long.MaxValue / 4, MaxAgeMs = 100L * 366 * 86_400_000, MinAgeMs = 1000;
    private const int MaxPorts = 64;

    /// <summary>The rules; null if there is no such section: then nothing is ever deleted.</summary>
    public static RetentionRules? Read(JsonNodeReader? node, ConfigErrors errors)
    {
        if (node is null)
            return null;
        (long freeBytes, int freePercent) = SizeOrPercent(node, "minFree", errors);
        var rules = new RetentionRules
        {
            MinFreeBytes = freeBytes,
            MinFreePercent = freePercent,
            MaxTotalBytes = node.SizeBytes("maxTotal", 0, 64L << 20, MaxBytes),
            MaxAgeNs = node.DurationMs("maxAge", 0, MinAgeMs, MaxAgeMs) * 1_000_000,
            KeepBytes = node.SizeBytes("keepAtLeast", 0, 0, MaxBytes),
            MaxDeletesPerMinute = (int)node.Number("maxDeletesPerMinute", RetentionRules.DefaultDeletesPerMinute, 1, 60_000),
            PortMaxAgeNs = ReadPorts(node.Object("portMaxAge"), errors),
        };
        if (rules.KeepBytes > rules.MaxTotalBytes && rules.MaxTotalBytes > 0)
            node.Error("keepAtLeast", "more than maxTotal: both cannot hold");
        // One that is wrong is told where it is.
        if (!node.Has("minFree") && !node.Has("maxTotal") && !node.Has("maxAge") && rules.PortMaxAgeNs.Count == 0)
            errors.Add(node.Path, "no rule: give minFree, maxTotal, maxAge or portMaxAge");
        node.Finish();
        return rules;
    }

    private static Dictionary<string, long> ReadPorts(JsonNodeReader? node, ConfigErrors errors)
    {
        Dictionary<string, long> ages = [];
        if (node is null)
            return ages;
        if (node.Members.Count() > MaxPorts)
            errors.Add(node.Path, $"more than {MaxPorts} ports");
        foreach ((string port, JsonElement _) in node.Members.Take(MaxPorts).ToArray())
        {
            if (Packets.Capture.PortName.Check(port) is { } problem)
                node.Error(port, problem);
            ages[port] = node.DurationMs(port, 0, MinAgeMs, MaxAgeMs) * 1_000_000;
        }

        return ages;
    }

    /// <summary>"50GiB" or "5%".</summary>
    private static (long Bytes, int Percent) SizeOrPercent(JsonNodeReader node, string key, ConfigErrors errors)
    {
        if (node.Text(key) is not { } text)
            return (0, 0);
        if (text.EndsWith('%') && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out int percent) && percent is >= 1 and <= 90)
            return (0, percent);
        if (!text.EndsWith('%') && Units.TryParseSize(text, out long bytes) && bytes is > 0 and <= MaxBytes)
            return (bytes, 0);
        errors.Add(node.PathOf(key), $"\"{text}\" is neither 1% to 90% nor {Units.SizeHelp}");
        return (0, 0);
    }
}
