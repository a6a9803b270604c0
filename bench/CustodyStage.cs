// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>One stretch of traffic, with or without a custodian.</summary>
internal sealed record CustodyResult(long Sent, long Stored, double CaptureSeconds, double DigestSeconds, int Segments, int SegmentsAtEnd)
{
    public long Lost => Sent - Stored;

    /// <summary>Of those, the ones lost while the disk was behind; the others, while the CPU was.</summary>
    public long LostDisk { get; init; }

    public double CaptureMicroseconds => CaptureSeconds * 1e6 / Stored;
}

/// <summary>
/// What custody costs capture: the same traffic at full speed, in turn with and without a key, small segments, so that the custodian digests all the time, and on the very CPU
/// that the ring's thread runs on. Then the digest alone, offline.
/// </summary>
internal sealed class CustodyStage(BenchOptions options, Lab lab)
{
    private const string SegmentSize = "64MiB";
    private const string CustodyThread = "capbox-custody";
    private static readonly TimeSpan s_stopMost = TimeSpan.FromSeconds(30);
    private readonly PeerRun _run = new(lab, options.SendCpu, options.RecordCpu);

    public JsonObject Run()
    {
        string key = Path.Combine(lab.Directory, "custody.key");
        Child.Run(options.Capbox, "seal", "keygen", "--out", key);
        var result = new JsonObject();
        foreach ((string mix, int share) in new[] { ("64", 4), ("1500", 3) })
        {
            var traffic = new Traffic { Port = Lab.SendPort, FrameBytes = TestPacket.Sizes(mix), Packets = options.Packets * share / 2 };
            List<CustodyResult> without = [], with = [];
            for (int round = 0; round < options.Rounds; round++)
            {
                without.Add(Capture(traffic, null));
                with.Add(Capture(traffic, key));
            }

            result[mix] = Show(mix, traffic, without, with);
        }

        result["digestBytesPerSecond"] = Digest(key);
        return result;
    }

    private CustodyResult Capture(Traffic traffic, string? key)
    {
        string directory = lab.Fresh("custody");
        string[] command = Peers.Capbox(directory, options.BufferMiB, options.Capbox, "auto", SegmentSize);
        Child capbox = _run.StartPinned(directory + ".log", key is null ? command : [.. command, "--seal-key", key]);
        try
        {
            _run.AwaitReady(capbox, "capbox");
            long started = capbox.RunNs(name => name != CustodyThread);
            Sent sent = PeerRun.SendFromOwnThread(traffic with { Namespace = lab.SendNamespace, Port = Lab.SendPort, Cpu = options.SendCpu });
            int segmentsAtEnd = Entered(directory);
            PeerRun.AwaitDrained(capbox);
            double captureSeconds = (capbox.RunNs(name => name != CustodyThread) - started) / 1e9;
            double digestSeconds = capbox.RunNs(name => name == CustodyThread) / 1e9;
            int segments = Directory.GetFiles(directory, "*.pcapng").Length;
            capbox.Stop(Sys.SigTerm, s_stopMost);
            if (capbox.ExitCode != 0)
                throw new BenchException($"capbox: exit {capbox.ExitCode}: {PeerRun.LastLine(capbox.Output)}");
            if (key is not null)
                Child.Run(options.Capbox, "verify", "--chain", directory, "--key", key + ".pub");
            return new CustodyResult(sent.Packets, CapboxLedger.Stored(capbox.Output), captureSeconds, digestSeconds, segments, segmentsAtEnd)
            {
                LostDisk = CapboxLedger.Sum(capbox.Output, "lostDisk"),
            };
        }
        finally
        {
            capbox.Stop(Sys.SigKill, s_stopMost);
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Segments with an entry: the lines of the chain but the genesis.</summary>
    private static int Entered(string directory)
    {
        string chain = Path.Combine(directory, ".capbox", "chain.jsonl");
        return File.Exists(chain) ? File.ReadLines(chain).Count() - 1 : 0;
    }

    private JsonObject Show(string mix, Traffic traffic, List<CustodyResult> without, List<CustodyResult> with)
    {
        double before = Stat.Median(without.Select(r => r.CaptureMicroseconds)), after = Stat.Median(with.Select(r => r.CaptureMicroseconds));
        double digest = Stat.Median(with.Select(r => r.DigestSeconds * 1e6 / r.Stored));
        CustodyResult last = with[^1];
        Console.WriteLine();
        Console.WriteLine(Stat.Line($"custody, {mix} B: {traffic.Packets} packets at full speed, segments of {SegmentSize}, median of {options.Rounds} rounds"));
        Console.WriteLine(Stat.Line($"  capture CPU us/packet without {before,7:F3}, lost {Losses(without)}"));
        Console.WriteLine(Stat.Line($"  capture CPU us/packet with    {after,7:F3}, lost {Losses(with)}: {after / before:F2} of without"));
        Console.WriteLine(Stat.Line($"  the custodian itself          {digest,7:F3} us/packet on what was left of that CPU; {last.SegmentsAtEnd} of {last.Segments} segments had their entry when the traffic ended"));
        return new JsonObject
        {
            ["captureMicrosecondsWithout"] = Stat.Finite(before),
            ["captureMicrosecondsWith"] = Stat.Finite(after),
            ["ratio"] = Stat.Finite(after / before),
            ["lostWithout"] = without.Sum(r => r.Lost),
            ["lostWith"] = with.Sum(r => r.Lost),
            ["custodianMicroseconds"] = Stat.Finite(digest),
        };
    }

    /// <summary>Every round's, and how many of all were the disk's.</summary>
    private static string Losses(List<CustodyResult> results) => Stat.Line($"{string.Join('+', results.Select(r => r.Lost))} (disk {results.Sum(r => r.LostDisk)})");

    /// <summary>`capbox seal` over files that are on disk and not in the page cache, beside `openssl dgst` on the same files.</summary>
    private double Digest(string key)
    {
        string directory = lab.Fresh("digest");
        const int Files = 4;
        long bytes = options.DiskGiB * (1L << 30) / Files;
        for (int i = 1; i <= Files; i++)
            Child.Run("dd", "if=/dev/urandom", $"of={directory}/20261123T083000.000000000Z-{i:D10}.pcapng", "bs=1M", $"count={bytes >> 20}", "oflag=direct");
        List<double> seal = [], sum = [];
        for (int round = 0; round < options.Rounds; round++)
        {
            seal.Add(Files * bytes / Seconds(() => Child.Run(options.Capbox, "seal", "--key", key, directory)));
            Directory.Delete(Path.Combine(directory, ".capbox"), recursive: true);
            sum.Add(Files * bytes / Seconds(() => Child.Run("sh", "-c", $"openssl dgst -sha256 {directory}/*.pcapng")));
            foreach (string file in Directory.GetFiles(directory))
                Child.Run("dd", $"if={file}", "iflag=nocache", "count=0");
        }

        Directory.Delete(directory, recursive: true);
        Console.WriteLine();
        Console.WriteLine(Stat.Line($"custody: digest of {options.DiskGiB} GiB, process start and signatures included, median of {options.Rounds} rounds"));
        Console.WriteLine(Stat.Line($"  capbox seal          {Stat.Median(seal) / 1e6,7:F0} MB/s   {Stat.Median(seal) / Stat.Median(sum):F2} of openssl's"));
        Console.WriteLine(Stat.Line($"  openssl dgst -sha256 {Stat.Median(sum) / 1e6,7:F0} MB/s"));
        return Math.Round(Stat.Median(seal));
    }

    private static double Seconds(Action work)
    {
        long started = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
