// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Xunit;

namespace Capbox.Tests;

/// <summary>What mode trigger keeps, lets go and writes: arithmetic, by a clock that the test moves.</summary>
public class CaptureKeepPolicyTests
{
    private const long Ms = 1_000_000, Second = 1000 * Ms;
    private const int HandoverMs = 100;

    private readonly TriggerGate _gate = new();

    private PreTriggerPolicy New(int blocks = 16, int beforeSeconds = 10)
    {
        var policy = new PreTriggerPolicy(_gate, blocks, TimeSpan.FromSeconds(beforeSeconds), HandoverMs);
        policy.Start(0);
        return policy;
    }

    private static void Notice(PreTriggerPolicy policy, long nowNs, uint lost = 0)
    {
        ChunkRecord losses = default;
        losses.LostRing = lost;
        policy.Notice(nowNs, losses);
    }

    private static int LetGo(PreTriggerPolicy policy, long nowNs)
    {
        int count = 0;
        for (; policy.MustDiscard(nowNs); count++)
            policy.Discard();
        return count;
    }

    private static int TakeAll(PreTriggerPolicy policy)
    {
        int count = 0;
        for (; policy.MayWrite; count++)
        {
            ChunkRecord record = default;
            policy.Dequeue(ref record);
        }

        return count;
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(4, 1)]
    [InlineData(16, 10)]
    [InlineData(64, 46)]
    [InlineData(1024, 766)]
    public void The_kernel_always_has_a_quarter_of_the_ring_and_two_blocks(int blocks, int mostKept) => Assert.Equal(mostKept, PreTriggerPolicy.MostRetained(blocks));

    [Theory]
    [InlineData(100, 64, 1, 100)]
    [InlineData(100, 64, 30, 667)]
    [InlineData(1000, 64, 30, 1000)]
    [InlineData(100, 3, 5, 5000)]
    [InlineData(100, 3, 60, 10000)]
    public void A_trickle_does_not_use_up_the_ring_before_the_time_is_over(int configuredMs, int blocks, int beforeSeconds, int expectedMs)
    {
        TimeSpan before = TimeSpan.FromSeconds(beforeSeconds);
        Assert.Equal(expectedMs, PreTriggerPolicy.HandoverMs(configuredMs, blocks, before));
    }

    [Fact]
    public void Blocks_older_than_asked_for_are_let_go_oldest_first()
    {
        PreTriggerPolicy policy = New();
        for (int i = 0; i < 5; i++)
            Notice(policy, i * Second);
        Assert.Equal(0, LetGo(policy, 10 * Second));
        Assert.Equal(0, policy.HeldSinceNs);
        Assert.Equal(2, LetGo(policy, (11 * Second) + 1));
        Assert.Equal(1 * Second, policy.HeldSinceNs);
        Assert.Equal(3, policy.Retained);
        Assert.False(policy.MayWrite);
    }

    [Fact]
    public void A_full_ring_gives_back_what_the_kernel_needs_and_says_how_far_back_it_reaches()
    {
        PreTriggerPolicy policy = New(blocks: 8);
        for (int i = 1; i <= 20; i++)
        {
            Notice(policy, i * Ms);
            LetGo(policy, i * Ms);
            Assert.InRange(policy.Retained, 1, 4);
        }

        Assert.Equal(4, policy.Retained);
        Assert.Equal(16 * Ms, policy.HeldSinceNs);
    }

    [Fact]
    public void A_trigger_writes_what_is_young_enough_and_then_all_up_to_the_block_that_was_being_filled_at_its_end()
    {
        PreTriggerPolicy policy = New(blocks: 64);
        for (int i = 0; i < 15; i++)
            Notice(policy, i * Second);
        _gate.Current = new GateWindow(1, 14 * Second, 16 * Second);
        Assert.False(policy.Decide((14 * Second) + Ms));
        Assert.Equal(4, LetGo(policy, (14 * Second) + Ms)); // 0 to 3 s: older than 14 - 10
        Assert.Equal(11, TakeAll(policy));
        Notice(policy, 15 * Second);
        Assert.False(policy.Decide(15 * Second));
        Assert.Equal(1, TakeAll(policy));
        // Two that were handed over before the end but are seen after it, and the one the kernel fills now: all of them.
        Notice(policy, (16 * Second) + (6 * Ms));
        Notice(policy, (16 * Second) + (6 * Ms));
        Assert.False(policy.Decide((16 * Second) + (6 * Ms)));
        Assert.Equal(2, TakeAll(policy));
        Assert.False(policy.Decide((16 * Second) + (7 * Ms)));
        Notice(policy, (16 * Second) + (50 * Ms));
        Assert.False(policy.Decide((16 * Second) + (50 * Ms)));
        Assert.True(policy.MayWrite);
        ChunkRecord record = default;
        policy.Dequeue(ref record);
        Assert.True(policy.Decide((16 * Second) + (51 * Ms)));
        Notice(policy, (16 * Second) + (60 * Ms));
        Assert.False(policy.MayWrite);
        Assert.Equal(1, policy.Retained);
    }

    [Fact]
    public void A_window_on_an_idle_link_ends_when_no_block_can_come_any_more()
    {
        PreTriggerPolicy policy = New();
        _gate.Current = new GateWindow(1, 5 * Second, 6 * Second);
        Assert.False(policy.Decide(5 * Second));
        Assert.True(policy.IsWriting);
        Assert.False(policy.Decide(6 * Second)); // stamps are taken before packets arrive in blocks
        Assert.False(policy.Decide((6 * Second) + (10 * Ms)));
        Assert.False(policy.Decide((6 * Second) + (200 * Ms)));
        Assert.True(policy.IsWriting);
        Assert.True(policy.Decide((6 * Second) + (270 * Ms)));
        Assert.False(policy.IsWriting);
        Assert.False(policy.Decide(7 * Second));
    }

    [Fact]
    public void A_trigger_in_a_window_prolongs_it_even_after_its_end_while_blocks_wait_for_the_disk()
    {
        PreTriggerPolicy policy = New(blocks: 64);
        Notice(policy, 1 * Second);
        _gate.Current = new GateWindow(1, 2 * Second, 3 * Second);
        policy.Decide(2 * Second);
        policy.Decide(4 * Second); // ends, but the disk takes nothing
        Assert.True(policy.IsWriting);
        _gate.Current = new GateWindow(2, 2 * Second, 30 * Second);
        policy.Decide(29 * Second);
        Assert.Equal(0, LetGo(policy, 29 * Second)); // 28 s old, and still part of the window
        for (int i = 0; i < 5; i++)
            Notice(policy, 29 * Second);
        Assert.False(policy.Decide(29 * Second));
        Assert.Equal(6, TakeAll(policy));
        Assert.True(policy.IsWriting);
    }

    [Fact]
    public void A_window_that_is_over_before_the_ring_looks_is_written_all_the_same()
    {
        PreTriggerPolicy policy = New();
        Notice(policy, 1 * Second);
        _gate.Current = new GateWindow(1, 2 * Second, 2 * Second);
        Assert.False(policy.Decide(3 * Second));
        Assert.Equal(1, TakeAll(policy));
        Assert.Equal(1, policy.SeenVersion);
        Assert.True(policy.Decide(4 * Second));
    }

    [Fact]
    public void Losses_go_with_the_block_after_them()
    {
        PreTriggerPolicy policy = New();
        Notice(policy, 1 * Second, lost: 100);
        Notice(policy, 20 * Second, lost: 3);
        Assert.Equal(1, LetGo(policy, 20 * Second));
        _gate.Current = new GateWindow(1, 20 * Second, 21 * Second);
        policy.Decide(20 * Second);
        ChunkRecord record = default;
        record.LostRing = 1;
        policy.Dequeue(ref record);
        Assert.Equal(4ul, record.LostRing);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_stop_writes_all_inside_a_window_and_lets_all_go_outside(bool inside)
    {
        PreTriggerPolicy policy = New();
        if (inside)
            _gate.Current = new GateWindow(1, 1 * Second, 5 * Second);
        policy.Decide(1 * Second);
        policy.Drain();
        for (int i = 0; i < 3; i++)
            Notice(policy, 30 * Second);
        Assert.False(policy.Decide(30 * Second));
        Assert.Equal(inside ? 0 : 3, LetGo(policy, 30 * Second));
        Assert.Equal(inside ? 3 : 0, TakeAll(policy));
    }

    /// <summary>
    /// A ring, a clock, a disk that stops now and then, triggers at any time. Whatever happens: blocks leave in order, the kernel gets its reserve outside of windows, and every block
    /// handed over between what a trigger claims to reach back to and its window's end is written.
    /// </summary>
    [Fact]
    public void Whatever_happens_a_window_holds_what_its_trigger_claimed()
    {
        Random random = Seed.Random(1);
        for (int round = 0; round < Seed.Cases(60, 300); round++)
            Simulate(random, round);
    }

    private static void Simulate(Random random, int round)
    {
        int blocks = random.Next(3, 40);
        long beforeNs = random.Next(1, 200) * Ms;
        var gate = new TriggerGate();
        var policy = new PreTriggerPolicy(gate, blocks, TimeSpan.FromMilliseconds(beforeNs / (double)Ms), handoverMs: 5);
        policy.Start(0);
        var waiting = new Queue<long>(); // the ring, as handed over
        var written = new HashSet<long>();
        var all = new List<long>();
        var claims = new List<(long FromNs, long ToNs)>();
        long now = 0, version = 0;
        bool diskWorks = true;
        for (int step = 0; step < 600; step++)
        {
            now += random.Next(1, 3) * Ms;
            if (random.Next(20) == 0)
                diskWorks = !diskWorks;
            for (int burst = random.Next(4); burst > 0 && policy.CanNotice; burst--)
            {
                now += 1;
                Notice(policy, now);
                waiting.Enqueue(now);
                all.Add(now);
            }

            bool isTrigger = random.Next(60) == 0;
            if (isTrigger)
            {
                GateWindow? open = gate.Current;
                gate.Current = new GateWindow(++version, open?.TriggeredNs ?? now, Math.Max(now + (random.Next(30) * Ms), open?.UntilNs ?? 0));
            }

            policy.Decide(now);
            if (isTrigger)
                claims.Add((Math.Max(policy.HeldSinceNs, now - beforeNs), gate.Current!.UntilNs));
            for (; policy.MustDiscard(now); policy.Discard())
                waiting.Dequeue();
            while (diskWorks && policy.MayWrite)
            {
                ChunkRecord record = default;
                policy.Dequeue(ref record);
                written.Add(waiting.Dequeue());
            }

            Assert.Equal(waiting.Count, policy.Retained);
            Assert.True(policy.IsWriting || policy.Retained <= PreTriggerPolicy.MostRetained(blocks), $"round {round}: the kernel has too little");
            if (gate.Current is { } window && now >= window.UntilNs && !policy.IsWriting)
                gate.Current = null;
        }

        foreach ((long fromNs, long toNs) in claims)
        {
            foreach (long block in all.Where(b => b > fromNs && b <= toNs && !waiting.Contains(b)))
                Assert.True(written.Contains(block), $"round {round}: block of {block} is not written, claimed {fromNs} to {toNs}");
        }
    }
}
