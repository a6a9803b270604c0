// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Servo;
using Xunit;

namespace Capbox.Ptp.Tests;

/// <summary>Steering, quality and raw clock check as pure functions.</summary>
public sealed class PolicyTests
{
    private static readonly OffsetEstimate Good = new(12, 5, 5, -300, 0.2, 0.001, 5_000, 0.1, 0);

    [Theory]
    [InlineData(20_001, true, -20_001)]
    [InlineData(-20_001, true, 20_001)]
    [InlineData(19_999, true, 0)]
    [InlineData(5e9, false, 0)]
    public void Only_the_first_offset_is_stepped(double offsetNs, bool isFirst, long stepNs) =>
        Assert.Equal(stepNs, new SteeringPolicy().Decide(offsetNs, 0, isFirst, 1).StepNs);

    [Theory]
    [InlineData(999, 0)]
    [InlineData(1_001, -1_001)]
    [InlineData(50_000, -50_000)]
    [InlineData(50_001, 0)]
    public void Later_steps_are_made_between_threshold_and_maximum(double offsetNs, long stepNs) =>
        Assert.Equal(stepNs, new SteeringPolicy(StepThresholdNs: 1_000, MaxStepNs: 50_000).Decide(offsetNs, 0, false, 1).StepNs);

    [Fact]
    public void Slewing_is_limited_and_frequency_is_undone_exactly()
    {
        SteeringPolicy policy = new(SlewLimitPpb: 1_000, TimeConstantSeconds: 0.5);
        // An oscillator 50 ppm fast: dial and oscillator together make exactly one second a second.
        double dial = policy.Decide(0, 50_000, false, 1).FrequencyPpb;
        // FrequencyPpb is per second of the oscillator: of one such second, 50,000 ns are too much.
        Assert.Equal(1 - 50e-6, 1 + (dial * 1e-9), 1e-15);
        Assert.Equal(-1_000, policy.Decide(1e6, 0, false, 1).FrequencyPpb, 1e-6);
        Assert.Equal(-20, policy.Decide(10, 0, false, 0.1).FrequencyPpb, 1e-6);
        Assert.Equal(-5, policy.Decide(10, 0, false, 2).FrequencyPpb, 1e-6);
        Assert.Equal(-600, new SteeringPolicy(MaxFrequencyPpb: 600).Decide(0, 50_000, false, 1).FrequencyPpb, 1e-9);
    }

    [Fact]
    public void The_bound_is_the_sum_of_its_parts()
    {
        BoundParts parts = new QualityPolicy(AsymmetryNs: 40, Sigmas: 8).Bound(Good with { UnresolvedNs = 7 }, 100, 25);
        Assert.Equal(new BoundParts(100, 40, 40, 26, parts.HoldoverNs, 7), parts);
        Assert.Equal(100 + 40 + 40 + 26 + 7 + parts.HoldoverNs, parts.TotalNs, 1e-9);
        // Unknown asymmetry: half the delay.
        Assert.Equal(2_500, new QualityPolicy().Bound(Good, 0, 0).AsymmetryNs);
        // Holdover: 8 sigma of growth, and 1.5 times the drift seen over 100 s.
        OffsetEstimate late = Good with { SilentSeconds = 100, OffsetSigmaNs = 205, DriftPpbPerSecond = -0.02 };
        Assert.Equal((8 * 200) + (1.5 * 0.02 * 100 * 100 / 2), new QualityPolicy().Bound(late, 0, 0).HoldoverNs, 1e-6);
    }

    [Fact]
    public void States_follow_from_the_bound()
    {
        QualityPolicy policy = new(AsymmetryNs: 0, TargetNs: 500, UselessNs: 10_000);
        Assert.Equal(SyncState.Locked, State(Good, false));
        Assert.Equal(SyncState.Degraded, State(Good, true));
        Assert.Equal(SyncState.Degraded, State(Good with { UnresolvedNs = 3 }, false));
        Assert.Equal(SyncState.Degraded, State(Good with { UnresolvedNs = 600 }, false));
        Assert.Equal(SyncState.Acquiring, State(Good with { TakenSigmaNs = 200, OffsetSigmaNs = 200 }, false));
        Assert.Equal(SyncState.Holdover, State(Good with { SilentSeconds = 6 }, false));
        Assert.Equal(SyncState.Unsynchronised, State(Good with { UnresolvedNs = 10_000 }, false));

        SyncState State(OffsetEstimate estimate, bool suspect) => policy.State(estimate, policy.Bound(estimate, 0, 0), suspect, 1);
    }

    [Fact]
    public void The_interval_lies_around_the_reading_less_the_offset_and_is_rounded_outwards()
    {
        ClockQuality quality = new(new(1_000_000), SyncState.Locked, 10.4, 0, new(100, 0, 0.5, 0, 0, 0));
        Assert.Equal(new TimeInterval(new(999_889), new(1_000_091)), quality.Interval);
        Assert.True(quality.Interval.Contains(new(1_000_000)) && !quality.Interval.Contains(new(1_000_092)) && quality.Interval.WidthNs == 202);
        Assert.Equal(110.9, quality.ReadingBoundNs, 1e-9);
        Assert.True((quality with { State = SyncState.Unsynchronised }).Interval.Contains(new(long.MinValue)));
    }

    [Fact]
    public void The_raw_clock_finds_a_lost_dial_and_a_foreign_step_and_nothing_else()
    {
        RawClockCheck check = new();
        Simulation.Rng rng = new(9);
        double oscillator = 0;
        long raw = 5_000_000_000;
        List<RawFinding> findings = [];

        // The PHC's oscillator is 13 ppm faster than the raw clock and its dial is at -8,000 ppb; reads are 2 us wide and their middles off by up to half of that.
        RawVerdict Second(double lostPpb = 0, double stepNs = 0)
        {
            raw += 1_000_000_000;
            oscillator += 1 + 13e-6 - (lostPpb * 1e-9) + (stepNs * 1e-9);
            RawVerdict verdict = check.Check(oscillator + ((rng.Uniform() - 0.5) * 2e-6), raw, 2_000, -8_000);
            findings.Add(verdict.Finding);
            return verdict;
        }

        for (int i = 0; i < 500; i++)
            Second();
        Assert.All(findings[20..], f => Assert.Equal(RawFinding.Agrees, f));
        Assert.Equal(RawFinding.Suspect, Second(stepNs: 30_000).Finding);
        RawVerdict stepped = Second();
        Assert.Equal(RawFinding.Stepped, stepped.Finding);
        Assert.Equal(30_000, stepped.StepNs, 3_000.0);
        for (int i = 0; i < 50; i++)
            Assert.Equal(RawFinding.Agrees, Second().Finding);
        // The dial is lost: undone by -8,000 ppb though it is not in force, the oscillator seems to run 8,000 ppb fast.
        Assert.Equal(RawFinding.Suspect, Second(lostPpb: -8_000).Finding);
        RawVerdict lost = Second(lostPpb: -8_000);
        Assert.Equal(RawFinding.FrequencyLost, lost.Finding);
        Assert.Equal(8_000, lost.RatePpb, 3_000.0);
        for (int i = 0; i < 50; i++)
            Assert.Equal(RawFinding.Agrees, Second().Finding);
        Assert.Equal(RawFinding.Suspect, Second(lostPpb: 20_000).Finding);
        Assert.Equal(RawFinding.RateChanged, Second(lostPpb: 20_000).Finding);
        Assert.Equal(RawFinding.Agrees, Second(lostPpb: 20_000).Finding);
    }

    [Fact]
    public void A_step_is_proved_by_the_messages_after_it()
    {
        PtpServo servo = new(new SteeringPolicy(), new QualityPolicy());
        (long tai, long offset) = (1_000_000_000_000, 0);
        servo.Start(new(tai), 0);
        Feed(20);
        Assert.Equal(SyncState.Locked, servo.Quality(new(tai + offset)).State);

        // Its own: nobody knows by how much the driver really stepped.
        servo.Stepped(new(tai + offset), 50_000_000);
        offset += 50_000_000 - 7_000;
        ClockQuality own = servo.Quality(new(tai + offset));
        Assert.Equal(SyncState.Acquiring, own.State);
        Assert.True(own.ReadingBoundNs > uint.MaxValue);
        // Another one on top of it, by others, proves nothing either.
        servo.SteppedByOthers(new(tai + offset), 1_000);
        offset += 1_000;
        Assert.Equal(SyncState.Acquiring, servo.Quality(new(tai + offset)).State);
        Feed(20);
        ClockQuality proved = servo.Quality(new(tai + offset));
        Assert.NotEqual(SyncState.Acquiring, proved.State);
        Assert.Equal(offset, proved.OffsetNs, proved.Parts.TotalNs);

        // Of others, as far as it was seen: doubted by as much until it is confirmed.
        double before = proved.Parts.TotalNs;
        servo.SteppedByOthers(new(tai + offset), 3_000_000);
        offset += 3_000_000;
        ClockQuality foreign = servo.Quality(new(tai + offset));
        Assert.Equal(3_000_000, foreign.Parts.UnresolvedNs);
        Assert.Equal(SyncState.Degraded, foreign.State);
        Feed(20);
        Assert.True(servo.Quality(new(tai + offset)).Parts.TotalNs < before + 1_000);

        // Another name for what it shows proves nothing and doubts nothing.
        servo.Renamed(new(tai + offset), 1_000_000_000);
        Assert.Equal(0, servo.Quality(new(tai + offset + 1_000_000_000)).Parts.UnresolvedNs);

        void Feed(int exchanges)
        {
            for (int i = 0; i < exchanges; i++)
            {
                tai += 500_000_000;
                servo.Add(new TimedMessage(PathDirection.Forward, new(tai), new(tai + 1_000 + offset), 0));
                tai += 500_000_000;
                servo.Add(new TimedMessage(PathDirection.Reverse, new(tai + offset), new(tai + 1_000), 0));
            }
        }
    }

    [Fact]
    public void What_a_look_found_and_nobody_explained_yet_is_in_the_bound()
    {
        PtpServo servo = new(new SteeringPolicy(), new QualityPolicy());
        long clockNs = 1_000_000_000_000, rawNs = 0;
        servo.Start(new(clockNs), 0);
        for (int i = 0; i < 30; i++)
            Second(0);
        Assert.Equal(0, servo.Quality(new(clockNs)).Parts.UnresolvedNs);
        Second(-3_000_000);
        Assert.Equal(3_000_000, servo.Quality(new(clockNs)).Parts.UnresolvedNs, 1_000.0);

        void Second(long stepNs)
        {
            servo.Add(new TimedMessage(PathDirection.Forward, new(clockNs), new(clockNs + 1_000), 0));
            servo.Add(new TimedMessage(PathDirection.Reverse, new(clockNs + 10_000), new(clockNs + 11_000), 0));
            (clockNs, rawNs) = (clockNs + 1_000_000_000 + stepNs, rawNs + 1_000_000_000);
            servo.CheckRaw(new(clockNs), rawNs, 100);
        }
    }

    [Fact]
    public void A_step_of_others_is_found_once_and_then_taken_out()
    {
        PtpServo servo = new(new SteeringPolicy(), new QualityPolicy());
        long clockNs = 0, rawNs = 0;
        servo.Start(new(clockNs), 0);
        RawVerdict Second(long stepNs = 0)
        {
            (clockNs, rawNs) = (clockNs + 1_000_000_000 + stepNs, rawNs + 1_000_000_000);
            return servo.CheckRaw(new(clockNs), rawNs, 100);
        }

        for (int i = 0; i < 20; i++)
            Second();
        RawVerdict suspect = Second(-3_000_000);
        Assert.Equal(RawFinding.Suspect, suspect.Finding);
        Assert.Equal(-3_000_000, suspect.StepNs, 1_000.0);
        RawVerdict found = Second();
        Assert.Equal(RawFinding.Stepped, found.Finding);
        Assert.Equal(-3_000_000, found.StepNs, 1_000.0);
        servo.SteppedByOthers(new(clockNs - (long)found.StepNs), (long)found.StepNs);
        for (int i = 0; i < 10; i++)
            Assert.Equal(RawFinding.Agrees, Second().Finding);
    }
}
