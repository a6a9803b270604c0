// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Box;
using Capbox.Health;
using Microsoft.Extensions.Logging;

namespace Capbox.Cli;

/// <summary>
/// What <c>capbox run</c> shows: a block that is redrawn on a terminal, else a log line every ten seconds, or with <c>--json</c> a snapshot every second; and the ledger at the end.
/// </summary>
internal sealed class RunDisplay(StatusScreen screen, bool json, ILogger logger) : IBoxDisplay
{
    private static readonly TimeSpan s_redrawEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_jsonEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_logEvery = TimeSpan.FromSeconds(10);
    private string? _outputFault;

    public TimeSpan Period => json ? s_jsonEvery : screen.IsTerminal ? s_redrawEvery : s_logEvery;

    public bool Show(BoxSnapshot before, BoxSnapshot now)
    {
        if (json)
            return TryWriteJson(now);
        if (screen.IsTerminal)
            screen.Status(StatusView.Live(before, now, TerminalSize.Now().Columns));
        else
            logger.LogInformation("{Summary}", StatusView.Summary(before, now));
        return true;
    }

    public void Message(string line) => ErrorOutput.Write(line);

    /// <summary>Prints the final ledger and says whether the job is done.</summary>
    /// <returns>The exit code.</returns>
    public int Finish(BoxOptions options, BoxOutcome outcome)
    {
        BoxSnapshot final = outcome.Final;
        if (json)
        {
            TryWriteJson(final);
        }
        else
        {
            foreach (string line in StatusView.Ledger(final, options.Directory))
                Console.Out.WriteLine(line);
        }

        if (final.Storage.Fault is { } fault)
            return ErrorOutput.Failed(fault);
        if (_outputFault is { } full)
            return ErrorOutput.Failed(full);
        return outcome.NeverCaptured is [var port, ..] ? ErrorOutput.Failed($"port {port} was never there or up; capbox ports lists the ports") : ExitCode.Good;
    }

    /// <summary>An output that cannot be written ends the recording, and the job has failed then.</summary>
    private bool TryWriteJson(BoxSnapshot snapshot)
    {
        try
        {
            Json.WriteLine(snapshot, Json.Default.BoxSnapshot);
            return true;
        }
        catch (StandardOutputException e)
        {
            _outputFault = e.Message;
            return false;
        }
    }
}
