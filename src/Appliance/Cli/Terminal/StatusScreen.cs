// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;

namespace Capbox.Cli;

/// <summary>
/// Standard error shared by log lines and a status block that is redrawn in place. A log line first clears the block, so that both stay
/// readable. A terminal that goes away is no reason to stop recording: failed writes are ignored.
/// </summary>
internal sealed class StatusScreen
{
    private readonly Lock _lock = new();
    private readonly TextWriter _output;
    private IReadOnlyList<string> _status = [];

    public StatusScreen(TextWriter output, bool isTerminal)
    {
        _output = output;
        IsTerminal = isTerminal;
    }

    public bool IsTerminal { get; }

    /// <summary>Writes a line that stays.</summary>
    public void Line(string text)
    {
        lock (_lock)
            Write(Clear(_status.Count) + text + "\n" + Join(_status));
    }

    /// <summary>Replaces the status block.</summary>
    public void Status(IReadOnlyList<string> lines)
    {
        lock (_lock)
        {
            Write(Clear(_status.Count) + Join(lines));
            _status = lines;
        }
    }

    /// <summary>Goes up over the block and clears from there to the end of the screen (ECMA-48 CUU, ED).</summary>
    private static string Clear(int lines) => lines == 0 ? "" : $"\e[{lines}A\r\e[J";

    private static string Join(IReadOnlyList<string> lines)
    {
        StringBuilder text = new();
        foreach (string line in lines)
            text.Append(line).Append('\n');
        return text.ToString();
    }

    private void Write(string text)
    {
        try
        {
            _output.Write(text);
            _output.Flush();
        }
        catch (IOException)
        {
            // The terminal or the reader of the pipe is gone.
        }
    }
}
