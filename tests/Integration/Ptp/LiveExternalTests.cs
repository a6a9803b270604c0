// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Ptp.Daemons;
using Capbox.Ptp.Servo;
using Xunit;

namespace Capbox.Ptp.Tests.Live;

/// <summary>A clock that a real ptp4l or chronyd keeps, as far as it may here: it measures this machine's clock and is not let touch it.</summary>
[Collection("live 2")]
public sealed class LiveExternalTests
{
    private const int Master = 1, Slave = 2;
    private static readonly string[] s_ethernet = ["network_transport L2", "announceReceiptTimeout 2", "logAnnounceInterval -1"];

    /// <summary>Software stamps on a busy machine.</summary>
    private static readonly QualityPolicy s_quality = new(TargetNs: 1_000_000_000, UselessNs: 4_000_000_000);

    [Fact]
    public void Follows_ptp4l_through_the_loss_of_master_and_slave()
    {
        using var lab = new PtpLab(2);
        Background master = lab.StartMaster(Master, 0, s_ethernet);
        Background slave = lab.StartSlave(Slave, s_ethernet);
        using Ptp4lClock clock = Open(() => new Ptp4lClock(new() { Socket = lab.Socket(Slave), Quality = s_quality }));
        Assert.Equal((-1, true, "CLOCK_REALTIME"), (clock.Phc, clock.CountsUtc, clock.Clock.Name));
        DaemonStatus followed = Until(clock, s => s.Quality.State is SyncState.Locked or SyncState.Degraded, "to be followed");
        Assert.Equal(("SLAVE", new Messages.ClockIdentity(PtpLab.Identity(Master)).ToString(), 6, 37), (followed.Doing, followed.Reference, followed.ClockClass, followed.Forecast?.Now.Seconds));
        // The master calls UTC TAI: this machine's TAI is 37 s ahead of that, and the interval says so.
        ClockQuality quality = followed.Quality;
        Assert.InRange(quality.OffsetNs - 37e9, -quality.Parts.TotalNs, quality.Parts.TotalNs);
        Assert.InRange(quality.Parts.TotalNs, 100, 5_000_000);

        master.Stop();
        DaemonStatus held = Until(clock, s => s.Quality.State == SyncState.Holdover, "holdover");
        DaemonStatus later = Until(clock, s => s.Quality.Parts.HoldoverNs > 2 * held.Quality.Parts.HoldoverNs, "the bound to grow");
        Assert.NotNull(later.Forecast);
        lab.StartMaster(Master, 0, s_ethernet);
        Until(clock, s => s.Quality.State is SyncState.Locked or SyncState.Degraded && s.Doing == "SLAVE", "the master to be back");

        slave.Stop();
        DaemonStatus gone = Until(clock, s => s.Fault is not null, "ptp4l to be missed");
        Assert.Contains(lab.Socket(Slave), gone.Fault, StringComparison.Ordinal);
        Assert.Equal(("no answer", null), (gone.Doing, gone.Reference));
        Until(clock, s => s.Quality.State == SyncState.Holdover, "holdover without ptp4l");
        lab.StartSlave(Slave, s_ethernet);
        Until(clock, s => s.Quality.State is SyncState.Locked or SyncState.Degraded && s.Fault is null, "ptp4l to be back");
        Assert.Equal(0, clock.Counters.Malformed);
    }

    [Fact]
    public void A_grandmaster_that_is_not_on_the_list_is_no_source()
    {
        using var lab = new PtpLab(2);
        lab.StartMaster(Master, 0, s_ethernet);
        lab.StartSlave(Slave, s_ethernet);
        using Ptp4lClock clock = Open(() => new Ptp4lClock(new() { Socket = lab.Socket(Slave), Quality = s_quality, AllowedGrandmasters = [new(1)] }));
        DaemonStatus status = Until(clock, s => s.Doing == "SLAVE", "ptp4l to follow");
        Assert.Equal("ptp4l follows 020000.fffe.000001, which is not among the allowed grandmasters", status.Fault);
        for (int i = 0; i < 3; i++)
            Assert.Equal(SyncState.Unsynchronised, clock.Poll().Quality.State);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Follows_chronyd_and_says_what_chronyc_says(bool byUdp)
    {
        using var lab = new PtpLab(2);
        string server = Path.Combine(lab.Scratch, "server.conf"), client = Path.Combine(lab.Scratch, "client.conf"), socket = Path.Combine(lab.Scratch, "chronyd.sock");
        File.WriteAllLines(server, ["local stratum 8", "allow", "cmdport 0", "bindcmdaddress /", "pidfile " + Path.Combine(lab.Scratch, "server.pid")]);
        File.WriteAllLines(client, ["server 192.0.2.1 minpoll 0 maxpoll 0 iburst", "port 0", "bindcmdaddress " + socket, "cmdport 1323", "pidfile " + Path.Combine(lab.Scratch, "client.pid")]);
        lab.StartWithoutClock(Master, "chronyd", "-x", "-d", "-u", "root", "-f", server);
        Background slave = lab.StartWithoutClock(Slave, "chronyd", "-x", "-d", "-u", "root", "-f", client);
        // The socket stays in the namespace that it was made in.
        using ChronyClock clock = byUdp
            ? lab.Inside(Slave, () => Open(() => new ChronyClock("127.0.0.1:1323", s_quality)))
            : Open(() => new ChronyClock(socket, s_quality));
        DaemonStatus status = Until(clock, s => s.Quality.State is SyncState.Locked or SyncState.Degraded, "to be followed");
        Assert.Equal(("192.0.2.1", 9), (status.Reference, status.Stratum));
        // Both read this machine's clock.
        Assert.InRange(Math.Abs(status.Quality.OffsetNs), 0, status.Quality.Parts.TotalNs);
        // The first measurements may have waited for a busy machine, and chronyd says so; they are forgotten.
        Until(clock, s => s.Quality.Parts.TotalNs is > 1_000 and < 50_000_000, "a bound of less than 50 ms");
        Assert.Equal(0, clock.Counters.Malformed + clock.Counters.Rejected);
        if (!byUdp)
            Compare(lab, clock, socket);

        slave.Stop();
        Until(clock, s => s.Fault is not null, "chronyd to be missed");
        Assert.True(Until(clock, s => s.Quality.State == SyncState.Holdover, "holdover").Quality.Parts.HoldoverNs > 0);
        Assert.Empty(Directory.EnumerateFiles("/run", "chrony.capbox.*").Where(f => f.Contains(string.Create(CultureInfo.InvariantCulture, $".{Environment.ProcessId}-"), StringComparison.Ordinal)).Skip(1));
    }

    /// <summary>chronyc -c tracking: reference id, name, stratum, time, system, last, RMS, frequency, residual, skew, root delay, root dispersion, interval, leap status.</summary>
    private static void Compare(PtpLab lab, ChronyClock clock, string socket)
    {
        string[] said = [];
        double Value(int at) => double.Parse(said[at], CultureInfo.InvariantCulture);
        // A measurement may have come in between.
        bool IsNear(double have, double chronycNs) => have >= chronycNs / 3 && have <= chronycNs * 3;
        Until(
            clock,
            status =>
            {
                said = Tool.Run("ip", "netns", "exec", lab.Space(Slave), "chronyc", "-h", socket, "-c", "tracking").Trim().Split(',');
                return IsNear(status.Quality.Parts.AsymmetryNs, Value(10) * 1e9 / 2) && IsNear(status.Quality.Parts.GrandmasterNs, Value(11) * 1e9);
            },
            "root delay and dispersion as chronyc has them");
        Assert.Equal(("C0000201", "9", "Normal"), (said[0], said[2], said[13]));
    }

    private static T Open<T>(Func<T> open) where T : class
    {
        long end = Environment.TickCount64 + (Tool.LimitSeconds * 1000L);
        while (true)
        {
            try
            {
                return open();
            }
            catch (IOException) when (Environment.TickCount64 < end)
            {
                Thread.Sleep(100);
            }
        }
    }

    private static DaemonStatus Until(IDaemonClock clock, Func<DaemonStatus, bool> condition, string what)
    {
        long end = Environment.TickCount64 + (Tool.LimitSeconds * 1000L);
        while (true)
        {
            DaemonStatus status = clock.Poll();
            if (condition(status))
                return status;
            if (Environment.TickCount64 > end)
                throw new TimeoutException($"waited for {what}: {status}");
            Thread.Sleep(1_000);
        }
    }
}
