// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json.Serialization;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Json;

namespace Capbox.Health;

/// <summary>How bad it is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<HealthLevel>))]
internal enum HealthLevel
{
    [JsonStringEnumMemberName("ok")]
    Ok,

    /// <summary>Recording goes on, somebody should look.</summary>
    [JsonStringEnumMemberName("warning")]
    Warning,

    /// <summary>Packets are lost, or will be.</summary>
    [JsonStringEnumMemberName("error")]
    Error,
}

/// <summary>Something that somebody should see.</summary>
/// <param name="Id">The same as long as it is the same: <c>port-down/eth2</c>.</param>
/// <param name="Component"><c>capture</c>, <c>storage</c>, <c>clock</c>, <c>control</c>.</param>
/// <param name="Severity">How bad.</param>
/// <param name="Since">RFC 3339.</param>
/// <param name="Text">One line.</param>
internal sealed record Alarm(string Id, [property: Words("capture", "storage", "clock", "control")] string Component, HealthLevel Severity, string Since, string Text);

/// <summary><c>health</c>: the worst of all, of each component, and why.</summary>
internal sealed record HealthMessage(HealthLevel Overall, IReadOnlyDictionary<string, HealthLevel> Components, IReadOnlyList<Alarm> Alarms);

/// <summary>Judges the box by its counters, look by look: remembers since when something is so.</summary>
internal sealed class HealthEvaluator
{
    /// <summary>A port that lost packets is an alarm for so long after the last.</summary>
    private static readonly TimeSpan s_lossStays = TimeSpan.FromSeconds(60);

    private static readonly string[] s_components = ["capture", "storage", "clock", "control"];
    private readonly Dictionary<string, DateTimeOffset> _since = [];
    private readonly Dictionary<string, (ulong Lost, DateTimeOffset At)> _losses = [];

    /// <param name="now">The box.</param>
    /// <param name="reported">Conditions that parts of the box report about themselves.</param>
    public HealthMessage Evaluate(BoxSnapshot now, params IEnumerable<ComponentState> reported)
    {
        List<ComponentState> found = [];
        foreach (PortLedger port in now.Ports)
            EvaluatePort(port, now.At, found);
        foreach (string gone in _losses.Keys.Where(name => now.Ports.All(p => p.Port != name)).ToArray())
            _losses.Remove(gone);
        if (now.Storage.Fault is { } disk)
            found.Add(new ComponentState("disk", "storage", HealthLevel.Error, disk));
        if (now.Archive?.Fault is { } archive)
            found.Add(new ComponentState("archive", "storage", HealthLevel.Warning, archive));
        if (now.Custody?.Fault is { } custody)
            found.Add(new ComponentState("custody", "storage", HealthLevel.Warning, custody));
        if (now.Clock is { } clock)
        {
            if (clock.Fault is { } fault)
                found.Add(new ComponentState("clock-fault", "clock", HealthLevel.Warning, fault));
            if (clock.State is not (ClockState.Locked or ClockState.Untraceable))
                found.Add(new ComponentState("clock-state", "clock", HealthLevel.Warning, $"the clock is {clock.State.ToString().ToLowerInvariant()}"));
        }

        found.AddRange(reported);
        return Message(now.At, found);
    }

    private void EvaluatePort(PortLedger port, DateTimeOffset at, List<ComponentState> found)
    {
        if (port.Fault is { } fault)
            found.Add(new ComponentState($"port-fault/{port.Port}", "capture", HealthLevel.Error, fault));
        else if (port.State is PortState.Down or PortState.Missing)
            found.Add(new ComponentState($"port-down/{port.Port}", "capture", HealthLevel.Warning, $"port {port.Port} is {port.State.ToString().ToLowerInvariant()}"));
        bool isKnown = _losses.TryGetValue(port.Port, out (ulong Lost, DateTimeOffset At) before);
        if (!isKnown || port.LostPackets != before.Lost)
            _losses[port.Port] = before = (port.LostPackets, isKnown || port.LostPackets > 0 ? at : DateTimeOffset.MinValue);
        if (before.Lost > 0 && at - before.At < s_lossStays)
            found.Add(new ComponentState($"loss/{port.Port}", "capture", HealthLevel.Error, $"port {port.Port} lost packets within the last minute"));
    }

    private HealthMessage Message(DateTimeOffset at, List<ComponentState> found)
    {
        foreach (string over in _since.Keys.Except(found.Select(f => f.Id)).ToArray())
            _since.Remove(over);
        foreach (string begun in found.Select(f => f.Id))
            _since.TryAdd(begun, at);
        HealthLevel Worst(IEnumerable<HealthLevel> levels) => levels.DefaultIfEmpty(HealthLevel.Ok).Max();
        return new HealthMessage(
            Worst(found.Select(f => f.Severity)),
            s_components.ToDictionary(c => c, c => Worst(found.Where(f => f.Component == c).Select(f => f.Severity))),
            [.. found.Select(f => new Alarm(f.Id, f.Component, f.Severity, _since[f.Id].UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture), f.Text))]);
    }
}
