// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Extract;

/// <summary>The chunks of one segment that a request touches.</summary>
/// <param name="Path">The file.</param>
/// <param name="Sequence">Its number.</param>
/// <param name="Header">Ports and link type.</param>
/// <param name="Chunks">Index entries in the range, by offset.</param>
/// <param name="After">For each ring the first chunk behind the range: the losses it reports may have been in the range.</param>
internal sealed record SegmentSlice(string Path, ulong Sequence, SegmentHeaderInfo Header, IndexEntry[] Chunks, IndexEntry[] After)
{
    public long ChunkBytes { get; } = Chunks.Sum(c => (long)c.ChunkBytes);
}

/// <summary>
/// Finds the slices of an archive: the footer's index of each sealed segment, the chunks themselves of one that is being written.
/// </summary>
internal sealed class SegmentScan(ExtractRequest request)
{
    /// <summary>Bytes of headers and footers that were read.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Segments that could not be read.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Names of all ports that were seen, to distinguish a wrong name from an empty range.</summary>
    public SortedSet<string> PortNames { get; } = new(request.KnownPorts, StringComparer.Ordinal);

    /// <summary>How long a hole in a part is waited for.</summary>
    public int HoleWaitMs { get; init; } = 500;

    /// <summary>All slices in order of the sequence.</summary>
    /// <exception cref="ExtractException">The directory cannot be read.</exception>
    public List<SegmentSlice> Find()
    {
        List<SegmentSlice> slices = [];
        foreach ((string path, SegmentName name) in List(request.Candidates))
        {
            // Sealed while the directory was read, a segment may be in the list under both names.
            if (slices.Count > 0 && slices[^1].Sequence == name.Sequence)
                continue;
            try
            {
                using SegmentReader reader = SegmentReader.Open(path);
                BytesRead += reader.ChunksOffset;
                if (MissingFooter(request, reader, name) is { } warning)
                    Warnings.Add(warning);
                SegmentSlice slice = Slice(reader, path, name);
                if (slice.Chunks.Length > 0 || slice.After.Length > 0)
                    slices.Add(slice);
            }
            catch (SegmentFormatException) when (name.InProgress)
            {
                // Its header is not written yet: nothing of it is on disk.
            }
            catch (FileNotFoundException)
            {
                // Sealed, and so renamed, or deleted since the directory was read.
                Reread(name, slices);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or SegmentFormatException)
            {
                Warnings.Add(e is SegmentFormatException ? $"{path}: {e.Message}" : e.Message);
            }
        }

        return slices;
    }

    /// <summary>
    /// Warning about a segment that is sealed by its name but has no valid footer: packets behind the chunks that can be read are unknown.
    /// The footer is written before the name, so one that was sealed just now is none of these. Null also where the range lies beside what
    /// it can have held.
    /// </summary>
    public static string? MissingFooter(ExtractRequest request, SegmentReader reader, SegmentName name) =>
        !name.InProgress && reader.FooterFault is { } fault && MayReach(request, reader.Path, name)
            ? $"{reader.Path}: damaged: {fault.Message}; only what can be read of it is there" : null;

    /// <summary>Whether a file can hold stamps of the range.</summary>
    private static bool MayReach(ExtractRequest request, string path, SegmentName name) =>
        name.Start is not { } start || (SegmentName.FirstMomentNs(start.Nanoseconds) < request.To.Nanoseconds
            && SegmentName.LastMomentNs(path, start.Nanoseconds) >= request.From.Nanoseconds);

    private void Reread(SegmentName name, List<SegmentSlice> slices)
    {
        if (!name.InProgress)
        {
            Warnings.Add($"{name}: deleted meanwhile");
            return;
        }

        if (FindSealed(request.Archive, name.Sequence) is not { } path)
            return; // it was empty
        using SegmentReader reader = SegmentReader.Open(path);
        if (MissingFooter(request, reader, name.Sealed()) is { } warning)
            Warnings.Add(warning);
        slices.Add(Slice(reader, path, name.Sealed()));
    }

    /// <summary>Opens a slice's segment, by its new name if it was sealed since it was found.</summary>
    /// <exception cref="IOException">It cannot be read, or is gone.</exception>
    /// <exception cref="SegmentFormatException">Its header is damaged.</exception>
    public static SegmentReader Open(SegmentSlice slice)
    {
        try
        {
            return SegmentReader.Open(slice.Path);
        }
        catch (FileNotFoundException) when (FindSealed(Path.GetDirectoryName(slice.Path)!, slice.Sequence) is { } path)
        {
            return SegmentReader.Open(path);
        }
    }

    /// <summary>The sealed segment of a sequence; its name has another time than the part's.</summary>
    private static string? FindSealed(string directory, ulong sequence) =>
        Directory.EnumerateFiles(directory, $"*-{sequence:D10}{SegmentName.Extension}")
        .FirstOrDefault(path => SegmentName.TryParse(Path.GetFileName(path), out SegmentName name) && name.Sequence == sequence
            && !name.InProgress);

    private List<(string Path, SegmentName Name)> List(IReadOnlyList<string>? candidates)
    {
        try
        {
            List<(string Path, SegmentName Name)> found = [];
            foreach (string path in candidates ?? Directory.EnumerateFiles(request.Archive))
            {
                if (SegmentName.TryParse(Path.GetFileName(path), out SegmentName name))
                    found.Add((path, name));
            }

            found.Sort((a, b) => a.Name.Sequence.CompareTo(b.Name.Sequence));
            return found;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ExtractException(e.Message, e);
        }
    }

    private SegmentSlice Slice(SegmentReader reader, string path, SegmentName name)
    {
        foreach (SegmentPort port in reader.Ports)
            PortNames.Add(port.Name);
        bool[] wanted = [.. reader.Ports.Select(p => request.Ports.Count == 0 || request.Ports.Contains(p.Name, StringComparer.Ordinal))];
        List<IndexEntry> chunks = [];
        var after = new Dictionary<(ushort Port, ushort Ring), IndexEntry>();
        foreach (IndexEntry entry in Entries(reader, name.InProgress))
        {
            if (!wanted[entry.Port])
                continue;
            if (entry.FirstUtcNs < request.To.Nanoseconds && entry.LastUtcNs >= request.From.Nanoseconds)
                chunks.Add(entry);
            else if (IsBehind(entry, request.To.Nanoseconds))
                after.TryAdd((entry.Port, entry.Ring), entry);
        }

        return new SegmentSlice(path, name.Sequence, reader.Header, [.. chunks], [.. after.Values]);
    }

    /// <summary>Whether a chunk lies behind the range; a filler, which has no time, does not.</summary>
    public static bool IsBehind(in IndexEntry entry, long toNs) => entry.FirstUtcNs >= toNs && entry.FirstUtcNs != long.MaxValue;

    /// <summary>All chunks of a segment by offset; of one without a footer as far as they follow each other.</summary>
    /// <exception cref="SegmentFormatException">The index is damaged.</exception>
    public static IReadOnlyList<IndexEntry> Index(SegmentReader reader)
    {
        if (reader.Trailer is not null)
            return reader.ReadFooter().Index;
        List<IndexEntry> entries = [];
        foreach (ChunkRecord chunk in reader.Chunks)
            entries.Add(IndexEntry.From(chunk));
        return entries;
    }

    private IReadOnlyList<IndexEntry> Entries(SegmentReader reader, bool isPart)
    {
        IReadOnlyList<IndexEntry> entries = reader.Trailer is null ? PartEntries(reader, isPart ? HoleWaitMs : 0) : Index(reader);
        BytesRead += reader.Trailer is { } trailer ? trailer.FooterBytes : entries.Count * ChunkHeadBytes;
        return entries;
    }

    /// <summary>
    /// The chunks of a segment that is being written, or lost its footer. Several writes are in flight, so there may be a hole with chunks
    /// behind it: it fills within milliseconds. One that does not, as after a write that failed, is passed with a warning.
    /// </summary>
    private List<IndexEntry> PartEntries(SegmentReader reader, int holeWaitMs)
    {
        List<IndexEntry> entries = [];
        long next = reader.ChunksOffset, deadlineMs = Environment.TickCount64 + holeWaitMs;
        while (true)
        {
            for (; reader.TryReadChunk(next, out ChunkRecord chunk) is null; next += chunk.ChunkBytes)
                entries.Add(IndexEntry.From(chunk));
            if (Platform.Linux.FileSystem.NextData(reader.File.Handle, next + Format.PageBytes) < 0)
                return entries;
            if (Environment.TickCount64 < deadlineMs)
            {
                Thread.Sleep(HolePollMs);
                continue;
            }

            long behind = new ChunkSearch(reader).Next(next + Format.PageBytes, whole: true, out _, next + HoleSearchBytes);
            if (behind < 0)
                return entries;
            Warnings.Add($"{reader.Path}: nothing was written at {next}, or it is not whole; going on at {behind}");
            next = behind;
        }
    }

    private const int HolePollMs = 10;
    private const long HoleSearchBytes = 64 << 20;
    private const int ChunkHeadBytes = 512;
}
