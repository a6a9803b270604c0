// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>Memory beside the rings under load, size of the binary, and time from the start of the program to its first stored packet.</summary>
internal sealed class FootprintStage(BenchOptions options, Lab lab)
{
    private const int StartRounds = 9;
    private const int ProbeMs = 1500;
    private readonly PeerRun _run = new(lab, options.SendCpu, options.RecordCpu);

    public JsonObject Run()
    {
        double binaryMB = new FileInfo(options.Capbox).Length / 1e6;
        (double residentMB, double ringsMB) = Memory();
        var captured = new List<double>();
        var onDisk = new List<double>();
        for (int i = 0; i < StartRounds; i++)
        {
            (double capturedMs, double onDiskMs) = Start();
            captured.Add(capturedMs);
            onDisk.Add(onDiskMs);
        }

        Console.WriteLine();
        Console.WriteLine("footprint of capbox");
        Console.WriteLine(Stat.Line($"  resident memory beside the rings {residentMB,8:F1} MB   (target: at most 40; rings: {ringsMB:F0} MB)"));
        Console.WriteLine(Stat.Line($"  binary                           {binaryMB,8:F1} MB   (target: at most 16)"));
        Console.WriteLine(Stat.Line($"  start to first packet captured   {Stat.Median(captured),8:F0} ms   (median of {StartRounds})"));
        Console.WriteLine(Stat.Line($"  start to first packet on disk    {Stat.Median(onDisk),8:F0} ms   (target: under 300; slowest {onDisk.Max():F0})"));
        return new JsonObject
        {
            ["residentBesideRingsMB"] = Stat.Finite(residentMB),
            ["ringsMB"] = Stat.Finite(ringsMB),
            ["binaryMB"] = Stat.Finite(binaryMB),
            ["firstCapturedMs"] = Stat.Finite(Stat.Median(captured)),
            ["firstOnDiskMs"] = Stat.Finite(Stat.Median(onDisk)),
            ["firstOnDiskSlowestMs"] = Stat.Finite(onDisk.Max()),
        };
    }

    /// <summary>The most of several looks under full speed, over several small segments, so that rotation and sealing are in it.</summary>
    private (double ResidentMB, double RingsMB) Memory()
    {
        string directory = lab.Fresh("memory");
        Child capbox = _run.StartPinned(directory + ".log", Peers.Capbox(directory, options.BufferMiB, options.Capbox, "auto", "1GiB"));
        try
        {
            _run.AwaitReady(capbox, "capbox");
            var sender = new Thread(() => PeerRun.SendFromOwnThread(Load(0, 6000, 1500)));
            sender.Start();
            double resident = 0;
            double rings = 0;
            while (sender.IsAlive)
            {
                (double residentNow, double ringsNow) = Resident(capbox.Pid);
                resident = Math.Max(resident, residentNow);
                rings = Math.Max(rings, ringsNow);
                Thread.Sleep(250);
            }

            sender.Join();
            return (resident, rings);
        }
        finally
        {
            capbox.Stop(Sys.SigTerm, TimeSpan.FromSeconds(30));
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Rss of /proc/PID/smaps; mappings of packet sockets are the rings (they appear as socket:[inode]).</summary>
    private static (double ResidentMB, double RingsMB) Resident(int pid)
    {
        long kib = 0;
        long ringKib = 0;
        bool isRing = false;
        foreach (string line in File.ReadLines($"/proc/{pid}/smaps"))
        {
            if (char.IsAsciiHexDigitLower(line[0]) && line.Contains('-', StringComparison.Ordinal))
                isRing = line.Contains("socket:", StringComparison.Ordinal);
            else if (line.StartsWith(isRing ? "Size:" : "Rss:", StringComparison.Ordinal))
                _ = isRing ? ringKib += Kib(line) : kib += Kib(line);
        }

        return (kib * 1024 / 1e6, ringKib * 1024 / 1e6);
    }

    private static long Kib(string line) => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    /// <summary>Packets come all the time; the program is started among them. Includes the starts of `ip netns exec` and taskset before it.</summary>
    private (double CapturedMs, double OnDiskMs) Start()
    {
        string directory = lab.Fresh("start");
        string[] command = Peers.Capbox(directory, options.BufferMiB, options.Capbox, "auto", "1GiB");
        var sender = new Thread(() => PeerRun.SendFromOwnThread(Load(20_000, ProbeMs, 64)));
        sender.Start();
        Thread.Sleep(300);
        DateTime started = DateTime.UtcNow;
        Child capbox = _run.StartPinned(directory + ".log", command);
        double onDiskMs;
        try
        {
            onDiskMs = AwaitChunk(directory, capbox, started);
        }
        finally
        {
            sender.Join();
            capbox.Stop(Sys.SigTerm, TimeSpan.FromSeconds(30));
        }

        var inventory = new Inventory();
        foreach (string file in Directory.EnumerateFiles(directory, "*.pcapng"))
            inventory.Read(file);

        Directory.Delete(directory, recursive: true);
        double startedNs = (started - DateTime.UnixEpoch).Ticks * 100.0;
        return ((inventory.FirstStampNs - startedNs) / 1e6, onDiskMs);
    }

    private static double AwaitChunk(string directory, Child capbox, DateTime started)
    {
        while (!HasChunk(directory))
        {
            if (capbox.HasExited() || (DateTime.UtcNow - started).TotalSeconds > 10)
                throw new BenchException("capbox stored nothing: " + PeerRun.LastLine(capbox.Output));

            Thread.Sleep(1);
        }

        return (DateTime.UtcNow - started).TotalMilliseconds;
    }

    /// <summary>True when an in-progress segment (the next one lies ready, too) has an ISB, the head of a chunk, behind its header page.</summary>
    private static bool HasChunk(string directory)
    {
        foreach (string path in Directory.EnumerateFiles(directory, "*.part"))
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
            file.Position = 4096;
            if (file.ReadByte() == 5)
                return true;
        }

        return false;
    }

    private Traffic Load(long packetsPerSecond, long milliseconds, int frameBytes) => new()
    {
        Port = Lab.SendPort,
        Namespace = lab.SendNamespace,
        FrameBytes = [frameBytes],
        Packets = long.MaxValue,
        PacketsPerSecond = packetsPerSecond,
        Milliseconds = milliseconds,
        Cpu = options.SendCpu,
    };
}
