// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>Recorders in turn, several rounds, each kind of traffic; medians.</summary>
internal sealed class PeersStage(BenchOptions options, Lab lab)
{
    private static readonly (string Name, int Share)[] s_mixes = [("64", 4), ("imix", 3), ("1500", 2)];

    public JsonObject Run()
    {
        var result = new JsonObject();
        var run = new PeerRun(lab, options.SendCpu, options.RecordCpu);
        List<Peer> peers = [.. Peers.All(options.BufferMiB, options.Capbox).Where(p => options.Peers is null || options.Peers.Contains(p.Name))];
        foreach (Peer missing in peers.Where(p => !p.IsInstalled).ToList())
        {
            Console.WriteLine($"{missing.Name}: {missing.Program} is not there, left out");
            peers.Remove(missing);
        }

        foreach ((string mix, int share) in s_mixes.Where(m => options.Sizes is null || options.Sizes.Contains(m.Name)))
        {
            var traffic = new Traffic { Port = Lab.SendPort, FrameBytes = TestPacket.Sizes(mix), Packets = options.Packets * share / 2 };
            result[mix] = Mix(mix, traffic, run, peers);
        }

        return result;
    }

    private JsonObject Mix(string mix, Traffic traffic, PeerRun run, List<Peer> peers)
    {
        var results = peers.ToDictionary(p => p.Name, _ => new List<PeerResult>());
        for (int round = 0; round < options.Rounds; round++)
        {
            foreach (Peer peer in peers)
                results[peer.Name].Add(run.Run(peer, traffic));
        }

        double reference = results.TryGetValue("tcpdump", out List<PeerResult>? tcpdump) ? Cpu(tcpdump) : double.NaN;
        double rate = Stat.Median(results.Values.SelectMany(r => r).Select(r => r.PacketsPerSecond));
        Console.WriteLine();
        double gigabits = rate * traffic.FrameBytes.Average() * 8 / 1e9;
        Console.WriteLine(Stat.Line(
            $"{mix} B: {traffic.Packets} packets at full speed ({rate / 1000:F0} kpps, {gigabits:F1} Gb/s), median of {options.Rounds} rounds"));
        Console.WriteLine("  recorder               sent      stored      lost  lost %   CPU us/packet  of tcpdump's   MB on disk");
        var rows = new JsonArray();
        foreach ((string name, List<PeerResult> all) in results)
            rows.Add((JsonNode)Row(name, all, reference));

        return new JsonObject { ["sentPerSecond"] = Math.Round(rate), ["recorders"] = rows };
    }

    private static double Cpu(List<PeerResult> results) => Stat.Median(results.Select(r => r.CpuMicroseconds));

    private static JsonObject Row(string name, List<PeerResult> all, double reference)
    {
        double stored = Stat.Median(all.Select(r => (double)r.Stored));
        double lost = Stat.Median(all.Select(r => (double)r.Lost));
        double percent = Stat.Median(all.Select(r => r.LostPercent));
        double cpu = Cpu(all);
        double bytes = Stat.Median(all.Select(r => (double)r.FileBytes));
        Console.WriteLine(Stat.Line(
            $"  {name,-16} {all[0].Sent,10} {stored,11:F0} {lost,9:F0} {percent,7:F2} {cpu,15:F3} {cpu / reference,13:F2} {bytes / 1e6,12:F0}"));
        foreach (string problem in all.Where(r => r.Problem is not null).Select(r => r.Problem!).Distinct())
            Console.WriteLine("    " + problem);

        var rounds = new JsonArray();
        foreach (PeerResult r in all)
            rounds.Add((JsonNode)r.ToJson());

        return new JsonObject
        {
            ["recorder"] = name,
            ["stored"] = stored,
            ["lost"] = lost,
            ["lostPercent"] = percent,
            ["cpuMicrosecondsPerPacket"] = Stat.Finite(cpu),
            ["cpuOfTcpdump"] = Stat.Finite(cpu / reference),
            ["fileBytes"] = bytes,
            ["rounds"] = rounds,
        };
    }
}

/// <summary>Small helpers for figures.</summary>
internal static class Stat
{
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? double.NaN
            : sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    public static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>JSON knows no NaN.</summary>
    public static JsonNode? Finite(double value) => double.IsFinite(value) ? JsonValue.Create(Math.Round(value, 4)) : null;
}
