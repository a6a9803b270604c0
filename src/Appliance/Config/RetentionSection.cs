// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.storage.retention</c>.</summary>
internal static class RetentionSection
{
    private const long MaxBytes = long.MaxValue / 4;
    private const string MinAge = "1s", MaxAge = "36600d", MaxSize = "2097151TiB";
    private const string AgeRange = "1 s to 100 years";

    private static readonly TextKey s_minFree = new("minFree", "Room that stays free on the file system.")
    {
        Pattern = $"^([0-9]+%|{SizeKey.Pattern[1..^1]})$",
        Range = "`1%` to `90%`, or a size",
    };

    private static readonly SizeKey s_maxTotal = new(
        "maxTotal", null, "64MiB", MaxSize, "Bytes of all segments, counting those being written with their preallocation.")
    {
        Range = "64 MiB and more",
    };

    private static readonly DurationKey s_maxAge = new(
        "maxAge", null, MinAge, MaxAge, "Age at which a segment is deleted, counted from its sealing by a clock that is never stepped.")
    {
        Range = AgeRange,
    };

    private static readonly MapKey s_portMaxAge = new(
        "portMaxAge", "object of durations", 64,
        "Ages of single ports, `eth3` or `blue/eth0`, in place of `maxAge`; a segment stays as long as any port with packets in it needs it.",
        static () => new JsonObject { ["type"] = "string", ["pattern"] = DurationKey.Pattern })
    { Range = "at most 64 ports, " + AgeRange };

    private static readonly SizeKey s_keepAtLeast = new("keepAtLeast", "0B", "0B", MaxSize, "Bytes of the newest segments that no rule deletes.")
    {
        Range = "0 to `maxTotal`",
    };

    private static readonly NumberKey s_maxDeletes = new("maxDeletesPerMinute", RetentionRules.DefaultDeletesPerMinute, 1, 60_000, "Deletions in any 60 s.");

    public static readonly SectionKey Key = new(
        "retention", "What is deleted; at least one of the first four keys.", s_minFree, s_maxTotal, s_maxAge, s_portMaxAge, s_keepAtLeast, s_maxDeletes)
    {
        AnyOf = [s_minFree.Name, s_maxTotal.Name, s_maxAge.Name, s_portMaxAge.Name],
        Absent = "nothing is ever deleted",
    };

    /// <summary>The rules; null if there is no such section: then nothing is ever deleted.</summary>
    public static RetentionRules? Read(JsonNodeReader? node)
    {
        if (node is null)
            return null;
        (long freeBytes, int freePercent) = ReadMinFree(node);
        var rules = new RetentionRules
        {
            MinFreeBytes = freeBytes,
            MinFreePercent = freePercent,
            MaxTotalBytes = s_maxTotal.Read(node),
            MaxAgeNs = (long)s_maxAge.Read(node).TotalNanoseconds,
            PortMaxAgeNs = ReadPorts(s_portMaxAge.Read(node)),
            KeepBytes = s_keepAtLeast.Read(node),
            MaxDeletesPerMinute = (int)s_maxDeletes.Read(node),
        };
        if (rules.KeepBytes > rules.MaxTotalBytes && rules.MaxTotalBytes > 0)
            node.Error(s_keepAtLeast.Name, "more than maxTotal: both cannot hold");
        // A rule that is wrong has its own error.
        if (!node.Has(s_minFree.Name) && !node.Has(s_maxTotal.Name) && !node.Has(s_maxAge.Name) && rules.PortMaxAgeNs.Count == 0)
            node.ErrorAt(node.Path, "no rule: give minFree, maxTotal, maxAge or portMaxAge");
        node.Finish();
        return rules;
    }

    private static Dictionary<string, long> ReadPorts(JsonNodeReader? node)
    {
        Dictionary<string, long> ages = [];
        foreach ((string port, JsonElement _) in node?.Members.Take(64).ToArray() ?? [])
        {
            if (PortName.Check(port) is { } problem)
                node!.Error(port, problem);
            ages[port] = (long)new DurationKey(port, null, MinAge, MaxAge, "").Read(node!).TotalNanoseconds;
        }

        return ages;
    }

    /// <summary>"50GiB" or "5%".</summary>
    private static (long Bytes, int Percent) ReadMinFree(JsonNodeReader node)
    {
        if (s_minFree.Read(node) is not { } text)
            return (0, 0);
        bool isPercent = text.EndsWith('%');
        if (isPercent && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out int percent) && percent is >= 1 and <= 90)
            return (0, percent);
        if (!isPercent && Units.TryParseSize(text, out long bytes) && bytes is > 0 and <= MaxBytes)
            return (bytes, 0);
        node.Error(s_minFree.Name, $"\"{text}\" is neither 1% to 90% nor {Units.SizeHelp}");
        return (0, 0);
    }
}
