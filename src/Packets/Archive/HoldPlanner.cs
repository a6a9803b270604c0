// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Extract;
using Capbox.Platform.Time;

namespace Capbox.Packets.Archive;

/// <summary>What a new hold came to.</summary>
/// <param name="Hold">With its id.</param>
/// <param name="Covered">Sealed segments that it covers now.</param>
/// <param name="HeldBytes">Of all holds together, each segment once.</param>
/// <param name="QuotaBytes">What they may be.</param>
public sealed record HoldPlan(Hold Hold, IReadOnlyList<SegmentEntry> Covered, long HeldBytes, long QuotaBytes);

/// <summary>Makes holds: finds what they cover, looks for packets of their filter, and refuses what does not fit the quota.</summary>
public static class HoldPlanner
{
    /// <summary>A filter is looked for in so many segments at most.</summary>
    public const int MaxFiltered = 10_000;

    /// <summary>Adds a hold. The holds stay locked meanwhile, so nothing of it is deleted before it is granted.</summary>
    /// <param name="archive">Directory.</param>
    /// <param name="hold">The hold; its id is given here.</param>
    /// <param name="index">Finds the segments of a range.</param>
    /// <param name="progress">Progress of the search for the filter's packets.</param>
    /// <param name="stop">Ends it early; then nothing is held.</param>
    /// <exception cref="HoldException">Refused, with the figures; or the file cannot be written.</exception>
    /// <exception cref="ExtractException">The filter does not compile.</exception>
    public static HoldPlan Add(string archive, Hold hold, Func<string, UtcTime, UtcTime, IndexAnswer> index,
        IProgress<CatalogProgress>? progress, CancellationToken stop)
    {
        using HoldStore store = HoldStore.Open(archive);
        HoldSet set = store.Load();
        IndexAnswer answer = index(archive, new UtcTime(hold.FromUtcNs), new UtcTime(hold.ToUtcNs));
        foreach (string port in hold.Ports)
        {
            if (answer.Ports.Count > 0 && !answer.Ports.Contains(port, StringComparer.Ordinal))
                throw new HoldException($"{port}: the archive has no such port, but {string.Join(", ", answer.Ports)}") { Field = "ports" };
        }

        List<SegmentEntry> covered = [.. answer.Segments.Where(s => Covers(hold, s))];
        if (hold.Filter is not null)
            (hold, covered) = Filtered(archive, hold, covered, progress, stop);
        HashSet<ulong> own = [.. covered.Select(s => s.Sequence)];
        long othersBytes = Covered(archive, set.Holds, index).Where(s => !own.Contains(s.Sequence)).Sum(s => s.Bytes);
        long ownBytes = covered.Sum(s => s.Bytes);
        long quota = QuotaBytes(archive, set);
        if (othersBytes + ownBytes > quota)
        {
            throw new HoldException(string.Create(
                CultureInfo.InvariantCulture,
                $"refused: it would hold {covered.Count} segments of {ownBytes} bytes; "
                + $"with {othersBytes} bytes of other holds that is more than the quota of {quota} bytes (storage.holdQuota)"));
        }

        stop.ThrowIfCancellationRequested();
        hold = hold with { Id = string.Create(CultureInfo.InvariantCulture, $"h{set.Next}") };
        store.Save(set with { Next = set.Next + 1, Holds = [.. set.Holds, hold] });
        return new HoldPlan(hold, covered, othersBytes + ownBytes, quota);
    }

    /// <summary>The segments that any of some holds cover, each once.</summary>
    public static IReadOnlyList<SegmentEntry> Covered(string archive, IReadOnlyList<Hold> holds,
        Func<string, UtcTime, UtcTime, IndexAnswer> index)
    {
        var covered = new SortedDictionary<ulong, SegmentEntry>();
        foreach (Hold hold in holds)
        {
            IndexAnswer found = index(archive, new UtcTime(hold.FromUtcNs), new UtcTime(hold.ToUtcNs));
            foreach (SegmentEntry segment in found.Segments.Where(s => Covers(hold, s)))
                covered[segment.Sequence] = segment;
        }

        return [.. covered.Values];
    }

    /// <summary>Bytes that holds may retain: as configured, else half of the file system.</summary>
    public static long QuotaBytes(string archive, HoldSet set) =>
        set.QuotaBytes > 0 ? set.QuotaBytes : new DriveInfo(archive).TotalSize / 2;

    private static bool Covers(Hold hold, SegmentEntry segment) => hold.Covers(
        segment.Sequence, segment.FirstUtcNs, segment.LastUtcNs, [.. segment.Ports.Where(p => p.Total.Packets > 0).Select(p => p.Name)]);

    private static (Hold Hold, List<SegmentEntry> Covered) Filtered(
        string archive, Hold hold, List<SegmentEntry> covered, IProgress<CatalogProgress>? progress, CancellationToken stop)
    {
        if (covered.Count > MaxFiltered)
        {
            throw new HoldException(
                $"\"{hold.Filter}\": the range has {covered.Count} segments, a filter is searched for in {MaxFiltered} at most; "
                + "choose a shorter range or no filter")
            {
                Field = "filter",
            };
        }

        var request = new ExtractRequest
        {
            Archive = archive,
            From = new UtcTime(hold.FromUtcNs),
            To = new UtcTime(hold.ToUtcNs),
            Ports = [],
            Filter = hold.Filter,
            Candidates = [],
            KnownPorts = hold.Ports,
        };
        // Compiled once for nothing, so that a bad expression is refused in an empty range too.
        Extraction.HasAny(request, stop);
        List<SegmentEntry> kept = [];
        List<SequenceRange> released = [];
        for (int i = 0; i < covered.Count; i++)
        {
            progress?.Report(new CatalogProgress(i, covered.Count));
            string path = Path.Combine(archive, covered[i].FileName);
            // A segment that cannot be read is held: its packets are unknown.
            if (covered[i].Damaged || Extraction.HasAny(request with { Ports = hold.Ports, Candidates = [path] }, stop))
                kept.Add(covered[i]);
            else
                Release(released, covered[i].Sequence);
        }

        return (hold with { Released = released }, kept);
    }

    private static void Release(List<SequenceRange> released, ulong sequence)
    {
        if (released.Count > 0 && released[^1].Last + 1 == sequence)
            released[^1] = released[^1] with { Last = sequence };
        else
            released.Add(new SequenceRange(sequence, sequence));
    }
}
