// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Extract;

/// <summary>
/// Finds chunks of an archive as they are written and adds them to a merge, each once: first those of the sealed segments, by their
/// indexes, then those of the parts, again and again; when a part is sealed, its index names the chunks that were not found before. The
/// directory is read only when it has changed: nothing but segments comes and goes in it.
/// </summary>
internal sealed class LiveSegments(ExtractRequest request, PacketMerge merge, ExtractCounters counters) : IDisposable
{
    /// <summary>Bound of the chunks that wait to be merged: 30 MB. Until there is room again, no more are looked for.</summary>
    public const int MaxPendingChunks = 1 << 18;
    private const int MaxTimesMissing = 8;
    private readonly Dictionary<ulong, OpenSegmentReader> _parts = [];
    private readonly HashSet<ulong> _sealedKnown = [];
    private readonly SortedDictionary<ulong, string> _sealedUnread = [];
    private readonly HashSet<(string Port, ushort Ring)> _reportedBehind = [];
    private readonly List<IndexEntry> _found = [];
    private readonly ulong _newestCandidate = request.Candidates?.Select(SequenceOf).DefaultIfEmpty().Max() ?? 0;
    private ulong _lastCounted;
    private readonly HashSet<ulong>? _candidates = request.Candidates is null ? null : [.. request.Candidates.Select(SequenceOf)];
    private DateTime _changed;
    private bool _readAgain = true;

    /// <summary>Names of all ports that were seen.</summary>
    public SortedSet<string> PortNames { get; } = new(request.KnownPorts, StringComparer.Ordinal);

    /// <summary>Header of the newest segment that was opened.</summary>
    public SegmentHeaderInfo? Newest { get; private set; }

    /// <summary>Segments of which chunks were added.</summary>
    public int Segments { get; private set; }

    /// <summary>Bytes of the chunks that were added.</summary>
    public long ChunkBytes { get; private set; }

    private bool HasRoom => merge.PendingChunks < MaxPendingChunks;

    /// <summary>Adds what is new.</summary>
    /// <param name="nowMs"><see cref="Environment.TickCount64"/>.</param>
    /// <param name="sealedSinceMs">Since when what is found in sealed segments counts as found.</param>
    /// <param name="lateBelowNs">Stamp of the packet that was written last.</param>
    /// <exception cref="IOException">The directory cannot be read.</exception>
    public void Poll(long nowMs, long sealedSinceMs, long lateBelowNs)
    {
        ReadDirectory(nowMs);
        while (HasRoom && _sealedUnread.Count > 0)
        {
            (ulong sequence, string path) = _sealedUnread.First();
            _sealedUnread.Remove(sequence);
            AddSealed(sequence, path, sealedSinceMs, lateBelowNs);
        }

        foreach (OpenSegmentReader part in _parts.Values)
        {
            if (!HasRoom || _sealedUnread.Count > 0)
                return;
            _found.Clear();
            part.Poll(nowMs, _found, MaxPendingChunks);
            Add(part.Slice, part.Reader, _found, nowMs, lateBelowNs);
        }
    }

    public void Dispose()
    {
        foreach (OpenSegmentReader part in _parts.Values)
            part.Dispose();
        _parts.Clear();
    }

    private void ReadDirectory(long nowMs)
    {
        // The time of a change is coarse: after a change one more look is taken at the next round, when the time cannot be the same for a
        // second change.
        DateTime changed = Directory.GetLastWriteTimeUtc(request.Archive);
        if (changed == _changed && !_readAgain)
            return;
        _readAgain = changed != _changed;
        _changed = changed;
        var present = new HashSet<ulong>();
        foreach (string path in Directory.EnumerateFiles(request.Archive))
        {
            if (!SegmentName.TryParse(Path.GetFileName(path), out SegmentName name))
                continue;
            present.Add(name.Sequence);
            if (name.InProgress)
                AddPart(name, path, nowMs);
            else if (_sealedKnown.Add(name.Sequence) && IsCandidate(name.Sequence))
                _sealedUnread.Add(name.Sequence, path);
        }

        ForgetMissing(present);
    }

    /// <summary>
    /// An index names what was there when it was asked, parts too, which may be sealed by now; what came later it does not know.
    /// </summary>
    private bool IsCandidate(ulong sequence) => _candidates is null || _candidates.Contains(sequence) || sequence > _newestCandidate;

    private static ulong SequenceOf(string path) => SegmentName.TryParse(Path.GetFileName(path), out SegmentName name) ? name.Sequence : 0;

    private void AddPart(SegmentName name, string path, long nowMs)
    {
        if (_sealedKnown.Contains(name.Sequence))
            return;
        if (_parts.TryGetValue(name.Sequence, out OpenSegmentReader? known))
        {
            if (known.Slice.Path == path)
                return;
            // An empty part was deleted and its number taken again.
            known.Dispose();
            _parts.Remove(name.Sequence);
        }

        try
        {
            var part = new OpenSegmentReader(path, name.Sequence, nowMs);
            _parts.Add(name.Sequence, part);
            AddPorts(part.Reader);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SegmentFormatException)
        {
            // Its header is not written yet, or it was sealed or deleted since: the next poll shows which.
            _readAgain = true;
        }
    }

    private void ForgetMissing(HashSet<ulong> present)
    {
        foreach ((ulong sequence, OpenSegmentReader part) in _parts)
        {
            // A rename may hide a file from a reading of the directory: once is no proof.
            part.TimesMissing = present.Contains(sequence) ? 0 : part.TimesMissing + 1;
            if (part.TimesMissing < MaxTimesMissing)
                continue;
            part.Dispose();
            _parts.Remove(sequence);
        }

        _sealedKnown.RemoveWhere(sequence => !present.Contains(sequence) && !_parts.ContainsKey(sequence)
            && !_sealedUnread.ContainsKey(sequence));
    }

    private void AddSealed(ulong sequence, string path, long foundMs, long lateBelowNs)
    {
        _parts.Remove(sequence, out OpenSegmentReader? part);
        try
        {
            using SegmentReader reader = SegmentReader.Open(path);
            AddPorts(reader);
            if (SegmentName.TryParse(Path.GetFileName(path), out SegmentName name)
                && SegmentScan.MissingFooter(request, reader, name) is { } warning)
                counters.Warnings.Add(warning);
            bool isSame = part is not null && part.Reader.Origin.RunId == reader.Origin.RunId;
            _found.Clear();
            foreach (IndexEntry entry in SegmentScan.Index(reader))
            {
                if (!isSame || !part!.Has(entry.FileOffset))
                    _found.Add(entry);
            }

            SegmentSlice slice = isSame ? part!.Slice : new SegmentSlice(path, sequence, reader.Header, [], []);
            Add(slice, reader, _found, foundMs, lateBelowNs);
        }
        catch (FileNotFoundException)
        {
            counters.Warnings.Add($"{path}: deleted before it was read");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SegmentFormatException)
        {
            counters.Warnings.Add(e is SegmentFormatException ? $"{path}: {e.Message}" : e.Message);
        }
        finally
        {
            part?.Dispose();
        }
    }

    private void AddPorts(SegmentReader reader)
    {
        if (Newest is null || reader.Origin.SegmentSequence >= Newest.Origin.SegmentSequence)
            Newest = reader.Header;
        foreach (SegmentPort port in reader.Ports)
            PortNames.Add(port.Name);
    }

    private void Add(SegmentSlice slice, SegmentReader reader, List<IndexEntry> entries, long foundMs, long lateBelowNs)
    {
        long fromNs = request.From.Nanoseconds, toNs = request.To.Nanoseconds;
        List<IndexEntry> wanted = [];
        foreach (IndexEntry entry in entries)
        {
            string port = slice.Header.Ports[entry.Port].Name;
            if (request.Ports.Count > 0 && !request.Ports.Contains(port, StringComparer.Ordinal))
                continue;
            if (entry.FirstUtcNs < toNs && entry.LastUtcNs >= fromNs)
                wanted.Add(entry);
            else if (SegmentScan.IsBehind(entry, toNs) && _reportedBehind.Add((port, entry.Ring))
                && reader.TryReadChunk((long)entry.FileOffset, out ChunkRecord chunk) is null)
                counters.AddLosses(port, chunk with { TruncatedPackets = 0 });
        }

        if (wanted.Count == 0)
            return;
        ChunkBytes += wanted.Sum(e => (long)e.ChunkBytes);
        if (slice.Sequence > _lastCounted)
        {
            _lastCounted = slice.Sequence;
            Segments++;
        }

        merge.Add(slice, wanted, foundMs, lateBelowNs);
    }
}
