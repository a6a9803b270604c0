// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>One stretch of traffic, with or without a broker.</summary>
/// <param name="ProcessPercent">CPU time of the whole process while the packets came, of one core's.</param>
/// <param name="CaptureMicroseconds">Of the threads of capbox's own (rings, writing), a packet.</param>
internal sealed record TelemetryResult(double ProcessPercent, double CaptureMicroseconds, long Lost, long Published);

/// <summary>
/// What being seen costs capture: the same traffic at full speed, in turn without a section mqtt and with it, counters each second (the least that may be configured), events and health, to a mosquitto on the generator's
/// CPU, all of capbox on one CPU.
/// </summary>
internal sealed class TelemetryStage(BenchOptions options, Lab lab)
{
    private const int Times = 8; // packets of the option: long enough for several messages
    private static readonly TimeSpan s_stopMost = TimeSpan.FromSeconds(30);
    private readonly PeerRun _run = new(lab, options.SendCpu, options.RecordCpu);

    public JsonObject Run()
    {
        Child.Run("ip", "-n", lab.RecordNamespace, "link", "set", "lo", "up");
        string broker = Path.Combine(lab.Directory, "mosquitto.conf");
        File.WriteAllLines(broker, ["user root", "listener 1883 127.0.0.1", "allow_anonymous true"]);
        Child mosquitto = Child.Start(Path.Combine(lab.Directory, "mosquitto.log"), "ip", "netns", "exec", lab.RecordNamespace, "taskset", "-c", $"{options.SendCpu}", "mosquitto", "-c", broker);
        try
        {
            var traffic = new Traffic { Port = Lab.SendPort, FrameBytes = TestPacket.Sizes("64"), Packets = options.Packets * Times };
            List<TelemetryResult> without = [], with = [];
            for (int round = 0; round < options.Rounds; round++)
            {
                without.Add(Capture(traffic, isTold: false));
                with.Add(Capture(traffic, isTold: true));
            }

            return Show(traffic, without, with);
        }
        finally
        {
            mosquitto.Stop(Sys.SigKill, s_stopMost);
        }
    }

    private TelemetryResult Capture(Traffic traffic, bool isTold)
    {
        string directory = lab.Fresh("telemetry");
        Child capbox = _run.StartPinned(directory + ".log", Command(directory, isTold));
        try
        {
            _run.AwaitReady(capbox, "capbox");
            if (isTold)
                AwaitConnected(capbox);
            static bool IsOwn(string name) => name.StartsWith("capbox-", StringComparison.Ordinal);
            long all = capbox.RunNs(), own = capbox.RunNs(IsOwn), began = Stopwatch.GetTimestamp();
            Sent sent = PeerRun.SendFromOwnThread(traffic with { Namespace = lab.SendNamespace, Cpu = options.SendCpu });
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            double percent = (capbox.RunNs() - all) / 1e7 / seconds;
            PeerRun.AwaitDrained(capbox);
            double capture = (capbox.RunNs(IsOwn) - own) / 1e3;
            capbox.Stop(Sys.SigTerm, s_stopMost);
            if (capbox.ExitCode != 0)
                throw new BenchException($"capbox: exit {capbox.ExitCode}: {PeerRun.LastLine(capbox.Output)}");
            long stored = CapboxLedger.Stored(capbox.Output);
            return new TelemetryResult(percent, capture / stored, sent.Packets - stored, Published(capbox.Output));
        }
        finally
        {
            capbox.Stop(Sys.SigKill, s_stopMost);
            Directory.Delete(directory, recursive: true);
        }
    }

    private string[] Command(string directory, bool isTold)
    {
        string[] command = Peers.Capbox(directory, options.BufferMiB, options.Capbox, "null");
        string path = command[^2];
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        if (isTold)
            config["mqtt"] = new JsonObject { ["broker"] = "mqtt://127.0.0.1", ["telemetry"] = "1s" };
        File.WriteAllText(path, config.ToJsonString());
        return command;
    }

    private static void AwaitConnected(Child capbox)
    {
        long began = Stopwatch.GetTimestamp();
        while (!capbox.Output.Contains("mqtt: connected", StringComparison.Ordinal))
        {
            if (capbox.HasExited() || Stopwatch.GetElapsedTime(began) > s_stopMost)
                throw new BenchException($"capbox does not connect: {PeerRun.LastLine(capbox.Output)}");
            Thread.Sleep(20);
        }
    }

    /// <summary>Messages that the broker took, by the last account.</summary>
    private static long Published(string output) =>
        JsonNode.Parse(output.Split('\n').Last(l => l.StartsWith('{')))!["mqtt"]?["counts"]?["published"]?.GetValue<long>() ?? 0;

    private JsonObject Show(Traffic traffic, List<TelemetryResult> without, List<TelemetryResult> with)
    {
        double before = Stat.Median(without.Select(r => r.ProcessPercent)), after = Stat.Median(with.Select(r => r.ProcessPercent));
        double capture = Stat.Median(with.Select(r => r.CaptureMicroseconds)) / Stat.Median(without.Select(r => r.CaptureMicroseconds));
        Console.WriteLine();
        Console.WriteLine(Stat.Line($"telemetry: {traffic.Packets} packets of 64 B at full speed, null disk, median of {options.Rounds} rounds"));
        Console.WriteLine(Stat.Line($"  CPU of a core without {before,6:F2} %, lost {without.Sum(r => r.Lost)}"));
        Console.WriteLine(Stat.Line($"  CPU of a core with    {after,6:F2} %, lost {with.Sum(r => r.Lost)}, {with[^1].Published} messages: {after - before:F2} points more (target: under 1)"));
        Console.WriteLine(Stat.Line($"  capture threads       {capture:F3} of without, a packet"));
        Console.WriteLine(Stat.Line($"  each round            {string.Join(", ", without.Zip(with, (a, b) => Stat.Line($"{a.ProcessPercent:F2} and {b.ProcessPercent:F2}")))}"));
        return new JsonObject
        {
            ["percentWithout"] = Stat.Finite(before),
            ["percentWith"] = Stat.Finite(after),
            ["captureRatio"] = Stat.Finite(capture),
            ["lostWithout"] = without.Sum(r => r.Lost),
            ["lostWith"] = with.Sum(r => r.Lost),
        };
    }
}
