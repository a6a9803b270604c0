// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>
/// A fleet at one mosquitto: how long it takes to list all boxes, to ask them and to change them, and what that costs the command and the broker. The boxes are those of `Bench boxes`: the real connection, commands and
/// configurator, all in one process, without a recorder; telemetry goes on as on real ones.
/// </summary>
internal sealed class FleetStage(BenchOptions options, Lab lab)
{
    private const int Port = 1883, Batch = 50;
    private string _directory = "";

    public JsonObject Run()
    {
        _directory = lab.Fresh("fleet");
        Child.Run("ip", "-n", lab.RecordNamespace, "link", "set", "lo", "up");
        Child broker = StartBroker();
        Child boxes = In("boxes.log", "dotnet", Path.Combine(AppContext.BaseDirectory, "Bench.dll"), "boxes", "--no-stdin", "--boxes", Text(options.FleetBoxes), "--dir", Path.Combine(_directory, "boxes"));
        try
        {
            double readySeconds = AwaitReady(boxes);
            Console.WriteLine();
            Console.WriteLine(Stat.Line($"fleet: {options.FleetBoxes} simulated boxes in one process at one mosquitto, connected within {readySeconds:F1} s"));
            var result = new JsonObject { ["boxes"] = options.FleetBoxes, ["connectSeconds"] = Stat.Finite(readySeconds) };
            Measure(result, broker, "status", "list all", ["status", "--json"], s => s["boxes"]!.AsArray().Count);
            Measure(result, broker, "ask", "ask all a command (32 at once)", ["cmd", "config-status", "--all"], null);
            Measure(result, broker, "diff", "compare all configurations with a change", ["config", "diff", "--set", "filters.never=udp", "--json"], s => s.AsArray().Sum(g => g!["devices"]!.AsArray().Count), exit: 1);
            int round = 0;
            foreach (int batch in new[] { 10, Batch })
            {
                Measure(
                    result, broker, $"apply{Text(batch)}", $"change all (1 first, then {Text(batch)} at a time)", () => ["apply", "--all", "--batch", Text(batch), "--set", $"filters.feed=udp port {Text(++round)}", "--json"],
                    s => s["boxes"]!.AsArray().Count(b => b!["hasIt"]!.GetValue<bool>()));
            }

            double brokerMB = Resident(broker.Pid, "VmHWM:"), brokerCpu = broker.RunNs() / 1e9;
            result["brokerResidentMB"] = Stat.Finite(brokerMB);
            result["brokerCpuSeconds"] = Stat.Finite(brokerCpu);
            Console.WriteLine(Stat.Line($"  mosquitto, all of this: at most {brokerMB:F0} MB resident, {brokerCpu:F1} s of CPU"));
            return result;
        }
        finally
        {
            boxes.Stop(Sys.SigTerm, TimeSpan.FromSeconds(60));
            broker.Stop(Sys.SigTerm, TimeSpan.FromSeconds(10));
            Directory.Delete(_directory, recursive: true);
        }
    }

    private void Measure(JsonObject result, Child broker, string key, string what, string[] command, Func<JsonNode, int>? count, int exit = 0) => Measure(result, broker, key, what, () => command, count, exit);

    private void Measure(JsonObject result, Child broker, string key, string what, Func<string[]> command, Func<JsonNode, int>? count, int exit = 0)
    {
        List<double> seconds = [], cpu = [], resident = [], messages = [], brokerCpu = [];
        for (int i = 0; i < options.Rounds; i++)
        {
            long before = Messages(), brokerBefore = broker.RunNs(), started = Stopwatch.GetTimestamp();
            Child fleet = In("fleet.log", [options.Capbox, "fleet", "--broker", $"mqtt://127.0.0.1:{Text(Port)}", "--requester", "bench", .. command()]);
            double most = 0;
            while (!fleet.HasExited())
            {
                most = Math.Max(most, Resident(fleet.Pid, "VmHWM:"));
                Thread.Sleep(5);
            }

            seconds.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            brokerCpu.Add((broker.RunNs() - brokerBefore) / 1e9);
            messages.Add(Messages() - before);
            cpu.Add(fleet.CpuSeconds);
            resident.Add(most);
            int seen = fleet.ExitCode != exit ? -1 : count is null ? options.FleetBoxes : count(JsonNode.Parse(fleet.Output)!);
            if (seen != options.FleetBoxes)
                throw new BenchException($"capbox fleet {string.Join(' ', command())}: exit {fleet.ExitCode}, {seen} boxes: {PeerRun.LastLine(fleet.Output)}");
        }

        result[key] = new JsonObject
        {
            ["seconds"] = Stat.Finite(Stat.Median(seconds)),
            ["cpuSeconds"] = Stat.Finite(Stat.Median(cpu)),
            ["residentMB"] = Stat.Finite(Stat.Median(resident)),
            ["messagesOut"] = Stat.Finite(Stat.Median(messages)),
            ["brokerCpuSeconds"] = Stat.Finite(Stat.Median(brokerCpu)),
        };
        Console.WriteLine(Stat.Line(
            $"  {what,-46} {Stat.Median(seconds),7:F2} s; command {Stat.Median(cpu):F2} s CPU, {Stat.Median(resident):F0} MB; broker {Stat.Median(brokerCpu):F2} s CPU, {Stat.Median(messages):F0} messages out (median of {options.Rounds})"));
    }

    private Child StartBroker()
    {
        string file = Path.Combine(_directory, "mosquitto.conf");
        File.WriteAllLines(file, ["user root", $"listener {Text(Port)} 127.0.0.1", "allow_anonymous true", "max_packet_size 2000000", "sys_interval 1"]);
        Child broker = In("mosquitto.log", "mosquitto", "-c", file);
        for (long started = Stopwatch.GetTimestamp(); ; Thread.Sleep(50))
        {
            try
            {
                Messages();
                return broker;
            }
            catch (BenchException) when (Stopwatch.GetElapsedTime(started).TotalSeconds < 20)
            {
                // Not yet.
            }
        }
    }

    private double AwaitReady(Child boxes)
    {
        long started = Stopwatch.GetTimestamp();
        while (!boxes.Output.Contains("ready", StringComparison.Ordinal))
        {
            if (boxes.HasExited() || Stopwatch.GetElapsedTime(started).TotalMinutes > 5)
                throw new BenchException("the boxes do not connect: " + PeerRun.LastLine(boxes.Output));
            Thread.Sleep(20);
        }

        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>PUBLISH messages that the broker has sent so far, as it tells once a second: the boxes' telemetry makes none, since nobody listens to it.</summary>
    private long Messages() => long.Parse(
        Child.Run("ip", "netns", "exec", lab.RecordNamespace, "mosquitto_sub", "-p", Text(Port), "-C", "2", "-W", "10", "-t", "$SYS/broker/publish/messages/sent").Trim().Split('\n')[^1], CultureInfo.InvariantCulture);

    private Child In(string log, params string[] command) => Child.Start(Path.Combine(_directory, log), ["ip", "netns", "exec", lab.RecordNamespace, .. command]);

    private static double Resident(int pid, string what)
    {
        try
        {
            string? line = File.ReadLines($"/proc/{Text(pid)}/status").FirstOrDefault(l => l.StartsWith(what, StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024 / 1e6;
        }
        catch (IOException)
        {
            return 0; // it has ended
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
