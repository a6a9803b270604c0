// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Port;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests.Live;

/// <summary>Our port follows a real ptp4l over every transport, and tshark reads what it sent.</summary>
[Collection("live 1")]
public sealed class LiveTransportTests
{
    private const int Master = 1, Slave = 2;
    private const int Dscp = 46;

    [Theory]
    [InlineData(PtpTransport.Ethernet, "L2", DelayMode.Multicast, "01:1b:19:00:00:00")]
    [InlineData(PtpTransport.UdpIpv4, "UDPv4", DelayMode.Multicast, "224.0.1.129")]
    [InlineData(PtpTransport.UdpIpv6, "UDPv6", DelayMode.Multicast, "ff0e::181")]
    [InlineData(PtpTransport.UdpIpv4, "UDPv4", DelayMode.Unicast, "192.0.2.1")]
    [InlineData(PtpTransport.UdpIpv6, "UDPv6", DelayMode.Unicast, "2001:db8::1")]
    public void Follows_ptp4l(PtpTransport transport, string name, DelayMode mode, string destination)
    {
        using var lab = new PtpLab(2);
        string file = Path.Combine(lab.Scratch, "wire.pcap");
        Background capture = lab.StartCapture(Slave, file);
        string[] settings = [$"network_transport {name}", .. mode == DelayMode.Unicast ? ["hybrid_e2e 1"] : Array.Empty<string>()];
        lab.StartMaster(Master, 3, settings);
        using var slave = new LiveSlave(
            lab, Slave, new PtpSocketOptions { Interface = "p0", Transport = transport, Dscp = transport == PtpTransport.Ethernet ? 0 : Dscp }, new EngineOptions { Own = default, Domains = [3], DelayMode = mode });
        slave.RunUntil(() => slave.IsThere, "the clock to be at the master's");
        slave.RunExchanges(20, PtpLab.Identity(Master));
        Follows(slave);
        capture.Stop();
        CheckWire(file, destination, transport);
    }

    /// <summary>Between sockets of ours: not every kernel has VLAN interfaces to put a ptp4l on.</summary>
    [Fact]
    public void Takes_part_in_a_vlan_without_an_interface_for_it()
    {
        using var lab = new PtpLab(3);
        string file = Path.Combine(lab.Scratch, "wire.pcap");
        Background capture = lab.StartCapture(Slave, file);
        PtpSocketOptions options = new() { Interface = "p0", Transport = PtpTransport.Ethernet, VlanId = 100, VlanPriority = 5 };
        using PtpSocket sender = lab.Inside(Slave, () => new PtpSocket(options)), inside = lab.Inside(Master, () => new PtpSocket(options));
        using PtpSocket outside = lab.Inside(3, () => new PtpSocket(options with { VlanId = -1 }));
        byte[] message = new byte[MessageWriter.MaxBytes];
        message = message[..MessageWriter.Write(new PtpMessage { Header = new Header { Type = MessageType.DelayReq, Source = new(new(PtpLab.Identity(Slave)), 1), SequenceId = 77 } }, message)];
        Assert.True(sender.TrySend(message, default, 4711));
        Assert.True(Waited(inside, () => inside.Receive(PtpChannel.Event, out _) == Reception.Message), $"nothing came in the VLAN: other VLAN {inside.Counters[SocketCause.OtherVlan]}");
        Assert.True(Waited(outside, () => outside.Counters[SocketCause.OtherVlan] > 0 || outside.Receive(PtpChannel.Event, out _) == Reception.Message), "nothing came outside");
        Assert.Equal(1, outside.Counters[SocketCause.OtherVlan]);
        uint token = 0;
        Assert.True(Waited(sender, () => sender.ReceiveTransmitStamp(out token, out _) == Reception.Message), "no transmit stamp");
        Assert.Equal(4711u, token);
        capture.Stop();
        Assert.Equal("", Pcap.Faults(file));
        Assert.Contains(Pcap.Fields(file, "eth.src", "vlan.id", "vlan.priority", "ptp.v2.sequenceid"), f => f is [var source, "100", "5", "77"] && source == PtpLab.Mac(Slave));
    }

    private static bool Waited(PtpSocket socket, Func<bool> condition)
    {
        long end = Environment.TickCount64 + 20_000;
        bool met = condition();
        for (; !met && Environment.TickCount64 < end; met = condition())
            socket.Wait(1_000);
        return met;
    }

    [Fact]
    public void Measures_a_clock_without_touching_it()
    {
        using var lab = new PtpLab(2);
        lab.StartMaster(Master, 0, "network_transport UDPv4");
        using var slave = new LiveSlave(lab, Slave, new PtpSocketOptions { Interface = "p0" }, mode: PortMode.Measure);
        slave.RunExchanges(60, PtpLab.Identity(Master));
        Assert.Empty(slave.Steps);
        Assert.Equal(0, slave.Clock.FrequencyPpb);
        // It has drifted away by 20 us each second, and that is what is measured.
        Assert.True(slave.ErrorNs > LiveSlave.InitialNs + 100_000, slave.Describe());
        Assert.True(Math.Abs(slave.Port.QualityNow().OffsetNs - slave.ErrorNs) < 500_000, slave.Describe());
    }

    [Fact]
    public async Task Runs_on_a_thread_of_its_own_until_it_is_stopped_or_the_interface_is_gone()
    {
        using var lab = new PtpLab(2);
        lab.StartMaster(Master, 0, "network_transport UDPv4");
        using var slave = new LiveSlave(lab, Slave, new PtpSocketOptions { Interface = "p0" });
        Task run = Task.Factory.StartNew(slave.Loop.Run, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await Until(() => slave.Port.EngineCounters[Cause.DelayUsed] > 3, "exchanges");
        await Until(() => slave.Reference == PtpLab.Identity(Master), "the status to tell the reference");
        slave.Loop.Stop();
        await run.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.True(slave.Port.Status.IsInterfaceThere);

        using var second = new LiveSlave(lab, Slave, new PtpSocketOptions { Interface = "p0", Transport = PtpTransport.Ethernet });
        run = Task.Factory.StartNew(second.Loop.Run, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        lab.Ip(Slave, "link", "del", "p0");
        await run.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.False(second.Port.Status.IsInterfaceThere);
    }

    [Fact]
    public void Says_what_it_cannot_have()
    {
        using var lab = new PtpLab(1);
        Assert.Equal("p9: there is no such interface", Refusal(lab, new() { Interface = "p9" }).Replace("p9: PTP over UDP IPv4 port 319: ", "", StringComparison.Ordinal));
        using var first = new LiveSlave(lab, 1, new PtpSocketOptions { Interface = "p0" });
        Assert.Contains("does another PTP program run", Refusal(lab, new() { Interface = "p0" }), StringComparison.Ordinal);
        Assert.Contains("/dev/ptp77", Refusal(lab, new() { Interface = "p0", Transport = PtpTransport.Ethernet, Stamps = StampSource.Hardware, PhcIndex = 77 }), StringComparison.Ordinal);
    }

    private static string Refusal(PtpLab lab, PtpSocketOptions options) => Assert.Throws<IOException>(() => lab.Inside(1, () => new PtpSocket(options))).Message;

    private static void Follows(LiveSlave slave)
    {
        string told = slave.Describe();
        Assert.Equal(PtpLab.Identity(Master), slave.Reference);
        Assert.True(slave.Failures.Count == 0, told);
        // The first step, of 5 ms, and no other.
        ClockStepIs(slave, told);
        Assert.True(Math.Abs(slave.ErrorNs) < 500_000, told);
        // The oscillator's error is dialled away.
        Assert.True(Math.Abs(slave.Clock.FrequencyPpb + LiveSlave.OscillatorPpb) < 15_000, told);
        Assert.All(slave.Exchanges.TakeLast(20), e => Assert.True(Math.Abs(e.Exchange.OffsetNs) < 10_000_000, told));
    }

    private static void ClockStepIs(LiveSlave slave, string told)
    {
        Assert.True(slave.Steps.Count == 1, told);
        Assert.Equal(StepReason.Policy, slave.Steps[0].Reason);
        Assert.True(Math.Abs(slave.Steps[0].StepNs + LiveSlave.InitialNs) < 2_000_000, told);
    }

    /// <summary>All that came from us: Delay_Req, to whom they should go, by the rules.</summary>
    private static void CheckWire(string file, string destination, PtpTransport transport)
    {
        string ours = $"ptp && eth.src == {PtpLab.Mac(Slave)}";
        Assert.Equal("", Pcap.Faults(file, ours));
        List<string[]> sent = [.. Pcap.Fields(file, "eth.src", "eth.dst", "ip.dst", "ipv6.dst", "ip.dsfield.dscp", "ipv6.tclass.dscp", "udp.dstport", "ptp.v2.messagetype", "ptp.v2.sequenceid")
            .Where(f => f[0] == PtpLab.Mac(Slave) && f[7].Length > 0)];
        Assert.True(sent.Count >= 20, $"{sent.Count} messages of ours on the wire");
        bool isIp = transport != PtpTransport.Ethernet;
        Assert.All(sent, f =>
        {
            Assert.Equal(destination, isIp ? f[2] + f[3] : f[1]);
            Assert.Equal(isIp ? $"{Dscp}" : "", f[4] + f[5]);
            Assert.Equal(isIp ? "319" : "", f[6]);
            Assert.Equal("0x01", f[7]);
        });
        // Each number once, one after the other.
        int[] ids = [.. sent.Select(f => int.Parse(f[8], System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(Enumerable.Range(ids[0], ids.Length), ids);
    }

    private static async Task Until(Func<bool> condition, string what)
    {
        long end = Environment.TickCount64 + 60_000;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 < end, $"waited for {what}");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }
}
