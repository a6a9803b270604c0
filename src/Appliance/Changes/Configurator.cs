// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Config;
using Capbox.Health;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Json;
using Microsoft.Extensions.Logging;

namespace Capbox.Changes;

/// <summary>
/// Changes the configuration of a running box: checked whole, stored as a revision, in force, pending confirmation. The pending change is
/// on disk before the change is made, so whatever dies meanwhile, the next start knows what to go back to; it
/// ends when somebody who reached the box has confirmed (where that is asked for) and nothing got worse. One change at a time.
/// </summary>
internal sealed class Configurator : IConfigurator, IDisposable
{
    /// <summary>Looks at the box this often; loss that was there before a change is known from so many looks.</summary>
    private const int TickMs = 1000, HistoryTicks = 10;

    private readonly ConfigStore _store;
    private readonly PendingChanges _trials;
    private readonly IRunningBox _box;
    private readonly ILogger _logger;
    private readonly Lock _change = new();
    private readonly Queue<BoxSnapshot> _history = new();
    private readonly ManualResetEventSlim _stop = new();
    private ConfigResult _config;
    private RegressionWatch? _watch;
    private bool _isRestarting;
    private long _watchEndMs;
    private Thread? _thread;
    private volatile ConfigReport _report;

    /// <param name="store">The documents.</param>
    /// <param name="trials">Those that are not confirmed or proved yet.</param>
    /// <param name="config">The document in force.</param>
    /// <param name="box">What runs with it.</param>
    /// <param name="logger">Who changed what.</param>
    public Configurator(ConfigStore store, PendingChanges trials, ConfigResult config, IRunningBox box, ILogger logger)
    {
        (_store, _trials, _config, _box, _logger) = (store, trials, config, box, logger);
        _report = MakeReport();
    }

    public event Action? Changed;

    public ConfigReport Report => _report;

    /// <summary>Once the box runs.</summary>
    public void Start()
    {
        lock (_change)
        {
            if (_store.State.Trial is { } trial)
                Watch(_box.Snapshot(), trial, _config.Change.WatchSeconds);
        }

        _thread = new Thread(() =>
        {
            while (!_stop.Wait(TickMs))
                Tick();
        })
        { IsBackground = true, Name = "capbox-config" };
        _thread.Start();
    }

    public void Dispose()
    {
        _stop.Set();
        _thread?.Join();
        _thread = null;
    }

    /// <summary>The box ends in order.</summary>
    public void Stop()
    {
        Dispose();
        lock (_change)
        {
            try
            {
                _trials.BeforeOrderlyEnd();
            }
            catch (IOException e)
            {
                _logger.LogError("configuration: {Reason}", e.Message);
            }
        }
    }

    public ConfigReport Apply(ConfigProposal proposal)
    {
        lock (_change)
        {
            ConfigState state = _store.State;
            if (proposal.Id is not null && proposal.Id == state.Outcome.Id)
                return _report;
            long version = proposal.Version ?? state.HighestVersion + 1;
            string id = proposal.Id ?? string.Create(CultureInfo.InvariantCulture, $"{proposal.Who}-{version}");
            IReadOnlyList<ConfigError> errors = Check(proposal, version, state);
            if (errors.Count > 0)
                return Reject(version, id, errors);
            ConfigPlan plan = ConfigPlan.Make(_config, proposal.Document);
            try
            {
                return plan.Differences.Count == 0 ? RecordOutcome(version, id, ConfigStatus.Applied, []) : PutInForce(proposal, version, id, plan);
            }
            catch (Exception e) when (e is CaptureException or IOException)
            {
                return Reject(version, id, [new ConfigError("$", e.Message)]);
            }
        }
    }

    public ConfigReport Confirm(string id, string who)
    {
        lock (_change)
        {
            ConfigState state = _store.State;
            if (state.Trial is not { NeedsConfirm: true } trial || state.Outcome.Id != id)
            {
                throw new ConfigRefusedException("id", state.Trial is { NeedsConfirm: true }
                    ? $"\"{id}\" does not wait to be confirmed, but \"{state.Outcome.Id}\""
                    : "nothing waits to be confirmed");
            }

            // What is left of the watch stays a trial.
            PendingChange? rest = _isRestarting ? trial with { NeedsConfirm = false } : _watch is null ? null : _trials.Begin(trial, needsConfirm: false, _config.Change.WatchSeconds);
            _store.Save(_store.Current, state with { Trial = rest, Outcome = state.Outcome with { Status = ConfigStatus.Applied } });
            _logger.LogInformation("configuration: revision {Revision} was confirmed by {Who}", state.Revision, who);
            return Publish();
        }
    }

    /// <summary>What would be wrong with a document, and what it would do. Changes nothing.</summary>
    public (IReadOnlyList<ConfigError> Errors, ConfigPlan? Plan) Plan(ConfigResult next)
    {
        lock (_change)
            return next.Options is null ? (next.Errors, null) : ([], ConfigPlan.Make(_config, next));
    }

    /// <summary>A revision, for show and history.</summary>
    public T Read<T>(Func<ConfigStore, T> look)
    {
        lock (_change)
            return look(_store);
    }

    /// <summary>Each second: looks whether the trial is over, or must be.</summary>
    public void Tick()
    {
        lock (_change)
        {
            BoxSnapshot now = _box.Snapshot();
            try
            {
                Evaluate(now);
            }
            catch (Exception e)
            {
                // Whatever it is, it must not end the recording.
                _logger.LogError("configuration: {Reason}", e.Message);
            }

            _history.Enqueue(now);
            if (_history.Count > HistoryTicks)
                _history.Dequeue();
        }
    }

    private void Evaluate(BoxSnapshot now)
    {
        // The start to come judges.
        if (_isRestarting || _store.State.Trial is not { } trial)
            return;
        bool isWatchOver = _watch is not null && _trials.NowMs >= _watchEndMs;
        string? reason = _watch?.Check(now, isWatchOver);
        bool isOver = _trials.Left(trial) <= TimeSpan.Zero;
        bool isHarm = reason is not null;
        if (reason is null && trial.NeedsConfirm && isOver)
            reason = PendingChanges.NotConfirmed(trial);
        if (reason is not null)
        {
            RollBack(reason, isHarm);
            return;
        }

        if (isWatchOver)
            _watch = null;
        if (!trial.NeedsConfirm && _watch is null)
        {
            _store.Save(_store.Current, _store.State with { Trial = null });
            _logger.LogInformation("configuration: revision {Revision} stays: nothing got worse", _store.Current.Revision);
        }
    }

    private IReadOnlyList<ConfigError> Check(ConfigProposal proposal, long version, ConfigState state)
    {
        if (version <= state.HighestVersion)
            return [new ConfigError("$.version", string.Create(CultureInfo.InvariantCulture, $"{version} is not above {state.HighestVersion}, the highest that was proposed"))];
        if (state.Trial is { NeedsConfirm: true })
            return [new ConfigError("$", $"revision {state.Revision.ToString(CultureInfo.InvariantCulture)} (id \"{state.Outcome.Id}\") waits to be confirmed first")];
        if (proposal.BaseRevision is { } wanted && wanted != state.Revision)
            return [new ConfigError("$.base", string.Create(CultureInfo.InvariantCulture, $"made from revision {wanted}, but {state.Revision} is in force"))];
        if (proposal.ConfirmSeconds is < 0 or > ChangeSection.MaxSeconds)
            return [new ConfigError("$.confirmSeconds", $"not within 0 to {ChangeSection.MaxSeconds}")];
        return proposal.Document.Errors;
    }

    private ConfigReport PutInForce(ConfigProposal proposal, long version, string id, ConfigPlan plan)
    {
        ConfigResult next = proposal.Document;
        BoxSnapshot before = _box.Snapshot();
        ConfigState old = _store.State;
        ConfigRevision oldRevision = _store.Current;
        ConfigRevision revision = _store.Add(next.Document, version, id, proposal.Who, proposal.Why, DateTimeOffset.UtcNow);
        int confirm = proposal.ConfirmSeconds ?? (plan.TouchesAccess ? next.Change.ConfirmSeconds : 0);
        int watch = next.Change.WatchSeconds;
        // A change amid the watch of another shares it: harm is measured from before both, and what comes back for it is what is known to
        // be good. One that never ran is nothing to go back to.
        RegressionWatch? shared = old.Trial is null ? null : _watch;
        PendingChange fresh = old.Trial is { } unproved
            ? unproved with { Fallback = shared is null ? unproved.Fallback : oldRevision.Revision, Proved = unproved.Proved ?? unproved.Fallback, Version = version, Id = id }
            : new PendingChange(oldRevision.Revision, false, 0, "", 0, 0, before.Clock?.State.ToString(), RegressionWatch.PortsLosing(_history.Count > 0 ? _history.Peek() : null, before), version, id);
        // Where neither is asked for, a document with which the recorder does not start is rolled back all the same.
        PendingChange? trial = confirm > 0 || watch > 0 || plan.NeedsRestart ? _trials.Begin(fresh, confirm > 0, confirm > 0 ? confirm : watch) : null;
        var state = new ConfigState(revision.Revision, revision.Revision, version, new ConfigOutcome(version, id, confirm > 0 ? ConfigStatus.PendingConfirm : ConfigStatus.Applied, []), trial);
        _store.Save(revision, state);
        try
        {
            if (plan.NeedsRestart)
                Restart();
            else
                _box.Change(Numbered(next, revision), plan);
        }
        catch (Exception e) when (e is CaptureException or IOException)
        {
            _store.Save(oldRevision, old with { Last = revision.Revision });
            throw;
        }

        _config = Numbered(next, revision);
        if (shared is null)
            Watch(before, fresh, watch);
        else
            (_watch, _watchEndMs) = (watch > 0 ? shared : null, EndOf(watch));
        _logger.LogInformation("configuration: revision {Revision} by {Who} is in force{Trial}: {Impacts}", revision.Revision, proposal.Who,
            confirm > 0 ? string.Create(CultureInfo.InvariantCulture, $" for {confirm} s unless confirmed") : "", string.Join("; ", plan.Impacts.Select(i => i.Text)));
        return Publish();
    }

    private void Watch(BoxSnapshot before, PendingChange trial, int seconds)
    {
        ClockState? clock = Enum.TryParse(trial.ClockBefore, out ClockState state) ? state : null;
        _watch = seconds > 0 ? new RegressionWatch(trial.Losing ?? [], before, clock) : null;
        _watchEndMs = EndOf(seconds);
    }

    private long EndOf(int seconds) => _trials.NowMs + (seconds * 1000L);

    private void RollBack(string reason, bool isHarm)
    {
        long from = _store.Current.Revision;
        ConfigRevision revision = _trials.RollBack(reason, isHarm);
        _watch = null;
        _logger.LogWarning("configuration: revision {From} is rolled back, {To} is in force: {Reason}", from, revision.Revision, reason);
        ConfigResult next = ConfigDocument.ParseKept(revision.Line);
        if (next.Options is null)
        {
            // It was good, but this program is another.
            _logger.LogError("configuration: revision {To}: {Error}; the recorder starts again with it", revision.Revision, next.Errors[0]);
            Publish();
            Restart();
            return;
        }

        ConfigPlan plan = ConfigPlan.Make(_config, next);
        _config = Numbered(next, revision);
        Publish();
        if (plan.NeedsRestart)
        {
            Restart();
            return;
        }

        try
        {
            _box.Change(_config, plan);
            // Who looks at the box itself was told before it had changed.
            Changed?.Invoke();
        }
        catch (Exception e) when (e is CaptureException or IOException)
        {
            _logger.LogError("configuration: revision {To}: {Error}; the recorder starts again with it", revision.Revision, e.Message);
            Restart();
        }
    }

    private void Restart()
    {
        _isRestarting = true;
        _box.Restart();
    }

    /// <summary>Segments tell the revision by the number that the store gave it.</summary>
    public static ConfigResult Numbered(ConfigResult config, ConfigRevision revision) =>
        config with { Options = config.Options! with { ConfigRevision = (ulong)revision.Revision } };

    private ConfigReport Reject(long version, string id, IReadOnlyList<ConfigError> errors)
    {
        _logger.LogWarning("configuration: version {Version} (id {Id}) was refused: {Error}", version, id, errors[0]);
        return RecordOutcome(version, id, ConfigStatus.Rejected, errors);
    }

    /// <summary>
    /// The outcome is kept, what is in force stays. While something waits to be confirmed only the answer tells it: its own outcome is
    /// needed still. The version is used up either way.
    /// </summary>
    private ConfigReport RecordOutcome(long version, string id, ConfigStatus status, IReadOnlyList<ConfigError> errors)
    {
        ConfigState state = _store.State;
        var outcome = new ConfigOutcome(version, id, status, errors);
        bool isOther = state.Trial is { NeedsConfirm: true };
        try
        {
            _store.Save(_store.Current, state with { HighestVersion = Math.Max(state.HighestVersion, version), Outcome = isOther ? state.Outcome : outcome });
        }
        catch (IOException e)
        {
            _logger.LogError("configuration: {Reason}", e.Message);
            return MakeReport(outcome);
        }

        ConfigReport report = Publish();
        return isOther ? MakeReport(outcome) : report;
    }

    private ConfigReport Publish()
    {
        _report = MakeReport();
        Changed?.Invoke();
        return _report;
    }

    private ConfigReport MakeReport() => MakeReport(_store.State.Outcome);

    private ConfigReport MakeReport(ConfigOutcome outcome) => new(outcome.Version, outcome.Id, outcome.Status, outcome.Errors)
    {
        Revision = _store.Current.Revision,
        HighestVersion = _store.State.HighestVersion,
        Document = _store.Current.Line,
        ConfirmBy = _store.State.Trial is { NeedsConfirm: true } trial ? Rfc3339(DateTimeOffset.UtcNow + _trials.Left(trial)) : null,
    };

    private static string Rfc3339(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
