// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Archive;

/// <summary>How far a comparison of catalog and directory is.</summary>
public readonly record struct CatalogProgress(long Done, long Total);

/// <summary>What a comparison changed.</summary>
/// <param name="Segments">Sealed segments in the archive.</param>
/// <param name="Added">Read and added.</param>
/// <param name="Forgotten">In the catalog, but no longer in the directory.</param>
/// <param name="Damaged">Sealed by their name, but not readable; among the segments.</param>
/// <param name="Rebuilt">The catalog was made anew, with the reason; null if it was not.</param>
public sealed record CatalogReport(long Segments, long Added, long Forgotten, long Damaged, string? Rebuilt);

/// <summary>Brings catalog and directory together. The directory is right.</summary>
internal static class CatalogSync
{
    private const int BatchEntries = 1000;

    /// <summary>Opens the catalog of an archive, makes it anew if it is missing or damaged, and brings it up to date.</summary>
    /// <param name="archive">Directory.</param>
    /// <param name="storedAt">Archive time of a segment that the catalog does not know.</param>
    /// <param name="seen">Called for each segment, in no order.</param>
    /// <param name="progress">Progress while segments are read.</param>
    /// <param name="stop">Ends it early.</param>
    /// <exception cref="CatalogException">Not even a new one can be made.</exception>
    public static (Catalog Catalog, CatalogReport Report) Open(
        string archive, Func<ulong, long> storedAt, Action<SegmentEntry>? seen, IProgress<CatalogProgress>? progress,
            CancellationToken stop)
    {
        try
        {
            return Update(archive, create: !File.Exists(Catalog.PathOf(archive)), storedAt, seen, progress, null, stop);
        }
        catch (CatalogException e) when (e.IsDamage)
        {
            Catalog.Delete(archive);
            return Update(archive, create: true, storedAt, seen, progress, e.Message, stop);
        }
    }

    /// <summary>Rebuilds the catalog, but retains the ages it knew.</summary>
    /// <exception cref="CatalogException">A recorder has it open, or the disk refuses.</exception>
    public static CatalogReport Rebuild(string archive, Func<ulong, long> storedAt, IProgress<CatalogProgress>? progress,
        CancellationToken stop)
    {
        Dictionary<ulong, long> ages = ReadAges(archive);
        RefuseUnreadable(archive);
        Catalog.Delete(archive);
        (Catalog catalog, CatalogReport report) = Update(
            archive, create: true, sequence => ages.TryGetValue(sequence, out long ns) ? ns : storedAt(sequence), null, progress,
            "asked for", stop, mustRead: true);
        using (catalog)
            catalog.SetStamp(ArchiveStamp.Compute(archive));
        return report;
    }

    /// <summary>Before anything is given up for a catalog that cannot be made.</summary>
    private static void RefuseUnreadable(string archive)
    {
        foreach ((SegmentName name, _) in List(archive))
        {
            try
            {
                File.OpenHandle(Path.Combine(archive, name.ToString())).Dispose();
            }
            catch (IOException)
            {
                // Gone meanwhile, or a sick disk: that is no reason.
            }
        }
    }

    /// <summary>Reads all segments, when no catalog can be had.</summary>
    /// <exception cref="UnauthorizedAccessException">
    /// A file may not be read, and <paramref name="mustRead"/>; otherwise it counts as damaged.
    /// </exception>
    public static void ReadWithout(
        string archive, Func<ulong, long> storedAt, Action<SegmentEntry> seen, IProgress<CatalogProgress>? progress,
            CancellationToken stop, bool mustRead = false)
    {
        List<(SegmentName Name, long Bytes)> files = List(archive);
        for (int i = 0; i < files.Count; i++)
        {
            stop.ThrowIfCancellationRequested();
            progress?.Report(new CatalogProgress(i, files.Count));
            if (TryRead(archive, files[i].Name, files[i].Bytes, mustRead, out _) is { } entry)
                seen(entry with { StoredAtNs = storedAt(entry.Sequence) });
        }

        progress?.Report(new CatalogProgress(files.Count, files.Count));
    }

    /// <summary>The sealed segments of a directory by sequence. A second file with the same sequence is foreign.</summary>
    public static List<(SegmentName Name, long Bytes)> List(string archive)
    {
        List<(SegmentName Name, long Bytes)> found = [];
        foreach (FileInfo file in new DirectoryInfo(archive).EnumerateFiles())
        {
            if (SegmentName.TryParse(file.Name, out SegmentName name) && !name.InProgress)
                found.Add((name, file.Length));
        }

        found.Sort((a, b) => a.Name.Sequence != b.Name.Sequence
            ? a.Name.Sequence.CompareTo(b.Name.Sequence)
            : string.CompareOrdinal(a.Name.StartFileName, b.Name.StartFileName));
        int kept = 0;
        for (int i = 0; i < found.Count; i++)
        {
            if (kept == 0 || found[kept - 1].Name.Sequence != found[i].Name.Sequence)
                found[kept++] = found[i];
        }

        found.RemoveRange(kept, found.Count - kept);
        return found;
    }

    private static Dictionary<ulong, long> ReadAges(string archive)
    {
        Dictionary<ulong, long> ages = [];
        if (!File.Exists(Catalog.PathOf(archive)))
            return ages;
        try
        {
            using Catalog old = Catalog.OpenReadOnly(archive);
            foreach (SegmentEntry entry in old.All())
                ages[entry.Sequence] = entry.StoredAtNs;
        }
        catch (CatalogException e) when (e.IsDamage)
        {
            // It is being rebuilt because it is damaged; the clock's marks give the ages.
        }

        return ages;
    }

    private static (Catalog, CatalogReport) Update(
        string archive, bool create, Func<ulong, long> storedAt, Action<SegmentEntry>? seen, IProgress<CatalogProgress>? progress,
            string? why, CancellationToken stop,
        bool mustRead = false)
    {
        Catalog catalog = Catalog.Open(archive, create);
        try
        {
            var merge = new Merge(archive, catalog, storedAt, seen, progress, mustRead, stop);
            merge.Run();
            catalog.Checkpoint();
            return (catalog, merge.Report(why));
        }
        catch
        {
            catalog.Dispose();
            throw;
        }
    }

    /// <summary>Goes through both by sequence; reads every document, so that damage shows here and not later.</summary>
    private sealed class Merge(
        string archive, Catalog catalog, Func<ulong, long> storedAt, Action<SegmentEntry>? seen, IProgress<CatalogProgress>? progress,
            bool mustRead, CancellationToken stop)
    {
        private readonly List<(SegmentName Name, long Bytes)> _files = List(archive);
        private readonly List<ulong> _gone = [];
        private readonly List<int> _unknown = [];
        private long _added, _damaged;

        public CatalogReport Report(string? why) => new(_files.Count, _added, _gone.Count, _damaged, why);

        public void Run()
        {
            long documents = 0;
            int at = 0;
            ulong last = 0;
            foreach (SegmentEntry entry in catalog.All())
            {
                if (documents++ > 0 && entry.Sequence <= last)
                    throw new CatalogException("the catalog's documents are not in order");
                last = entry.Sequence;
                while (at < _files.Count && _files[at].Name.Sequence < entry.Sequence)
                    _unknown.Add(at++);
                if (at < _files.Count && _files[at].Name.Sequence == entry.Sequence)
                    Compare(entry, at++);
                else
                    _gone.Add(entry.Sequence);
            }

            for (; at < _files.Count; at++)
                _unknown.Add(at);
            catalog.CheckTimeIndex(documents);
            for (int i = 0; i < _gone.Count; i += BatchEntries)
                catalog.Forget(_gone.Skip(i).Take(BatchEntries));
            AddUnknown();
        }

        private void Compare(SegmentEntry entry, int file)
        {
            if (entry.FileName == _files[file].Name.ToString() && entry.Bytes == _files[file].Bytes)
            {
                if (entry.Damaged)
                    _damaged++;
                seen?.Invoke(entry);
            }
            else
            {
                _unknown.Add(file);
            }
        }

        private void AddUnknown()
        {
            List<SegmentEntry> batch = [];
            for (int i = 0; i < _unknown.Count; i++)
            {
                stop.ThrowIfCancellationRequested();
                progress?.Report(new CatalogProgress(i, _unknown.Count));
                (SegmentName name, long bytes) = _files[_unknown[i]];
                if (TryRead(archive, name, bytes, mustRead, out bool isDamaged) is not { } read)
                    continue;
                SegmentEntry entry = read with { StoredAtNs = storedAt(name.Sequence) };
                _damaged += isDamaged ? 1 : 0;
                batch.Add(entry);
                seen?.Invoke(entry);
                _added++;
                if (batch.Count < BatchEntries)
                    continue;
                catalog.AddAll(batch);
                batch.Clear();
            }

            if (batch.Count > 0)
                catalog.AddAll(batch);
            progress?.Report(new CatalogProgress(_unknown.Count, _unknown.Count));
        }
    }

    /// <summary>Null if it is gone meanwhile. What cannot be read, for damage or a sick disk, is in the archive all the same.</summary>
    private static SegmentEntry? TryRead(string archive, SegmentName name, long bytes, bool mustRead, out bool isDamaged)
    {
        isDamaged = false;
        string path = Path.Combine(archive, name.ToString());
        try
        {
            return SegmentEntry.Read(path);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is SegmentFormatException or IOException || (e is UnauthorizedAccessException && !mustRead))
        {
            isDamaged = true;
            return SegmentEntry.ForDamaged(name, bytes, path);
        }
    }
}
