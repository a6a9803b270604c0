// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Port;
using Capbox.Ptp.Servo;
using Capbox.Ptp.Transport;

namespace Capbox.Bench;

/// <summary>
/// What following costs: ports of src/Ptp and ptp4l's slaves, one after the other on the same links with the same real ptp4l as master. Software stamps over veth; nobody touches the machine's clock.
/// </summary>
internal static class PortsCommand
{
    private const int MostPorts = 32, SettleSeconds = 25, SigTerm = 15;

    public static int Run(string[] args)
    {
        var arguments = new Arguments(args);
        if (arguments.Text("follow") is { } names)
            return Follow(names.Split(','), arguments);
        int ports = (int)arguments.Number("ports", 8, 1, MostPorts);
        int rate = (int)arguments.Number("rate", 16, 1, 128);
        int seconds = (int)arguments.Number("seconds", 60, 5, 3600);
        arguments.Done();
        if (!int.IsPow2(rate))
            throw new UsageException("--rate takes a power of two: PTP's intervals are");
        using var lab = new Lab(Path.GetTempPath());
        string[] links = MakeLinks(lab, ports);
        int log = -int.Log2(rate);
        string[] common = ["time_stamping software", "network_transport L2", "free_running 1", Line("logSyncInterval", log), Line("logMinDelayReqInterval", log), "summary_interval 5"];
        Child master = Start(lab, lab.SendNamespace, "master", ["ptp4l", "-q", "-m", "-f", Configure(lab, "master", [.. common, "masterOnly 1"], [.. links.Select(l => l + "m")])]);
        SayTai(lab);
        Child follower = StartOurs(lab, links);
        double ours = Measure([follower], seconds);
        double theirs = Measure([.. links.Select(l => Start(lab, lab.RecordNamespace, l, ["ptp4l", "-q", "-m", "-f", Configure(lab, l, [.. common, "slaveOnly 1"], [l + "s"])]))], seconds);
        if (master.HasExited())
            throw new BenchException($"the master ended: {master.Output.Trim()}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{ports} ports, {rate} Syncs and {rate} Delay_Reqs a second each, {seconds} s; user and system time of one core, the kernel's work on what is sent included"));
        Console.Write(follower.Output[follower.Output.IndexOf("used", StringComparison.Ordinal)..]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"capbox  {100 * ours:F2} %, {1e6 * ours / (2 * rate * ports):F1} us a message and its direction"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ptp4l   {100 * theirs:F2} %"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio   {ours / theirs:F2}"));
        return 0;
    }

    private static string Line(string key, int value) => string.Create(CultureInfo.InvariantCulture, $"{key} {value}");

    private static string[] MakeLinks(Lab lab, int ports)
    {
        string[] names = [.. Enumerable.Range(0, ports).Select(i => string.Create(CultureInfo.InvariantCulture, $"p{i}"))];
        foreach (string name in names)
        {
            Child.Run("ip", "-n", lab.SendNamespace, "link", "add", name + "m", "type", "veth", "peer", "name", name + "s", "netns", lab.RecordNamespace);
            Child.Run("ip", "-n", lab.SendNamespace, "link", "set", name + "m", "up");
            Child.Run("ip", "-n", lab.RecordNamespace, "link", "set", name + "s", "up");
        }

        return names;
    }

    /// <summary>With software stamps ptp4l serves a timescale of its own until it is told that its clock counts TAI: we would not follow.</summary>
    private static void SayTai(Lab lab)
    {
        Thread.Sleep(2_000);
        Child.Run("ip", "netns", "exec", lab.SendNamespace, "pmc", "-u", "-b", "0", "-i", Path.Combine(lab.Directory, "pmc"), "-s", Path.Combine(lab.Directory, "master.uds"),
            "SET GRANDMASTER_SETTINGS_NP clockClass 6 clockAccuracy 0x21 offsetScaledLogVariance 0x4e5d currentUtcOffset 37 leap61 0 leap59 0 currentUtcOffsetValid 1 ptpTimescale 1 timeTraceable 1 frequencyTraceable 1 timeSource 0x20");
    }

    private static string Configure(Lab lab, string name, string[] settings, string[] interfaces)
    {
        string path = Path.Combine(lab.Directory, name + ".conf");
        File.WriteAllLines(path, ["[global]", .. settings, "uds_address " + Path.Combine(lab.Directory, name + ".uds"), .. interfaces.Select(i => $"[{i}]")]);
        return path;
    }

    private static Child Start(Lab lab, string space, string name, string[] command) => Child.Start(Path.Combine(lab.Directory, name + ".log"), ["ip", "netns", "exec", space, .. command]);

    private static Child StartOurs(Lab lab, string[] links) =>
        Start(lab, lab.RecordNamespace, "ours", [Environment.ProcessPath!, .. Self(), "ports", "--follow", string.Join(',', links.Select(l => l + "s"))]);

    /// <summary>Started by `dotnet Bench.dll` the process is dotnet.</summary>
    private static string[] Self() => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(PortsCommand).Assembly.Location] : [];

    /// <summary>Share of one core, once they follow.</summary>
    private static double Measure(IReadOnlyList<Child> followers, int seconds)
    {
        Thread.Sleep(TimeSpan.FromSeconds(SettleSeconds));
        long beforeNs = followers.Sum(f => f.RunNs());
        long started = Stopwatch.GetTimestamp();
        Thread.Sleep(TimeSpan.FromSeconds(seconds));
        double share = (followers.Sum(f => f.RunNs()) - beforeNs) / Stopwatch.GetElapsedTime(started).TotalNanoseconds;
        foreach (Child follower in followers)
        {
            if (follower.HasExited())
                throw new BenchException($"a follower ended: {follower.Output.Trim()}");
            follower.Stop(SigTerm, TimeSpan.FromSeconds(10));
            if (!follower.Output.Contains("all follow", StringComparison.Ordinal) && !follower.Output.Contains("selected best master clock", StringComparison.Ordinal))
                throw new BenchException($"a follower followed nobody: {follower.Output.Trim()}");
        }

        return share;
    }

    /// <summary>The child: one thread, each port with a clock in user space, until it is killed.</summary>
    private static int Follow(string[] interfaces, Arguments arguments)
    {
        arguments.Done();
        PtpPort[] ports = [.. interfaces.Select(name => new PtpPort(
            new PtpPortOptions
            {
                Socket = new PtpSocketOptions { Interface = name, Transport = PtpTransport.Ethernet },
                // As often as the master allows.
                Engine = new EngineOptions { Own = default, LogDelayInterval = -7 },
                Mode = PortMode.Steer,
                UnknownAccuracyNs = 100,
            },
            TimeBase.Software(new SoftwareClock(5_000_000, 20_000))))];
        var loop = new PtpLoop(ports);
        new Thread(loop.Run) { IsBackground = true }.Start();
        while (ports.Any(port => port.Status.Quality.State == SyncState.Unsynchronised))
            Thread.Sleep(100);
        Console.WriteLine("all follow");
        using var ended = new ManualResetEventSlim();
        (long syncs, long delays, long started) = (Count(ports, Cause.SyncUsed), Count(ports, Cause.DelayUsed), Stopwatch.GetTimestamp());
        using var handler = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            ended.Set();
        });
        ended.Wait();
        double each = ports.Length * Stopwatch.GetElapsedTime(started).TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"used a second and port: {(Count(ports, Cause.SyncUsed) - syncs) / each:F2} Syncs, {(Count(ports, Cause.DelayUsed) - delays) / each:F2} Delay_Reqs"));
        return 0;
    }

    private static long Count(PtpPort[] ports, Cause cause) => ports.Sum(port => port.EngineCounters[cause]);
}
