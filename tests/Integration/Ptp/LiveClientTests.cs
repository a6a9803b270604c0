// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Ptp.Daemons;
using Capbox.Ptp.Messages;
using Xunit;

namespace Capbox.Ptp.Tests.Live;

/// <summary>The clients against the programs themselves: what they say to us is what they say to their own tools.</summary>
// Together with LiveExternalTests, which has such clients too: one test looks for what they leave in /run.
[Collection("live 2")]
public sealed class LiveClientTests
{
    private const int Master = 1, Slave = 2;
    private static readonly string[] s_ethernet = ["network_transport L2"];

    [Fact]
    public void Ptp4l_says_the_same_to_us_as_to_pmc()
    {
        using var lab = new PtpLab(2);
        lab.StartMaster(Master, 5, "network_transport UDPv4");
        lab.StartSlave(Slave, ["network_transport UDPv4"], 5);
        using var client = new Ptp4lClient(lab.Socket(Slave), 5);
        Ptp4lReport report = Until(client, r => r.IsFollowing && r.Current.PathDelayNs != 0);
        Assert.Equal((StampKindOfPort.Software, "p0", null, 1, (byte)5), (report.Stamps, report.Interface, report.Phc, report.Ports, report.Domain));
        Assert.Equal(new ClockIdentity(PtpLab.Identity(Slave)), report.Own);
        Assert.Equal(new ClockIdentity(PtpLab.Identity(Master)), report.Status.Grandmaster);
        Assert.Equal((6, 0x21, (byte)0x20), (report.Parent.Quality.Class, report.Parent.Quality.Accuracy, report.Properties.TimeSource));
        Assert.True(report.Properties is { CurrentUtcOffsetSeconds: 37, IsUtcOffsetValid: true, IsTimeTraceable: true, Timescale: Timescale.Ptp });
        // The master serves UTC and calls it TAI, the slave brings its clock to TAI.
        Assert.InRange(report.Status.OffsetNs, 36_990_000_000, 37_010_000_000);
        Assert.InRange(report.Current.PathDelayNs, 1, 10_000_000);

        string said = Tool.Run("ip", "netns", "exec", lab.Space(Slave), "pmc", "-u", "-b", "0", "-d", "5", "-i", Path.Combine(lab.Scratch, "pmc"), "-s", lab.Socket(Slave),
            "GET PARENT_DATA_SET", "GET PORT_DATA_SET", "GET TIME_STATUS_NP", "GET CURRENT_DATA_SET");
        Assert.Equal(report.Parent.Parent.ToString(), Field(said, "parentPortIdentity"));
        Assert.Equal(report.Parent.Quality.Variance, Convert.ToUInt16(Field(said, "gm.OffsetScaledLogVariance"), 16));
        Assert.Equal(report.Port.LogSync, sbyte.Parse(Field(said, "logSyncInterval"), CultureInfo.InvariantCulture));
        Assert.Equal("SLAVE", Field(said, "portState"));
        Assert.Equal(report.Current.StepsRemoved, int.Parse(Field(said, "stepsRemoved"), CultureInfo.InvariantCulture));
        Assert.InRange(long.Parse(Field(said, "ingress_time"), CultureInfo.InvariantCulture) - report.Status.IngressNs, 0, 20_000_000_000);
        Assert.Equal((0L, 0L), (client.Counters.Malformed, client.Counters.Contradicting));
    }

    [Fact]
    public void Nobody_there_another_domain_gone_and_back()
    {
        using var lab = new PtpLab(2);
        lab.StartMaster(Master, 0, "network_transport L2");
        string socket = lab.Socket(Slave);
        using var client = new Ptp4lClient(socket, 0);
        Assert.False(client.TryQuery(500, out _));
        Assert.StartsWith($"ptp4l: {socket}: ", client.Fault, StringComparison.Ordinal);
        Background slave = lab.StartSlave(Slave, s_ethernet);
        Until(client, r => r.IsFollowing);
        using var stranger = new Ptp4lClient(socket, 1);
        Assert.False(stranger.TryQuery(500, out _));
        Assert.Equal($"ptp4l: {socket}: no answer in domain 1", stranger.Fault);

        slave.Stop();
        Assert.False(client.TryQuery(500, out _));
        Assert.False(client.TryQuery(500, out _));
        lab.StartSlave(Slave, s_ethernet);
        Until(client, r => r.IsFollowing);
        Assert.Equal(0, client.Counters.Malformed);
        // Nothing is left in /run.
        client.Dispose();
        stranger.Dispose();
        Assert.Empty(Directory.EnumerateFiles("/run", string.Create(CultureInfo.InvariantCulture, $"capbox-ptp4l.{Environment.ProcessId}-*")));
    }

    [Fact]
    public void Ports_are_told_apart()
    {
        using var lab = new PtpLab(2);
        lab.Ip(Slave, "link", "add", "p1", "address", "02:00:00:00:00:77", "type", "veth", "peer", "name", "p2");
        lab.Ip(Slave, "link", "set", "p1", "up");
        lab.StartMaster(Master, 0, "network_transport L2");
        lab.StartSlave(Slave, s_ethernet, 0, "p1", "p0");
        using var client = new Ptp4lClient(lab.Socket(Slave), 0);
        Ptp4lReport report = Until(client, r => r.IsFollowing);
        Assert.Equal((2, "p0", PtpPortState.Slave), (report.Ports, report.Interface, report.Port.State));
        Assert.Equal(0, client.Counters.Repeated);
    }

    private static Ptp4lReport Until(Ptp4lClient client, Func<Ptp4lReport, bool> condition)
    {
        long end = Environment.TickCount64 + (Tool.LimitSeconds * 1000L);
        Ptp4lReport last = default;
        while (Environment.TickCount64 < end)
        {
            if (client.TryQuery(500, out Ptp4lReport report) && condition(report))
                return report;
            last = report;
            Thread.Sleep(100);
        }

        throw new TimeoutException($"{client.Fault}; {last}; malformed {client.Counters.Malformed}, not ours {client.Counters.NotOurs}, refused {client.Counters.Rejected}, unanswered {client.Counters.Unanswered}");
    }

    private static string Field(string said, string name) =>
        said.Split('\n').Select(l => l.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).First(f => f.Length == 2 && f[0] == name)[1];
}
