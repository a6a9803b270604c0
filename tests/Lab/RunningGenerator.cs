// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Capbox.Testing;

/// <summary>The bench's generator at the sender's port a0. Where a pace is asked for it makes no bursts: what a busy machine made it late for is left out.</summary>
internal sealed class RunningGenerator : IDisposable
{
    private const string MaxLagMs = "20";
    private static readonly TimeSpan s_longest = TimeSpan.FromMinutes(15);
    private readonly Process _process;
    private readonly Task<string> _output, _error;

    public RunningGenerator(Lab lab, params string[] options)
    {
        string[] pace = options.Contains("--pps") ? ["--max-lag", MaxLagMs] : [];
        _process = Tool.Start(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "Bench.dll"), "generate", "--port", "a0", "--netns", lab.SenderSpace, "--json", .. pace, .. options]);
        _output = _process.StandardOutput.ReadToEndAsync();
        _error = _process.StandardError.ReadToEndAsync();
    }

    /// <summary>Ends it; returns how many packets the kernel took.</summary>
    public long Stop()
    {
        Tool.Run("kill", "-INT", _process.Id.ToString(CultureInfo.InvariantCulture));
        return WaitForEnd();
    }

    /// <summary>Waits until it has sent all; returns how many packets the kernel took.</summary>
    public long WaitForEnd()
    {
        if (!_process.WaitForExit(s_longest))
            throw new TimeoutException("the generator does not end");
        if (_process.ExitCode != 0)
            throw new InvalidOperationException($"the generator ended with {_process.ExitCode}: {_error.Result}{_output.Result}");
        using var document = JsonDocument.Parse(_output.Result);
        return document.RootElement.GetProperty("sent").GetInt64();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }
}
