// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Health;

/// <summary>
/// A condition that a part of the box reports about itself and that Health cannot see in the counters, as the broker or a rollback.
/// </summary>
/// <param name="Id">Stays the same as long as the condition lasts: <c>mqtt</c>.</param>
/// <param name="Component"><c>capture</c>, <c>storage</c>, <c>clock</c>, <c>control</c>.</param>
/// <param name="Severity">Level of the alarm.</param>
/// <param name="Text">One line.</param>
internal sealed record ComponentState(string Id, string Component, HealthLevel Severity, string Text);

/// <summary>Connection to the broker, as <c>status</c> shows it.</summary>
/// <param name="Broker">HOST:PORT.</param>
/// <param name="Connected">Now.</param>
/// <param name="Fault">Why not, or what the broker refuses; null: no fault.</param>
/// <param name="Counts">Traffic since the start.</param>
internal sealed record MqttSnapshot(string Broker, bool Connected, string? Fault, MqttCounts Counts);

/// <summary>Traffic over MQTT since the start, over all connections.</summary>
internal sealed record MqttCounts
{
    public long Connects { get; init; }
    public long Received { get; init; }
    public long Commands { get; init; }
    public long Duplicates { get; init; }
    public long RetainedIgnored { get; init; }
    public long Malformed { get; init; }
    public long Refused { get; init; }
    public long Published { get; init; }
    public long PublishFailures { get; init; }

    /// <summary>Requests above the limit, and messages above the broker's limit.</summary>
    public long Oversized { get; init; }

    /// <summary>Null before the first look.</summary>
    public EventCounts? Events { get; init; }
}
