// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary>State of a configuration. The words are public: answers, topics and files have them.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ConfigStatus>))]
public enum ConfigStatus
{
    /// <summary>In force, and kept.</summary>
    [JsonStringEnumMemberName("applied")]
    Applied,

    /// <summary>In force, and rolled back unless it is confirmed in time.</summary>
    [JsonStringEnumMemberName("pending-confirm")]
    PendingConfirm,

    /// <summary>Rejected; the one before is in force.</summary>
    [JsonStringEnumMemberName("rejected")]
    Rejected,

    /// <summary>Was in force and was rolled back: nobody confirmed it, or it did harm. The one before is in force.</summary>
    [JsonStringEnumMemberName("rolled-back")]
    RolledBack,
}

/// <summary>Outcome of a proposal.</summary>
/// <param name="Version">Version of the proposal.</param>
/// <param name="Id">Chosen by who proposed it.</param>
/// <param name="Status">State of the document.</param>
/// <param name="Errors">Why it was rejected or rolled back; empty otherwise.</param>
public record ConfigOutcome(long Version, string Id, ConfigStatus Status, IReadOnlyList<ConfigError> Errors);
