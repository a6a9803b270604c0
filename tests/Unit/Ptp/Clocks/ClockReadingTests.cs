// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Xunit;

namespace Capbox.Ptp.Tests.Clocks;

/// <summary>How samples become a reading, and what is told the kernel; nothing here touches a clock.</summary>
public class ClockReadingTests
{
    private const long Second = 1_000_000_000;

    [Fact]
    public void The_narrowest_sample_is_taken_and_its_width_kept()
    {
        PtpClockTime[] times = [.. Times(1000, 5_000_500, 2000), .. Times(3000, 5_002_620, 3240), .. Times(4000, 5_003_700, 5000)];
        Assert.True(CrossSamples.TryNarrowest(times, 3, 3, ReadMethod.Extended, out ClockReading best));
        Assert.Equal(new ClockReading(5_002_620, 3120, 240, ReadMethod.Extended), best);
        Assert.Equal(4_999_500, best.OffsetNs);
        Assert.Equal(121, best.BoundNs);
    }

    [Fact]
    public void Basic_samples_share_their_edges()
    {
        PtpClockTime[] times = [Time(1000), Time(9400), Time(2000), Time(10_050), Time(2100), Time(11_000), Time(3000)];
        Assert.True(CrossSamples.TryNarrowest(times, 3, 2, ReadMethod.Basic, out ClockReading best));
        Assert.Equal(new ClockReading(10_050, 2050, 100, ReadMethod.Basic), best);
    }

    [Fact]
    public void A_sample_across_a_step_back_of_the_reference_is_none()
    {
        PtpClockTime[] times = [.. Times(5000, 1, 4000), .. Times(4000, 2, 4900)];
        Assert.True(CrossSamples.TryNarrowest(times, 2, 3, ReadMethod.Extended, out ClockReading best));
        Assert.Equal(900, best.WidthNs);
        Assert.False(CrossSamples.TryNarrowest(times, 1, 3, ReadMethod.Extended, out _));
    }

    [Fact]
    public void Seconds_are_carried() =>
        Assert.Equal((1_700_000_037 * Second) + 999_999_999, new PtpClockTime { Seconds = 1_700_000_037, Nanoseconds = 999_999_999 }.TotalNs);

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1, 0, 1)]
    [InlineData(-1, -1, 999_999_999)]
    [InlineData(-Second, -1, 0)]
    [InlineData(-Second - 1, -2, 999_999_999)]
    [InlineData((37 * Second) + 5, 37, 5)]
    [InlineData(long.MinValue, -9_223_372_037, 145_224_192)]
    [InlineData(long.MaxValue, 9_223_372_036, 854_775_807)]
    public void A_step_has_no_negative_fraction(long ns, long seconds, long fraction)
    {
        Timex timex = Steps.ToTimex(ns);
        Assert.Equal((seconds, fraction), (timex.TimeSeconds, timex.TimeFraction));
        Assert.Equal(0x2100u, timex.Modes);
    }

    [Theory]
    [InlineData(1, 66)]
    [InlineData(-1000, -65536)]
    [InlineData(500_000, 32_768_000)]
    public void Frequency_has_sixteen_fractional_bits(double ppb, long units)
    {
        Assert.Equal(units, Frequency.ToKernel(ppb));
        Assert.Equal(ppb, Frequency.FromKernel(units), 0.01);
    }

    [Theory]
    [InlineData(100.5)]
    [InlineData(-100.5)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_frequency_out_of_reach_is_refused_before_the_kernel_is_asked(double ppb)
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => Frequency.Check("/dev/ptp7", ppb, 100));
        Assert.Contains("/dev/ptp7: at most 100 ppb", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_limit_itself_is_allowed() => Frequency.Check("/dev/ptp7", -100, 100);

    [Fact]
    public void Leap_flags_and_tai_are_set_only_when_told()
    {
        Timex plain = SystemClock.Describe(new SystemClockStatus(IsSynchronised: true, 1_500, 1, LeapSecond.None, null));
        Assert.Equal(Timex.ADJ_STATUS | Timex.ADJ_MAXERROR | Timex.ADJ_ESTERROR, plain.Modes);
        Assert.Equal((0, 2L, 1L), (plain.Status, plain.MaxError, plain.EstError));

        Timex leap = SystemClock.Describe(new SystemClockStatus(IsSynchronised: false, 0, 0, LeapSecond.Insert, new UtcOffset(37)));
        Assert.Equal(Timex.STA_INS | Timex.STA_UNSYNC, leap.Status);
        Assert.Equal((Timex.ADJ_TAI, 37L), (leap.Modes & Timex.ADJ_TAI, leap.Constant));
        Assert.Equal(Timex.STA_DEL, SystemClock.Describe(new SystemClockStatus(true, 0, 0, LeapSecond.Delete, null)).Status);
    }

    [Theory]
    [InlineData("/dev/ptp0", 0)]
    [InlineData("ptp12", 12)]
    public void Names_of_clocks(string text, int index)
    {
        Assert.True(PtpSysfs.TryParseName(text, out int parsed));
        Assert.Equal(index, parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ptp")]
    [InlineData("ptp-1")]
    [InlineData("/dev/pts0")]
    [InlineData("eth0")]
    public void What_is_no_name_of_a_clock(string text) => Assert.False(PtpSysfs.TryParseName(text, out _));

    private static PtpClockTime[] Times(long beforeNs, long clockNs, long afterNs) => [Time(beforeNs), Time(clockNs), Time(afterNs)];

    private static PtpClockTime Time(long ns) => new() { Seconds = ns / Second, Nanoseconds = (uint)(ns % Second) };
}
