// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Servo;
using CsCheck;
using Xunit;

namespace Capbox.Ptp.Tests;

/// <summary>The closed forms and the bookkeeping that the estimator stands on.</summary>
public sealed class EstimationPartsTests
{
    [Fact]
    public void A_window_knows_the_order_of_its_last_values()
    {
        Gen.Select(Gen.Int[1, 12], Gen.Int[-4, 4].Array[0, 60]).ForAll((capacity, values) =>
        {
            OrderWindow window = new(capacity);
            for (int i = 0; i < values.Length; i++)
            {
                window.Add(values[i]);
                int[] last = [.. values[Math.Max(0, i + 1 - capacity)..(i + 1)].Order()];
                Assert.Equal((last.Length, last[0], (last[(last.Length - 1) / 2] + last[last.Length / 2]) / 2.0), (window.Count, window.Lowest, window.Median));
                if (values[i] == 4)
                {
                    window.Clear();
                    values = values[(i + 1)..];
                    i = -1;
                    Assert.False(window.IsFull);
                }
            }
        });
    }

    [Theory]
    [InlineData(-200)]
    [InlineData(-30.1)]
    [InlineData(-29.9)]
    [InlineData(-8.1)]
    [InlineData(-7.9)]
    [InlineData(-3.01)]
    [InlineData(-2.99)]
    [InlineData(-0.5)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5.9)]
    [InlineData(6.1)]
    public void The_cut_normal_matches_numeric_integration(double a)
    {
        // Weights relative to exp(-a^2/2), so that deep cuts do not underflow; Simpson over what is left.
        double lowest = Math.Max(-40, a < -3 ? 40 / a : -12 - a);
        const int Steps = 200_000;
        double mass = 0, mean = 0, square = 0;
        for (int i = 0; i <= Steps; i++)
        {
            double u = lowest * i / Steps;
            double x = a + u;
            double w = Math.Exp(-(a * u) - (u * u / 2)) * (i is 0 or Steps ? 1 : i % 2 == 1 ? 4 : 2);
            (mass, mean, square) = (mass + w, mean + (w * u), square + (w * u * u));
        }

        double variance = (square / mass) - (mean / mass * (mean / mass));
        double logMass = Math.Log(mass * -lowest / Steps / 3) - (a * a / 2) - (Math.Log(2 * Math.PI) / 2);
        TiltedNormal below = TiltedNormal.Below(a);
        Assert.Equal(a + (mean / mass), -below.Hazard, 1e-6 * Math.Max(1, Math.Abs(a)));
        Assert.InRange(below.Variance / variance, 0.998, 1.002);
        Assert.Equal(logMass, below.LogMass, 1e-4);
    }

    [Fact]
    public void Without_queueing_the_filter_is_a_least_squares_line()
    {
        // Known textbook case: equal noise, no wander, a wide start; after many samples the estimate is the regression's.
        PhaseFilter filter = new(0);
        filter.Start(0, 1e5, 0, 1e4, 0);
        Rng64 noise = new(7);
        double sumX = 0, sumY = 0, sumXx = 0, sumXy = 0;
        const int Count = 400;
        for (int i = 0; i < Count; i++)
        {
            if (i > 0)
                filter.Predict(1);
            double x = i - (Count - 1);
            double forward = 250 + (3 * x) + 5_000 + noise.Next();
            double reverse = -250 - (3 * x) + 5_000 + noise.Next();
            filter.Update(1, 0, forward, new(5, 0));
            filter.Update(-1, 0, reverse, new(5, 0));
            double y = (forward - reverse) / 2;
            (sumX, sumY, sumXx, sumXy) = (sumX + x, sumY + y, sumXx + (x * x), sumXy + (x * y));
        }

        double slope = ((Count * sumXy) - (sumX * sumY)) / ((Count * sumXx) - (sumX * sumX));
        double offset = (sumY - (slope * sumX)) / Count;
        // Not exactly: messages beyond three sigma weigh less, as possible strays. One sigma of the regression itself: 0.35 ns and 0.0015 ppb.
        Assert.Equal(offset, filter.OffsetNs, 0.35);
        Assert.Equal(slope, filter.FrequencyPpb, 0.0015);
        double expected = Math.Sqrt(4.0 / Count * 25 / 2);
        // A little wider than the regression, because any message may be a stray; never narrower.
        Assert.InRange(Math.Sqrt(filter.OffsetVariance) / expected, 1, 1.3);
    }

    [Fact]
    public void A_short_delay_moves_the_filter_far_and_a_long_one_hardly()
    {
        PhaseFilter early = Settled();
        PhaseFilter late = Settled();
        MessageNoise queue = new(5, 200);
        early.Update(1, 0, 5_000 - 60, queue);
        late.Update(1, 0, 5_000 + 700, queue);
        PhaseFilter latest = Settled();
        latest.Update(1, 0, 5_000 + 5_000, queue);
        Assert.True(early.OffsetNs < -10, $"{early.OffsetNs:F1}");
        // At most variance / queue = 900 / 200 ns.
        Assert.InRange(late.OffsetNs, 0, 4.5);
        Assert.True(latest.OffsetNs <= late.OffsetNs + 0.01, "the later, the stronger");
    }

    [Fact]
    public void Steering_is_undone_to_the_nanosecond()
    {
        const long Epoch = 1_800_000_000_000_000_000;
        SteeringHistory history = new();
        history.Start(new(Epoch), 20_000);
        double[] dials = [20_000, -5_000, 123.4, 50_000, 0];
        double phcNs = 0, oscillatorSeconds = 0, gainedNs = 0;
        for (int i = 0; i < dials.Length; i++)
        {
            if (i > 0)
                history.Set(new(Epoch + (long)phcNs), dials[i]);
            oscillatorSeconds += 3;
            phcNs += 3e9 * (1 + (dials[i] * 1e-9));
            gainedNs += 3 * dials[i];
            Assert.Equal(oscillatorSeconds, history.Undo(new(Epoch + (long)phcNs), out double sumNs), 2e-9);
            Assert.Equal(gainedNs, sumNs, 0.01);
        }

        // A message stamped before the last changes.
        Assert.Equal(4.0, history.Undo(new(Epoch + (long)((3e9 * (1 + 20e-6)) + (1e9 * (1 - 5e-6)))), out double earlierNs), 2e-9);
        Assert.Equal(60_000 - 5_000, earlierNs, 0.01);

        history.Step(new(Epoch + (long)phcNs), -7_000_000_000);
        Assert.Equal(oscillatorSeconds + 1, history.Undo(new(Epoch + (long)phcNs - 6_000_000_000), out double afterNs), 2e-9);
        Assert.Equal(gainedNs, afterNs, 0.01);
    }

    [Fact]
    public void More_changes_than_are_kept_lose_only_the_oldest()
    {
        SteeringHistory history = new();
        history.Start(new(0), 0);
        for (int i = 1; i <= 1_000; i++)
            history.Set(new(i * 1_000_000_000L), 1_000);
        Assert.Equal(1_000 * 999, history.Undo(new(1_000_000_000_000), out double sumNs) * 0 + sumNs, 2.0);
    }

    [Fact]
    public void A_quarter_of_the_first_messages_may_be_wrong()
    {
        Acquisition acquisition = new();
        Rng64 noise = new(8);
        bool enough = false;
        FirstEstimate first = default;
        for (int i = 0; !enough && i < 20; i++)
        {
            double wrong = i % 4 == 3 ? 40_000 : 0;
            enough = acquisition.Add(PathDirection.Forward, i, 1_000 + (30_000.0 * i) + 5_000 + wrong + noise.Next(), double.NaN, out first)
                || acquisition.Add(PathDirection.Reverse, i, -1_000 - (30_000.0 * i) + 5_000 + noise.Next(), double.NaN, out first);
        }

        Assert.True(enough);
        Assert.Equal(30_000, first.FrequencyPpb, 50.0);
        Assert.Equal(1_000 + (30_000 * first.Seconds), first.OffsetNs, 200.0);
        Assert.Equal(5_000, first.DelayNs, 200.0);
    }

    private static PhaseFilter Settled()
    {
        PhaseFilter filter = new(0.1);
        filter.Start(0, 30, 0, 1, 5_000);
        return filter;
    }

    // Gaussian noise of 5 ns.
    private sealed class Rng64(ulong seed)
    {
        private readonly Simulation.Rng _rng = new(seed);

        public double Next() => 5 * _rng.Normal();
    }
}
