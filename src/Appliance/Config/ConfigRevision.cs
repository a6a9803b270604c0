// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization;

namespace Capbox.Config;

/// <summary>A document that was in force, or was to be, with its origin. One file each.</summary>
/// <param name="Revision">Counts the documents of this box, from 1.</param>
/// <param name="Version">As it was proposed with.</param>
/// <param name="Id">As it was proposed with.</param>
/// <param name="Who"><c>factory</c>, <c>cli:USER</c>, <c>mqtt:REQUESTER</c>.</param>
/// <param name="When">RFC 3339, UTC by the system clock.</param>
/// <param name="Why">One line, may be empty.</param>
/// <param name="Sha256">Of the document in one line, hexadecimal: a file that rots is noticed.</param>
public sealed record ConfigRevision(long Revision, long Version, string Id, string Who, string When, string Why, string Sha256)
{
    /// <summary>The document.</summary>
    public JsonElement Config { get; init; }

    /// <summary>The document in one line.</summary>
    [JsonIgnore]
    public string Line => ConfigText.ToLine(JsonSerializer.SerializeToUtf8Bytes(Config, ConfigStoreJson.Default.JsonElement));
}

/// <summary>A document that is in force until it is confirmed, or proved by the watch.</summary>
/// <param name="Fallback">Revision that comes back.</param>
/// <param name="NeedsConfirm">False: it stays once the recorder has started with it and nothing got worse.</param>
/// <param name="Seconds">How long that lasts.</param>
/// <param name="BootId">Boot in which <paramref name="UntilBootNs"/> counts (/proc/sys/kernel/random/boot_id).</param>
/// <param name="UntilBootNs">CLOCK_BOOTTIME at which it ends.</param>
/// <param name="Starts">Starts of the recorder since that did not end in order.</param>
/// <param name="ClockBefore">State of the clock when it began; null: none was kept.</param>
/// <param name="Losing">Ports that lost packets before it began: that they go on is no harm.</param>
/// <param name="Version">Version of the proposal; null in files of older releases: that of the last one.</param>
/// <param name="Id">The same.</param>
/// <param name="Proved">Where it began amid the watch of another: the revision before both, which comes back for harm; null: <paramref
/// name="Fallback"/>.</param>
public sealed record PendingChange(
    long Fallback, bool NeedsConfirm, int Seconds, string BootId, long UntilBootNs, int Starts, string? ClockBefore, IReadOnlyList<string>? Losing = null, long? Version = null, string? Id = null,
    long? Proved = null);

/// <summary>What is in force. One file, replaced as a whole.</summary>
/// <param name="Revision">In force.</param>
/// <param name="Last">Highest revision that ever was.</param>
/// <param name="HighestVersion">Highest version that was ever proposed.</param>
/// <param name="Outcome">Of the last proposal.</param>
/// <param name="Trial">Null: it stays.</param>
public sealed record ConfigState(long Revision, long Last, long HighestVersion, ConfigOutcome Outcome, PendingChange? Trial);

/// <summary>Revisions and state as files; generated code.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ConfigRevision))]
[JsonSerializable(typeof(ConfigState))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class ConfigStoreJson : JsonSerializerContext;
