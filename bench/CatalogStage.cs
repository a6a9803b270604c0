// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Capbox.Packets.Archive;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;
using Capbox.Testing;

namespace Capbox.Bench;

/// <summary>A catalog of a million segments: how long a range takes to find, in the process and through the command; and how the time to rebuild grows with the segments.</summary>
internal sealed class CatalogStage(BenchOptions options, Lab lab)
{
    private const long FirstNs = 1_700_000_000_000_000_000, SegmentNs = 1_000_000_000;
    private const int BatchEntries = 1000, Queries = 200;
    private static readonly string[] s_ports = ["eth2", "eth3"];

    public JsonObject Run()
    {
        var result = new JsonObject();
        string archive = lab.Fresh("catalog");
        double insertSeconds = Fill(archive, options.CatalogSegments);
        long bytes = new FileInfo(Catalog.PathOf(archive)).Length;
        Console.WriteLine();
        Console.WriteLine(Stat.Line($"catalog: {options.CatalogSegments} segments of 1 s, 2 ports; {bytes / 1e6:F0} MB; filled at {options.CatalogSegments / insertSeconds:F0} segments/s"));
        result["segments"] = options.CatalogSegments;
        result["bytes"] = bytes;
        QueryInProcess(archive, result);
        QueryByCommand(archive, result);
        Directory.Delete(archive, recursive: true);
        Rebuild(result);
        return result;
    }

    private static double Fill(string archive, long segments)
    {
        long started = Stopwatch.GetTimestamp();
        using (Catalog catalog = Catalog.Open(archive, create: true))
        {
            for (long i = 0; i < segments; i += BatchEntries)
                catalog.AddAll([.. Enumerable.Range(0, (int)Math.Min(BatchEntries, segments - i)).Select(n => Entry((ulong)(i + n) + 1))]);
            catalog.SetStamp(ArchiveStamp.Compute(archive));
        }

        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static SegmentEntry Entry(ulong sequence)
    {
        // Neighbours overlap a little, as segments of several rings do.
        long first = FirstNs + ((long)sequence * SegmentNs), last = first + SegmentNs + 1_000_000;
        return new SegmentEntry
        {
            Sequence = sequence,
            FileName = SegmentName.Create(new UtcTime(first), sequence).Sealed().ToString(),
            Bytes = 1 << 30,
            FirstUtcNs = first,
            LastUtcNs = last,
            SealedUtcNs = last,
            ConfigRevision = 1,
            Repaired = false,
            Ports = [.. s_ports.Select((p, i) => new PortEntry(p, TotalRecord.Empty(i) with { Packets = 1, FirstUtcNs = first, LastUtcNs = last }))],
        };
    }

    private void QueryInProcess(string archive, JsonObject result)
    {
        var random = new Random(1);
        var milliseconds = new List<double>();
        using Catalog catalog = Catalog.OpenReadOnly(archive);
        for (int i = 0; i < Queries; i++)
        {
            long from = FirstNs + (random.NextInt64(2, options.CatalogSegments) * SegmentNs) + 500_000_000;
            long started = Stopwatch.GetTimestamp();
            int found = catalog.InRange(from, from + SegmentNs).Count;
            milliseconds.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            if (found is not (2 or 1))
                throw new BenchException($"a range of 1 s touches {found} segments");
        }

        Report(result, "queryMs", "range of 1 s, in the process", milliseconds, "under 20");
    }

    private void QueryByCommand(string archive, JsonObject result)
    {
        var random = new Random(2);
        var milliseconds = new List<double>();
        for (int i = 0; i < 20; i++)
        {
            long second = (FirstNs / SegmentNs) + random.NextInt64(2, options.CatalogSegments);
            long started = Stopwatch.GetTimestamp();
            JsonNode found = JsonNode.Parse(Child.Run(
                options.Capbox, "segments", archive, "--json", "--from", string.Create(CultureInfo.InvariantCulture, $"{second}.5"), "--to", "+1s"))!;
            milliseconds.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            if (found.AsArray().Count is 0)
                throw new BenchException("capbox segments found nothing");
        }

        Report(result, "commandMs", "range of 1 s, capbox segments from start to end", milliseconds, "process start included");
    }

    private static void Report(JsonObject result, string key, string what, List<double> milliseconds, string target)
    {
        milliseconds.Sort();
        double worst = milliseconds[(int)(milliseconds.Count * 0.95)];
        result[key] = Stat.Finite(Stat.Median(milliseconds));
        result[key + "P95"] = Stat.Finite(worst);
        Console.WriteLine(Stat.Line($"  {what}: median {Stat.Median(milliseconds):F1} ms, 95 % within {worst:F1} ms (target: {target})"));
    }

    /// <summary>Header and footer of each are read from real files.</summary>
    private void Rebuild(JsonObject result)
    {
        string archive = lab.Fresh("rebuild");
        var perSegment = new List<double>();
        int made = 0;
        foreach (int segments in new[] { 10_000, 20_000, 40_000 })
        {
            for (; made < segments; made++)
            {
                long first = FirstNs + (made * SegmentNs);
                BareSegment.Write(archive, (ulong)made + 1, first, first + SegmentNs, 0, s_ports);
            }

            long started = Stopwatch.GetTimestamp();
            Child.Run(options.Capbox, "catalog", "rebuild", archive);
            perSegment.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds / segments);
            Console.WriteLine(Stat.Line($"  rebuild of {segments} segments: {perSegment[^1]:F0} us per segment"));
        }

        result["rebuildUsPerSegment"] = Stat.Finite(perSegment[^1]);
        result["rebuildGrowth"] = Stat.Finite(perSegment[^1] / perSegment[0]);
        Console.WriteLine(Stat.Line($"  rebuild, time per segment at 40,000 of that at 10,000: {perSegment[^1] / perSegment[0]:F2} (target: linear, 1)"));
        Directory.Delete(archive, recursive: true);
    }
}
