// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Archive;
using CsCheck;
using Xunit;

namespace Capbox.Tests;

/// <summary>What the policy names, and nothing else.</summary>
public class RetentionPolicyTests
{
    private static readonly string[] s_ports = ["eth0", "eth1", "eth2"];

    private static RetentionItem Item(ulong sequence, long bytes = 100, long storedAtNs = 0, bool held = false, params string[] ports) => new(sequence, bytes, storedAtNs, ports, held);

    private static RetentionState State(long free = 1000, long disk = 10_000, long open = 0, long now = 0, int budget = 1000) =>
        new() { FreeBytes = free, DiskBytes = disk, OpenBytes = open, NowNs = now, Budget = budget };

    private static ulong[] Deleted(RetentionRules rules, RetentionItem[] items, RetentionState state) => [.. RetentionPolicy.Decide(rules, items, state).Delete.Select(v => v.Sequence)];

    [Fact]
    public void No_rule_deletes_nothing() =>
        Assert.Empty(Deleted(new RetentionRules(), [Item(1), Item(2)], State(free: 0)));

    [Fact]
    public void MaxTotal_counts_what_is_being_written()
    {
        var rules = new RetentionRules { MaxTotalBytes = 300 };
        Assert.Empty(Deleted(rules, [Item(1), Item(2)], State(open: 100)));
        Assert.Equal([1ul], Deleted(rules, [Item(1), Item(2)], State(open: 101)));
        Assert.Equal([1ul, 2], Deleted(rules, [Item(1), Item(2), Item(9)], State(open: 200)));
    }

    [Fact]
    public void MinFree_is_the_larger_of_bytes_and_percent()
    {
        Assert.Equal([1ul], Deleted(new RetentionRules { MinFreeBytes = 1050 }, [Item(1), Item(2)], State()));
        Assert.Equal([1ul, 2], Deleted(new RetentionRules { MinFreeBytes = 1050, MinFreePercent = 12 }, [Item(1), Item(2), Item(3)], State()));
        Assert.Empty(Deleted(new RetentionRules { MinFreePercent = 10 }, [Item(1)], State()));
    }

    [Fact]
    public void MaxAge_is_counted_from_the_sealing_and_beyond_not_at()
    {
        var rules = new RetentionRules { MaxAgeNs = 50 };
        Assert.Equal([1ul, 2], Deleted(rules, [Item(1), Item(2, storedAtNs: 49), Item(3, storedAtNs: 50), Item(4, storedAtNs: 99)], State(now: 100)));
    }

    [Fact]
    public void A_segment_stays_as_long_as_any_port_in_it_wants_it()
    {
        var rules = new RetentionRules { MaxAgeNs = 10, PortMaxAgeNs = new Dictionary<string, long> { ["eth1"] = 100, ["eth2"] = 5 } };
        RetentionItem[] items = [Item(1, ports: "eth0"), Item(2, ports: ["eth0", "eth1"]), Item(3, ports: "eth2"), Item(4), Item(5, ports: "eth1")];
        Assert.Equal([3ul], Deleted(rules, items, State(now: 7)));
        Assert.Equal([1ul, 3, 4], Deleted(rules, items, State(now: 50)));
        Assert.Equal([1ul, 2, 3, 4, 5], Deleted(rules, items, State(now: 101)));
    }

    [Fact]
    public void Without_a_general_age_ports_without_one_keep_for_ever()
    {
        var rules = new RetentionRules { PortMaxAgeNs = new Dictionary<string, long> { ["eth1"] = 5 } };
        Assert.Equal([2ul], Deleted(rules, [Item(1, ports: ["eth0", "eth1"]), Item(2, ports: "eth1"), Item(3)], State(now: 1000)));
    }

    [Fact]
    public void Somebody_else_filling_the_disk_takes_all_but_what_is_kept_and_held()
    {
        var rules = new RetentionRules { MinFreeBytes = 5000, KeepBytes = 250 };
        RetentionItem[] items = [.. Enumerable.Range(1, 10).Select(i => Item((ulong)i, held: i == 3))];
        RetentionDecision decision = RetentionPolicy.Decide(rules, items, State(free: 0));
        Assert.Equal([1ul, 2, 4, 5, 6, 7], decision.Delete.Select(v => v.Sequence));
        Assert.Contains("minFree", decision.Shortfall, StringComparison.Ordinal);
    }

    [Fact]
    public void The_rate_cuts_the_list_and_is_no_shortfall()
    {
        RetentionDecision decision = RetentionPolicy.Decide(new RetentionRules { MaxTotalBytes = 100 }, [Item(1), Item(2), Item(3), Item(4)], State(budget: 2));
        Assert.Equal([1ul, 2], decision.Delete.Select(v => v.Sequence));
        Assert.Null(decision.Shortfall);
    }

    [Fact]
    public void Whatever_the_figures_only_what_a_rule_names_goes_oldest_first()
    {
        Gen<RetentionItem[]> items = Gen.Select(Gen.Long[1, 100], Gen.Long[0, 100], Gen.Bool, Gen.Int[0, 7]).Array[0, 30].Select(all => all.Select(
            (x, i) => new RetentionItem((ulong)i + 1, x.Item1, x.Item2, [.. s_ports.Where((_, p) => (x.Item4 & (1 << p)) != 0)], x.Item3)).ToArray());
        Gen<RetentionRules> rules = Gen.Select(Gen.Long[0, 1500], Gen.Int[0, 30], Gen.Long[0, 1500], Gen.Long[0, 60], Gen.Long[0, 400], Gen.Long[0, 60]).Select(x => new RetentionRules
        {
            MinFreeBytes = x.Item1,
            MinFreePercent = x.Item2,
            MaxTotalBytes = x.Item3,
            MaxAgeNs = x.Item4,
            KeepBytes = x.Item5,
            PortMaxAgeNs = x.Item6 == 0 ? new Dictionary<string, long>() : new Dictionary<string, long> { ["eth1"] = x.Item6 },
        });
        Gen.Select(items, rules, Gen.Select(Gen.Long[0, 3000], Gen.Long[0, 500], Gen.Long[0, 150], Gen.Int[0, 12])).ForAll((all, rule, figures) =>
        {
            var state = new RetentionState { FreeBytes = figures.Item1, DiskBytes = 5000, OpenBytes = figures.Item2, NowNs = figures.Item3, Budget = figures.Item4 };
            CheckDecision(rule, all, state, RetentionPolicy.Decide(rule, all, state));
        });
    }

    /// <summary>An own reading of the rules, one deletion after the other.</summary>
    private static void CheckDecision(RetentionRules rules, RetentionItem[] items, RetentionState state, RetentionDecision decision)
    {
        Assert.True(decision.Delete.Count <= state.Budget);
        Assert.Equal(decision.Delete.Select(v => v.Sequence).Order().Distinct(), decision.Delete.Select(v => v.Sequence));
        long total = state.OpenBytes + items.Sum(i => i.Bytes), free = state.FreeBytes;
        long newer = items.Sum(i => i.Bytes);
        int next = 0;
        foreach (RetentionItem item in items)
        {
            newer -= item.Bytes;
            bool isKept = rules.KeepBytes > 0 && newer < rules.KeepBytes;
            bool tooMuch = rules.MaxTotalBytes > 0 && total > rules.MaxTotalBytes;
            bool tooFull = free < Math.Max(rules.MinFreeBytes, 50L * rules.MinFreePercent);
            long[] limits = item.Ports.Count == 0 ? [rules.MaxAgeNs] : [.. item.Ports.Select(p => rules.PortMaxAgeNs.GetValueOrDefault(p, rules.MaxAgeNs))];
            bool tooOld = limits.All(ns => ns > 0 && state.NowNs - item.StoredAtNs > ns);
            bool goes = next < decision.Delete.Count && decision.Delete[next].Sequence == item.Sequence;
            bool should = !item.IsHeld && !isKept && (tooMuch || tooFull || tooOld) && next < state.Budget;
            Assert.Equal(should, goes);
            if (!goes)
                continue;
            Assert.StartsWith(tooMuch ? "maxTotal" : tooFull ? "minFree" : "maxAge", decision.Delete[next++].Reason, StringComparison.Ordinal);
            total -= item.Bytes;
            free += item.Bytes;
        }

        Assert.Equal(decision.Delete.Count, next);
    }
}
