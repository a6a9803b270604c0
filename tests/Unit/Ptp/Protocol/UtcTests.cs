// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Xunit;

namespace Capbox.Ptp.Tests.Protocol;

/// <summary>TAI - UTC from what grandmasters say, over leap seconds both ways.</summary>
public sealed class UtcTests
{
    private const long Second = 1_000_000_000;

    // 2017-01-01T00:00:00Z.
    private const long Midnight2017 = 1_483_228_800;

    private static readonly TimeProperties s_valid = new(Timescale.Ptp, 37, true, false, false, true, true, 0x20);

    [Fact]
    public void The_leap_second_of_2016_12_31_is_inserted_when_it_was()
    {
        var utc = new UtcTracker(UtcPolicy.RequireValid);
        TimeProperties announced = s_valid with { CurrentUtcOffsetSeconds = 36, Leap61 = true };
        utc.Announced(announced, new((Midnight2017 - 3600 + 36) * Second));
        Assert.Equal(1, utc.PendingLeap);
        // The start of 23:59:60 UTC is TAI 2017-01-01T00:00:36.
        Assert.Equal(new TaiTime((Midnight2017 + 36) * Second), utc.LeapAt);
        AssertOffsets(utc);
        // The flag and the old offset stay up for two more announces, then the new one comes.
        foreach (int late in (int[])[0, 2, 4])
        {
            utc.Announced(announced, new((Midnight2017 + 36 + late) * Second));
            Assert.Equal(0, utc.PendingLeap);
            AssertOffsets(utc);
        }

        utc.Announced(s_valid, new((Midnight2017 + 42) * Second));
        AssertOffsets(utc);
        Assert.Equal(UtcKnowledge.Valid, utc.Knowledge);

        static void AssertOffsets(UtcTracker utc)
        {
            // UTC seconds as POSIX counts them around the leap: 23:59:59 is shown twice.
            long[] shown = [.. Enumerable.Range(34, 5).Select(tai => Utc(utc, Midnight2017 + tai) - Midnight2017)];
            Assert.Equal([-2, -1, -1, 0, 1], shown);
            Assert.False(utc.IsInsertedSecond(new(((Midnight2017 + 36) * Second) - 1)));
            Assert.True(utc.IsInsertedSecond(new((Midnight2017 + 36) * Second)));
            Assert.True(utc.IsInsertedSecond(new(((Midnight2017 + 37) * Second) - 1)));
            Assert.False(utc.IsInsertedSecond(new((Midnight2017 + 37) * Second)));
        }
    }

    [Fact]
    public void A_second_is_left_out_in_a_made_up_negative_leap()
    {
        // 2029-06-30, the month's last day; midnight after it is 2029-07-01T00:00:00Z.
        long midnight = (long)(new DateTime(2029, 7, 1, 0, 0, 0, DateTimeKind.Utc) - DateTime.UnixEpoch).TotalSeconds;
        var utc = new UtcTracker(UtcPolicy.RequireValid);
        utc.Announced(s_valid with { Leap59 = true }, new((midnight - 43_000 + 37) * Second));
        Assert.Equal(-1, utc.PendingLeap);
        long[] shown = [.. Enumerable.Range(34, 4).Select(tai => Utc(utc, midnight + tai) - midnight)];
        // 23:59:57, 23:59:58, 00:00:00: 23:59:59 does not exist.
        Assert.Equal([-3, -2, 0, 1], shown);
        utc.Advance(new((midnight + 36) * Second));
        Assert.Equal(0, utc.PendingLeap);
        Assert.False(utc.IsInsertedSecond(new((midnight + 36) * Second)));
        utc.Announced(s_valid with { CurrentUtcOffsetSeconds = 36 }, new((midnight + 40) * Second));
        Assert.True(utc.TryGetOffset(new((midnight + 40) * Second), out UtcOffset offset));
        Assert.Equal(36, offset.Seconds);
    }

    [Fact]
    public void A_new_offset_that_comes_a_little_early_does_not_bring_the_leap_forward()
    {
        var utc = new UtcTracker(UtcPolicy.RequireValid);
        utc.Announced(s_valid with { CurrentUtcOffsetSeconds = 36, Leap61 = true }, new((Midnight2017 - 3600) * Second));
        utc.Announced(s_valid, new((Midnight2017 + 36 - 2) * Second));
        Assert.Equal(Midnight2017 - 1, Utc(utc, Midnight2017 + 35));
        Assert.Equal(Midnight2017 - 1, Utc(utc, Midnight2017 + 36));
        Assert.Equal(Midnight2017, Utc(utc, Midnight2017 + 37));
    }

    [Fact]
    public void Flags_on_any_other_day_or_both_at_once_do_nothing()
    {
        var utc = new UtcTracker(UtcPolicy.RequireValid);
        utc.Announced(s_valid with { Leap61 = true }, new((Midnight2017 + 40_000) * Second));
        utc.Announced(s_valid with { Leap61 = true, Leap59 = true }, new((Midnight2017 - 3600) * Second));
        Assert.Equal((0, 2), (utc.PendingLeap, utc.Rejected));
    }

    [Fact]
    public void A_leap_that_is_withdrawn_in_time_does_not_come()
    {
        var utc = new UtcTracker(UtcPolicy.RequireValid);
        utc.Announced(s_valid with { CurrentUtcOffsetSeconds = 36, Leap61 = true }, new((Midnight2017 - 7200) * Second));
        utc.Announced(s_valid with { CurrentUtcOffsetSeconds = 36 }, new((Midnight2017 - 3600) * Second));
        Assert.Equal(0, utc.PendingLeap);
        Assert.Equal(Midnight2017 + 2, Utc(utc, Midnight2017 + 38));
    }

    [Fact]
    public void A_leap_that_was_announced_comes_even_if_the_reference_is_gone_by_then()
    {
        var utc = new UtcTracker(UtcPolicy.RequireValid);
        utc.Announced(s_valid with { CurrentUtcOffsetSeconds = 36, Leap61 = true }, new((Midnight2017 - 7200) * Second));
        utc.ReferenceLost();
        Assert.Equal(UtcKnowledge.Kept, utc.Knowledge);
        utc.Advance(new((Midnight2017 + 50) * Second));
        Assert.Equal(Midnight2017 + 13, Utc(utc, Midnight2017 + 50));
    }

    [Theory]
    [InlineData(UtcPolicy.RequireValid, 37, UtcKnowledge.None)]
    [InlineData(UtcPolicy.TrustUnflagged, 37, UtcKnowledge.Unflagged)]
    [InlineData(UtcPolicy.TrustUnflagged, 0, UtcKnowledge.None)]
    [InlineData(UtcPolicy.TrustUnflagged, 9, UtcKnowledge.None)]
    [InlineData(UtcPolicy.TrustUnflagged, 101, UtcKnowledge.None)]
    [InlineData(UtcPolicy.TrustUnflagged, -37, UtcKnowledge.None)]
    public void An_offset_nobody_vouches_for_is_a_matter_of_policy(UtcPolicy policy, int seconds, UtcKnowledge expected)
    {
        var utc = new UtcTracker(policy);
        utc.Announced(s_valid with { IsUtcOffsetValid = false, CurrentUtcOffsetSeconds = seconds }, new(Midnight2017 * Second));
        Assert.Equal(expected, utc.Knowledge);
        Assert.Equal(expected != UtcKnowledge.None, utc.TryGetOffset(new(Midnight2017 * Second), out _));
    }

    [Fact]
    public void An_offset_that_is_not_vouched_for_any_more_is_kept_and_said_to_be()
    {
        var utc = new UtcTracker(UtcPolicy.RequireValid);
        utc.Announced(s_valid, new((Midnight2017 + 1000) * Second));
        utc.Announced(s_valid with { IsUtcOffsetValid = false, CurrentUtcOffsetSeconds = 0 }, new((Midnight2017 + 1001) * Second));
        Assert.Equal(UtcKnowledge.Kept, utc.Knowledge);
        Assert.True(utc.TryGetOffset(new((Midnight2017 + 1001) * Second), out UtcOffset offset) && offset.Seconds == 37);
        utc.Announced(s_valid with { Timescale = Timescale.Arbitrary }, new(0));
        Assert.Equal(UtcKnowledge.None, utc.Knowledge);
    }

    [Fact]
    public void The_engine_tells_of_the_leap_before_and_when_it_comes()
    {
        // Ten seconds before 23:59:60.
        var bench = new EngineBench();
        bench.TaiAtStart = ((Midnight2017 + 36 - 10) * Second) - bench.NowNs;
        FakeMaster master = bench.Add(1);
        (master.UtcOffset, master.Flags) = (36, master.Flags | MessageFlags.Leap61);
        bench.Run(13);
        (master.UtcOffset, master.Flags) = (37, master.Flags & ~MessageFlags.Leap61);
        bench.Run(7);
        EngineEvent announced = Assert.Single(bench.Output.Of(EventKind.LeapAnnounced));
        Assert.Equal((1, Midnight2017 + 36), (announced.Before, announced.After));
        Assert.Equal([(0L, 36L), (36L, 37L)], bench.Output.Of(EventKind.UtcOffsetChanged).Select(e => (e.Before, e.After)));
        // The leap is told with the first Sync after it.
        long leap = announced.After * Second;
        Assert.InRange(bench.TaiAtStart + bench.Output.Of(EventKind.UtcOffsetChanged)[1].NowNs - leap, 0, Second);
        Assert.Empty(bench.Output.Of(EventKind.LeapWithdrawn));
    }

    [Fact]
    public void The_engine_tells_when_the_reference_does_not_vouch_for_utc()
    {
        var bench = new EngineBench();
        FakeMaster master = bench.Add(1);
        bench.Run(4);
        Assert.Equal(UtcKnowledge.Valid, bench.Engine.Utc.Knowledge);
        master.Flags &= ~MessageFlags.CurrentUtcOffsetValid;
        bench.Run(2);
        Assert.Equal(UtcKnowledge.Kept, bench.Engine.Utc.Knowledge);
        Assert.Equal([(0L, 1L), (1L, 0L)], bench.Output.Of(EventKind.UtcValidityChanged).Select(e => (e.Before, e.After)));
    }

    private static long Utc(UtcTracker utc, long taiSeconds)
    {
        Assert.True(utc.TryGetOffset(new(taiSeconds * Second), out UtcOffset offset));
        return new TaiTime(taiSeconds * Second).ToUtc(offset).Nanoseconds / Second;
    }
}
