using Capbox.Capture;
using Capbox.Pcapng;
using Capbox.Ptp;
using Capbox.Ptp.Clocks;
using Capbox.Timing;
using Xunit;

namespace Capbox.Tests;

/// <summary>The system clock behind a card's PHC, simulated: a second at a time, an oscillator that is off and wanders, readings with a width.</summary>
public class SystemFollowerTests
{
    private const long Tai = 37_000_000_000, Start = 1_795_000_000_000_000_000;
    private static readonly ClockClaim _card = new(ClockState.Locked, 200);

    /// <summary>Both clocks: the card's is right, the system's runs by its oscillator and its dial.</summary>
    private sealed class World(int seed, double oscillatorPpb, double initialNs, int readNs = 300) : IFollowingClock, IClock
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

        public void Pass()
        {
            _utc += 1_000_000_000;
            ErrorNs += _oscillatorPpb + FrequencyPpb;
            _oscillatorPpb += WanderPpb * (_random.NextDouble() - 0.5);
        }

        public void SetFrequency(double ppb) => FrequencyPpb = ppb;

        public void Step(long ns) => ErrorNs += ns;

        public void Declare(in SystemClockStatus status) => Told = status;

        public ClockReading Read(ReferenceClock reference)
        {
            int width = ++Reads % LongReadEvery == 0 ? 50 * readNs : readNs;
            long wrong = (long)((_random.NextDouble() - 0.5) * width);
            return new ClockReading(_utc + Tai, _utc + (long)ErrorNs + wrong, width, ReadMethod.Extended);
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
        var follower = new SystemFollower(world, world, 100_000);
        int locked = 0;
        for (int second = 0; second < 2000; second++)
        {
            ClockClaim claim = follower.Follow(_card, new UtcOffset(37));
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
        var follower = new SystemFollower(world, world, 100_000);
        double worst = 0;
        for (int second = 0; second < 2000; second++)
        {
            ClockClaim claim = follower.Follow(_card, new UtcOffset(37));
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
        var follower = new SystemFollower(world, world, 100_000);
        Assert.Equal(ClockClaim.None, follower.Follow(_card, null));
        Assert.Equal(ClockClaim.None, follower.Follow(ClockClaim.None, new UtcOffset(37)));
        Assert.Equal(ClockClaim.None, follower.Follow(new ClockClaim(ClockState.Acquiring, 500), new UtcOffset(37)));
        Assert.Equal((0, 0.0, 3_000_000.0), (world.Reads, world.FrequencyPpb, world.ErrorNs));
    }

    [Fact]
    public void Holdover_of_the_card_is_holdover_here_and_a_later_error_is_slewed_and_told()
    {
        var world = new World(5, 8_000, 0);
        var follower = new SystemFollower(world, world, 100_000);
        for (int second = 0; second < 60; second++)
        {
            follower.Follow(_card, new UtcOffset(37));
            world.Pass();
        }

        Assert.Equal(ClockState.Holdover, follower.Follow(new ClockClaim(ClockState.Holdover, 900), new UtcOffset(37)).State);
        world.Pass();
        // Somebody sets the clock by 5 ms.
        world.Step(5_000_000);
        ClockClaim claim = follower.Follow(_card, new UtcOffset(37));
        Assert.Equal(ClockState.Degraded, claim.State);
        Assert.InRange(claim.BoundNs, 5_000_000u, 20_000_000u);
        for (int second = 0; second < 300; second++)
        {
            world.Pass();
            claim = follower.Follow(_card, new UtcOffset(37));
            Assert.True(Math.Abs(world.ErrorNs) <= claim.BoundNs, $"second {second}: {world.ErrorNs} ns, bound {claim.BoundNs}");
        }

        Assert.Equal(0, follower.Steps);
        Assert.Equal(ClockState.Locked, claim.State);
    }
}
