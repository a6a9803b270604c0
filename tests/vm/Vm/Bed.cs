// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Capbox.Vm;

/// <summary>Cases, boots and their report. Needs the image that tests/vm/image.sh made in out/vm/KERNEL/image.</summary>
internal sealed class Bed
{
    private const int DiskMib = 2048;
    private const int DebugMemoryMib = 1024;

    // The debug kernel takes some five times as long, and so do the cases of the release tier; with gdb nobody counts.
    private const double DebugSlowness = 5, ReleaseSlowness = 5, GdbSlowness = 1000;
    private const int ShownLines = 200;
    private readonly Options _options;
    private readonly bool _debug;
    private readonly string _directory;
    private readonly double _slowness;
    private readonly string _seed;
    private readonly Lock _reporting = new();
    private int _boots;
    private bool _allGood = true;

    public Bed(Options options)
    {
        _options = options;
        _debug = options.Kernel == "debug";
        _directory = Path.Combine("out/vm", options.Kernel);
        _slowness = options.Gdb ? GdbSlowness : (_debug ? DebugSlowness : 1) * (options.Tier == "release" ? ReleaseSlowness : 1);
        _seed = Environment.GetEnvironmentVariable("CAPBOX_SEED") is { Length: > 0 } text ? text : "1";
        if (!ulong.TryParse(_seed, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            throw new VmException($"CAPBOX_SEED: '{_seed}' is no number");
    }

    /// <summary>
    /// Runs all cases, those with the same needs in one boot. True when all are good. Guests in virtual time run several at a time, for
    /// they do not mind; guests in real time would starve each other.
    /// </summary>
    public bool Run(Case[] cases)
    {
        foreach (string old in Directory.GetFiles(_directory, "boot-*.log"))
            File.Delete(old);
        ILookup<bool, IGrouping<Needs, Case>> groups = cases.GroupBy(c => c.Needs).ToLookup(group => group.Key.Icount != "");
        RunLanes(_options.Jobs, groups[true].OrderByDescending(group => group.Count()));
        RunLanes(1, groups[false]);
        return _allGood;
    }

    // Threads of their own: a guest ends with the thread that started it.
    private void RunLanes(int lanes, IEnumerable<IGrouping<Needs, Case>> groups)
    {
        var queue = new ConcurrentQueue<IGrouping<Needs, Case>>(groups);
        Exception? failure = null;
        Thread[] threads = [.. Enumerable.Range(1, Math.Min(lanes, queue.Count)).Select(lane => new Thread(() =>
        {
            try
            {
                while (queue.TryDequeue(out IGrouping<Needs, Case>? group))
                    RunGroup(group, lane);
            }
            catch (Exception e) when (e is IOException or VmException or InvalidOperationException)
            {
                Interlocked.CompareExchange(ref failure, e, null);
            }
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        if (failure is not null)
            throw new VmException(failure.Message);
    }

    private void RunGroup(IGrouping<Needs, Case> group, int lane)
    {
        var pending = new Queue<Case>(Enumerable.Repeat(group, _options.Repeat).SelectMany(each => each));
        while (pending.Count > 0)
            BootOnce(group.Key, pending, lane);
    }

    /// <summary>A guest on this terminal.</summary>
    public int Shell(Case? c)
    {
        Needs needs = c?.Needs ?? Case.Read("tests/vm/cases/boot.sh").Needs;
        List<string> arguments = Arguments(needs, "vm_shell=" + (c is null ? "none:own:capbox" : $"{c.Name}:{c.Network}:{c.Module.Replace(' ', ',')}"), lane: 1);
        Console.WriteLine("a shell in the guest; `help` tells what is there, Ctrl-A x ends it");
        using Process process = Process.Start(new ProcessStartInfo(arguments[0], arguments[1..]))!;
        process.WaitForExit();
        return process.ExitCode;
    }

    private void BootOnce(Needs needs, Queue<Case> pending, int lane)
    {
        int number = Interlocked.Increment(ref _boots);
        using StreamWriter console = File.CreateText(Path.Combine(_directory, $"boot-{number}.log"));
        string socket = Path.Combine(Path.GetTempPath(), $"capbox-vm-{Environment.ProcessId}-{number}.sock");
        using var guest = new Guest(
            [.. Arguments(needs, "", lane), "-chardev", $"socket,id=cases,path={socket}", "-device", "virtserialport,chardev=cases,name=capbox"], socket);
        if (_options.Gdb)
            Console.Error.WriteLine("waiting for gdb: target remote :1234");
        var boot = new Boot(guest, console, _slowness, needs.Icount != "", Progress);
        Progress("boot");
        if (!boot.Start(out string why, out IReadOnlyList<string> log))
        {
            // It would not start another time either.
            while (pending.TryDequeue(out Case? c))
                Report(new Result(c, "the guest did not boot: " + why, 0, 0, log));
            return;
        }

        var names = new List<string>();
        foreach (Result result in boot.Run(pending))
        {
            names.Add(result.Case.Name);
            Report(result);
        }

        why = boot.Stop(_debug && !_options.SelfTest, out log);
        if (why != "")
            Report(new Result(new Case("leaks-" + number, ""), $"after {string.Join(", ", names)}: {why}", 0, 0, log));
    }

    private List<string> Arguments(Needs needs, string append, int lane)
    {
        string image = Path.Combine(_directory, "image");
        string disk = Path.Combine(_directory, $"disk-{lane}.img");
        MakeDisk(disk);
        List<string> arguments =
        [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-M", "q35", "-accel", "tcg", "-cpu", "max,la57=off",
            "-smp", $"{needs.Cpus}", "-m", $"{needs.MemoryMib + (_debug ? DebugMemoryMib : 0)}",
            "-chardev", "stdio,mux=on,id=console,signal=off", "-serial", "chardev:console", "-mon", "chardev=console",
            "-drive", $"file={disk},if=none,id=disk,format=raw,cache=unsafe", "-device", "virtio-blk-pci,drive=disk", "-device", "virtio-serial-pci",
            "-kernel", Path.Combine(image, "vmlinuz"), "-initrd", Path.Combine(image, "initrd"),
            "-append", $"console=ttyS0 ignore_loglevel panic=-1 oops=panic sysrq_always_enabled nokaslr mitigations=off vm_seed={_seed} vm_tier={_options.Tier} {Patience} {needs.Append} {append}",
        ];
        arguments.AddRange(needs.Qemu.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        if (needs.Icount != "")
            arguments.AddRange(["-icount", needs.Icount]);
        if (_options.Gdb)
            arguments.AddRange(["-gdb", "tcp:127.0.0.1:1234", "-S"]);
        return arguments;
    }

    // An emulated processor may stand still while its machine does other things: the kernel's own watchdogs wait a little longer.
    private const string Patience = "rcupdate.rcu_cpu_stall_timeout=60 watchdog_thresh=30 workqueue.watchdog_thresh=60 dummy.numdummies=0 bonding.max_bonds=0";

    private static void MakeDisk(string path)
    {
        File.Delete(path);
        using (FileStream file = File.Create(path))
            file.SetLength(DiskMib * 1024L * 1024);
        using Process process = Process.Start(new ProcessStartInfo("mkfs.ext4", ["-q", "-F", "-E", "lazy_itable_init=1", path]))!;
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new VmException($"mkfs.ext4 {path}: exit {process.ExitCode}");
    }

    private void Report(Result result)
    {
        using Lock.Scope scope = _reporting.EnterScope();
        string log = Path.Combine(_directory, result.Case.Name + ".log");
        File.WriteAllLines(log, result.Good ? result.Log : [.. result.Log, "failed: " + result.Why]);
        bool good = result.Good;
        string why = result.Why;
        if (_options.SelfTest)
        {
            // Here a case is good when the bed sees it fail, and for the right reason.
            good = !good && Regex.IsMatch(string.Join('\n', [.. result.Log, why]), result.Case.Expect, RegexOptions.Multiline);
            why = result.Good ? "the bed did not see it fail" : $"seen: {why}; expected: {result.Case.Expect}";
        }

        Progress("");
        Console.WriteLine($"{(good ? "ok" : "not ok")} {result.Case.Name} ({result.Seconds:0.0} s, {result.CpuSeconds:0.0} s of CPU){(good ? "" : ": " + why)}");
        if (!good || _options.KeepLog)
            Show(result.Log, log);
        _allGood &= good;
    }

    /// <summary>What is being done now, on a terminal alone; the next line takes its place.</summary>
    private static void Progress(string what)
    {
        if (!Console.IsErrorRedirected)
            Console.Error.Write($"\r\e[K{(what == "" ? "" : what + " ...")}");
    }

    private static void Show(IReadOnlyList<string> lines, string path)
    {
        if (lines.Count > ShownLines)
            Console.WriteLine($"    (the last {ShownLines} of {lines.Count} lines of {path})");
        foreach (string line in lines.Skip(lines.Count - ShownLines))
            Console.WriteLine("    " + line);
    }
}
