// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Daemons;
using Xunit;

namespace Capbox.Ptp.Tests.External;

/// <summary>Answers of one round, put together.</summary>
public sealed class RoundTests
{
    private static readonly ManagementId[] s_ids = [.. Enum.GetValues<ManagementId>().Where(i => i != ManagementId.PortHardwareClock)];

    [Fact]
    public void Complete_when_all_is_there_in_any_order()
    {
        var round = new Ptp4lRound(0);
        Assert.Equal("DEFAULT_DATA_SET", round.Missing);
        foreach (ManagementId id in s_ids.Reverse())
            Assert.Equal(AnswerUse.Used, round.Add(Answers.Read(Answers.Of(id))));
        Assert.Equal("PORT_HWCLOCK_NP", round.Missing);
        Assert.True(round.Reject(ManagementId.PortHardwareClock));
        Assert.True(round.IsComplete);
        Assert.True(round.TryConclude(out Ptp4lReport report));
        Assert.True(report.IsFollowing);
        Assert.Equal((1, PtpPortState.Slave, StampKindOfPort.Software, null), (report.Ports, report.Port.State, report.Stamps, report.Phc));
        Assert.Equal("p0"u8.ToArray(), round.Name.ToArray());
    }

    [Fact]
    public void The_first_answer_counts()
    {
        var round = new Ptp4lRound(0);
        foreach (ManagementId id in s_ids)
        {
            round.Add(Answers.Read(Answers.Of(id)));
            Assert.Equal(AnswerUse.Repeated, round.Add(Answers.Read(Answers.Of(id))));
        }
    }

    [Fact]
    public void Another_grandmaster_in_between_is_a_contradiction()
    {
        byte[] status = Answers.Of(ManagementId.TimeStatus);
        status[^1] ^= 1;
        Assert.False(Conclude(status));
        Assert.True(Conclude(Answers.Of(ManagementId.TimeStatus)));
        // Not present, and another than the clock itself.
        byte[] absent = Answers.Of(ManagementId.TimeStatus);
        absent[54 + 41] = 0;
        Assert.False(Conclude(absent));
    }

    [Fact]
    public void A_port_of_another_clock_is_none_of_it()
    {
        byte[] port = Answers.Of(ManagementId.PortDataSet);
        port[54 + 7] ^= 1;
        var round = new Ptp4lRound(0);
        foreach (ManagementId id in s_ids.Where(i => i != ManagementId.PortDataSet))
            round.Add(Answers.Read(Answers.Of(id)));
        round.Reject(ManagementId.PortHardwareClock);
        Assert.Equal(AnswerUse.Used, round.Add(Answers.Read(port)));
        Assert.True(round.IsComplete);
        Assert.False(round.TryConclude(out _));
    }

    private static bool Conclude(byte[] status)
    {
        var round = new Ptp4lRound(0);
        foreach (ManagementId id in s_ids.Where(i => i != ManagementId.TimeStatus))
            round.Add(Answers.Read(Answers.Of(id)));
        round.Reject(ManagementId.PortHardwareClock);
        round.Add(Answers.Read(status));
        return round.TryConclude(out _);
    }
}
