using Capbox.Commands;

namespace Capbox.Changes;

/// <summary>How a configuration stands.</summary>
internal enum ConfigStatus
{
    /// <summary>In force, and kept.</summary>
    Applied,

    /// <summary>In force, and taken back unless it is confirmed in time.</summary>
    PendingConfirm,

    /// <summary>Refused; the one before is in force.</summary>
    Rejected,

    /// <summary>Was in force and was taken back: it was not confirmed, or it did harm; the one before is in force.</summary>
    RolledBack,
}

/// <summary>One thing wrong with a document.</summary>
/// <param name="Path">A JSON path.</param>
/// <param name="Reason">One line.</param>
internal sealed record ConfigFault(string Path, string Reason);

/// <summary>What became of the last proposal, and what is in force. Immutable.</summary>
/// <param name="Version">Of the proposal that this answers; the document in force at the start has the version it was stored with.</param>
/// <param name="Id">Its id, chosen by who proposed it.</param>
/// <param name="Status">How it stands.</param>
/// <param name="Errors">Why it was rejected or taken back; empty otherwise.</param>
internal sealed record ConfigReport(long Version, string Id, ConfigStatus Status, IReadOnlyList<ConfigFault> Errors)
{
    /// <summary>Highest version that was ever proposed.</summary>
    public long HighestVersion { get; init; }

    /// <summary>Revision of the document that is in force: counts all documents that ever were on this box.</summary>
    public long Revision { get; init; }

    /// <summary>The document in force as JSON, one line, without comments.</summary>
    public string Document { get; init; } = "{}";

    /// <summary>With <see cref="ConfigStatus.PendingConfirm"/>: when it is taken back, UTC.</summary>
    public DateTimeOffset? ConfirmBy { get; init; }
}

/// <summary>A document that somebody wants in force.</summary>
/// <param name="Document">JSON as UTF-8.</param>
/// <param name="Who"><c>cli:USER</c>, <c>mqtt:REQUESTER</c>.</param>
internal sealed record ConfigProposal(ReadOnlyMemory<byte> Document, string Who)
{
    /// <summary>Must exceed every version seen before; null: the next one (the command line).</summary>
    public long? Version { get; init; }

    /// <summary>The same id again changes nothing and gives the same answer. Null: one is made.</summary>
    public string? Id { get; init; }

    /// <summary>Revision that the document was made from; refused if another is in force. Null: not looked at.</summary>
    public long? BaseRevision { get; init; }

    /// <summary>Taken back unless confirmed within this. 0: at once for good. Null: 120 s where the change touches how the box is reached, else 0.</summary>
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
    /// <exception cref="ControlException">Nothing with this id waits to be confirmed.</exception>
    ConfigReport Confirm(string id, string who);
}
