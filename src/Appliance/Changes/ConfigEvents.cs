// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Config;
using Capbox.Health;
using Capbox.Packets.Pcapng;

namespace Capbox.Changes;

/// <summary>What Changes shows of itself in Health: events about the configuration, and the alarm of a rollback.</summary>
internal static class ConfigEvents
{
    /// <summary>Reports the start, then every change of the configuration, and lets the journal look at the box.</summary>
    /// <param name="journal">Keeps the events.</param>
    /// <param name="configurator">Null: the configuration is a file.</param>
    /// <param name="rolledBack">A rollback before this start, which no event has reported; null: none.</param>
    public static void Begin(EventJournal journal, IConfigurator? configurator, ConfigReport? rolledBack)
    {
        ConfigReport? reported = configurator?.Report;
        journal.Add(Started(reported));
        if (rolledBack is not null && Detect(null, rolledBack, DateTimeOffset.UtcNow) is { } rollback)
            journal.Add(rollback);
        if (configurator is not null)
        {
            // One change at a time raises it, under the configurator's lock.
            configurator.Changed += () =>
            {
                ConfigReport now = configurator.Report;
                if (Detect(reported, now, DateTimeOffset.UtcNow) is { } change)
                    journal.Post(change);
                reported = now;
            };
        }

        journal.Start();
    }

    /// <summary>The event of a changed outcome; null: nothing changed that was not reported.</summary>
    /// <param name="before">As it was reported; null: nothing was.</param>
    /// <param name="now">Outcome now.</param>
    /// <param name="at">Time of the event.</param>
    public static BoxEvent? Detect(ConfigReport? before, ConfigReport now, DateTimeOffset at)
    {
        if ((before?.Version, before?.Id, before?.Status) == (now.Version, now.Id, now.Status))
            return null;
        bool isSame = (before?.Version, before?.Id) == (now.Version, now.Id);
        (EventSeverity severity, string code) = now.Status switch
        {
            ConfigStatus.PendingConfirm => (EventSeverity.Info, "config-pending"),
            ConfigStatus.Rejected => (EventSeverity.Warning, "config-rejected"),
            ConfigStatus.RolledBack => (EventSeverity.Warning, "config-rolled-back"),
            _ => (EventSeverity.Info, isSame && before!.Status == ConfigStatus.PendingConfirm ? "config-confirmed" : "config-applied"),
        };
        string why = now.Errors is [{ } first, ..] ? $": {first}" : "";
        string text = string.Create(
            CultureInfo.InvariantCulture, $"configuration version {now.Version} (id {now.Id}), revision {now.Revision} is in force{why}");
        return new BoxEvent(at, severity, code, "control", text) { Data = DataOf(now) };
    }

    /// <summary>A proposal that never reached the configurator, or that it rejected while another waits to be confirmed.</summary>
    public static BoxEvent Rejected(ConfigReport report) => new(
        DateTimeOffset.UtcNow, EventSeverity.Warning, "config-rejected", "control",
        $"a configuration was rejected{(report.Errors is [{ } first, ..] ? $": {first}" : "")}")
    {
        Data = DataOf(report),
    };

    /// <summary>The alarm of a rollback; it stays until the next proposal.</summary>
    public static IEnumerable<ComponentState> States(ConfigReport? report)
    {
        if (report is { Status: ConfigStatus.RolledBack, Errors: [{ } why, ..] })
        {
            string text = string.Create(CultureInfo.InvariantCulture, $"version {report.Version} was rolled back: {why.Reason}");
            yield return new ComponentState("config-rolled-back", "control", HealthLevel.Warning, text);
        }
    }

    private static BoxEvent Started(ConfigReport? report)
    {
        string configuration = report is null
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $", configuration version {report.Version} ({Word(report.Status)}), revision {report.Revision}");
        string text = $"{SegmentHeader.Application} started{configuration}";
        return new BoxEvent(DateTimeOffset.UtcNow, EventSeverity.Info, "started", "control", text) { Data = DataOf(report) };
    }

    private static EventData DataOf(ConfigReport? report) => new() { Version = report?.Version, Id = report?.Id, Revision = report?.Revision };

    private static string Word(ConfigStatus status) => status switch
    {
        ConfigStatus.PendingConfirm => "pending-confirm",
        ConfigStatus.Rejected => "rejected",
        ConfigStatus.RolledBack => "rolled-back",
        _ => "applied",
    };
}
