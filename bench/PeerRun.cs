// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>One recorder, one stretch of traffic.</summary>
internal sealed record PeerResult(string Peer, long Sent, long Stored, long Duplicates, double CpuSeconds, long FileBytes, double PacketsPerSecond)
{
    public string? Problem { get; init; }

    /// <summary>CPU time used before the first packet: start, opening the ring.</summary>
    public double StartSeconds { get; init; }

    public long Lost => Sent - Stored;

    public double LostPercent => Sent == 0 ? 0 : 100.0 * Lost / Sent;

    public double CpuMicroseconds => Stored == 0 ? double.NaN : (CpuSeconds - StartSeconds) * 1e6 / Stored;

    public JsonObject ToJson() => new()
    {
        ["peer"] = Peer,
        ["sent"] = Sent,
        ["stored"] = Stored,
        ["lost"] = Lost,
        ["duplicates"] = Duplicates,
        ["cpuSeconds"] = CpuSeconds,
        ["startCpuSeconds"] = StartSeconds,
        ["fileBytes"] = FileBytes,
        ["sentPerSecond"] = Math.Round(PacketsPerSecond),
        ["problem"] = Problem,
    };
}

/// <summary>Starts a recorder, sends, lets it drain, stops it, and counts what its files hold.</summary>
internal sealed class PeerRun(Lab lab, int sendCpu, int recordCpu)
{
    private static readonly TimeSpan s_readyMost = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_drainMost = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_stopMost = TimeSpan.FromSeconds(30);
    private const long IdleNs = 3_000_000;
    private const int IdleLooks = 4;
    private const int LookMs = 200;

    public PeerResult Run(Peer peer, Traffic traffic)
    {
        string directory = lab.Fresh(peer.Name);
        string log = directory + ".log";
        Child recorder = StartPinned(log, peer.Command(directory));
        try
        {
            AwaitReady(recorder, peer.Name);
            double startSeconds = recorder.RunNs() / 1e9;
            long before = lab.Received();
            Sent sent = SendFromOwnThread(traffic with { Namespace = lab.SendNamespace, Port = Lab.SendPort, Cpu = sendCpu });
            long arrived = lab.Received() - before;
            AwaitDrained(recorder);
            recorder.Stop(Sys.SigTerm, peer.StopMost);
            string? problem = arrived != sent.Packets ? $"{arrived} of {sent.Packets} packets arrived at the port" : null;
            if (recorder.ExitCode != 0 && !(recorder.ExitCode == 137 && peer.MayHang))
                problem = $"exit {recorder.ExitCode}: {LastLine(recorder.Output)}";

            return Count(peer, recorder, sent, directory) with { Problem = problem, StartSeconds = startSeconds };
        }
        finally
        {
            recorder.Stop(Sys.SigKill, s_stopMost);
            Directory.Delete(directory, recursive: true);
        }
    }

    public Child StartPinned(string log, string[] command) => Child.Start(
        log, ["ip", "netns", "exec", lab.RecordNamespace, "taskset", "-c", recordCpu.ToString(CultureInfo.InvariantCulture), .. command]);

    /// <summary>Ready when /proc/net/packet in the recorder's namespace shows a running socket on the port, and it has come to rest.</summary>
    public void AwaitReady(Child recorder, string name)
    {
        long started = Stopwatch.GetTimestamp();
        while (!HasRunningSocket(recorder.Pid))
        {
            if (recorder.HasExited() || Stopwatch.GetElapsedTime(started) > s_readyMost)
                throw new BenchException($"{name} does not record: {LastLine(recorder.Output)}");

            Thread.Sleep(5);
        }

        Thread.Sleep(500);
    }

    public static Sent SendFromOwnThread(Traffic traffic)
    {
        Sent? sent = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                sent = Generator.Run(traffic);
            }
            catch (BenchException e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        return sent ?? throw new BenchException(failure!.Message);
    }

    public static string LastLine(string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length == 0 ? "" : lines[^1];
    }

    private bool HasRunningSocket(int pid)
    {
        try
        {
            foreach (string line in File.ReadLines($"/proc/{pid}/net/packet").Skip(1))
            {
                // sk RefCnt Type Proto Iface R Rmem User Inode
                string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields[4] == lab.RecordIndex.ToString(CultureInfo.InvariantCulture) && fields[5] == "1")
                    return true;
            }
        }
        catch (IOException)
        {
            // It has just ended; the caller sees that.
        }

        return false;
    }

    /// <summary>Drained when it used next to no CPU for a while: every recorder here sleeps when there is nothing to do.</summary>
    public static void AwaitDrained(Child recorder)
    {
        long started = Stopwatch.GetTimestamp();
        long last = recorder.RunNs();
        int idle = 0;
        Thread.Sleep(1000);
        while (idle < IdleLooks && !recorder.HasExited() && Stopwatch.GetElapsedTime(started) < s_drainMost)
        {
            Thread.Sleep(LookMs);
            long now = recorder.RunNs();
            idle = now - last < IdleNs ? idle + 1 : 0;
            last = now;
        }
    }

    private static PeerResult Count(Peer peer, Child recorder, Sent sent, string directory)
    {
        double rate = sent.Packets / sent.Seconds;
        if (peer.Counter is { } counter)
            return new PeerResult(peer.Name, sent.Packets, CapboxLedger.Sum(recorder.Output, counter), 0, recorder.CpuSeconds, 0, rate);

        var inventory = new Inventory();
        long bytes = 0;
        foreach (string file in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            // stenotype's index is a file of its own and belongs to its bytes.
            bytes += new FileInfo(file).Length;
            if (!file.Contains("/IDX0/", StringComparison.Ordinal))
                inventory.Read(file);
        }

        SequenceSet stored = inventory.Streams.GetValueOrDefault(0u) ?? new SequenceSet();
        return new PeerResult(peer.Name, sent.Packets, stored.Unique, stored.Duplicates, recorder.CpuSeconds, bytes, rate);
    }
}
