// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Capbox.Cli;
using Capbox.Packets.Capture;

namespace Capbox.Testing;

/// <summary>The published binary, recording in a lab's namespace.</summary>
internal sealed class CapboxProcess : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _errors = new();
    private readonly Lock _gate = new();
    private RecorderSnapshot? _last;

    private CapboxProcess(ProcessStartInfo info)
    {
        _process = Process.Start(info)!;
        _process.ErrorDataReceived += (_, e) =>
        {
            lock (_gate)
                _errors.AppendLine(e.Data);
        };
        _process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is not { Length: > 0 } line)
                return;
            RecorderSnapshot? snapshot = JsonSerializer.Deserialize(line, Json.Default.RecorderSnapshot);
            lock (_gate)
                _last = snapshot;
        };
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
    }

    /// <summary>out/capbox of the repository, or what CAPBOX names.</summary>
    public static string Binary { get; } = FindBinary();

    public int Id => _process.Id;

    public string Errors
    {
        get
        {
            lock (_gate)
                return _errors.ToString();
        }
    }

    /// <summary>The newest snapshot it printed, once a second.</summary>
    public RecorderSnapshot? Last
    {
        get
        {
            lock (_gate)
                return _last;
        }
    }

    /// <summary>Starts recording with options of the command line and waits until every port captures.</summary>
    public static CapboxProcess Start(Lab lab, params string[] arguments)
    {
        CapboxProcess capbox = StartOnly(lab, arguments);
        capbox.WaitFor(s => s.Ports.All(p => p.State == PortState.Capturing), "all ports to capture");
        return capbox;
    }

    public static CapboxProcess StartOnly(Lab lab, params string[] arguments) =>
        new(Tool.Info("ip", ["netns", "exec", lab.RecorderSpace, Binary, "run", "--json", .. arguments]));

    /// <summary>The same where a file is in the place of /etc/hosts.</summary>
    public static CapboxProcess StartWithHosts(Lab lab, string hosts, params string[] arguments) =>
        new(Tool.Info("ip", ["netns", "exec", lab.RecorderSpace, "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\"", hosts, Binary, "run", "--json", .. arguments]));

    /// <summary>Starts recording with a configuration document.</summary>
    public static CapboxProcess StartWith(Lab lab, string document)
    {
        string path = Path.Combine(lab.Scratch, $"config{Random.Shared.Next()}.json");
        File.WriteAllText(path, document);
        return Start(lab, "--config", path);
    }

    public RecorderSnapshot WaitFor(Func<RecorderSnapshot, bool> condition, string what, int seconds = Tool.LimitSeconds)
    {
        RecorderSnapshot? found = null;
        try
        {
            Tool.WaitFor(() => (_process.HasExited ? throw new InvalidOperationException($"capbox ended: {Errors}") : Last) is { } last && condition(found = last), what, seconds);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}; last: {JsonSerializer.Serialize(Last!, Json.Default.RecorderSnapshot)}; said: {Errors}");
        }

        return found!;
    }

    /// <summary>The ledger of the first port once all that was sent is accounted for.</summary>
    public void WaitUntilSeen(long packets) => WaitFor(s => s.Ports.Sum(p => (long)p.SeenPackets) >= packets, $"{packets} packets to be seen");

    public void Signal(string name) => Tool.Run("kill", "-" + name, _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Stops it in order and returns the final ledger; fails unless it ended well.</summary>
    public RecorderSnapshot Stop(int expectedCode = 0)
    {
        Signal("INT");
        if (!_process.WaitForExit(Tool.LimitSeconds * 1000))
            throw new TimeoutException("capbox does not stop: " + Errors);
        _process.WaitForExit(); // the output readers too
        return _process.ExitCode == expectedCode ? Last! : throw new InvalidOperationException($"capbox ended with {_process.ExitCode}: {Errors}");
    }

    public void KillHard()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public int WaitForExit()
    {
        if (!_process.WaitForExit(Tool.LimitSeconds * 1000))
            throw new TimeoutException("capbox does not end: " + Errors);
        _process.WaitForExit();
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            KillHard();
        _process.Dispose();
    }

    private static string FindBinary()
    {
        string path = Environment.GetEnvironmentVariable("CAPBOX") ?? Path.Combine(Repository.Root, "out", "capbox");
        return File.Exists(path) ? path : throw new FileNotFoundException($"{path} is missing: run `make publish`");
    }
}
