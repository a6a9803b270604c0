// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>`Bench run`: all stages in one run, so that every figure has its comparison beside it.</summary>
internal static class RunCommand
{
    private static readonly string[] s_stages = ["peers", "disk", "footprint", "extract", "catalog", "custody", "telemetry", "summary", "fleet"];

    public static int Run(string[] args)
    {
        var arguments = new Arguments(args);
        string? json = arguments.Text("json");
        var options = new BenchOptions
        {
            Capbox = Path.GetFullPath(arguments.Text("capbox") ?? "out/capbox"),
            Directory = Path.GetFullPath(arguments.Text("dir") ?? "var"),
            Rounds = (int)arguments.Number("rounds", 3, 1, 99),
            Packets = arguments.Number("packets", 1_000_000, 1000, 1_000_000_000),
            BufferMiB = (int)arguments.Number("buffer-mib", 64, 8, 2048),
            ArchiveGiB = arguments.Number("archive-gib", 20, 1, 4096),
            CatalogSegments = arguments.Number("catalog-segments", 1_000_000, 10_000, 100_000_000),
            FleetBoxes = (int)arguments.Number("fleet-boxes", 500, 10, 5000),
            DiskGiB = arguments.Number("disk-gib", 4, 1, 4096),
            SendCpu = (int)arguments.Number("send-cpu", 0, 0, 1023),
            RecordCpu = (int)arguments.Number("record-cpu", 1, 0, 1023),
            Peers = arguments.Text("peers")?.Split(','),
            Sizes = arguments.Text("sizes")?.Split(','),
            Stages = arguments.Text("stages")?.Split(',') ?? s_stages,
        };
        arguments.Done();
        if (options.Stages.FirstOrDefault(s => !s_stages.Contains(s)) is { } unknown)
            throw new UsageException($"--stages: '{unknown}' is none of {string.Join(", ", s_stages)}");

        if (!File.Exists(options.Capbox))
            throw new BenchException($"{options.Capbox} is not there: make publish, or --capbox PATH");

        if (Environment.UserName != "root")
            throw new BenchException("needs root, for network namespaces and packet sockets");

        using var lab = new Lab(options.Directory);
        var result = new JsonObject { ["machine"] = Machine(options) };
        if (options.Stages.Contains("peers"))
            result["peers"] = new PeersStage(options, lab).Run();

        if (options.Stages.Contains("disk"))
            result["disk"] = new DiskStage(options, lab).Run();

        if (options.Stages.Contains("footprint"))
            result["footprint"] = new FootprintStage(options, lab).Run();

        if (options.Stages.Contains("extract"))
            result["extract"] = new ExtractStage(options, lab).Run();

        if (options.Stages.Contains("catalog"))
            result["catalog"] = new CatalogStage(options, lab).Run();

        if (options.Stages.Contains("custody"))
            result["custody"] = new CustodyStage(options, lab).Run();

        if (options.Stages.Contains("telemetry"))
            result["telemetry"] = new TelemetryStage(options, lab).Run();

        if (options.Stages.Contains("summary"))
            result["summary"] = new SummaryStage(options).Run();

        if (options.Stages.Contains("fleet"))
            result["fleet"] = new FleetStage(options, lab).Run();

        if (json is not null)
            File.WriteAllText(json, result.ToJsonString() + "\n");

        return 0;
    }

    private static JsonObject Machine(BenchOptions options)
    {
        string model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) ?? "";
        var machine = new JsonObject
        {
            ["cpu"] = model.Split(':', 2)[^1].Trim(),
            ["cpus"] = Environment.ProcessorCount,
            ["kernel"] = File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
            ["sendCpu"] = options.SendCpu,
            ["recordCpu"] = options.RecordCpu,
            ["bufferMiB"] = options.BufferMiB,
            ["rounds"] = options.Rounds,
        };
        Console.WriteLine($"{machine["cpu"]}, {machine["cpus"]} CPUs, Linux {machine["kernel"]}; generator (and the receive softirq) on CPU "
            + $"{options.SendCpu}, recorder on CPU {options.RecordCpu}; {options.BufferMiB} MiB of packet buffer for each recorder");
        return machine;
    }
}
