using System.Globalization;
using Capbox.Config;
using Capbox.Platform.Json;
using Capbox.Platform.Time;

namespace Capbox.Changes;

/// <summary>Documents that are in force for a trial, as the store keeps them: how long they have still, and what comes back.</summary>
/// <param name="store">The documents.</param>
/// <param name="clocks">CLOCK_BOOTTIME: a trial does not end by a step of the wall clock.</param>
internal sealed class ConfigTrials(ConfigStore store, IClockSource clocks)
{
    /// <summary>A recorder that dies with a document on trial starts with it so often.</summary>
    public const int MaxStarts = 3;

    private const long SecondNs = 1_000_000_000;

    /// <summary>CLOCK_BOOTTIME, ms.</summary>
    public long NowMs => clocks.BootNs / 1_000_000;

    /// <summary>The same trial, from now on for so long.</summary>
    public ConfigTrial Begin(ConfigTrial trial, bool needsConfirm, int seconds) =>
        trial with { NeedsConfirm = needsConfirm, Seconds = seconds, BootId = clocks.BootId, UntilBootNs = clocks.BootNs + (seconds * SecondNs), Starts = 0 };

    /// <summary>How long still; negative when it is over.</summary>
    public TimeSpan Left(ConfigTrial trial) => TimeSpan.FromTicks((trial.UntilBootNs - clocks.BootNs) / 100);

    /// <summary>
    /// Before a start of the recorder: a trial goes on for what is left of it, after a reboot from its beginning; one that is over, or with which the recorder died too often, is taken back.
    /// </summary>
    /// <returns>Why it was taken back, or null.</returns>
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
            TakeBack(reason);
            return reason;
        }

        ConfigTrial next = trial with { Starts = trial.Starts + 1 };
        // What a new start shows is watched for the whole time again.
        if (!isSameBoot || !trial.NeedsConfirm)
            next = next with { BootId = clocks.BootId, UntilBootNs = clocks.BootNs + (trial.Seconds * SecondNs) };
        store.Put(store.Current, store.State with { Trial = next });
        return null;
    }

    /// <summary>The recorder ends in order: that start was none that failed.</summary>
    /// <exception cref="IOException">The store cannot be written.</exception>
    public void BeforeOrderlyEnd()
    {
        if (store.State.Trial is { Starts: > 0 } trial)
            store.Put(store.Current, store.State with { Trial = trial with { Starts = trial.Starts - 1 } });
    }

    public static string NotConfirmed(ConfigTrial trial) => string.Create(CultureInfo.InvariantCulture, $"it was not confirmed within {trial.Seconds} s");

    /// <summary>What was in force before is again. The state on disk is changed, nothing else.</summary>
    /// <param name="reason">One line.</param>
    /// <param name="isHarm">Something got worse, and a change before may have done it as well.</param>
    /// <returns>The revision that is in force now.</returns>
    /// <exception cref="IOException">The store cannot be written, or holds no good document to go back to.</exception>
    public ConfigRevision TakeBack(string reason, bool isHarm = false)
    {
        ConfigState state = store.State;
        ConfigTrial trial = state.Trial ?? throw new IOException("no document is on trial");
        long fallback = isHarm ? trial.Proved ?? trial.Fallback : trial.Fallback;
        ConfigRevision? revision = new[] { fallback }.Concat(store.Numbers().Where(n => n != state.Revision && n != fallback)).Select(n => store.TryRead(n, out _)).FirstOrDefault(r => r is not null);
        if (revision is null)
            throw new IOException($"revision {state.Revision.ToString(CultureInfo.InvariantCulture)} stays: {reason}, but no other document is left");
        store.Put(revision, state with
        {
            Revision = revision.Revision,
            // Of what was on trial, whatever was proposed and refused since.
            Outcome = new ConfigOutcome(trial.Version ?? state.Outcome.Version, trial.Id ?? state.Outcome.Id, ConfigStatus.RolledBack, [new ConfigError("$", reason)]),
            Trial = null,
        });
        return revision;
    }
}
