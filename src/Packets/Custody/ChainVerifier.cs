// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Custody;

/// <summary>
/// Verifies the chain of an archive and the archive by its chain, reading only: a copy, a read-only directory and an archive that is being
/// recorded into are all the same. First the chain, entry by entry; then each segment that should be there; last, files that no entry
/// names.
/// </summary>
internal sealed class ChainVerifier : IDisposable
{
    private const int MaxBreaks = 1000, MaxWarnings = 100;
    private readonly string _archive;
    private readonly ChainKey _anchor;
    private readonly string? _rememberedHead;
    private readonly Action<ChainProgress>? _progress;
    private readonly CancellationToken _stop;
    private readonly FileStream _file;
    private readonly ChainLines _lines;
    private readonly ChainState _state = new();
    private readonly HashSet<ulong> _present = [];
    private readonly Queue<long> _toCheck = new();
    private readonly Dictionary<ulong, ChainEntry> _deletedButPresent = [];
    private readonly List<string> _keys = [];
    private readonly List<ChainBreak> _breaks = [];
    private readonly List<string> _warnings = [];
    private ulong _breaksLeftOut, _segments, _bytes;
    private string? _firstTime, _lastTime;
    private bool _anchorSigned, _headFound, _chainBroken;

    private ChainVerifier(string archive, FileStream file, ChainKey anchor, string? rememberedHead, Action<ChainProgress>? progress,
        CancellationToken stop)
    {
        _archive = archive;
        _file = file;
        _anchor = anchor;
        _rememberedHead = rememberedHead;
        _progress = progress;
        _stop = stop;
        _lines = new ChainLines(file.SafeFileHandle);
    }

    /// <param name="archive">The archive, or a copy of it with its <c>.capbox/chain.jsonl</c>.</param>
    /// <param name="anchor">A trusted key: any that signed the chain at some time.</param>
    /// <param name="rememberedHead">Hash of an entry that must be in the chain; null if none was noted down.</param>
    /// <param name="progress">Called often.</param>
    /// <param name="stop">To give up.</param>
    /// <exception cref="IOException">There is no archive or no chain, or the disk refuses.</exception>
    public static ChainReport Verify(string archive, ChainKey anchor, string? rememberedHead = null,
        Action<ChainProgress>? progress = null, CancellationToken stop = default)
    {
        if (!Directory.Exists(archive))
            throw new DirectoryNotFoundException($"{archive}: no such directory");
        using FileStream file = ChainFile.TryOpenShared(ChainFile.PathIn(archive))
            ?? throw new FileNotFoundException($"{ChainFile.PathIn(archive)}: no such file; nothing was sealed here");
        using var verifier = new ChainVerifier(archive, file, anchor, rememberedHead, progress, stop);
        return verifier.Run();
    }

    public void Dispose() => _state.Dispose();

    private ChainReport Run()
    {
        // The files as they are now; what is sealed from here on is the next verification's.
        foreach (SegmentName name in ArchiveListing.Sealed(_archive))
            _present.Add(name.Sequence);
        ReadOn();
        if (_state.Entries == 0 && !_chainBroken)
            BreakChain(1, "no entry");
        if (!_anchorSigned && !_chainBroken)
            BreakChain(1, $"no entry of the chain is signed by the given key {_anchor.Id}");
        CheckSegments();
        if (!_chainBroken)
            CheckFiles();
        if (_rememberedHead is not null && !_headFound)
            Break(0, ChainFile.Name, $"no entry has the remembered head {_rememberedHead}: the end was cut off, or this is another chain");
        if (_lines.TornBytes > 0)
            Warn(string.Create(CultureInfo.InvariantCulture,
                $"{ChainFile.Name}: {_lines.TornBytes} bytes of an unfinished entry at the end"));
        return Report();
    }

    /// <summary>Takes over all entries that are in the chain by now.</summary>
    private void ReadOn()
    {
        while (!_chainBroken && _lines.TryRead(out ReadOnlySpan<byte> line, out long offset))
        {
            _stop.ThrowIfCancellationRequested();
            ChainEntry? entry = ChainEntry.TryParse(line, out string reason);
            string? wrong = entry is null
                ? reason
                : CheckSignature(entry, line) ?? _state.Append(entry, line, offset, _file.SafeFileHandle);
            if (wrong is not null)
            {
                BreakChain(_state.Entries + 1, wrong);
                return;
            }

            Register(entry!, offset);
            _progress?.Invoke(new ChainProgress((ulong)_lines.Offset, (ulong)Math.Max(_lines.Offset, _file.Length), ChainFile.Name));
        }
    }

    /// <summary>
    /// Before the genesis is taken over there is no key: it brings its own, and the anchor decides whether that means anything.
    /// </summary>
    private string? CheckSignature(ChainEntry entry, ReadOnlySpan<byte> line)
    {
        using ChainKey? own = entry.Kind is EntryKind.Genesis or EntryKind.Key ? ReadKey(entry) : null;
        if (entry.Kind is EntryKind.Genesis or EntryKind.Key && own is null)
            return "its public key is no P-256 key";
        ChainKey? signer = _state.Key ?? own;
        if (signer is null || !ChainSignature.IsSigned(entry, line, signer))
            return signer is null ? "the first entry is no genesis" : $"the signature is not that of key {signer.Id}";
        if (entry.Kind == EntryKind.Key && !ChainSignature.IsAccepted(entry, line, own!))
            return $"the key that takes over, {own!.Id}, has not signed it";
        if (signer.Id == _anchor.Id || own?.Id == _anchor.Id)
            _anchorSigned = true;
        return null;
    }

    private static ChainKey? ReadKey(ChainEntry entry)
    {
        byte[] bytes = new byte[entry.PublicKey.Length];
        return Convert.TryFromBase64String(entry.PublicKey, bytes, out int length) ? ChainKey.FromPublic(bytes.AsSpan(0, length)) : null;
    }

    private void Register(ChainEntry entry, long offset)
    {
        _firstTime ??= entry.Time;
        _lastTime = entry.Time;
        _headFound |= _state.Head == _rememberedHead;
        switch (entry.Kind)
        {
            case EntryKind.Genesis or EntryKind.Key:
                _keys.Add(_state.Key!.Id);
                break;
            case EntryKind.Segment:
                _toCheck.Enqueue(offset);
                break;
            case EntryKind.Deletion when _present.Contains(entry.Sequence):
                _deletedButPresent[entry.Sequence] = entry;
                break;
            case EntryKind.Missing:
                Break(entry.Number, entry.File, "was sealed, and gone before it could be digested");
                break;
        }
    }

    private void CheckSegments()
    {
        ulong total = TotalBytes();
        byte[] buffer = SegmentDigest.NewBuffer();
        while (_toCheck.TryDequeue(out long offset))
        {
            ChainEntry entry = ChainLines.ReadAt(_file.SafeFileHandle, offset);
            if (!IsLive(entry.Sequence, offset))
                continue; // deleted later in the chain
            if (_present.Contains(entry.Sequence))
                CheckSegment(entry, offset, buffer, total);
            else if (IsMissing(entry, offset))
                BreakMissing(entry);
        }
    }

    private bool IsLive(ulong sequence, long offset) => _state.Live.TryGetValue(sequence, out long at) && at == offset;

    /// <summary>
    /// Not there, and not deleted: in an archive that is being recorded a segment may have been sealed since the listing, or its tombstone
    /// written since the chain was read. After a break of the chain the tombstone may be in what cannot be trusted, so it is not reported.
    /// </summary>
    private bool IsMissing(ChainEntry entry, long offset)
    {
        if (File.Exists(Path.Combine(_archive, entry.File)))
            return false;
        ReadOn();
        return !_chainBroken && IsLive(entry.Sequence, offset);
    }

    private void BreakMissing(ChainEntry entry) => Break(entry.Number, entry.File, "is not there, and no entry says that it was deleted");

    private ulong TotalBytes()
    {
        ulong total = 0;
        foreach (long offset in _toCheck)
        {
            ChainEntry entry = ChainLines.ReadAt(_file.SafeFileHandle, offset);
            if (IsLive(entry.Sequence, offset))
                total += entry.Bytes;
        }

        return total;
    }

    private void CheckSegment(ChainEntry entry, long offset, byte[] buffer, ulong total)
    {
        try
        {
            ulong before = _bytes;
            (ulong bytes, string digest) = SegmentDigest.Compute(
                Path.Combine(_archive, entry.File), buffer, got =>
                    _progress?.Invoke(new ChainProgress(_bytes += (ulong)got, Math.Max(total, _bytes), entry.File)), _stop);
            _bytes = before + bytes;
            _segments++;
            if (bytes != entry.Bytes)
                Break(entry.Number, entry.File, string.Create(CultureInfo.InvariantCulture,
                    $"is {bytes} bytes long and was sealed with {entry.Bytes}"));
            else if (digest != entry.Sha256)
                Break(entry.Number, entry.File, $"was changed: its SHA-256 is {digest} and was {entry.Sha256}");
        }
        catch (FileNotFoundException)
        {
            if (IsMissing(entry, offset))
                BreakMissing(entry);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Break(entry.Number, entry.File, $"cannot be read: {e.Message}");
        }
    }

    /// <summary>Every sealed segment that was there at the beginning must have its entry, under its name.</summary>
    private void CheckFiles()
    {
        ReadOn();
        byte[] buffer = SegmentDigest.NewBuffer();
        foreach (SegmentName name in ArchiveListing.Sealed(_archive).OrderBy(name => name.Sequence))
        {
            if (!_present.Contains(name.Sequence))
                continue;
            if (!_state.Entered.Contains(name.Sequence))
                Break(0, name.ToString(), "has no entry in the chain");
            else if (_state.Live.TryGetValue(name.Sequence, out long offset))
                CheckName(name, ChainLines.ReadAt(_file.SafeFileHandle, offset));
            else if (_deletedButPresent.TryGetValue(name.Sequence, out ChainEntry? tombstone))
                CheckDeleted(name, tombstone, buffer);
            else
                Break(0, name.ToString(), "is there although the chain says that it vanished");
        }
    }

    private void CheckName(SegmentName name, ChainEntry entry)
    {
        if (entry.File != name.ToString())
            Break(entry.Number, name.ToString(), $"has no entry in the chain; segment {name.Sequence} is {entry.File}");
    }

    /// <summary>A crash between tombstone and deletion leaves the file. That harms nothing as long as it is what was sealed.</summary>
    private void CheckDeleted(SegmentName name, ChainEntry tombstone, byte[] buffer)
    {
        string path = Path.Combine(_archive, name.ToString());
        if (!File.Exists(path))
            return;
        if (tombstone.File == name.ToString() && SegmentDigest.Compute(path, buffer, null, _stop).Sha256 == tombstone.Sha256)
            Warn($"{name}: is still there, as it was sealed, although entry {tombstone.Number} says that it was to be deleted");
        else
            Break(tombstone.Number, name.ToString(), "was deleted, and what lies there now is not what was sealed");
    }

    /// <summary>From here on nothing in the chain means anything.</summary>
    private void BreakChain(ulong entry, string reason)
    {
        _chainBroken = true;
        Break(entry, ChainFile.Name, reason);
    }

    private void Break(ulong entry, string file, string reason)
    {
        if (_breaks.Count < MaxBreaks)
            _breaks.Add(new ChainBreak(entry, file, reason));
        else
            _breaksLeftOut++;
    }

    private void Warn(string text)
    {
        if (_warnings.Count < MaxWarnings)
            _warnings.Add(text);
    }

    private ChainReport Report() => new()
    {
        Archive = _archive,
        ChainId = _state.Archive,
        Entries = _state.Entries,
        Segments = _segments,
        Bytes = _bytes,
        Deleted = _state.Deleted,
        Head = _state.Head,
        FirstTime = _firstTime,
        LastTime = _lastTime,
        Keys = _keys,
        Gaps = [.. _state.Entered.Gaps().Take(MaxBreaks).Select(gap => new ChainGap(gap.First, gap.Last))],
        // What has no entry comes last.
        Breaks = [.. _breaks.OrderBy(b => b.Entry == 0 ? ulong.MaxValue : b.Entry)],
        BreaksLeftOut = _breaksLeftOut,
        Warnings = _warnings,
    };
}
