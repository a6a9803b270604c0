// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Platform.Time;
using Capbox.Ptp.Messages;

namespace Capbox.Timing.Evidence;

/// <summary>Nearest-rank percentiles, ns.</summary>
internal sealed record Percentiles(double P50, double P95, double P99, double P999, double Max)
{
    public static Percentiles? Compute(double[] sorted)
    {
        double At(double share) => sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
        return sorted.Length == 0 ? null : new(At(0.5), At(0.95), At(0.99), At(0.999), sorted[^1]);
    }
}

/// <summary>A run of seconds without a record.</summary>
internal sealed record EvidenceGap(string From, string To, double Seconds);

/// <summary>An event.</summary>
internal sealed record EvidenceEvent(string At, string What);

/// <summary>Seconds under one reference.</summary>
internal sealed record EvidenceReference(string Reference, int Domain, int ClockClass, int StepsRemoved, int Seconds);

/// <summary>Report on a day of the source clock: what RTS 25 (EU 2017/574) requires, and what is unknown of it.</summary>
internal sealed record EvidenceReport
{
    /// <summary>RTS 25, table 2: the strictest class, ns.</summary>
    public const double Rts25Ns = 100_000;

    private const double GapSeconds = 2.5;
    private const int MostListed = 1000;

    /// <summary>The day in UTC.</summary>
    public required string Day { get; init; }

    /// <summary>First and last record.</summary>
    public required string From { get; init; }
    public required string To { get; init; }
    public required int Seconds { get; init; }
    public required int Damaged { get; init; }

    /// <summary>Seconds with a bound.</summary>
    public required int Claimed { get; init; }
    public required IReadOnlyDictionary<string, int> SecondsByState { get; init; }

    /// <summary>Divergence from UTC: offset and bound, ns.</summary>
    public required Percentiles? Divergence { get; init; }

    /// <summary>Estimated offset alone, absolute, ns.</summary>
    public required Percentiles? Offset { get; init; }
    public required int WithinRts25 { get; init; }
    public required double TargetNs { get; init; }
    public required int WithinTarget { get; init; }
    public required IReadOnlyList<EvidenceReference> References { get; init; }
    public required IReadOnlyList<EvidenceGap> Gaps { get; init; }
    public required IReadOnlyList<EvidenceEvent> Events { get; init; }

    /// <summary>Events and gaps beyond <see cref="MostListed"/>, which are not listed.</summary>
    public required int LeftOut { get; init; }

    /// <summary>True if all recorded seconds were within 100 us of UTC, and no second is missing between the first and the last.</summary>
    public bool Good => Reasons.Count == 0;

    /// <summary>Why <see cref="Good"/> is false.</summary>
    public required IReadOnlyList<string> Reasons { get; init; }

    /// <summary>Assumptions of the report.</summary>
    public IReadOnlyList<string> Assumptions { get; } =
    [
        "the grandmaster is traceable to UTC within its clockAccuracy, which is part of the bound",
        "the path is no more asymmetric than configured; without a configured limit, half the delay is part of the bound",
        "a record stands for the second until the next one; seconds inside a gap are unknown",
    ];

    /// <param name="day">The day in UTC.</param>
    /// <param name="records">Records in the order of writing.</param>
    /// <param name="damaged">Number of unreadable records.</param>
    /// <param name="targetNs">The configured target, ns.</param>
    public static EvidenceReport Make(DateOnly day, IReadOnlyList<EvidenceRecord> records, int damaged, double targetNs)
    {
        EvidenceRecord[] seconds = [.. records.Where(r => r.Text is null)];
        EvidenceRecord[] claimed = [.. seconds.Where(r => !double.IsNaN(r.BoundNs))];
        List<EvidenceGap> gaps = FindGaps(seconds);
        EvidenceEvent[] events = [.. records.Where(r => r.Text is not null).Select(r => new EvidenceEvent(Text(r.UtcNs), r.Text!))];
        int within = claimed.Count(r => r.BoundNs <= Rts25Ns);
        return new EvidenceReport
        {
            Day = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            From = records.Count == 0 ? "" : Text(records[0].UtcNs),
            To = records.Count == 0 ? "" : Text(records[^1].UtcNs),
            Seconds = seconds.Length,
            Damaged = damaged,
            Claimed = claimed.Length,
            SecondsByState = new SortedDictionary<string, int>(
                seconds.GroupBy(r => r.State).ToDictionary(g => g.Key.ToString(), g => g.Count()), StringComparer.Ordinal),
            Divergence = Percentiles.Compute([.. claimed.Select(r => r.BoundNs).Order()]),
            Offset = Percentiles.Compute([.. claimed.Select(r => Math.Abs(r.OffsetNs)).Order()]),
            WithinRts25 = within,
            TargetNs = targetNs,
            WithinTarget = claimed.Count(r => r.BoundNs <= targetNs),
            References = FindReferences(seconds),
            Gaps = [.. gaps.Take(MostListed)],
            Events = [.. events.Take(MostListed)],
            LeftOut = Math.Max(0, gaps.Count - MostListed) + Math.Max(0, events.Length - MostListed),
            Reasons = FindReasons(seconds.Length, claimed.Length, within, gaps, damaged),
        };
    }

    private static List<string> FindReasons(int seconds, int claimed, int within, List<EvidenceGap> gaps, int damaged)
    {
        List<string> reasons = [];
        void Add(int count, string what)
        {
            if (count > 0)
                reasons.Add(string.Create(CultureInfo.InvariantCulture, $"{count} {what}"));
        }

        if (seconds == 0)
            reasons.Add("no second is recorded");
        Add(seconds - claimed, "seconds without a bound");
        Add(claimed - within, "seconds with a bound beyond 100 us");
        Add(gaps.Count, "gaps");
        Add(damaged, "damaged records");
        return reasons;
    }

    /// <summary>Finds gaps by the raw clock, so that a step of the system clock is no gap; between runs, by UTC.</summary>
    private static List<EvidenceGap> FindGaps(EvidenceRecord[] seconds)
    {
        List<EvidenceGap> gaps = [];
        for (int i = 1; i < seconds.Length; i++)
        {
            double raw = (seconds[i].RawNs - seconds[i - 1].RawNs) / 1e9;
            double utc = (seconds[i].UtcNs - seconds[i - 1].UtcNs) / 1e9;
            double passed = raw >= 0 ? raw : utc;
            if (passed > GapSeconds)
                gaps.Add(new(Text(seconds[i - 1].UtcNs), Text(seconds[i].UtcNs), Math.Round(passed, 3)));
        }

        return gaps;
    }

    private static List<EvidenceReference> FindReferences(EvidenceRecord[] seconds) =>
        [.. seconds.Where(r => r.Grandmaster != 0).GroupBy(r => (r.Grandmaster, r.Domain, r.ClockClass, r.StepsRemoved))
            .Select(g => new EvidenceReference(
                new ClockIdentity(g.Key.Grandmaster).ToString(), g.Key.Domain, g.Key.ClockClass, g.Key.StepsRemoved, g.Count()))
            .OrderByDescending(r => r.Seconds)];

    private static string Text(long utcNs) => new UtcTime(utcNs).ToString();
}
