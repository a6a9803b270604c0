// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Packets.Custody;

/// <summary>
/// State of a chain so far, and the rules that its next entry must follow. Memory grows with the segments that are there, not with the
/// length of the chain: only where a segment's entry lies is stored, and that until its tombstone. Signatures are the caller's business,
/// since the daemon needs only the last one.
/// </summary>
internal sealed class ChainState : IDisposable
{
    private readonly Dictionary<ulong, long> _live = [];
    private ChainKey? _key;

    /// <summary>Entries so far; the number of the last one.</summary>
    public ulong Entries { get; private set; }

    /// <summary>SHA-256 of the last line: a hash of everything before it, too.</summary>
    public string Head { get; private set; } = ChainEntry.NoHash;

    /// <summary>The key that signs the next entry; null before the genesis.</summary>
    public ChainKey? Key => _key;

    /// <summary>Random id from the genesis.</summary>
    public string Archive { get; private set; } = "";

    /// <summary>Every number that has an entry, deleted or not.</summary>
    public SequenceRanges Entered { get; } = new();

    /// <summary>Segments that should be there, with the offset of their entry in the chain.</summary>
    public IReadOnlyDictionary<ulong, long> Live => _live;

    public ulong Deleted { get; private set; }

    public ulong Missing { get; private set; }

    /// <summary>Takes the next entry over.</summary>
    /// <param name="entry">The parsed line.</param>
    /// <param name="line">Its bytes with the newline.</param>
    /// <param name="offset">Where the line lies in the file.</param>
    /// <param name="file">To read the entry that a tombstone names.</param>
    /// <returns>What is wrong with it, and nothing was taken over; or null.</returns>
    public string? Append(ChainEntry entry, ReadOnlySpan<byte> line, long offset, SafeFileHandle file)
    {
        if (CheckPlace(entry) is { } misplaced)
            return misplaced;
        string? wrong = entry.Kind switch
        {
            EntryKind.Genesis => AppendKey(entry, isFirst: true),
            EntryKind.Segment => AppendSegment(entry, offset),
            EntryKind.Deletion => AppendDeletion(entry, file),
            EntryKind.Missing => AppendMissing(entry),
            _ => AppendKey(entry, isFirst: false),
        };
        if (wrong is not null)
            return wrong;
        Entries = entry.Number;
        Head = Convert.ToHexStringLower(SHA256.HashData(line));
        return null;
    }

    public void Dispose() => _key?.Dispose();

    private string? CheckPlace(ChainEntry entry)
    {
        if (entry.Number != Entries + 1)
            return $"its number is {entry.Number}, {Entries + 1} was to come";
        if (entry.Previous != Head)
            return "it does not follow from the entry before it";
        if ((entry.Kind == EntryKind.Genesis) != (Entries == 0))
            return Entries == 0 ? "the first entry is no genesis" : "a second genesis";
        if (_key is not null && entry.Key != _key.Id)
            return $"signed by key {entry.Key}, but the chain's key is {_key.Id}";
        return null;
    }

    private string? AppendKey(ChainEntry entry, bool isFirst)
    {
        byte[] bytes = new byte[entry.PublicKey.Length];
        if (!Convert.TryFromBase64String(entry.PublicKey, bytes, out int length)
            || ChainKey.FromPublic(bytes.AsSpan(0, length)) is not { } key)
            return "its public key is no P-256 key";
        string? wrong = Convert.ToBase64String(key.PublicKey) != entry.PublicKey ? "its public key is not in the canonical form"
            : isFirst && key.Id != entry.Key ? "the genesis is signed by another key than it names" : null;
        if (wrong is not null)
        {
            key.Dispose();
            return wrong;
        }

        if (isFirst)
            Archive = entry.Archive;
        _key?.Dispose();
        _key = key;
        return null;
    }

    private string? AppendSegment(ChainEntry entry, long offset)
    {
        if (Entered.Contains(entry.Sequence))
            return $"segment {entry.Sequence} has an entry already";
        ulong after = Entered.Below(entry.Sequence);
        if (entry.After != after)
            return $"it names segment {entry.After} as the one before it, the chain has {after}";
        Entered.Add(entry.Sequence);
        _live.Add(entry.Sequence, offset);
        return null;
    }

    private string? AppendDeletion(ChainEntry entry, SafeFileHandle file)
    {
        if (!_live.TryGetValue(entry.Sequence, out long offset))
            return Entered.Contains(entry.Sequence) ? $"segment {entry.Sequence} was deleted before"
                : $"segment {entry.Sequence} has no entry to delete";
        ChainEntry deleted = ChainLines.ReadAt(file, offset);
        if (deleted.Number != entry.Entry || deleted.Sha256 != entry.Sha256 || deleted.File != entry.File)
            return $"it does not agree with entry {deleted.Number} about segment {entry.Sequence}";
        _live.Remove(entry.Sequence);
        Deleted++;
        return null;
    }

    private string? AppendMissing(ChainEntry entry)
    {
        if (!Entered.Add(entry.Sequence))
            return $"segment {entry.Sequence} has an entry already";
        Missing++;
        return null;
    }
}
