// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Box;
using Capbox.Changes;
using Capbox.Config;
using Capbox.Packets.Capture;
using Capbox.Packets.Custody;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Cli;

/// <summary><c>capbox run</c>: records until Ctrl-C, SIGTERM, the end of the duration, or an order of the box itself.</summary>
internal static class RunCommand
{
    public static int Run(RunArguments arguments, bool json)
    {
        List<string> errors = [];
        BoxOptions? options = arguments.State is null ? arguments.Build(errors) : null;
        TimeSpan? duration = arguments.TryDuration(errors);
        byte[]? seed = arguments.State is null ? null : arguments.ReadSeed(errors);
        foreach (string error in errors.Distinct())
            ErrorOutput.Write(error);
        if (errors.Count > 0)
            return ExitCode.BadUse;
        if (!Capabilities.Has(Capabilities.CAP_NET_RAW))
            return ErrorOutput.Failed("run needs root or CAP_NET_RAW to open ports; use sudo");

        StatusScreen screen = new(Console.Error, isTerminal: !Console.IsErrorRedirected && !json);
        using var log = new LineLoggerProvider(screen);
        var display = new RunDisplay(screen, json, log.CreateLogger("run"));
        using var signals = new BoxSignals();
        var host = new BoxHost(log, display, signals, duration);
        try
        {
            if (options is not null)
                return Finish(options, host.Run(options, kept: null), display);
            return RunKept(arguments.State!, seed, host, display, signals);
        }
        catch (Exception e) when (e is CaptureException or CustodyException)
        {
            return ErrorOutput.Failed(e.Message);
        }
    }

    private static int RunKept(string state, byte[]? seed, BoxHost host, RunDisplay display, BoxSignals signals)
    {
        try
        {
            using ConfigStore store = ConfigStore.Open(state, seed);
            foreach (string note in store.Notes)
                display.Message(note);
            ArchiveDirectory.OpenState(state);
            var trials = new PendingChanges(store, new SystemClocks());
            return new KeptBox(state, store, trials, host, display, signals).Run() is { } end ? Finish(end.Options, end.Outcome, display) : ExitCode.Good;
        }
        catch (IOException e)
        {
            return ErrorOutput.Failed(e.Message);
        }
    }

    private static int Finish(BoxOptions options, BoxOutcome outcome, RunDisplay display)
    {
        if (outcome.End == BoxEnd.Reboot)
            Reboot();
        int code = display.Finish(options, outcome);
        return outcome.HadTime ? code : ExitCode.Good;
    }

    /// <summary>Everything is sealed and closed.</summary>
    private static void Reboot()
    {
        try
        {
            Machine.Reboot();
        }
        catch (Exception e) when (e is IOException or System.ComponentModel.Win32Exception)
        {
            ErrorOutput.Write($"the machine does not reboot: {e.Message}");
        }
    }
}
