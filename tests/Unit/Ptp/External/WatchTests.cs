// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Daemons;
using Xunit;

namespace Capbox.Ptp.Tests.External;

/// <summary>A clock that somebody steers, against one that nobody does.</summary>
public sealed class WatchTests
{
    private const long Second = 1_000_000_000;
    private readonly SteeredClockMonitor _watch = new();
    private readonly Random _random = new(11);
    private double _clockNs = 5e9;
    private long _rawNs;
    private double _ratePpb = 12_000, _adjustmentPpb;

    /// <summary>A second passes; reads are 200 ns wide, and wrong within that.</summary>
    private double Pass(double stepNs = 0, bool mayLearn = true, double nextDialPpb = double.NaN)
    {
        _rawNs += Second;
        _clockNs += Second + _ratePpb + _adjustmentPpb + stepNs;
        if (!double.IsNaN(nextDialPpb))
            _adjustmentPpb = nextDialPpb;
        return _watch.Check((long)_clockNs + _random.Next(-100, 101), _rawNs, 200, _adjustmentPpb, mayLearn);
    }

    private void Settle()
    {
        for (int i = 0; i < 30; i++)
            Assert.Equal(0, Pass());
    }

    [Fact]
    public void A_calm_clock_and_a_servo_that_works_are_no_finding()
    {
        Settle();
        // A servo that dials some hundred ppb to and fro each second, and once 40 ppm.
        for (int i = 0; i < 600; i++)
            Assert.Equal(0, Pass(nextDialPpb: (_random.NextDouble() * 600) - 300 + (i >= 300 ? 40_000 : 0)));
    }

    [Theory]
    [InlineData(2_000)]
    [InlineData(-2_000)]
    [InlineData(1e9)]
    [InlineData(-37e9)]
    public void A_step_is_found_once_and_sized(double stepNs)
    {
        Settle();
        Assert.Equal(stepNs, Pass(stepNs), 400.0);
        for (int i = 0; i < 30; i++)
            Assert.Equal(0, Pass());
    }

    [Fact]
    public void Another_rate_is_found_and_learnt_while_somebody_follows()
    {
        Settle();
        _ratePpb += 5_000;
        Assert.Equal(5_000, Pass(), 400.0);
        Assert.Equal(5_000, Pass(), 400.0);
        for (int i = 0; i < 30; i++)
            Assert.Equal(0, Pass());
    }

    [Fact]
    public void Another_rate_counts_each_second_while_nobody_follows()
    {
        Settle();
        _ratePpb += 5_000;
        for (int i = 0; i < 30; i++)
            Assert.Equal(5_000, Pass(mayLearn: false), 500.0);
    }

    [Fact]
    public void Somebody_else_who_dials_is_believed_to_know_why()
    {
        // The kernel tells the dial to everybody: what it makes the clock do is no finding; that the offset then grows is for the program to say.
        Settle();
        Assert.Equal(0, Pass(nextDialPpb: 50_000));
        Assert.Equal(0, Pass());
    }

    [Fact]
    public void After_a_restart_anything_may_have_been()
    {
        Settle();
        _watch.Restart();
        Assert.Equal(0, Pass(-1e9));
        Settle();
    }
}

/// <summary>What is made of findings.</summary>
public sealed class MovesTests
{
    private const long Second = 1_000_000_000;
    private readonly UnreportedMoves _moves = new(3);
    private long _clockNs = 5 * Second, _rawNs;
    private double _adjustmentPpb = 700;

    private bool Pass(bool isFollowing, long stepNs = 0, bool hasMeasured = true)
    {
        _rawNs += Second;
        _clockNs += Second + (long)_adjustmentPpb + stepNs;
        return _moves.Check(new(_clockNs, _rawNs, 200, ReadMethod.Extended), _adjustmentPpb, isFollowing, isFollowing && hasMeasured);
    }

    private void Settle()
    {
        for (int i = 0; i < 30; i++)
            Assert.False(Pass(true));
    }

    [Fact]
    public void A_step_counts_until_the_program_has_measured_again()
    {
        Settle();
        Assert.True(Pass(true, 40_000));
        Assert.Equal(40_000, _moves.Ns, 10.0);
        Assert.False(Pass(true, hasMeasured: false));
        Assert.False(Pass(true));
        Assert.False(Pass(true));
        Assert.Equal(40_000, _moves.Ns, 10.0);
        Assert.False(Pass(true));
        Assert.Equal((0.0, 1L), (_moves.Ns, _moves.Count));
    }

    [Fact]
    public void Nobody_is_to_dial_when_nobody_follows()
    {
        Settle();
        for (int i = 0; i < 30; i++)
            Assert.False(Pass(false));
        // Somebody else takes over: each second it is 20 us further away.
        _adjustmentPpb += 20_000;
        for (int i = 1; i <= 10; i++)
        {
            Assert.True(Pass(false));
            Assert.Equal(20_000.0 * i, _moves.Ns, 10.0);
        }
    }

    [Fact]
    public void A_leap_second_is_no_step()
    {
        Settle();
        UtcForecast forecast = new(new(37), 1, new(1_000 * Second));
        _moves.TrackLeap(forecast, new(999 * Second));
        Assert.Equal(1e9, _moves.Ns);
        // It comes in the second look, and the announcement is gone then.
        for (int i = 0; i < 4; i++)
        {
            Assert.False(Pass(true, i == 1 ? -Second : 0));
            _moves.TrackLeap(i == 0 ? forecast : new UtcForecast(new(38)), new((1_000 + i) * Second));
        }

        Assert.False(Pass(true));
        Assert.False(Pass(true));
        Assert.Equal((0.0, 0L), (_moves.Ns, _moves.Count));
    }
}
