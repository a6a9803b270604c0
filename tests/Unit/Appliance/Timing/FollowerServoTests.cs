// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Timing;
using Xunit;

namespace Capbox.Tests;

/// <summary>The system clock behind a card's PHC, simulated: a second at a time, an oscillator that is off and wanders, readings with a width.</summary>
public class FollowerServoTests
{
    private const long Tai = 37_000_000_000, Start = 1_795_000_000_000_000_000;
    private static readonly UtcForecast _utc = new(new(37));
    private static readonly TimeQuality _card = new(ClockState.Locked, 200);

    /// <summary>Both clocks: the card's is right, the system's runs by its oscillator and its dial.</summary>
    private sealed class World(int seed, double oscillatorPpb, double initialNs, int readNs = 300) : IFollowerClock
    {
        private readonly Random _random = new(seed);
        private double _oscillatorPpb = oscillatorPpb;
        private long _utc = Start;

        /// <summary>System clock minus UTC, truly.</summary>
        public double ErrorNs { get; private set; } = initialNs;
        public double WanderPpb { get; init; }
        public int LongReadEvery { get; init; } = int.MaxValue;
        public int Reads { get; private set; }
        public double FrequencyPpb { get; private set; }
        public double MaxFrequencyPpb => 500_000;
        public SystemClockStatus Told { get; private set; }
        public string Name => "simulated";

        /// <summary>The second look after the leap second of this forecast comes while the kernel has not made it yet: it does with its next tick.</summary>
        public UtcForecast Leap { get; set; } = new(new(37));

        /// <summary>Offset that a forecast has to be made with now.</summary>
        public UtcForecast Now => NowTai < Leap.LeapAt ? Leap : new(Leap.At(NowTai));

        private TaiTime NowTai => new(_utc + Tai);

        public void Pass()
        {
            bool wasBefore = NowTai < Leap.LeapAt;
            _utc += 1_000_000_000;
            if (wasBefore && NowTai >= Leap.LeapAt && Told.Leap != (Leap.Leap > 0 ? LeapSecond.Insert : LeapSecond.Delete))
                ErrorNs += Leap.Leap * 1e9;
            ErrorNs += _oscillatorPpb + FrequencyPpb;
            _oscillatorPpb += WanderPpb * (_random.NextDouble() - 0.5);
        }

        public void SetFrequency(double ppb) => FrequencyPpb = ppb;

        public void Step(long ns) => ErrorNs += ns;

        public void Declare(in SystemClockStatus status) => Told = status;

        public Comparison Compare(in UtcForecast utc)
        {
            int width = ++Reads % LongReadEvery == 0 ? 50 * readNs : readNs;
            long wrong = (long)((_random.NextDouble() - 0.5) * width);
            bool isLeapToCome = Leap.Leap != 0 && NowTai.Nanoseconds - Leap.LeapAt.Nanoseconds is >= 0 and < 4_000_000;
            return new(NowTai, (long)ErrorNs + wrong + (isLeapToCome ? Leap.Leap * 1_000_000_000L : 0), (width / 2) + 1);
        }

        public void Dispose()
        {
        }
    }

    [Theory]
    [InlineData(1, 12_000, 2_500_000)]
    [InlineData(2, -47_000, -3)]
    [InlineData(3, 300, 900_000_000_000)]
    public void It_follows_within_what_it_says(int seed, double oscillatorPpb, double initialNs)
    {
        var world = new World(seed, oscillatorPpb, initialNs) { WanderPpb = 20 };
        var follower = new FollowerServo(world, 100_000);
        int locked = 0;
        for (int second = 0; second < 2000; second++)
        {
            TimeQuality claim = follower.Follow(_card, _utc);
            world.Pass();
            // The whole second until the next look is stamped under this claim.
            if (second > 60)
            {
                Assert.True(Math.Abs(world.ErrorNs) <= claim.BoundNs, $"second {second}: {world.ErrorNs} ns, bound {claim.BoundNs}");
                Assert.True(Math.Abs(world.ErrorNs) < 1_000, $"second {second}: {world.ErrorNs} ns");
            }

            locked += claim.State == ClockState.Locked ? 1 : 0;
        }

        Assert.InRange(locked, 1_900, 2_000);
        Assert.Equal(Math.Abs(initialNs) > 20_000 ? 1 : 0, follower.Steps);
        Assert.Equal((true, 37), (world.Told.IsSynchronised, world.Told.TaiOffset?.Seconds));
    }

    [Fact]
    public void A_wide_reading_is_told_and_the_clock_is_back_soon()
    {
        var world = new World(7, 5_000, 0) { LongReadEvery = 100 };
        var follower = new FollowerServo(world, 100_000);
        double worst = 0;
        for (int second = 0; second < 2000; second++)
        {
            TimeQuality claim = follower.Follow(_card, _utc);
            world.Pass();
            if (second > 60)
            {
                worst = Math.Max(worst, Math.Abs(world.ErrorNs));
                Assert.True(Math.Abs(world.ErrorNs) <= claim.BoundNs, $"second {second}: {world.ErrorNs} ns, bound {claim.BoundNs}");
            }
        }

        Assert.InRange(worst, 0, 15_000);
    }

    [Fact]
    public void Without_a_card_to_believe_or_a_difference_to_UTC_nothing_is_claimed_and_nothing_touched()
    {
        var world = new World(1, 5_000, 3_000_000);
        var follower = new FollowerServo(world, 100_000);
        Assert.Equal(TimeQuality.None, follower.Follow(_card, null));
        Assert.Equal(TimeQuality.None, follower.Follow(TimeQuality.None, _utc));
        Assert.Equal(TimeQuality.None, follower.Follow(new TimeQuality(ClockState.Acquiring, 500), _utc));
        Assert.Equal((0, 0.0, 3_000_000.0), (world.Reads, world.FrequencyPpb, world.ErrorNs));
    }

    [Fact]
    public void Holdover_of_the_card_is_holdover_here_and_a_later_error_is_slewed_and_told()
    {
        var world = new World(5, 8_000, 0);
        var follower = new FollowerServo(world, 100_000);
        for (int second = 0; second < 60; second++)
        {
            follower.Follow(_card, _utc);
            world.Pass();
        }

        Assert.Equal(ClockState.Holdover, follower.Follow(new TimeQuality(ClockState.Holdover, 900), _utc).State);
        world.Pass();
        // Somebody sets the clock by 5 ms.
        world.Step(5_000_000);
        TimeQuality claim = follower.Follow(_card, _utc);
        Assert.Equal(ClockState.Degraded, claim.State);
        Assert.InRange(claim.BoundNs, 5_000_000u, 20_000_000u);
        for (int second = 0; second < 300; second++)
        {
            world.Pass();
            claim = follower.Follow(_card, _utc);
            Assert.True(Math.Abs(world.ErrorNs) <= claim.BoundNs, $"second {second}: {world.ErrorNs} ns, bound {claim.BoundNs}");
        }

        Assert.Equal(0, follower.Steps);
        Assert.Equal(ClockState.Locked, claim.State);
    }

    [Theory]
    [InlineData(2, 0)]
    [InlineData(10, 140)]
    public void A_step_that_is_put_right_within_two_looks_moves_nothing_and_one_that_is_not_moves_the_dial_no_further_than_slewing(int wrongLooks, int mostPpm)
    {
        var world = new World(6, 8_000, 0);
        var follower = new FollowerServo(world, 100_000);
        for (int second = 0; second < 60; second++)
        {
            follower.Follow(_card, _utc);
            world.Pass();
        }

        double dial = world.FrequencyPpb;
        world.Step(1_000_000_000);
        for (int look = 0; look < wrongLooks; look++)
        {
            TimeQuality claim = follower.Follow(_card, _utc);
            Assert.Equal(ClockState.Degraded, claim.State);
            Assert.True(Math.Abs(world.ErrorNs) <= claim.BoundNs, $"look {look}: {world.ErrorNs} ns, bound {claim.BoundNs}");
            Assert.InRange(Math.Abs(world.FrequencyPpb - dial), 0, mostPpm * 1_000);
            world.Pass();
        }

        world.Step(-1_000_000_000);
        for (int second = 0; second < 120; second++)
        {
            TimeQuality claim = follower.Follow(_card, _utc);
            Assert.True(Math.Abs(world.ErrorNs) <= claim.BoundNs, $"second {second}: {world.ErrorNs} ns, bound {claim.BoundNs}");
            world.Pass();
        }

        Assert.InRange(Math.Abs(world.ErrorNs), 0, 1_000);
    }

    [Fact]
    public void An_oscillator_beyond_the_slewing_is_learnt()
    {
        var world = new World(4, 250_000, 0);
        var follower = new FollowerServo(world, 100_000);
        for (int second = 0; second < 200; second++)
        {
            follower.Follow(_card, _utc);
            world.Pass();
        }

        Assert.InRange(Math.Abs(world.ErrorNs), 0, 1_000);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void A_leap_second_is_the_kernels_and_nothing_is_steered_by_it(int leap)
    {
        var world = new World(8, 5_000, 0) { Leap = new(new(37), leap, new(Start + Tai + (100 * 1_000_000_000L) - 2_000_000)) };
        var follower = new FollowerServo(world, 100_000);
        int degraded = 0;
        for (int second = 0; second < 200; second++)
        {
            double dial = world.FrequencyPpb;
            TimeQuality claim = follower.Follow(_card, world.Now);
            Assert.Equal(second < 99 ? (leap > 0 ? LeapSecond.Insert : LeapSecond.Delete) : second > 101 ? LeapSecond.None : world.Told.Leap, world.Told.Leap);
            if (second is 99 or 100 or 101)
                Assert.Equal(dial, world.FrequencyPpb);
            degraded += claim.State == ClockState.Degraded ? 1 : 0;
            world.Pass();
            if (second > 60)
                Assert.True(Math.Abs(world.ErrorNs) <= claim.BoundNs, $"second {second}: {world.ErrorNs} ns, bound {claim.BoundNs}");
        }

        Assert.Equal((0, 37 + leap), (follower.Steps, world.Told.TaiOffset?.Seconds));
        Assert.InRange(degraded, 1, 3);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void A_leap_second_that_the_kernel_did_not_make_is_made_by_a_step_and_told(int leap)
    {
        var world = new World(9, 5_000, 0) { Leap = new(new(37), leap, new(Start + Tai + (100 * 1_000_000_000L) - 2_000_000)) };
        var follower = new FollowerServo(world, 100_000);
        for (int second = 0; second < 200; second++)
        {
            TimeQuality claim = follower.Follow(_card, world.Now);
            world.Declare(world.Told with { Leap = LeapSecond.None }); // somebody else calls it off each time
            world.Pass();
            if (second > 60)
                Assert.True(Math.Abs(world.ErrorNs) <= claim.BoundNs, $"second {second}: {world.ErrorNs} ns, bound {claim.BoundNs}");
        }

        Assert.Equal(1, follower.Steps);
        Assert.InRange(world.ErrorNs, -1_000, 1_000);
    }
}
