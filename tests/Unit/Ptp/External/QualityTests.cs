// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Daemons;
using Capbox.Ptp.Servo;
using Xunit;

namespace Capbox.Ptp.Tests.External;

/// <summary>What a clock is worth by what its program says of it.</summary>
public sealed class QualityTests
{
    private const long Second = 1_000_000_000;
    private static readonly QualityPolicy s_policy = new(AsymmetryNs: -1, TargetNs: 100_000);

    private static Ptp4lReport Report(long offsetNs, long ingressNs, ulong grandmaster = 1, PtpPortState state = PtpPortState.Slave, byte accuracy = 0x21) => new()
    {
        Own = new(9),
        Port = new(new(new(9), 1), state, 0),
        Parent = new(new(new(grandmaster), 1), new(grandmaster), new(6, accuracy, 0)),
        Current = new(1, offsetNs, 4_000),
        Status = new(offsetNs, ingressNs, true, new(grandmaster)),
    };

    /// <summary>Offsets alternate about 10 ns by 100 ns, from second 1 to the one that is given.</summary>
    private static Ptp4lQuality Followed(int seconds)
    {
        var quality = new Ptp4lQuality(s_policy, 500_000_000);
        for (int i = 1; i <= seconds; i++)
            Assert.True(quality.Add(Report(i % 2 == 0 ? 110 : -90, i), i * Second));
        return quality;
    }

    private static ClockQuality At(Ptp4lQuality quality, double seconds, double unresolvedNs = 0) => quality.At(new(0), (long)(seconds * Second), 50, unresolvedNs);

    [Fact]
    public void Nothing_is_known_before_the_first_offset()
    {
        var quality = new Ptp4lQuality(s_policy, 500_000_000);
        Assert.Equal(SyncState.Unsynchronised, At(quality, 0).State);
        quality.Add(Report(0, 0, state: PtpPortState.Listening), Second);
        Assert.Equal(SyncState.Unsynchronised, At(quality, 1).State);
        quality.Add(Report(0, 0, state: PtpPortState.Uncalibrated), 2 * Second);
        Assert.Equal(SyncState.Acquiring, At(quality, 2).State);
    }

    [Fact]
    public void Follows_after_eight_offsets_and_claims_nothing_before()
    {
        ClockQuality seven = At(Followed(7), 7);
        Assert.Equal(SyncState.Acquiring, seven.State);
        Assert.True(seven.ReadingBoundNs > uint.MaxValue);
        ClockQuality eight = At(Followed(8), 8);
        Assert.Equal(SyncState.Locked, eight.State);
        // 100 ns of accuracy, half of 4 us, eight times 100 ns, the reading and its rounding.
        Assert.Equal(new BoundParts(100, 2_000, 800, 51, 0, 0), eight.Parts);
        Assert.Equal(10, eight.OffsetNs, 1e-9);
        Assert.Equal(10 + 2_951, eight.ReadingBoundNs, 1e-9);
    }

    [Fact]
    public void A_single_outlier_is_within_the_bound_while_it_counts()
    {
        Ptp4lQuality quality = Followed(31);
        quality.Add(Report(1_000_000, 32), 32 * Second);
        ClockQuality after = At(quality, 32);
        Assert.True(after.Parts.StatisticalNs >= 1_000_000 - after.OffsetNs, after.ToString());
        Assert.Equal(SyncState.Degraded, after.State);
        for (int i = 33; i < 33 + 32; i++)
            quality.Add(Report(i % 2 == 0 ? 110 : -90, i), i * Second);
        Assert.Equal(SyncState.Locked, At(quality, 64).State);
    }

    [Fact]
    public void What_it_says_of_itself_while_it_follows_nobody_does_not_count()
    {
        Ptp4lQuality quality = Followed(8);
        // As a master of its own it is its own parent, of unknown accuracy, and there is no path.
        quality.Add(Report(0, 8, grandmaster: 9, PtpPortState.Listening, accuracy: 0xFE) with { Current = new(0, 0, 0) }, 9 * Second);
        BoundParts parts = At(quality, 9).Parts;
        Assert.Equal((100, 2_000), (parts.GrandmasterNs, parts.AsymmetryNs));
    }

    [Theory]
    [InlineData(0xFE, 500_000_000)]
    [InlineData(0x20, 25)]
    public void The_grandmasters_accuracy_counts(byte accuracy, double ns)
    {
        Ptp4lQuality quality = Followed(8);
        quality.Add(Report(-90, 9, accuracy: accuracy), 9 * Second);
        Assert.Equal(ns, At(quality, 9).Parts.GrandmasterNs);
    }

    [Fact]
    public void Holdover_grows_and_ends()
    {
        Ptp4lQuality quality = Followed(20);
        // The same Sync again and again: nothing new comes, whatever the port says.
        for (int i = 21; i <= 24; i++)
            Assert.False(quality.Add(Report(110, 20), i * Second));
        Assert.Equal(SyncState.Locked, At(quality, 24).State);
        quality.Add(Report(110, 20), 26 * Second);
        ClockQuality early = At(quality, 26);
        Assert.Equal(SyncState.Holdover, early.State);
        // 0.7 x 800 ns a second beyond the two that are no silence, and 0.1 ppb/s.
        Assert.Equal((0.7 * 800 * 4) + (0.1 * 4 * 4 / 2), early.Parts.HoldoverNs, 1e-6);
        quality.Add(Report(0, 99, state: PtpPortState.Listening), 320 * Second);
        Assert.Equal(SyncState.Holdover, At(quality, 320).State);
        Assert.True(At(quality, 320).ReadingBoundNs > 20 * early.ReadingBoundNs / 2);
        // ptp4l has gone: after five minutes nobody knows who steers.
        Assert.Equal(SyncState.Holdover, At(quality, 620).State);
        Assert.Equal(SyncState.Unsynchronised, At(quality, 621).State);
        // Back: what was measured before is of no use.
        quality.Add(Report(40_000, 100), 700 * Second);
        Assert.Equal(SyncState.Acquiring, At(quality, 700).State);
    }

    [Fact]
    public void Another_grandmaster_begins_anew()
    {
        Ptp4lQuality quality = Followed(20);
        quality.Add(Report(5_000, 21, grandmaster: 2), 21 * Second);
        Assert.Equal(SyncState.Acquiring, At(quality, 21).State);
        Assert.Equal(5_000, At(quality, 21).OffsetNs);
    }

    [Fact]
    public void What_nobody_reported_is_part_of_the_bound()
    {
        ClockQuality quality = At(Followed(8), 8, unresolvedNs: -30_000);
        Assert.Equal(SyncState.Degraded, quality.State);
        Assert.Equal(30_000, quality.Parts.UnresolvedNs);
        Assert.Equal(SyncState.Unsynchronised, At(Followed(8), 8, unresolvedNs: 2e9).State);
    }

    private static readonly ChronyTracking s_tracking = new()
    {
        ReferenceId = 0x50484330,
        Stratum = 1,
        ReferenceTimeNs = 1_000 * Second,
        CorrectionSeconds = 3e-6,
        SkewPpm = 0.5,
        RootDelaySeconds = 20e-6,
        RootDispersionSeconds = 15e-6,
        UpdateIntervalSeconds = 16,
    };

    private static ClockQuality Chrony(ChronyTracking tracking, double unheardSeconds = 0, double unresolvedNs = 0, long utcSeconds = 1_010) =>
        ChronyQuality.At(tracking, unheardSeconds, new(0), utcSeconds * Second, 50, unresolvedNs, s_policy);

    [Fact]
    public void Root_distance_of_chrony_is_the_bound()
    {
        ClockQuality quality = Chrony(s_tracking);
        Assert.Equal(SyncState.Locked, quality.State);
        // The clock is slow by what is still to be added.
        Assert.Equal(-3_000, quality.OffsetNs, 1e-6);
        Assert.Equal(15_000, quality.Parts.GrandmasterNs, 1e-6);
        Assert.Equal(10_000, quality.Parts.AsymmetryNs, 1e-6);
        Assert.Equal(3_000 + 15_000 + 10_000 + 51, quality.ReadingBoundNs, 1e-6);
        Assert.Equal(SyncState.Degraded, Chrony(s_tracking with { RootDelaySeconds = 1e-3 }).State);
        // A negative root delay is none.
        Assert.Equal(10_000, Chrony(s_tracking with { RootDelaySeconds = -20e-6 }).Parts.AsymmetryNs, 1e-6);
    }

    [Fact]
    public void States_of_chrony()
    {
        Assert.Equal(SyncState.Unsynchronised, Chrony(s_tracking with { Leap = ChronyLeap.Unsynchronised }).State);
        Assert.Equal(SyncState.Unsynchronised, Chrony(s_tracking with { ReferenceId = 0x7F7F0101 }).State);
        Assert.Equal(SyncState.Unsynchronised, Chrony(s_tracking with { CorrectionSeconds = 1.5 }).State);
        Assert.Equal(SyncState.Acquiring, Chrony(s_tracking with { UpdateIntervalSeconds = 0 }).State);
        Assert.Equal(SyncState.Degraded, Chrony(s_tracking, unresolvedNs: 10).State);
        // Measured last 65 s ago at 16 s: four times is borne.
        Assert.Equal(SyncState.Locked, Chrony(s_tracking, utcSeconds: 1_064).State);
        Assert.Equal(SyncState.Holdover, Chrony(s_tracking, utcSeconds: 1_065).State);
        // A measurement to come is none.
        Assert.Equal(SyncState.Holdover, Chrony(s_tracking, utcSeconds: 900).State);
    }

    [Fact]
    public void Silence_of_chronyd_grows_and_ends()
    {
        ClockQuality silent = Chrony(s_tracking, unheardSeconds: 100);
        Assert.Equal(SyncState.Holdover, silent.State);
        Assert.Equal(100 * 1.5e3, silent.Parts.HoldoverNs, 1e-6);
        Assert.Equal(SyncState.Unsynchronised, Chrony(s_tracking, unheardSeconds: 301).State);
    }
}
