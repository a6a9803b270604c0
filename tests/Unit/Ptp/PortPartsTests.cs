// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Port;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests;

/// <summary>What a port is made of, without a network.</summary>
public sealed class PortPartsTests
{
    private const long Second = 1_000_000_000;

    [Fact]
    public void No_stamp_is_believed_right_after_a_step_whichever_way()
    {
        var guard = new StepGuard();
        Assert.True(guard.Admits(0, new(-5)));
        guard.Stepped(10 * Second, new(1_000 * Second));
        Assert.False(guard.Admits((10 * Second) + StepGuard.QuietNs - 1, new(1_000 * Second)));
        long later = (10 * Second) + StepGuard.QuietNs;
        Assert.True(guard.Admits(later, new((1_000 * Second) + 1_000)));
        // From before a step forward, and from before a step back.
        Assert.False(guard.Admits(later, new((1_000 * Second) - 1)));
        Assert.False(guard.Admits(later, new(1_001 * Second)));
        Assert.True(guard.Admits((10 * Second) + StepGuard.WaryNs + 1, new(1_001 * Second)));
    }

    [Fact]
    public void A_software_clock_shows_stamps_from_before_the_last_dial_as_it_did_then()
    {
        var clock = new SoftwareClock(500, 1_000);
        long beforeNs = clock.Read(ReferenceClock.Realtime).ReferenceNs;
        long shownNs = clock.At(beforeNs);
        clock.SetFrequency(100_000);
        Assert.Equal(100_000, clock.FrequencyPpb);
        long dialledNs = clock.Read(ReferenceClock.Realtime).ReferenceNs;
        clock.Step(-1_000_000_000);
        Assert.Equal(shownNs, clock.At(beforeNs));
        Assert.InRange(clock.At(dialledNs) - dialledNs, 500, 1_000_000);
        // A second later it has gained 1 ppm of its oscillator's and 100 ppm of the dial's.
        long laterNs = clock.Read(ReferenceClock.Realtime).ReferenceNs;
        Assert.Equal(101_000, clock.At(laterNs + Second) - clock.At(laterNs) - Second, 5.0);
        Assert.InRange(clock.At(laterNs) - laterNs, -Second, -Second + 1_000_000);
        Assert.Throws<ArgumentOutOfRangeException>(() => clock.SetFrequency(500_001));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void Around_a_leap_second_a_clock_that_counts_utc_is_not_believed(int leap)
    {
        LeapGuard guard = new();
        TaiTime leapAt = new(1_000 * Second);
        guard.Update(0, default, new(900 * Second));
        Assert.False(guard.IsNear(leapAt));
        guard.Update(leap, leapAt, new(900 * Second));
        Assert.False(guard.IsNear(new(leapAt.Nanoseconds - LeapGuard.QuietNs)));
        Assert.True(guard.IsNear(new(leapAt.Nanoseconds - Second)));
        // The tracker has made the leap; the clock's look comes within the second.
        guard.Update(0, default, new(leapAt.Nanoseconds + (Second / 2)));
        Assert.True(guard.IsNear(new(leapAt.Nanoseconds + Second)));
        Assert.False(guard.IsNear(new(leapAt.Nanoseconds + LeapGuard.QuietNs)));
        guard.Update(0, default, new(leapAt.Nanoseconds + (2 * Second)));
        Assert.False(guard.IsNear(leapAt));
        // One that was withdrawn.
        guard.Update(leap, leapAt, new(900 * Second));
        guard.Update(0, default, new(901 * Second));
        Assert.False(guard.IsNear(leapAt));
    }

    [Fact]
    public void Looks_at_regular_times_only_while_much_comes()
    {
        Pace pace = default;
        long nowNs = 77 * Second;
        // The first count has no beginning.
        pace.Record(1, nowNs);
        Assert.False(pace.IsGathering);
        for (int i = 1; i < Pace.Many; i++)
            pace.Record(1, nowNs + (i * Second / Pace.Many));
        Assert.False(pace.IsGathering);
        pace.Record(1, nowNs += Second);
        Assert.True(pace.IsGathering);
        pace.Record(Pace.Many - 1, nowNs += Second);
        Assert.False(pace.IsGathering);
        // What came in a long time is not what came in a second.
        pace.Record(Pace.Many, nowNs + (2 * Second));
        Assert.False(pace.IsGathering);
    }

    [Fact]
    public void What_a_clock_shows_is_reckoned_between_its_readings()
    {
        Reckoning reckoning = default;
        const long Start = 1_795_000_000 * Second;
        reckoning.Read(new(Start), 50 * Second);
        Assert.Equal(Start + 500, reckoning.At((50 * Second) + 500).Nanoseconds);
        // 20 ppm faster than the raw clock.
        reckoning.Read(new(Start + Second + 20_000), 51 * Second);
        Assert.InRange(reckoning.At(52 * Second).Nanoseconds - (Start + (2 * Second) + 40_000), -1, 1);
        reckoning.Stepped(-5 * Second);
        Assert.InRange(reckoning.At(52 * Second).Nanoseconds - (Start - (3 * Second) + 40_000), -1, 1);
        // A step that nobody told is no rate, and two readings at once tell none.
        reckoning.Read(new(Start), 52 * Second);
        reckoning.Read(new(Start + 900), (52 * Second) + 1_000);
        Assert.InRange(reckoning.At((53 * Second) + 1_000).Nanoseconds - (Start + 900 + Second + 20_000), -1, 1);
    }

    [Fact]
    public void A_clock_that_counts_utc_means_tai_and_moves_when_the_difference_does()
    {
        using var clock = new SystemClock();
        var time = TimeBase.System(clock, UtcOffset.Since2017);
        Assert.Equal(37 * Second, time.StampToTai(0).Nanoseconds);
        Assert.Equal(0, time.SetUtc(new(37)));
        Assert.Equal(Second, time.SetUtc(new(38)));
        Assert.Equal(38 * Second, time.ToTai(new ClockReading(0, 0, 0, ReadMethod.GetTime)).Nanoseconds);
        Assert.Equal(0, TimeBase.Software(new SoftwareClock()).SetUtc(new(38)));
    }

    [Fact]
    public void Control_messages_are_read_and_lies_about_their_length_end_it()
    {
        byte[] stamps = new byte[48];
        BinaryPrimitives.WriteInt64LittleEndian(stamps, 3);
        BinaryPrimitives.WriteInt64LittleEndian(stamps.AsSpan(8), 5);
        BinaryPrimitives.WriteInt64LittleEndian(stamps.AsSpan(32), 7);
        byte[] sent = new byte[16];
        (sent[4], sent[12]) = (4, 99);
        byte[] tag = new byte[20];
        (tag[0], tag[16], tag[17]) = (0x10, 0x64, 0xA0);
        byte[] all = [.. Control(1, 37, stamps), .. Control(263, 16, sent), .. Control(263, 8, tag), .. Control(1, 2, [1])];
        var read = ControlMessages.Read(all);
        Assert.Equal((3 * Second) + 5, read.SoftwareNs);
        Assert.Equal(7 * Second, read.HardwareNs);
        Assert.True(read.IsSent);
        Assert.Equal((99u, 100), (read.SentId, read.VlanId));
        // Not a stamp of sending but of an error, of the queue discipline.
        Assert.False(ControlMessages.Read(Control(263, 16, [0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0])).IsSent);
        Assert.False(ControlMessages.Read(Control(0, 11, [0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 99, 0, 0, 0])).IsSent);
        Assert.Equal(-1, ControlMessages.Read([]).VlanId);
        for (int cut = 0; cut < all.Length; cut++)
            ControlMessages.Read(all.AsSpan(0, cut));
        foreach (ulong bytes in (ulong[])[0, 15, 1_000, ulong.MaxValue])
        {
            BinaryPrimitives.WriteUInt64LittleEndian(all, bytes);
            Assert.Equal(0, ControlMessages.Read(all).SoftwareNs);
        }
    }

    [Theory]
    [InlineData("", 0, -1, 0, "Interface")]
    [InlineData("a-name-too-long-", 0, -1, 0, "Interface")]
    [InlineData("eth0", 1, 100, 0, "VlanId")]
    [InlineData("eth0", 0, 4095, 0, "VlanId")]
    [InlineData("eth0", 1, -1, 64, "Dscp")]
    public void Settings_that_cannot_work_are_named(string name, int isUdp, int vlan, int dscp, string wrong)
    {
        PtpSocketOptions options = new() { Interface = name, Transport = isUdp != 0 ? PtpTransport.UdpIpv4 : PtpTransport.Ethernet, VlanId = vlan, Dscp = dscp };
        Assert.StartsWith(wrong + ": must be", Assert.Throws<ArgumentException>(options.Checked).Message, StringComparison.Ordinal);
    }

    private static byte[] Control(int level, int type, byte[] data)
    {
        byte[] message = new byte[(16 + data.Length + 7) & ~7];
        BinaryPrimitives.WriteUInt64LittleEndian(message, (ulong)(16 + data.Length));
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(8), level);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(12), type);
        data.CopyTo(message, 16);
        return message;
    }
}
