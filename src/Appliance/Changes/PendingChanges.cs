// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Config;
using Capbox.Platform.Json;
using Capbox.Platform.Time;

namespace Capbox.Changes;

/// <summary>
/// Changes that are in force but not confirmed or proved yet, as the store has them: the time that is left, and the revision to go back to.
/// </summary>
/// <param name="store">The documents.</param>
/// <param name="clocks">CLOCK_BOOTTIME: a step of the wall clock does not end the wait.</param>
internal sealed class PendingChanges(ConfigStore store, IClockSource clocks)
{
    /// <summary>Crashes allowed with an unconfirmed configuration before it is rolled back.</summary>
    public const int MaxStarts = 3;

    private const long SecondNs = 1_000_000_000;

    /// <summary>CLOCK_BOOTTIME, ms.</summary>
    public long NowMs => clocks.BootNs / 1_000_000;

    /// <summary>The same trial, from now on for so long.</summary>
    public PendingChange Begin(PendingChange trial, bool needsConfirm, int seconds) =>
        trial with { NeedsConfirm = needsConfirm, Seconds = seconds, BootId = clocks.BootId, UntilBootNs = clocks.BootNs + (seconds * SecondNs), Starts = 0 };

    /// <summary>How long still; negative when it is over.</summary>
    public TimeSpan Left(PendingChange trial) => TimeSpan.FromTicks((trial.UntilBootNs - clocks.BootNs) / 100);

    /// <summary>
    /// Before a start of the recorder: a pending change keeps what is left of its time, and after a reboot all of it. One whose time is
    /// over, or with which the recorder died too often, is rolled back.
    /// </summary>
    /// <returns>Why it was rolled back, or null.</returns>
    /// <exception cref="IOException">The store cannot be written.</exception>
    public string? BeforeStart()
    {
        if (store.State.Trial is not { } trial)
            return null;
        bool isSameBoot = trial.BootId == clocks.BootId;
        string? reason = trial.Starts >= MaxStarts ? string.Create(CultureInfo.InvariantCulture, $"the recorder ended {trial.Starts} times with it")
            : trial.NeedsConfirm && isSameBoot && Left(trial) < TimeSpan.Zero ? NotConfirmed(trial)
            : null;
        if (reason is not null)
        {
            RollBack(reason);
            return reason;
        }

        PendingChange next = trial with { Starts = trial.Starts + 1 };
        // What a new start shows is watched for the whole time again.
        if (!isSameBoot || !trial.NeedsConfirm)
            next = next with { BootId = clocks.BootId, UntilBootNs = clocks.BootNs + (trial.Seconds * SecondNs) };
        store.Save(store.Current, store.State with { Trial = next });
        return null;
    }

    /// <summary>The recorder ends in order: that start was none that failed.</summary>
    /// <exception cref="IOException">The store cannot be written.</exception>
    public void BeforeOrderlyEnd()
    {
        if (store.State.Trial is { Starts: > 0 } trial)
            store.Save(store.Current, store.State with { Trial = trial with { Starts = trial.Starts - 1 } });
    }

    public static string NotConfirmed(PendingChange trial) => string.Create(CultureInfo.InvariantCulture, $"it was not confirmed within {trial.Seconds} s");

    /// <summary>What was in force before is again. The state on disk is changed, nothing else.</summary>
    /// <param name="reason">One line.</param>
    /// <param name="isHarm">Something got worse, and a change before may have done it as well.</param>
    /// <returns>The revision that is in force now.</returns>
    /// <exception cref="IOException">The store cannot be written, or holds no good document to go back to.</exception>
    public ConfigRevision RollBack(string reason, bool isHarm = false)
    {
        ConfigState state = store.State;
        PendingChange trial = state.Trial ?? throw new IOException("no document is pending confirmation");
        long fallback = isHarm ? trial.Proved ?? trial.Fallback : trial.Fallback;
        ConfigRevision? revision = new[] { fallback }.Concat(store.Numbers().Where(n => n != state.Revision && n != fallback)).Select(n => store.TryRead(n, out _)).FirstOrDefault(r => r is not null);
        if (revision is null)
            throw new IOException($"revision {state.Revision.ToString(CultureInfo.InvariantCulture)} stays: {reason}, but no other document is left");
        store.Save(revision, state with
        {
            Revision = revision.Revision,
            // The outcome of the pending document, whatever was proposed and rejected since.
            Outcome = new ConfigOutcome(trial.Version ?? state.Outcome.Version, trial.Id ?? state.Outcome.Id, ConfigStatus.RolledBack, [new ConfigError("$", reason)]),
            Trial = null,
        });
        return revision;
    }
}
