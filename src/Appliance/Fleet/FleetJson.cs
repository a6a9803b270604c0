// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using Capbox.Config;
using Capbox.Platform.Json;

namespace Capbox.Fleet;

/// <summary>One box in <c>fleet status --json</c>. What was not heard is null.</summary>
internal sealed record BoxListing(
    string DeviceId, string? State, string? Model, string? Serial, string? Version, string? Os, bool? MayConfigure, long? Revision, long? ConfigVersion, string? ConfigId, string? ConfigStatus, IReadOnlyList<string>? Ports,
    string? Health, IReadOnlyList<AlarmListing>? Alarms, string? Heard);

/// <summary>One alarm of a box.</summary>
internal sealed record AlarmListing(string Id, string Severity, string Since, string Text);

/// <summary>Result of <c>fleet status --json</c>.</summary>
/// <param name="Complete">False: messages still came when the time was up.</param>
internal sealed record FleetListing(IReadOnlyList<BoxListing> Boxes, bool Complete, FleetInventoryCounts Counts);

/// <summary>
/// Boxes for which a change is the same, as <c>fleet config diff --json</c> and <c>fleet apply --dry-run --json</c> list them.
/// </summary>
/// <param name="Devices">The boxes.</param>
/// <param name="Differences">From what they have; empty: they have it already.</param>
/// <param name="Impacts">What it does.</param>
/// <param name="Interruption">The ports that do not record for a moment, or "none".</param>
/// <param name="NeedsConfirm">Pending confirmation by default.</param>
/// <param name="Errors">Why they cannot have it.</param>
internal sealed record ChangeGroup(
    IReadOnlyList<string> Devices, IReadOnlyList<ConfigDifference> Differences, IReadOnlyList<ConfigImpact> Impacts, string Interruption, bool NeedsConfirm, IReadOnlyList<ConfigError> Errors);

/// <summary>One box at the end of <c>fleet apply</c>.</summary>
/// <param name="Outcome">As the table has it.</param>
/// <param name="HasIt">Null: it is not known.</param>
internal sealed record RolloutBoxListing(string DeviceId, string Outcome, bool? HasIt, long? Revision, string Detail);

/// <summary>Result of <c>fleet apply --json</c>.</summary>
/// <param name="Id">Of the change, in each box's history.</param>
/// <param name="Stopped">Why it was not taken to the end; null: it was.</param>
internal sealed record RolloutListing(string Id, bool Good, string? Stopped, IReadOnlyList<RolloutBoxListing> Boxes);

/// <summary>All that goes out of the fleet commands and is no answer of a box; generated code.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(FleetListing))]
[JsonSerializable(typeof(IReadOnlyList<ChangeGroup>))]
[JsonSerializable(typeof(RolloutListing))]
[JsonSerializable(typeof(string))]
internal sealed partial class FleetJson : JsonSerializerContext;
