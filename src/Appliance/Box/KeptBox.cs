// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Changes;
using Capbox.Config;
using Capbox.Packets.Capture;
using Capbox.Packets.Custody;

namespace Capbox.Box;

/// <summary>
/// A box that keeps its configuration itself. It starts with the document in force, again whenever a change asks for that, and with the document before when it does not start with an unconfirmed one.
/// </summary>
/// <param name="directory">Of the documents.</param>
/// <param name="store">The documents.</param>
/// <param name="trials">Those that are not confirmed or proved yet.</param>
/// <param name="host">Around each box.</param>
/// <param name="display">For what happens between two boxes.</param>
/// <param name="signals">What ends it from outside.</param>
internal sealed class KeptBox(string directory, ConfigStore store, PendingChanges trials, BoxHost host, IBoxDisplay display, BoxSignals signals)
{
    private bool _isRolledBack = store.IsPassedOver;

    /// <returns>How the last box ended, with the options that it had; null: asked to end between two of them.</returns>
    /// <exception cref="CaptureException">The recorder does not start, and there is nothing to roll back to.</exception>
    /// <exception cref="CustodyException">The same of the chain of custody.</exception>
    /// <exception cref="IOException">The store cannot be written.</exception>
    public (BoxOptions Options, BoxOutcome Outcome)? Run()
    {
        while (!signals.Ending.IsCancellationRequested)
        {
            if (trials.BeforeStart() is { } reason)
            {
                display.Message($"revision {store.Current.Revision} is in force again: {reason}");
                _isRolledBack = true;
            }

            try
            {
                (BoxOptions options, BoxOutcome outcome) = RunOnce();
                if (outcome.End != BoxEnd.Restart)
                    return (options, outcome);
                _isRolledBack = false;
            }
            catch (Exception e) when (e is CaptureException or CustodyException && store.State.Trial is not null)
            {
                display.Message($"revision {store.Current.Revision} does not start: {e.Message}");
                trials.RollBack(e.Message);
                _isRolledBack = true;
            }
        }

        return null;
    }

    private (BoxOptions, BoxOutcome) RunOnce()
    {
        ConfigResult config = ConfigDocument.ParseKept(store.Current.Line);
        // It was good when it was kept, but this program is another.
        if (config.Options is null)
            throw new CaptureException(config.Errors[0].ToString());
        config = Configurator.Numbered(config, store.Current);
        BoxOptions options = BoxOptions.From(config);
        return (options, host.Run(options, new KeptConfiguration(directory, store, trials, config) { IsRolledBack = _isRolledBack }));
    }
}
