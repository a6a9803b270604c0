// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Capbox.Testing;

/// <summary>A program that runs in a namespace until it is disposed of; what it said is kept.</summary>
internal sealed class Background : IDisposable
{
    private const int MostCharacters = 100_000;
    private readonly Process _process;
    private readonly StringBuilder _said = new();

    public Background(string space, params string[] command)
    {
        // ip-netns becomes the program: the process is the same.
        _process = Tool.Start("ip", ["netns", "exec", space, .. command]);
        _process.OutputDataReceived += (_, line) => Take(line.Data);
        _process.ErrorDataReceived += (_, line) => Take(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Said
    {
        get
        {
            lock (_said)
                return _said.ToString();
        }
    }

    public bool HasEnded => _process.HasExited;

    /// <summary>SIGTERM, which no shell makes its children ignore.</summary>
    public void Stop()
    {
        if (_process.HasExited)
            return;
        Tool.Try("kill", "-TERM", _process.Id.ToString(CultureInfo.InvariantCulture));
        if (!_process.WaitForExit(10_000))
            _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        Stop();
        _process.Dispose();
    }

    private void Take(string? line)
    {
        lock (_said)
        {
            if (line is not null && _said.Length < MostCharacters)
                _said.AppendLine(line);
        }
    }
}
