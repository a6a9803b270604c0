// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.InteropServices;
using Capbox.Config;
using Capbox.Fleet;

namespace Capbox.Cli;

/// <summary>Which broker and which boxes, of every fleet command.</summary>
/// <param name="Select">An expression; null: see All.</param>
/// <param name="All">Every box, if there is no expression.</param>
/// <param name="WaitSeconds">For what is retained.</param>
internal sealed record FleetScope(FleetConnection Connection, string? Select, bool All, double WaitSeconds, bool Json);

/// <summary>What every fleet command does first and last: connect, collect, select, and end in order at Ctrl-C.</summary>
internal sealed class FleetCommand : IDisposable
{
    private readonly ProgressBar? _bar = ProgressBar.OnTerminal();
    private readonly CancellationTokenSource _stop = new(), _abandon = new();
    private readonly List<PosixSignalRegistration> _signals = [];

    private FleetCommand(FleetScope scope, FleetSession session, Selection selection)
    {
        (Scope, Session, Selection) = (scope, session, selection);
        foreach (PosixSignal signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM })
            _signals.Add(PosixSignalRegistration.Create(signal, Interrupt));
    }

    public FleetScope Scope { get; }
    public FleetSession Session { get; }
    public Selection Selection { get; }

    /// <summary>False: messages still came when the time was up.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Ctrl-C once: nothing more is begun.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Twice: at once.</summary>
    public CancellationToken Abandon => _abandon.Token;

    /// <param name="scope">Which.</param>
    /// <param name="keepsDocuments">The boxes' documents are needed.</param>
    /// <param name="work">With the boxes that were selected; gives the exit code.</param>
    public static int Run(FleetScope scope, bool keepsDocuments, Func<FleetCommand, IReadOnlyList<FleetBox>, Task<int>> work)
    {
        Selection selection;
        try
        {
            selection = scope.Select is null ? Selection.All : Selection.Parse(scope.Select);
        }
        catch (SelectionException e)
        {
            return ErrorOutput.BadUse($"--select: {e.Message}");
        }

        if (scope.Select is null && !scope.All)
            return ErrorOutput.BadUse("which boxes? --select EXPR, or --all");
        if (scope.WaitSeconds is not (>= 1 and <= 3600))
            return ErrorOutput.BadUse("--wait: not within 1 to 3600 seconds");
        return FleetProfile.Read(scope.Connection) is { } options ? RunAsync(scope, options, keepsDocuments, selection, work).GetAwaiter().GetResult() : ExitCode.BadUse;
    }

    /// <summary>A bar on a terminal, silence in a pipe.</summary>
    public void Draw(double done, double total, string before, string after = "")
    {
        if (_bar is { IsDue: true })
            _bar.Draw(done, total, before, after);
    }

    public void Clear() => _bar?.Clear();

    public void Dispose()
    {
        foreach (PosixSignalRegistration signal in _signals)
            signal.Dispose();
        _stop.Dispose();
        _abandon.Dispose();
    }

    private static async Task<int> RunAsync(FleetScope scope, MqttOptions options, bool keepsDocuments, Selection selection, Func<FleetCommand, IReadOnlyList<FleetBox>, Task<int>> work)
    {
        await using var link = new FleetLink(options);
        using var command = new FleetCommand(scope, new FleetSession(link, new FleetInventory(keepsDocuments)), selection);
        try
        {
            await link.ConnectAsync(command.Stop);
            return await command.CollectAsync() is { } boxes ? await work(command, boxes) : ExitCode.Failed;
        }
        catch (Exception e) when (e is FleetLinkException or IOException)
        {
            command.Clear();
            return ErrorOutput.Failed(e.Message);
        }
        catch (OperationCanceledException)
        {
            command.Clear();
            return ErrorOutput.Failed("interrupted");
        }
    }

    private async Task<IReadOnlyList<FleetBox>?> CollectAsync()
    {
        FleetInventory roster = Session.FleetInventory;
        IsComplete = await Session.CollectAsync(
            SettleRule.Default with { MostMs = (long)(Scope.WaitSeconds * 1000) },
            () =>
            {
                if (_bar is { IsDue: true })
                    _bar.DrawEndless(string.Create(CultureInfo.InvariantCulture, $"collecting: {roster.Count} boxes"));
            },
            Stop);
        Clear();
        Warn();
        FleetBox[] boxes = [.. roster.Boxes.Where(Selection.Matches)];
        if (boxes.Length > 0)
            return boxes;
        ErrorOutput.Write(roster.Count == 0 ? "no box has published anything at this broker, or this user may not hear it" : string.Create(CultureInfo.InvariantCulture, $"--select: none of {roster.Count} boxes"));
        return null;
    }

    private void Warn()
    {
        FleetInventoryCounts counts = Session.FleetInventory.Counts;
        void Say(long count, string what)
        {
            if (count > 0)
                ErrorOutput.Write(string.Create(CultureInfo.InvariantCulture, $"warning: {count} {what}"));
        }

        if (!IsComplete)
            ErrorOutput.Write(string.Create(CultureInfo.InvariantCulture, $"warning: messages still came after {Scope.WaitSeconds} s: boxes may be missing (--wait)"));
        Say(counts.Malformed, $"messages that no box should publish were passed over, the first in {FleetReader.Clean(counts.FirstMalformed ?? "")}");
        Say(counts.Foreign, "messages in topics that no box has were passed over");
        Say(counts.BoxesBeyond, $"messages of boxes beyond {FleetInventory.MaxBoxes} were passed over");
        Say(counts.DocumentsBeyond, $"documents were not kept: more than {FleetInventory.MaxDocumentBytes >> 20} MiB together");
    }

    private void Interrupt(PosixSignalContext context)
    {
        context.Cancel = true;
        if (!_stop.IsCancellationRequested)
            _stop.Cancel();
        else
            _abandon.Cancel();
    }
}

/// <summary>Names of boxes in one line.</summary>
internal static class FleetNames
{
    public static string Of(IReadOnlyList<string> devices, int most = 8) =>
        string.Join(", ", devices.Take(most)) + (devices.Count > most ? string.Create(CultureInfo.InvariantCulture, $" and {devices.Count - most} more") : "");

    public static string Boxes(int count) => string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? "box" : "boxes")}");
}
