// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>A recorder under measurement: how experts start it, and how it is stopped.</summary>
/// <param name="Name">Column of the table.</param>
/// <param name="Program">File to look for on PATH, or a path.</param>
/// <param name="Command">Its command line, given an empty directory.</param>
internal sealed record Peer(string Name, string Program, Func<string, string[]> Command)
{
    /// <summary>No file is expected: packets come from the program's own account, by this counter of its.</summary>
    public string? Counter { get; init; }

    /// <summary>It may not end when asked to (after all was written) and is killed without that being a fault of the run.</summary>
    public bool MayHang { get; init; }

    public TimeSpan StopMost => TimeSpan.FromSeconds(MayHang ? 4 : 30);

    public bool IsInstalled => Program.Contains('/')
        ? File.Exists(Program)
        : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(d => File.Exists(Path.Combine(d, Program)));
}

/// <summary>All recorders, with the same memory for packets in flight.</summary>
internal static class Peers
{
    public static IReadOnlyList<Peer> All(int bufferMiB, string capbox) =>
    [
        new("tcpdump", "tcpdump", d =>
            ["tcpdump", "-i", Lab.RecordPort, "-n", "-s", "0", "-Z", "root", "-B", $"{bufferMiB * 1024}", "-w", d + "/t.pcap"]),
        new("dumpcap", "dumpcap", d => ["dumpcap", "-q", "-i", Lab.RecordPort, "-B", $"{bufferMiB}", "-w", d + "/d.pcapng"]),
        new("netsniff-ng", "netsniff-ng", d =>
            ["netsniff-ng", "--in", Lab.RecordPort, "--out", d + "/n.pcap", "--silent", "--ring-size", $"{bufferMiB}MiB", "--jumbo-support",
                "--notouch-irq", "--no-hwtimestamp"]),
        new("stenotype", "stenotype", d => Steno(d, bufferMiB, index: true)) { MayHang = true },
        new("steno-noindex", "stenotype", d => Steno(d, bufferMiB, index: false)) { MayHang = true },
        new("capbox", capbox, d => Capbox(d, bufferMiB, capbox, "auto")),
        new("capbox-nulldisk", capbox, d => Capbox(d, bufferMiB, capbox, "null")) { Counter = "storedPackets" },
        new("capbox-keeping", capbox, d => Capbox(d, bufferMiB, capbox, "auto", mode: "trigger")) { Counter = "discardedPackets" },
    ];

    private static string[] Steno(string directory, int bufferMiB, bool index)
    {
        Directory.CreateDirectory(directory + "/PKT0");
        Directory.CreateDirectory(directory + "/IDX0");
        string[] command =
        [
            "stenotype", $"--iface={Lab.RecordPort}", "--dir=" + directory, "--threads=1", $"--blocks={bufferMiB}", "--aiops=8",
            "--blockage_sec=1", "--preallocate_file_mb=4096", "--seccomp=none", "--uid=root", "--gid=root",
        ];
        return index ? command : [.. command, "--no_index"];
    }

    /// <summary>Writes the configuration beside the archive.</summary>
    public static string[] Capbox(string directory, int bufferMiB, string capbox, string engine, string segment = "4GiB", string mode = "continuous")
    {
        var port = new JsonObject { ["name"] = Lab.RecordPort, ["ringSize"] = $"{bufferMiB}MiB" };
        var config = new JsonObject
        {
            ["ports"] = new JsonArray((JsonNode)port),
            ["storage"] = new JsonObject { ["directory"] = directory, ["engine"] = engine, ["segmentSize"] = segment, ["mode"] = mode },
        };
        string path = Path.TrimEndingDirectorySeparator(directory) + ".json";
        File.WriteAllText(path, config.ToJsonString());
        return [capbox, "run", "--config", path, "--json"];
    }
}
