// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Archive;

/// <summary>Answer of an index for a range of time.</summary>
/// <param name="Segments">Sealed segments with stamps in the range, by sequence.</param>
/// <param name="Next">The segment after the last of them: the losses it reports may mean the range.</param>
/// <param name="Parts">File names of the segments that are not sealed; all of them.</param>
/// <param name="Ports">Names of all ports that the archive knows.</param>
/// <param name="Source">"catalog", "recorder" or "segments".</param>
public sealed record IndexAnswer(
    IReadOnlyList<SegmentEntry> Segments, SegmentEntry? Next, IReadOnlyList<string> Parts, IReadOnlyList<string> Ports, string Source)
{
    /// <summary>Segments behind the last of these were left out: ask again after it.</summary>
    public bool IsCut { get; init; }

    /// <summary>Paths of all that an extraction must look at, each segment once: one may have been sealed just now.</summary>
    public IReadOnlyList<string> Candidates(string archive)
    {
        List<SegmentEntry> sealedOnes = [.. Segments, .. Next is null ? Array.Empty<SegmentEntry>() : [Next]];
        HashSet<ulong> known = [.. sealedOnes.Select(s => s.Sequence)];
        IEnumerable<string> parts = Parts.Where(part => !SegmentName.TryParse(part, out SegmentName name) || known.Add(name.Sequence));
        return [.. sealedOnes.Select(s => s.FileName).Concat(parts).Select(name => Path.Combine(archive, name))];
    }

    /// <summary>The part of an answer after a sequence, cut to a length.</summary>
    public IndexAnswer Page(ulong after, int limit)
    {
        SegmentEntry[] page = [.. Segments.Where(s => s.Sequence > after).Take(limit + 1)];
        return this with { Segments = page.Length > limit ? page[..limit] : page, IsCut = page.Length > limit };
    }
}

/// <summary>Finds segments in an archive from outside the recorder. Never writes: an archive may be a copy on a read-only disk.</summary>
public static class ArchiveIndex
{
    /// <summary>
    /// The catalog of an archive that is not being recorded into; null if there is none, or it differs from the directory.
    /// </summary>
    public static IndexAnswer? FromCatalog(string archive, long fromNs, long toNs)
    {
        try
        {
            if (!File.Exists(Catalog.PathOf(archive)))
                return null;
            using Catalog catalog = Catalog.OpenReadOnly(archive);
            return ArchiveStamp.PartsIfCurrent(archive, catalog.Stamp()) is { } parts ? Ask(catalog, fromNs, toNs, parts, "catalog") : null;
        }
        catch (CatalogException)
        {
            return null;
        }
    }

    /// <summary>Reads every segment of an archive, with the help of what its catalog knows.</summary>
    /// <exception cref="IOException">The directory cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It, or a segment, may not be read.</exception>
    public static IndexAnswer FromSegments(string archive, long fromNs, long toNs, IProgress<CatalogProgress>? progress,
        CancellationToken stop)
    {
        List<SegmentEntry> all = [];
        CatalogSync.ReadWithout(archive, _ => 0, all.Add, progress, stop, mustRead: true);
        List<SegmentEntry> found = all.FindAll(e => e.FirstUtcNs < toNs && e.LastUtcNs >= fromNs);
        SegmentEntry? next = found.Count == 0
            ? all.Find(e => e.FirstUtcNs >= toNs)
            : all.Find(e => e.Sequence > found[^1].Sequence);
        return new IndexAnswer(found, next, [.. ArchiveStamp.Parts(archive).Order(StringComparer.Ordinal)],
            [.. all.SelectMany(e => e.Ports).Select(p => p.Name).Distinct().Order(StringComparer.Ordinal)], "segments");
    }

    /// <summary>Asks an open catalog.</summary>
    internal static IndexAnswer Ask(Catalog catalog, long fromNs, long toNs, IReadOnlyList<string> parts, string source)
    {
        List<SegmentEntry> found = catalog.InRange(fromNs, toNs);
        SegmentEntry? next = found.Count == 0 ? catalog.FirstFrom(toNs) : catalog.FindAfter(found[^1].Sequence);
        return new IndexAnswer(found, next, parts, [.. catalog.PortNames().Order(StringComparer.Ordinal)], source);
    }
}
