// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests.Live;

/// <summary>Whom our port follows among several real ptp4l, and what becomes of its clock.</summary>
[Collection("live 1")]
public sealed class LiveMasterTests
{
    private const int First = 1, Second = 2, Slave = 3;
    private static readonly PtpSocketOptions s_socket = new() { Interface = "p0", Transport = PtpTransport.UdpIpv4 };

    [Fact]
    public void Goes_to_the_second_grandmaster_when_the_first_fails_and_back()
    {
        using var lab = new PtpLab(3);
        string file = Path.Combine(lab.Scratch, "wire.pcap");
        Background capture = lab.StartCapture(Slave, file);
        Background first = lab.StartMaster(First, 0, "network_transport UDPv4", "priority1 100");
        lab.StartMaster(Second, 0, "network_transport UDPv4", "priority1 110");
        using var slave = new LiveSlave(lab, Slave, s_socket, new EngineOptions { Own = default, DelayMode = DelayMode.Unicast });
        slave.RunUntil(() => slave.IsThere && slave.Reference == PtpLab.Identity(First), "the first to be followed");
        // Both are measured, and agree.
        slave.RunExchanges(10, PtpLab.Identity(Second));
        slave.RunUntil(() => slave.Port.Status.Comparison.Count == 2, "both to be compared");
        Assert.True(slave.Port.Status.Comparison.SpreadNs < 5_000_000, slave.Describe());

        first.Stop();
        slave.RunUntil(() => slave.Reference == PtpLab.Identity(Second), "the second to be followed");
        slave.RunExchanges(20, PtpLab.Identity(Second));
        Assert.Contains(slave.Events, e => e.Kind is EventKind.MasterLost && e.Grandmaster.Value == PtpLab.Identity(First));
        slave.RunUntil(() => slave.IsThere, "the clock to be at the second's");

        lab.StartMaster(First, 0, "network_transport UDPv4", "priority1 100");
        slave.RunUntil(() => slave.Reference == PtpLab.Identity(First), "the first to be followed again");
        slave.RunExchanges(20, PtpLab.Identity(First));
        slave.RunUntil(() => slave.IsThere, "the clock to be at the first's");
        // One step, the first of all: changing over makes none.
        Assert.True(slave.Steps.Count == 1, slave.Describe());
        CheckWire(capture, file);
    }

    [Fact]
    public void Follows_the_first_domain_and_compares_the_second()
    {
        using var lab = new PtpLab(3);
        string file = Path.Combine(lab.Scratch, "wire.pcap");
        Background capture = lab.StartCapture(Slave, file);
        Background first = lab.StartMaster(First, 7, "network_transport L2", "priority1 200");
        lab.StartMaster(Second, 24, "network_transport L2", "priority1 1");
        using var slave = new LiveSlave(
            lab, Slave, s_socket with { Transport = PtpTransport.Ethernet }, new EngineOptions { Own = default, Domains = [7, 24] });
        slave.RunUntil(() => slave.IsThere && slave.Reference == PtpLab.Identity(First), "the first domain's to be followed");
        slave.RunExchanges(10, PtpLab.Identity(Second));
        slave.RunUntil(() => slave.Port.Status.Comparison.Count == 2, "both to be compared");
        var masters = new MasterStatus[8];
        Assert.Equal(2, slave.Port.CopyMasters(masters));
        Assert.All(masters[..2], m => Assert.True(m.IsSelected && m.IsSyncAlive));

        first.Stop();
        slave.RunUntil(() => slave.Port.Status.Reference is { Domain: 24 }, "the second domain to be followed");
        slave.RunExchanges(20, PtpLab.Identity(Second));
        slave.RunUntil(() => slave.IsThere, "the clock to be at the second's");
        Assert.True(slave.Steps.Count == 1, slave.Describe());
        List<string[]> sent = CheckWire(capture, file);
        Assert.Equal(["24", "7"], sent.Select(f => f[1]).Distinct().Order());
    }

    [Fact]
    public void Leaves_a_grandmaster_whose_clock_class_gets_worse()
    {
        using var lab = new PtpLab(3);
        string file = Path.Combine(lab.Scratch, "wire.pcap");
        Background capture = lab.StartCapture(Slave, file);
        lab.StartMaster(First, 0, "network_transport UDPv4");
        lab.StartMaster(Second, 0, "network_transport UDPv4");
        lab.SetGrandmaster(Second, 7);
        using var slave = new LiveSlave(lab, Slave, s_socket);
        slave.RunUntil(() => slave.IsThere && slave.Reference == PtpLab.Identity(First), "the one of class 6 to be followed");

        lab.SetGrandmaster(First, 52);
        slave.RunUntil(() => slave.Reference == PtpLab.Identity(Second), "the one of class 7 to be followed");
        Assert.Contains(slave.Events, e => e is { Kind: EventKind.ClockClassChanged, Before: 6, After: 52 });
        slave.RunExchanges(10, PtpLab.Identity(Second));

        lab.SetGrandmaster(First, 6);
        slave.RunUntil(() => slave.Reference == PtpLab.Identity(First), "the one of class 6 to be followed again");
        slave.RunExchanges(10, PtpLab.Identity(First));
        slave.RunUntil(() => slave.IsThere, "the clock to be at the master's");
        Assert.True(slave.Steps.Count == 1, slave.Describe());
        CheckWire(capture, file);
    }

    [Fact]
    public void Runs_on_without_a_grandmaster_and_says_so()
    {
        using var lab = new PtpLab(3);
        Background first = lab.StartMaster(First, 0, "network_transport UDPv4");
        using var slave = new LiveSlave(lab, Slave, s_socket);
        slave.RunUntil(() => slave.IsThere, "the master to be followed");
        slave.RunExchanges(30, PtpLab.Identity(First));
        first.Stop();
        slave.RunUntil(() => slave.Port.QualityNow().State == Servo.SyncState.Holdover, "holdover");
        slave.RunUntil(() => slave.Reference == 0, "no reference");
        // The other parts may still narrow: what they are made of was seen before.
        double holdoverNs = slave.Port.QualityNow().Parts.HoldoverNs;
        Assert.True(holdoverNs > 0, slave.Describe());
        slave.RunUntil(() => slave.Port.QualityNow().Parts.HoldoverNs > 2 * holdoverNs, "what the oscillator may have done to grow");
        // The dial still makes up for the oscillator: without it the clock would be 20 us further off each second.
        Assert.True(Math.Abs(slave.Clock.FrequencyPpb + LiveSlave.OscillatorPpb) < 15_000, slave.Describe());

        lab.StartMaster(First, 0, "network_transport UDPv4");
        slave.RunUntil(() => slave.IsThere && slave.Reference == PtpLab.Identity(First), "the master to be followed again");
        Assert.True(slave.Steps.Count == 1, slave.Describe());
    }

    [Fact]
    public void Ignores_grandmasters_that_are_not_on_the_list()
    {
        using var lab = new PtpLab(3);
        lab.StartMaster(First, 0, "network_transport UDPv4", "priority1 1");
        lab.StartMaster(Second, 0, "network_transport UDPv4");
        using var slave = new LiveSlave(lab, Slave, s_socket, new EngineOptions { Own = default, AllowedGrandmasters = [new ClockIdentity(PtpLab.Identity(Second))] });
        slave.RunUntil(() => slave.IsThere, "the one on the list to be followed");
        Assert.Equal(PtpLab.Identity(Second), slave.Reference);
        Assert.True(slave.Port.EngineCounters[Cause.GrandmasterNotAllowed] > 0);
    }

    /// <summary>Nothing of ours is malformed, and all of it are Delay_Req.</summary>
    private static List<string[]> CheckWire(Background capture, string file)
    {
        capture.Stop();
        Assert.Equal("", Pcap.Faults(file, $"ptp && eth.src == {PtpLab.Mac(Slave)}"));
        List<string[]> sent = [.. Pcap.Fields(file, "eth.src", "ptp.v2.domainnumber", "ptp.v2.messagetype").Where(f => f[0] == PtpLab.Mac(Slave) && f[2].Length > 0)];
        Assert.True(sent.Count > 20, $"{sent.Count} messages of ours on the wire");
        Assert.All(sent, f => Assert.Equal("0x01", f[2]));
        return sent;
    }
}
