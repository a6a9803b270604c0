// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using Capbox.Config;
using Capbox.Platform.Json;

namespace Capbox.Changes;

/// <summary>Outcome of the last proposal, and what is in force. Immutable; also the answer of the commands about it.</summary>
internal sealed record ConfigReport(long Version, string Id, ConfigStatus Status, IReadOnlyList<ConfigError> Errors)
    : ConfigOutcome(Version, Id, Status, Errors)
{
    /// <summary>Revision of the document in force: counts all documents that ever were on this box.</summary>
    [JsonPropertyOrder(1)]
    public long Revision { get; init; }

    /// <summary>With <see cref="ConfigStatus.PendingConfirm"/>: RFC 3339, UTC, when it is rolled back; null otherwise.</summary>
    [JsonPropertyOrder(2)]
    public string? ConfirmBy { get; init; }

    /// <summary>Highest version that was ever proposed.</summary>
    [JsonIgnore]
    public long HighestVersion { get; init; }

    /// <summary>The document in force as JSON, one line, without comments.</summary>
    [JsonIgnore]
    public string Document { get; init; } = "{}";
}

/// <summary>A request about a configuration that the configurator rejects; nothing was changed.</summary>
internal sealed class ConfigRefusedException : Exception
{
    /// <param name="field">Member of the request at fault.</param>
    /// <param name="reason">One line.</param>
    public ConfigRefusedException(string field, string reason) : base(reason) => Field = field;

    public string Field { get; }
}

/// <summary>A document that somebody wants in force.</summary>
/// <param name="Document">As it was read, with its errors.</param>
/// <param name="Who"><c>cli:USER</c>, <c>mqtt:REQUESTER</c>.</param>
internal sealed record ConfigProposal(ConfigResult Document, string Who)
{
    /// <summary>Must exceed every version seen before; null: the next one (the command line).</summary>
    public long? Version { get; init; }

    /// <summary>The same id again changes nothing and gives the same answer. Null: one is made.</summary>
    public string? Id { get; init; }

    /// <summary>Revision that the document was made from; refused if another is in force. Null: not looked at.</summary>
    public long? BaseRevision { get; init; }

    /// <summary>
    /// Rolled back unless confirmed within this. 0: no confirmation. Null: the document's default where the change touches the access, else
    /// 0.
    /// </summary>
    public int? ConfirmSeconds { get; init; }

    public string Why { get; init; } = "";
}

/// <summary>The one place that changes the configuration of a running box. From any thread; one change at a time.</summary>
internal interface IConfigurator
{
    /// <summary>How it stands now. Cheap.</summary>
    ConfigReport Report { get; }

    /// <summary>After each new <see cref="Report"/>, on the thread that made it; must return at once.</summary>
    event Action? Changed;

    /// <summary>Checks and applies. Returns when the document is in force or refused: seconds at most.</summary>
    ConfigReport Apply(ConfigProposal proposal);

    /// <summary>Keeps the pending document.</summary>
    /// <exception cref="ConfigRefusedException">Nothing with this id waits to be confirmed.</exception>
    ConfigReport Confirm(string id, string who);
}
