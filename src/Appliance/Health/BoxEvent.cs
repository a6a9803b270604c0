// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using Capbox.Platform.Json;

namespace Capbox.Health;

/// <summary>How much somebody should care.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<EventSeverity>))]
internal enum EventSeverity
{
    /// <summary>As it should be, or as it should be again.</summary>
    [JsonStringEnumMemberName("info")]
    Info,

    /// <summary>Recording goes on, somebody should look.</summary>
    [JsonStringEnumMemberName("warning")]
    Warning,

    /// <summary>Packets are lost, or will be.</summary>
    [JsonStringEnumMemberName("error")]
    Error,
}

/// <summary>
/// Something that happened; docs/reference/control.md lists the codes and the members of <see cref="Data"/> that each has.
/// </summary>
/// <param name="At">When it was seen.</param>
/// <param name="Severity">How much somebody should care.</param>
/// <param name="Code">One level of a topic, never another meaning.</param>
/// <param name="Component"><c>capture</c>, <c>storage</c>, <c>clock</c>, <c>control</c>.</param>
/// <param name="Text">One line for people.</param>
internal sealed record BoxEvent(DateTimeOffset At, EventSeverity Severity, string Code, string Component, string Text)
{
    public EventData Data { get; init; } = new();
}

/// <summary>The facts of an event for programs; a member that does not belong to its code is left out.</summary>
internal sealed record EventData
{
    public string? Port { get; init; }

    /// <summary>Of a loss: <c>ring</c>, <c>disk</c>, <c>nic</c>, <c>host</c>.</summary>
    public string? Cause { get; init; }
    public ulong? Packets { get; init; }
    public ulong? Count { get; init; }

    /// <summary>How long what is over has lasted.</summary>
    public double? Seconds { get; init; }
    public string? From { get; init; }
    public string? To { get; init; }
    public long? Version { get; init; }
    public string? Id { get; init; }
    public long? Revision { get; init; }
}

/// <summary><c>event/SEVERITY/CODE</c>.</summary>
/// <param name="Head">As of telemetry; the sequence is that of events, from 1 at each start of capbox.</param>
internal sealed record EventMessage(
    MessageHead Head, EventSeverity Severity, string Code, [property: Words("capture", "storage", "clock", "control")] string Component, string Text, EventData Data)
{
    /// <summary>So many between the one before and this one are lost. Known when it is sent, and put in then.</summary>
    public ulong? Missed { get; init; }
}

/// <summary>All that is kept as an event; generated code.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(EventMessage))]
internal sealed partial class EventJson : JsonSerializerContext;
