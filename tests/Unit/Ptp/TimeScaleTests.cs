// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Xunit;

namespace Capbox.Ptp.Tests;

/// <summary>TAI, UTC and the seconds between them.</summary>
public sealed class TimeScaleTests
{
    private const long Second = 1_000_000_000;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(-1)]
    [InlineData(1_795_423_800_123_456_789)]
    [InlineData(-9_000_000_000_000_000_000)]
    [InlineData(9_000_000_000_000_000_000)]
    public void Utc_to_tai_and_back_is_the_same_moment(long nanoseconds)
    {
        UtcTime utc = new(nanoseconds);
        Assert.Equal(utc, utc.ToTai(UtcOffset.Since2017).ToUtc(UtcOffset.Since2017));
    }

    [Fact]
    public void Tai_is_ahead_of_utc_by_the_offset()
    {
        // IEEE 1588-2019: a PTP clock showed 37 s more than UTC since 2017.
        Assert.Equal(new TaiTime(37 * Second), new UtcTime(0).ToTai(UtcOffset.Since2017));
        Assert.Equal(new UtcTime(-37 * Second), new TaiTime(0).ToUtc(UtcOffset.Since2017));
    }

    [Fact]
    public void Over_the_leap_second_of_2016_tai_runs_on_while_utc_repeats_a_second()
    {
        // 2016-12-31T23:59:59Z, the leap second 23:59:60, 2017-01-01T00:00:00Z: two UTC stamps a second apart are two TAI seconds apart.
        UtcTime before = new(1_483_228_799 * Second);
        UtcTime after = new(1_483_228_800 * Second);
        TaiTime taiBefore = before.ToTai(new UtcOffset(36));
        TaiTime taiAfter = after.ToTai(new UtcOffset(37));
        Assert.Equal(2 * Second, taiAfter.Nanoseconds - taiBefore.Nanoseconds);
        // The leap second itself is 23:59:59 again or 00:00:00 already, by the offset in force: POSIX has no name for it.
        TaiTime leap = new(taiBefore.Nanoseconds + Second);
        Assert.Equal(after, leap.ToUtc(new UtcOffset(36)));
        Assert.Equal(before, leap.ToUtc(new UtcOffset(37)));
    }

    [Theory]
    [InlineData(0, "1970-01-01T00:00:00.000000000Z", "19700101T000000.000000000Z")]
    [InlineData(1, "1970-01-01T00:00:00.000000001Z", "19700101T000000.000000001Z")]
    [InlineData(-1, "1969-12-31T23:59:59.999999999Z", "19691231T235959.999999999Z")]
    [InlineData(-1_000_000_000, "1969-12-31T23:59:59.000000000Z", "19691231T235959.000000000Z")]
    [InlineData(-1_000_000_001, "1969-12-31T23:59:58.999999999Z", "19691231T235958.999999999Z")]
    [InlineData(1_795_422_600_123_456_789, "2026-11-23T08:30:00.123456789Z", "20261123T083000.123456789Z")]
    [InlineData(1_709_164_800_000_000_000, "2024-02-29T00:00:00.000000000Z", "20240229T000000.000000000Z")]
    [InlineData(long.MaxValue, "2262-04-11T23:47:16.854775807Z", "22620411T234716.854775807Z")]
    [InlineData(long.MinValue, "1677-09-21T00:12:43.145224192Z", "16770921T001243.145224192Z")]
    public void Utc_is_printed_with_nine_digits(long nanoseconds, string text, string fileName)
    {
        Assert.Equal(text, new UtcTime(nanoseconds).ToString());
        Assert.Equal(fileName, new UtcTime(nanoseconds).ToFileName());
    }

    [Fact]
    public void File_names_sort_as_their_times()
    {
        long[] times = [0, 999_999_999, Second, 59 * Second, 86_400 * Second, 1_795_422_600_123_456_789];
        string[] names = [.. times.Select(t => new UtcTime(t).ToFileName())];
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
    }

    [Theory]
    [InlineData(0, 37)]
    [InlineData(9, 37)]
    [InlineData(10, 10)]
    [InlineData(36, 36)]
    [InlineData(37, 37)]
    [InlineData(38, 38)]
    [InlineData(100, 100)]
    [InlineData(101, 37)]
    [InlineData(-1, 37)]
    [InlineData(int.MinValue, 37)]
    public void The_kernels_record_is_taken_only_when_it_can_be_true(int timexTai, int seconds) =>
        Assert.Equal(seconds, UtcOffset.FromKernel(timexTai).Seconds);

    [Fact]
    public void Pcapng_subtracts_the_offset_from_tai_stamps()
    {
        UtcOffset offset = new(37);
        TaiTime stamp = new(1_795_422_637_123_456_789);
        // A reader adds if_tsoffset, in seconds, to what it reads.
        Assert.Equal(stamp.ToUtc(offset).Nanoseconds, stamp.Nanoseconds + (offset.PcapngTsOffsetSeconds * Second));
    }

    [Fact]
    public void A_result_outside_64_bits_is_an_overflow_and_not_another_century()
    {
        Assert.Throws<OverflowException>(() => new UtcTime(long.MaxValue).ToTai(UtcOffset.Since2017));
        Assert.Throws<OverflowException>(() => new TaiTime(long.MinValue).ToUtc(UtcOffset.Since2017));
    }

    [Fact]
    public void Moments_compare_by_time()
    {
        Assert.True(new UtcTime(-1) < new UtcTime(0) && new UtcTime(1) >= new UtcTime(1) && new UtcTime(2) > new UtcTime(1) && new UtcTime(1) <= new UtcTime(1));
        Assert.True(new TaiTime(-1) < new TaiTime(0) && new TaiTime(1) >= new TaiTime(1) && new TaiTime(2) > new TaiTime(1) && new TaiTime(1) <= new TaiTime(1));
        Assert.Equal(-1, Math.Sign(new UtcTime(1).CompareTo(new UtcTime(2))));
        Assert.Equal(1, Math.Sign(new TaiTime(3).CompareTo(new TaiTime(2))));
    }

    [Fact]
    public void Now_is_the_system_clock()
    {
        long before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        long now = UtcTime.Now.Nanoseconds / 1_000_000;
        long after = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        Assert.InRange(now, before, after);
    }
}
