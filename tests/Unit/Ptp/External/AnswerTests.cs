// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Text;
using Capbox.Ptp.Daemons;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using CsCheck;
using Xunit;

namespace Capbox.Ptp.Tests.External;

/// <summary>Answers of outside programs: real ones field by field, and bytes that are none.</summary>
public sealed class AnswerTests
{
    private static readonly PortIdentity s_slave = new(new(0x020000FFFE000002), 1);

    [Fact]
    public void Data_sets_of_a_real_ptp4l()
    {
        Assert.True(ManagementData.TryReadDefault(Answers.Read(Answers.Of(ManagementId.DefaultDataSet)).Data, out DefaultData own));
        Assert.Equal(new DefaultData(1, s_slave.Clock, 0), own);
        Assert.True(ManagementData.TryReadCurrent(Answers.Read(Answers.Of(ManagementId.CurrentDataSet)).Data, out CurrentData current));
        Assert.Equal(new CurrentData(1, 0x55, 0x8D2), current);
        Assert.True(ManagementData.TryReadParent(Answers.Read(Answers.Of(ManagementId.ParentDataSet)).Data, out ParentData parent));
        Assert.Equal(new ParentData(new(new(0x020000FFFE000001), 1), new(0x020000FFFE000001), new(0xF8, 0xFE, 0xFFFF)), parent);
        Assert.True(ManagementData.TryReadTimeProperties(Answers.Read(Answers.Of(ManagementId.TimePropertiesDataSet)).Data, out TimeProperties properties));
        Assert.Equal(new TimeProperties(Timescale.Arbitrary, 37, false, false, false, false, false, 0xA0), properties);
        Assert.True(ManagementData.TryReadTimeStatus(Answers.Read(Answers.Of(ManagementId.TimeStatus)).Data, out TimeStatus status));
        Assert.Equal(new TimeStatus(0x5F, 0x18EADBD9DAB74D1B, true, new(0x020000FFFE000001)), status);
        Assert.True(ManagementData.TryReadPort(Answers.Read(Answers.Of(ManagementId.PortDataSet)).Data, out PortData port));
        Assert.Equal(new PortData(s_slave, PtpPortState.Slave, 0), port);
        Assert.True(ManagementData.TryReadPortProperties(Answers.Read(Answers.Of(ManagementId.PortProperties)).Data, out PortIdentity named, out StampKindOfPort stamps, out ReadOnlySpan<byte> name));
        Assert.Equal((s_slave, StampKindOfPort.Software, "p0"), (named, stamps, Encoding.ASCII.GetString(name)));
    }

    [Fact]
    public void A_question_that_ptp4l_does_not_know_is_an_error()
    {
        Assert.Equal(ReplyVerdict.Rejected, ManagementMessage.Read(Answers.Of(ManagementId.PortHardwareClock), Answers.Own, 0, out ManagementReply reply));
        // NO_SUCH_ID; sequence 7 as asked.
        Assert.Equal((2, ManagementId.PortHardwareClock, (ushort)7), (reply.ErrorId, reply.Id, reply.SequenceId));
    }

    [Fact]
    public void Questions_are_as_pmc_asks_them_and_stay_on_the_machine()
    {
        byte[] bytes = new byte[ManagementMessage.RequestBytes];
        ManagementMessage.WriteGet(bytes, ManagementId.TimeStatus, Answers.Own, 3, 1, 7);
        Assert.Equal("1d020036030000000000000000000000000000000123456789abcdef00010007047fffffffffffffffffffff0000000000010002c000", Convert.ToHexStringLower(bytes));
        // boundaryHops: ptp4l passes nothing on.
        Assert.Equal((0, 0), (bytes[44], bytes[45]));
    }

    [Theory]
    [InlineData(0, ReplyVerdict.Malformed)] // a Sync
    [InlineData(1, ReplyVerdict.Malformed)] // another version
    [InlineData(3, ReplyVerdict.Malformed)] // another length
    [InlineData(4, ReplyVerdict.NotOurs)] // domain
    [InlineData(34, ReplyVerdict.NotOurs)] // target clock
    [InlineData(43, ReplyVerdict.NotOurs)] // target port
    [InlineData(46, ReplyVerdict.NotOurs)] // action
    [InlineData(49, ReplyVerdict.Malformed)] // TLV type
    [InlineData(51, ReplyVerdict.Malformed)] // TLV length
    public void Each_field_of_the_envelope_counts(int at, ReplyVerdict verdict)
    {
        byte[] bytes = Answers.Of(ManagementId.TimeStatus);
        bytes[at] ^= 0x0F;
        Assert.Equal(verdict, ManagementMessage.Read(bytes, Answers.Own, 0, out _));
    }

    [Fact]
    public void No_length_but_the_right_one()
    {
        foreach (ManagementId id in Enum.GetValues<ManagementId>())
        {
            byte[] bytes = Answers.Of(id);
            for (int length = 0; length < bytes.Length; length++)
                Assert.Equal(ReplyVerdict.Malformed, ManagementMessage.Read(bytes.AsSpan(0, length), Answers.Own, 0, out _));
            Assert.Equal(ReplyVerdict.Malformed, ManagementMessage.Read([.. bytes, 0], Answers.Own, 0, out _));
            if (id == ManagementId.PortHardwareClock)
                continue;
            byte[] data = bytes[54..];
            Assert.False(IsReadable(id, [.. data, 0, 0]), id.ToString());
            Assert.False(IsReadable(id, data[..^2]), id.ToString());
        }
    }

    [Fact]
    public void Hardware_clock_of_a_newer_ptp4l()
    {
        byte[] data = [0x02, 0, 0, 0xFF, 0xFE, 0, 0, 2, 0, 1, 0, 0, 0, 4, 0, 0];
        Assert.True(ManagementData.TryReadHardwareClock(data, out PortIdentity port, out int phc));
        Assert.Equal((s_slave, 4), (port, phc));
        data.AsSpan(10, 4).Fill(0xFF);
        Assert.True(ManagementData.TryReadHardwareClock(data, out _, out phc));
        Assert.Equal(-1, phc);
        data[13] = 0xFE;
        Assert.False(ManagementData.TryReadHardwareClock(data, out _, out _));
    }

    [Fact]
    public void Tracking_of_a_real_chronyd()
    {
        Assert.Equal(ReplyVerdict.Good, ChronyMessage.ReadTracking(Answers.Chrony, Answers.ChronySequence, out ChronyTracking t, out _));
        Assert.Equal((0xC0000201U, IPAddress.Parse("192.0.2.1"), 9, ChronyLeap.Normal), (t.ReferenceId, t.Server, t.Stratum, t.Leap));
        Assert.Equal(0x6B04FD6CL, t.ReferenceTimeNs / 1_000_000_000 & 0xFFFFFFFF);
        Assert.True(t.IsFollowing);
        Assert.Equal("192.0.2.1", t.ReferenceName);
        // Two programs that read one clock: microseconds, ppm, and a second between measurements.
        Assert.InRange(Math.Abs(t.CorrectionSeconds), 0, 1e-4);
        Assert.InRange(t.RmsOffsetSeconds, 1e-9, 1e-3);
        Assert.InRange(t.RootDelaySeconds, 1e-6, 1e-3);
        Assert.InRange(t.RootDispersionSeconds, 1e-6, 1e-2);
        Assert.InRange(t.SkewPpm, 1e-4, 100);
        Assert.InRange(t.UpdateIntervalSeconds, 0.5, 2);
    }

    [Theory]
    [InlineData("00000000", 0)]
    [InlineData("04800000", 1)] // 2^23 * 2^(2 - 25)
    [InlineData("05800000", -1)] // the coefficient is signed: -2^23 * 2^(2 - 25)
    [InlineData("fcc00000", 0.09375)] // 12582912 * 2^(-2 - 25)
    [InlineData("7effffff", 4.611685743549481e18)] // (2^24 - 1) * 2^(63 - 25)
    public void Numbers_of_chrony(string hex, double value) =>
        Assert.Equal(value, ChronyMessage.Number(Convert.FromHexString(hex)), Math.Abs(value) * 1e-6);

    [Theory]
    [InlineData(0, ReplyVerdict.Malformed)] // version
    [InlineData(1, ReplyVerdict.Malformed)] // packet type
    [InlineData(5, ReplyVerdict.NotOurs)] // command
    [InlineData(19, ReplyVerdict.NotOurs)] // sequence
    [InlineData(9, ReplyVerdict.Rejected)] // status
    [InlineData(7, ReplyVerdict.Malformed)] // reply
    [InlineData(49, ReplyVerdict.Malformed)] // address family
    [InlineData(55, ReplyVerdict.Malformed)] // leap status
    [InlineData(64, ReplyVerdict.Malformed)] // nanoseconds
    public void Each_field_of_a_tracking_answer_counts(int at, ReplyVerdict verdict)
    {
        byte[] bytes = Answers.Chrony;
        bytes[at] ^= 0xFF;
        Assert.Equal(verdict, ChronyMessage.ReadTracking(bytes, Answers.ChronySequence, out _, out int status));
        Assert.Equal(verdict == ReplyVerdict.Rejected, status != 0);
    }

    [Fact]
    public void Names_of_references()
    {
        Assert.Equal("PHC0", new ChronyTracking { ReferenceId = 0x50484330 }.ReferenceName);
        Assert.Equal("PPS", new ChronyTracking { ReferenceId = 0x50505300 }.ReferenceName);
        Assert.Equal("7F7F0101", new ChronyTracking { ReferenceId = 0x7F7F0101 }.ReferenceName);
        Assert.Equal("none", default(ChronyTracking).ReferenceName);
        Assert.False(new ChronyTracking { ReferenceId = 0x7F7F0101, Stratum = 8 }.IsFollowing);
        Assert.False(new ChronyTracking { ReferenceId = 1, Stratum = 2, Leap = ChronyLeap.Unsynchronised }.IsFollowing);
        Assert.False(new ChronyTracking { ReferenceId = 1, Stratum = 16 }.IsFollowing);
        Assert.False(new ChronyTracking { ReferenceId = 1 }.IsFollowing);
    }

    /// <summary>Real answers with some bytes changed, cut or longer, and bytes out of nowhere: nothing but a verdict comes of them.</summary>
    [Fact]
    public void Whatever_comes_is_judged()
    {
        byte[][] real = [.. Enum.GetValues<ManagementId>().Select(Answers.Of), Answers.Chrony];
        Gen<byte[]> changed = Gen.Select(Gen.Int[0, real.Length - 1], Gen.Select(Gen.Int[0, 200], Gen.Byte).Array[0, 6], Gen.Int[0, 120], (which, changes, length) =>
        {
            byte[] bytes = [.. real[which]];
            foreach ((int at, byte value) in changes)
                bytes[at % bytes.Length] = value;
            Array.Resize(ref bytes, length == 0 ? bytes.Length : length);
            return bytes;
        });
        Gen.OneOf(changed, Gen.Byte.Array[0, 200]).ForAll(
            bytes =>
            {
                var round = new Ptp4lRound(0);
                if (ManagementMessage.Read(bytes, Answers.Own, 0, out ManagementReply reply) == ReplyVerdict.Good)
                    round.Add(reply);
                if (ChronyMessage.ReadTracking(bytes, Answers.ChronySequence, out ChronyTracking tracking, out _) == ReplyVerdict.Good)
                {
                    Assert.True(double.IsFinite(tracking.RootDelaySeconds) && tracking.RootDispersionSeconds >= 0 && double.IsFinite(tracking.CorrectionSeconds));
                    Assert.NotEmpty(tracking.ReferenceName);
                }
            },
            cases: 3000, all: 50_000);
    }

    private static bool IsReadable(ManagementId id, byte[] data) => new Ptp4lRound(0).Add(Answers.Read(Answers.With(id, data))) != AnswerUse.Malformed;
}
