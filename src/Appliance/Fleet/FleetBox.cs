// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Health;

namespace Capbox.Fleet;

/// <summary>What a box said about its configuration in <c>config/reported</c>.</summary>
/// <param name="Version">Of the last proposal.</param>
/// <param name="Id">The same.</param>
/// <param name="HighestVersion">That was ever proposed: the next one is above it.</param>
/// <param name="Status"><c>applied</c>, <c>pending-confirm</c>, <c>rejected</c>, <c>rolled-back</c>.</param>
/// <param name="Revision">In force.</param>
/// <param name="Errors">PATH: REASON, the first few.</param>
/// <param name="Ports">Names of the ports that are configured.</param>
/// <param name="Config">The document in force, one line; null: not kept, see <see cref="FleetInventory"/>.</param>
internal sealed record BoxReport(long Version, string Id, long HighestVersion, string Status, long Revision, IReadOnlyList<string> Errors, IReadOnlyList<string> Ports, string? Config)
{
    /// <summary>Still to be confirmed.</summary>
    public const string Pending = "pending-confirm";
    public const string Applied = "applied", Rejected = "rejected", RolledBack = "rolled-back";
}

/// <summary>What a box said of itself in <c>info</c>.</summary>
internal sealed record BoxInfo(string Model, string Serial, string Version, string Os, string Run, bool MayConfigure);

/// <summary>One alarm of <c>health</c>.</summary>
internal sealed record BoxAlarm(string Id, HealthLevel Severity, string Since, string Text);

/// <summary>What a box said in <c>health</c>; the worst alarm first.</summary>
internal sealed record BoxHealth(HealthLevel Overall, IReadOnlyList<BoxAlarm> Alarms)
{
    public string Word => Overall switch { HealthLevel.Ok => "ok", HealthLevel.Warning => "warning", _ => "error" };
}

/// <summary>All that was heard of one box. Immutable; what was not heard is null.</summary>
/// <param name="DeviceId">As in its topics.</param>
internal sealed record FleetBox(string DeviceId)
{
    /// <summary><c>init</c>, <c>ready</c>, <c>disconnected</c>, <c>lost</c>.</summary>
    public string? State { get; init; }

    /// <summary>Of the connection that said so: another one is another connection.</summary>
    public string? Session { get; init; }
    public BoxInfo? Info { get; init; }
    public BoxReport? Report { get; init; }
    public BoxHealth? Health { get; init; }

    /// <summary>When it last said something while this program listened; what the broker had kept does not count.</summary>
    public DateTimeOffset? Heard { get; init; }

    public bool IsReady => State == "ready";
}
