// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;

namespace Capbox.Testing;

/// <summary>Runs programs and gives back what they printed; a failure names the program and what it said.</summary>
internal static class Tool
{
    public const int LimitSeconds = 300;

    public static string Run(string program, params string[] arguments)
    {
        (int code, string output, string error) = Try(program, arguments);
        return code == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: exit {code}: {error}{output}");
    }

    public static (int Code, string Output, string Error) Try(string program, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(LimitSeconds * 1000))
        {
            process.Kill();
            throw new TimeoutException($"{program} {string.Join(' ', arguments)}");
        }

        return (process.ExitCode, output, error.Result);
    }

    public static Process Start(string program, params string[] arguments) => Process.Start(Info(program, arguments))!;

    public static ProcessStartInfo Info(string program, params string[] arguments)
    {
        var info = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (string argument in arguments)
            info.ArgumentList.Add(argument);
        return info;
    }

    /// <summary>
    /// Waits for a condition; the message says what was waited for. The limit is ten times and more what a quiet machine takes for the slowest of them: it ends a wait that cannot end well, and
    /// judges no time.
    /// </summary>
    public static void WaitFor(Func<bool> condition, string what, int seconds = LimitSeconds)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            if (clock.Elapsed.TotalSeconds > seconds)
                throw new TimeoutException($"waited {seconds} s for {what}");
            Thread.Sleep(20);
        }
    }

    /// <summary>The same for a moment that is over in a millisecond: looks all the time.</summary>
    public static void SpinFor(Func<bool> condition, string what)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            if (clock.Elapsed.TotalSeconds > LimitSeconds)
                throw new TimeoutException($"waited {LimitSeconds} s for {what}");
        }
    }
}

/// <summary>
/// Two network namespaces joined by veth pairs, and a scratch directory. Everything is gone after Dispose. Tests that use it are in the collections Integration and Remote (a box that is steered from elsewhere), which run
/// beside each other: for most of their time they wait.
/// </summary>
internal sealed class Lab : IDisposable
{
    private const string Prefix = "cbt";
    private static int s_number;
    private readonly List<Action> _undo = [];

    /// <param name="pairs">Veth pairs: a0-b0, a1-b1 ...; a is the sender's side, b the recorder's.</param>
    /// <param name="mtu">MTU of all of them.</param>
    public Lab(int pairs = 1, int mtu = 1504)
    {
        RemoveLeftovers();
        string id = $"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref s_number)}";
        SenderSpace = id + "a";
        RecorderSpace = id + "b";
        Scratch = Directory.CreateTempSubdirectory("capbox-test-").FullName;
        MakeSpace(SenderSpace);
        MakeSpace(RecorderSpace);
        for (int i = 0; i < pairs; i++)
            AddPair(i, mtu);
    }

    public string SenderSpace { get; }
    public string RecorderSpace { get; }

    /// <summary>A directory of this lab's own.</summary>
    public string Scratch { get; }

    /// <summary>An archive directory that does not exist yet.</summary>
    public string Archive => Path.Combine(Scratch, "archive");

    /// <summary>Makes pair aN-bN, both ends up, quiet: no IPv6, no ARP.</summary>
    public void AddPair(int number, int mtu = 1504)
    {
        string a = $"a{number}", b = $"b{number}", m = mtu.ToString(CultureInfo.InvariantCulture);
        Tool.Run("ip", "link", "add", a, "netns", SenderSpace, "mtu", m, "type", "veth", "peer", "name", b, "netns", RecorderSpace, "mtu", m);
        Tool.Run("ip", "-n", SenderSpace, "link", "set", a, "arp", "off", "up");
        Tool.Run("ip", "-n", RecorderSpace, "link", "set", b, "arp", "off", "up");
    }

    /// <summary>Makes one more namespace and returns its name.</summary>
    public string AddSpace(string suffix)
    {
        string space = SenderSpace[..^1] + suffix;
        MakeSpace(space);
        _undo.Add(() => Tool.Try("ip", "netns", "del", space));
        return space;
    }

    /// <summary>Makes a namespace of this name, also again after it was deleted.</summary>
    public static void MakeSpace(string space)
    {
        Tool.Run("ip", "netns", "add", space);
        Tool.Run("ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv6.conf.all.disable_ipv6=1");
        Tool.Run("ip", "-n", space, "link", "set", "lo", "up");
    }

    /// <summary>Makes a pair whose sender's side is <paramref name="sender"/> and whose other side is an interface of another namespace.</summary>
    public void AddPairTo(string space, string sender, string name)
    {
        Tool.Run("ip", "link", "add", sender, "netns", SenderSpace, "mtu", "1504", "type", "veth", "peer", "name", name, "netns", space, "mtu", "1504");
        Tool.Run("ip", "-n", SenderSpace, "link", "set", sender, "arp", "off", "up");
        Tool.Run("ip", "-n", space, "link", "set", name, "arp", "off", "up");
    }

    /// <summary>ip in the recorder's namespace.</summary>
    public void Ip(params string[] arguments) => Tool.Run("ip", ["-n", RecorderSpace, .. arguments]);

    /// <summary>Mounts a small ext4 on a loop device; returns the mount point.</summary>
    public string MountSmallDisk(int megabytes)
    {
        string image = Path.Combine(Scratch, "disk.img"), point = Path.Combine(Scratch, "disk");
        using (FileStream file = File.Create(image))
            file.SetLength(megabytes * 1024L * 1024);
        Tool.Run("mkfs.ext4", "-q", "-m", "0", image);
        Directory.CreateDirectory(point);
        Tool.Run("mount", "-o", "loop", image, point);
        _undo.Add(() => Tool.Try("umount", "-l", point));
        return point;
    }

    public void OnDispose(Action undo) => _undo.Add(undo);

    /// <summary>Sends numbered packets with the bench's generator; returns how many the kernel took.</summary>
    public long Generate(params string[] options)
    {
        using var generator = new RunningGenerator(this, options);
        return generator.WaitForEnd();
    }

    /// <summary>The same until it is stopped.</summary>
    public RunningGenerator StartGenerator(params string[] options) => new(this, ["--milliseconds", "600000", .. options]);

    public void Dispose()
    {
        for (int i = _undo.Count - 1; i >= 0; i--)
            _undo[i]();
        Tool.Try("ip", "netns", "del", SenderSpace);
        Tool.Try("ip", "netns", "del", RecorderSpace);
        Directory.Delete(Scratch, recursive: true);
    }

    /// <summary>Namespaces of test runs that died.</summary>
    private static void RemoveLeftovers()
    {
        foreach (string line in Tool.Run("ip", "netns", "list").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string name = line.Split(' ')[0];
            if (name.StartsWith(Prefix, StringComparison.Ordinal)
                && int.TryParse(name.AsSpan(Prefix.Length, name.IndexOf('-', StringComparison.Ordinal) is > 0 and int dash ? dash - Prefix.Length : 0), out int pid)
                && !Directory.Exists($"/proc/{pid}"))
                Tool.Try("ip", "netns", "del", name);
        }
    }
}
