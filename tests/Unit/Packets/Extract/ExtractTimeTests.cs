// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Extract;
using Capbox.Platform.Time;
using Xunit;

namespace Capbox.Tests;

public class ExtractTimeTests
{
    private static readonly UtcTime Now = new(1_795_431_951_214_271_220); // 2026-11-23T11:05:51.214271220Z
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.CreateCustomTimeZone("b", TimeSpan.FromHours(1), "b", "b");

    [Theory]
    [InlineData("2026-11-23T09:30:00Z", "2026-11-23T09:30:00.000000000Z")]
    [InlineData("2026-11-23T09:30:00.000000250Z", "2026-11-23T09:30:00.000000250Z")]
    [InlineData("2026-11-23 09:30:00.25Z", "2026-11-23T09:30:00.250000000Z")]
    [InlineData("2026-11-23T09:30:00.5+01:00", "2026-11-23T08:30:00.500000000Z")]
    [InlineData("2026-11-23T09:30:00-05:30", "2026-11-23T15:00:00.000000000Z")]
    [InlineData("2026-11-23T09:30", "2026-11-23T08:30:00.000000000Z")]
    [InlineData("2026-11-23", "2026-11-22T23:00:00.000000000Z")]
    [InlineData("09:30:00.000000001", "2026-11-23T08:30:00.000000001Z")]
    [InlineData("09:30Z", "2026-11-23T09:30:00.000000000Z")]
    [InlineData("1795431951.214271220", "2026-11-23T11:05:51.214271220Z")]
    [InlineData("1795431951", "2026-11-23T11:05:51.000000000Z")]
    [InlineData("now", "2026-11-23T11:05:51.214271220Z")]
    [InlineData("-5m", "2026-11-23T11:00:51.214271220Z")]
    [InlineData("-1.5s", "2026-11-23T11:05:49.714271220Z")]
    [InlineData("-250ns", "2026-11-23T11:05:51.214270970Z")]
    public void Times_are_read_to_the_nanosecond(string text, string expected)
    {
        Assert.True(TimeArgument.TryParse(text, Now, out UtcTime time, Berlin));
        Assert.Equal(expected, time.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("2026-13-01")]
    [InlineData("2026-11-23T25:00")]
    [InlineData("2026-11-23T09:30:00.0000000001Z")]
    [InlineData("2026-11-23T09:30.5Z")]
    [InlineData("-5")]
    [InlineData("-5 fortnights")]
    [InlineData("99999999999")]
    [InlineData("12345")]
    [InlineData("2026-11-23T09:30:00+99:00")]
    public void What_is_no_time_is_refused(string text) => Assert.False(TimeArgument.TryParse(text, Now, out _, Berlin));

    [Fact]
    public void An_end_may_be_counted_from_the_start()
    {
        Assert.True(TimeArgument.TryParseEnd("+250ms", new UtcTime(1_000_000_000), Now, out UtcTime end));
        Assert.Equal(1_250_000_000, end.Nanoseconds);
        Assert.True(TimeArgument.TryParseEnd("now", new UtcTime(1), Now, out end));
        Assert.Equal(Now, end);
    }
}
