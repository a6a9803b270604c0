// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>What a set of capture files holds of the generator's packets.</summary>
internal sealed class Inventory
{
    public SortedDictionary<uint, SequenceSet> Streams { get; } = [];

    /// <summary>Packets that the generator did not make.</summary>
    public long Others { get; private set; }
    public long FirstStampNs { get; private set; } = long.MaxValue;
    public List<string> Torn { get; } = [];

    public void Read(string path)
    {
        using var file = new CaptureFile(path);
        file.Read(Take);
        if (file.Torn is not null)
            Torn.Add($"{path}: {file.Torn}");
    }

    private void Take(ReadOnlySpan<byte> frame, long stampNs)
    {
        if (!TestPacket.TryRead(frame, out uint stream, out ulong sequence))
        {
            Others++;
            return;
        }

        if (!Streams.TryGetValue(stream, out SequenceSet? set))
            Streams.Add(stream, set = new SequenceSet());

        FirstStampNs = Math.Min(FirstStampNs, stampNs);
        set.Add(sequence);
    }
}

/// <summary>`Bench missing`: see README.md, the tests rely on its options and its output.</summary>
internal static class MissingCommand
{
    public static int Run(string[] args)
    {
        var options = new Arguments(args, "json");
        long packets = options.Number("packets", 0, 1, long.MaxValue);
        ulong first = (ulong)options.Number("first", 0, 0, long.MaxValue);
        int ranges = (int)options.Number("ranges", 20, 0, int.MaxValue);
        bool json = options.Flag("json");
        options.Done(wordsAllowed: true);
        if (options.Words.Count == 0)
            throw new UsageException("Bench missing FILE... needs a file");

        var inventory = new Inventory();
        foreach (string path in options.Words)
        {
            try
            {
                inventory.Read(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new BenchException(e.Message);
            }
        }

        // A promised stream of which nothing arrived is wholly missing.
        if (packets > 0 && inventory.Streams.Count == 0)
            inventory.Streams.Add(0, new SequenceSet());

        JsonObject result = Result(inventory, packets, first, ranges, out bool complete);
        Console.WriteLine(json ? result.ToJsonString() : Text(result));
        return complete ? 0 : 1;
    }

    private static JsonObject Result(Inventory inventory, long packets, ulong first, int ranges, out bool complete)
    {
        var streams = new JsonArray();
        complete = inventory.Torn.Count == 0;
        foreach ((uint stream, SequenceSet set) in inventory.Streams)
        {
            ulong last = packets > 0 ? first + (ulong)packets - 1 : Math.Max(first, set.Highest);
            var named = new JsonArray();
            ulong missing = 0;
            int missingRanges = 0;
            foreach ((ulong from, ulong to) in set.Missing(first, last))
            {
                missing += to - from + 1;
                if (missingRanges++ < ranges)
                    named.Add((JsonNode)new JsonArray((JsonNode)from, (JsonNode)to));
            }

            complete &= missing == 0 && set.Duplicates == 0 && set.Damaged == 0;
            streams.Add((JsonNode)new JsonObject
            {
                ["stream"] = stream,
                ["unique"] = set.Unique,
                ["duplicates"] = set.Duplicates,
                ["backwards"] = set.Backwards,
                ["damaged"] = set.Damaged,
                ["missing"] = missing,
                ["missingRanges"] = missingRanges,
                ["ranges"] = named,
            });
        }

        var torn = new JsonArray();
        foreach (string line in inventory.Torn)
            torn.Add((JsonNode)line);

        return new JsonObject { ["others"] = inventory.Others, ["torn"] = torn, ["streams"] = streams };
    }

    private static string Text(JsonObject result)
    {
        var lines = new List<string>();
        foreach (JsonNode? node in result["streams"]!.AsArray())
        {
            JsonObject s = node!.AsObject();
            lines.Add($"stream {s["stream"]} unique {s["unique"]} duplicates {s["duplicates"]} backwards {s["backwards"]} "
                + $"damaged {s["damaged"]} missing {s["missing"]} in {s["missingRanges"]} ranges");
            foreach (JsonNode? range in s["ranges"]!.AsArray())
                lines.Add($"  missing {range![0]} to {range[1]}");
        }

        lines.Add($"others {result["others"]}");
        foreach (JsonNode? line in result["torn"]!.AsArray())
            lines.Add($"torn {line!.GetValue<string>()}");

        return string.Join('\n', lines);
    }
}
