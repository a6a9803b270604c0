// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Packets.Archive;

/// <summary>How much history an archive retains. A rule that is 0 is not applied.</summary>
public sealed record RetentionRules
{
    public const int DefaultDeletesPerMinute = 120;

    /// <summary>Bytes that stay free on the file system.</summary>
    public long MinFreeBytes { get; init; }

    /// <summary>Part of the file system that stays free, percent; the larger of the two holds.</summary>
    public int MinFreePercent { get; init; }

    /// <summary>Bytes that segments take at most, those being written with all their preallocated room.</summary>
    public long MaxTotalBytes { get; init; }

    /// <summary>Age at which a segment goes.</summary>
    public long MaxAgeNs { get; init; }

    /// <summary>
    /// Ages for single ports instead of <see cref="MaxAgeNs"/>. A segment holds packets of all ports: it stays as long as the longest age
    /// of a port that has packets in it.
    /// </summary>
    public IReadOnlyDictionary<string, long> PortMaxAgeNs { get; init; } = new Dictionary<string, long>();

    /// <summary>Bytes of the newest segments that no rule deletes, even if another program fills the disk.</summary>
    public long KeepBytes { get; init; }

    /// <summary>Deletions in any 60 s.</summary>
    public int MaxDeletesPerMinute { get; init; } = DefaultDeletesPerMinute;
}

/// <summary>A sealed segment as retention sees it.</summary>
/// <param name="Sequence">What orders.</param>
/// <param name="Bytes">What it takes.</param>
/// <param name="StoredAtNs">Archive time of its sealing.</param>
/// <param name="Ports">Ports with packets in it.</param>
/// <param name="IsHeld">A hold covers it.</param>
public readonly record struct RetentionItem(ulong Sequence, long Bytes, long StoredAtNs, IReadOnlyList<string> Ports, bool IsHeld);

/// <summary>What there is at the moment of the decision.</summary>
public readonly record struct RetentionState
{
    /// <summary>Free bytes of the file system, for who may use them.</summary>
    public required long FreeBytes { get; init; }

    /// <summary>Size of the file system.</summary>
    public required long DiskBytes { get; init; }

    /// <summary>Bytes of segments that are not sealed.</summary>
    public required long OpenBytes { get; init; }

    /// <summary>Archive time now.</summary>
    public required long NowNs { get; init; }

    /// <summary>Deletions that the rate still permits.</summary>
    public required int Budget { get; init; }
}

/// <summary>A segment to be deleted, and the rule that requires it.</summary>
public readonly record struct RetentionVerdict(ulong Sequence, string Reason);

/// <summary>What to delete now.</summary>
/// <param name="Delete">Oldest first.</param>
/// <param name="Shortfall">A rule that deleting cannot meet, or null.</param>
public readonly record struct RetentionDecision(IReadOnlyList<RetentionVerdict> Delete, string? Shortfall);

/// <summary>
/// Decides which segments are deleted: by sequence, oldest first, never a held one, never more than the rate permits, and only by a rule.
/// Pure: neither clock nor disk.
/// </summary>
public static class RetentionPolicy
{
    /// <param name="rules">The rules.</param>
    /// <param name="items">All sealed segments by sequence.</param>
    /// <param name="state">The disk, the time, the budget.</param>
    public static RetentionDecision Decide(RetentionRules rules, IReadOnlyList<RetentionItem> items, RetentionState state)
    {
        long total = state.OpenBytes;
        foreach (RetentionItem item in items)
            total += item.Bytes;
        long free = state.FreeBytes;
        long keep = rules.KeepBytes;
        int keepFrom = items.Count;
        for (; keepFrom > 0 && keep > 0; keepFrom--)
            keep -= items[keepFrom - 1].Bytes;

        long wantFree = WantedFreeBytes(rules, state.DiskBytes);
        List<RetentionVerdict> verdicts = [];
        for (int i = 0; i < keepFrom; i++)
        {
            RetentionItem item = items[i];
            if (item.IsHeld || Reason(rules, item, total, free, wantFree, state.NowNs) is not { } reason)
                continue;
            if (verdicts.Count == state.Budget)
                return new RetentionDecision(verdicts, null); // the rest goes when the rate permits
            verdicts.Add(new RetentionVerdict(item.Sequence, reason));
            total -= item.Bytes;
            free += item.Bytes;
        }

        return new RetentionDecision(verdicts, Shortfall(rules, total, free, wantFree));
    }

    /// <summary>What is to be free on a file system of this size.</summary>
    public static long WantedFreeBytes(RetentionRules rules, long diskBytes) =>
        Math.Max(rules.MinFreeBytes, (long)(diskBytes / 100.0 * rules.MinFreePercent));

    private static string? Reason(RetentionRules rules, in RetentionItem item, long total, long free, long wantFree, long nowNs)
    {
        if (rules.MaxTotalBytes > 0 && total > rules.MaxTotalBytes)
            return Text($"maxTotal: {total} bytes of segments, at most {rules.MaxTotalBytes}");
        if (free < wantFree)
            return Text($"minFree: {free} bytes free, at least {wantFree}");
        long ageNs = nowNs - item.StoredAtNs;
        long limitNs = AgeLimit(rules, item.Ports);
        return limitNs > 0 && ageNs > limitNs ? Text($"maxAge: {ageNs / 1_000_000_000} s old, at most {limitNs / 1_000_000_000}") : null;
    }

    /// <summary>The longest that any port in the segment asks for; 0: for ever.</summary>
    private static long AgeLimit(RetentionRules rules, IReadOnlyList<string> ports)
    {
        if (rules.PortMaxAgeNs.Count == 0 || ports.Count == 0)
            return rules.MaxAgeNs;
        long limit = 0;
        foreach (string port in ports)
        {
            long own = rules.PortMaxAgeNs.TryGetValue(port, out long ns) ? ns : rules.MaxAgeNs;
            if (own == 0)
                return 0;
            limit = Math.Max(limit, own);
        }

        return limit;
    }

    private static string? Shortfall(RetentionRules rules, long total, long free, long wantFree)
    {
        if (free < wantFree)
        {
            return Text(
                $"minFree: {free} bytes free instead of {wantFree}, and nothing may be deleted for it: the rest is held, kept, or not ours");
        }

        if (rules.MaxTotalBytes > 0 && total > rules.MaxTotalBytes)
        {
            return Text(
                $"maxTotal: {total} bytes instead of {rules.MaxTotalBytes}, and nothing may be deleted for it: the rest is held or kept");
        }

        return null;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
