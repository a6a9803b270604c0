// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Capbox.Bench;

/// <summary>
/// A process started by the bench. Not System.Diagnostics.Process: that reaps its children itself, and wait4's account of their CPU
/// time (all threads, user and system) is what is measured here.
/// </summary>
internal sealed unsafe class Child
{
    private const int WNoHang = 1;
    private const int OpenForWriting = 0x241; // O_WRONLY | O_CREAT | O_TRUNC
    private static readonly List<int> s_running = [];
    private readonly string _log;
    private readonly string _name;
    private int? _status;

    private Child(int pid, string name, string log)
    {
        Pid = pid;
        _name = name;
        _log = log;
    }

    public int Pid { get; }

    /// <summary>User and system time of the whole process; once it has ended.</summary>
    public double CpuSeconds { get; private set; }

    /// <summary>Exit code, or 128 + signal.</summary>
    public int ExitCode => _status is not { } s ? throw new InvalidOperationException("still running")
        : (s & 0x7f) == 0 ? (s >> 8) & 0xff : 128 + (s & 0x7f);

    /// <summary>What it wrote to stdout and stderr.</summary>
    public string Output => File.ReadAllText(_log);

    /// <summary>Starts a program found on PATH.</summary>
    public static Child Start(string log, params string[] command)
    {
        byte* actions = stackalloc byte[256]; // posix_spawn_file_actions_t is 80 bytes in glibc
        _ = Sys.SpawnActionsInit(actions);
        _ = Sys.SpawnActionsAddOpen(actions, 0, "/dev/null", 0, 0);
        _ = Sys.SpawnActionsAddOpen(actions, 1, log, OpenForWriting, 0x1a4);
        _ = Sys.SpawnActionsAddDup2(actions, 1, 2);
        _ = Sys.SpawnActionsAddCloseFrom(actions, 3);
        var variables = new List<string>();
        foreach (System.Collections.DictionaryEntry e in Environment.GetEnvironmentVariables())
            variables.Add(e.Key + "=" + e.Value);

        nint[] arguments = Native(command);
        nint[] environment = Native(variables);
        int pid;
        int error;
        fixed (nint* argv = arguments, envp = environment)
            error = Sys.PosixSpawnp(&pid, (byte*)argv[0], actions, null, (byte**)argv, (byte**)envp);

        _ = Sys.SpawnActionsDestroy(actions);
        foreach (nint text in arguments.Concat(environment))
            NativeMemory.Free((void*)text);

        if (error != 0)
            throw new BenchException($"cannot start {command[0]}: error {error}");

        lock (s_running)
            s_running.Add(pid);

        return new Child(pid, string.Join(' ', command), log);
    }

    /// <summary>Runs a command to its end and gives its output; a failure is an error.</summary>
    public static string Run(params string[] command)
    {
        string log = Path.GetTempFileName();
        try
        {
            Child child = Start(log, command);
            child.Wait(TimeSpan.FromMinutes(5));
            return child.ExitCode == 0
                ? child.Output
                : throw new BenchException($"{child._name}: exit {child.ExitCode}: {child.Output.Trim().ReplaceLineEndings(" ")}");
        }
        finally
        {
            File.Delete(log);
        }
    }

    /// <summary>For the end of the bench by a signal or an error.</summary>
    public static void KillAll()
    {
        lock (s_running)
        {
            foreach (int pid in s_running)
                _ = Sys.Kill(pid, Sys.SigKill);
        }
    }

    /// <summary>CPU time so far of the threads that live now, nanoseconds; of those whose name (comm) passes, if one is asked for.</summary>
    public long RunNs(Func<string, bool>? name = null)
    {
        long sum = 0;
        try
        {
            foreach (string task in Directory.EnumerateDirectories($"/proc/{Pid}/task"))
            {
                if (name is null || name(File.ReadAllText(task + "/comm").Trim()))
                    sum += long.Parse(File.ReadAllText(task + "/schedstat").Split(' ')[0], CultureInfo.InvariantCulture);
            }
        }
        catch (IOException)
        {
            // A thread ended between listing and reading; the next look sees the rest.
        }

        return sum;
    }

    public bool HasExited()
    {
        if (_status is not null)
            return true;

        int status;
        var usage = default(Sys.Rusage);
        int pid = Sys.Wait4(Pid, &status, WNoHang, &usage);
        if (pid != Pid)
            return false;

        lock (s_running)
            s_running.Remove(Pid);

        CpuSeconds = usage.UserSeconds + usage.SystemSeconds + ((usage.UserMicroseconds + usage.SystemMicroseconds) / 1e6);
        _status = status;
        return true;
    }

    /// <summary>Waits for the end; kills after the time given.</summary>
    public void Wait(TimeSpan most)
    {
        long started = Stopwatch.GetTimestamp();
        bool killed = false;
        while (!HasExited())
        {
            if (!killed && Stopwatch.GetElapsedTime(started) > most)
            {
                _ = Sys.Kill(Pid, Sys.SigKill);
                killed = true;
            }

            Thread.Sleep(2);
        }
    }

    /// <summary>Asks it to end as a user would.</summary>
    public void Stop(int signal, TimeSpan most)
    {
        if (!HasExited())
            _ = Sys.Kill(Pid, signal);

        Wait(most);
    }

    /// <summary>A null-terminated array of C strings.</summary>
    private static nint[] Native(IReadOnlyList<string> texts)
    {
        nint[] pointers = new nint[texts.Count + 1];
        for (int i = 0; i < texts.Count; i++)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(texts[i] + '\0');
            pointers[i] = (nint)NativeMemory.Alloc((nuint)bytes.Length);
            bytes.CopyTo(new Span<byte>((void*)pointers[i], bytes.Length));
        }

        return pointers;
    }
}
