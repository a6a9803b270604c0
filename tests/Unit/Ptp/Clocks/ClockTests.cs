// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Xunit;

namespace Capbox.Ptp.Tests.Clocks;

/// <summary>Clocks of this machine, which are read and never touched; fakes; sysfs as a directory of files.</summary>
public class ClockTests
{
    [Fact]
    public void The_system_clock_is_read_within_its_bound()
    {
        using SystemClock clock = new();
        long before = UtcTime.Now.Nanoseconds;
        ClockReading reading = clock.Read(ReferenceClock.MonotonicRaw);
        long after = UtcTime.Now.Nanoseconds;
        // UtcTime.Now resolves 100 ns.
        Assert.InRange(reading.Nanoseconds, before - 100, after + 100);
        Assert.InRange(reading.WidthNs, 0, 1_000_000);
        Assert.Equal(ReadMethod.GetTime, reading.Method);
    }

    [Fact]
    public void The_system_clock_against_itself_is_nothing_off()
    {
        using SystemClock clock = new();
        ClockReading reading = clock.Read(ReferenceClock.Realtime);
        Assert.InRange(reading.OffsetNs, -reading.BoundNs, reading.BoundNs);
        ClockReading pair = clock.ReadAgainst(clock);
        Assert.InRange(pair.OffsetNs, -pair.BoundNs - 1000, pair.BoundNs + 1000);
    }

    [Fact]
    public void The_system_clock_says_how_it_is_disciplined()
    {
        using SystemClock clock = new();
        SystemClockStatus status = clock.ReadStatus();
        Assert.InRange(status.MaxErrorNs, 0, 20_000_000_000);
        Assert.InRange(Math.Abs(clock.FrequencyPpb), 0, 500_000);
        Assert.Throws<ArgumentOutOfRangeException>(() => clock.SetFrequency(500_001));
    }

    [Fact]
    public void Reading_allocates_nothing()
    {
        using SystemClock clock = new();
        clock.Read(ReferenceClock.MonotonicRaw);
        long bytes = Allocation.LeastOfThisThread(() =>
        {
            for (int i = 0; i < 100; i++)
                _ = clock.Read(ReferenceClock.MonotonicRaw).WidthNs + clock.Read(ReferenceClock.Realtime).WidthNs;
        });
        Assert.Equal(0, bytes);
    }

    [Fact]
    public void A_clock_that_is_not_there_is_named()
    {
        var e = Assert.Throws<ClockException>(() => PhcClock.Open(4711));
        Assert.StartsWith("/dev/ptp4711: open: No such file or directory", e.Message, StringComparison.Ordinal);
        Assert.Equal(2, e.Errno);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(250_000, 0)]
    [InlineData(-40_000, 50_000_000)]
    public void Two_clocks_are_compared_at_one_moment_whatever_their_rates(double onePpb, double otherPpb)
    {
        long now = 1_000_000_000;
        using FakeClock one = new(() => now += 40_000, 7_000_000_000, onePpb, 300);
        using FakeClock other = new(() => now += 900_000, 5_000_000_000, otherPpb, 500);
        ClockReading reading = one.ReadAgainst(other);
        long atNs = reading.Nanoseconds;
        // The raw moment at which the first clock showed that, and what the other one showed then.
        double raw = (atNs - 7_000_000_000) / (1 + (onePpb * 1e-9));
        Assert.Equal(5_000_000_000 + (raw * (1 + (otherPpb * 1e-9))), reading.ReferenceNs, 2.0);
        Assert.Equal(800, reading.WidthNs);
        Assert.Equal(ReadMethod.Basic, reading.Method);
    }

    [Fact]
    public void A_nudge_tells_whether_two_clocks_are_one()
    {
        long now = 1_000_000_000;
        using FakeClock one = new(() => now += 20_000, 7_000_000_000, 500, 300);
        using FakeClock two = new(() => now += 20_000, 7_000_000_000, 500, 300);
        using FakeClock alias = one.Alias();
        Assert.False(SharedClock.IsOne(one, two));
        Assert.True(SharedClock.IsOne(one, alias));
        Assert.Equal([10_000, -10_000, 10_000, -10_000], one.StepsNs);
        Assert.Empty(two.StepsNs);
    }

    [Fact]
    public void A_nudge_that_somebody_disturbs_tells_nothing_and_is_taken_back()
    {
        long now = 1_000_000_000;
        using FakeClock one = new(() => now += 20_000, 7_000_000_000, 0, 300);
        // Reads of the other clock: two before the nudge, then stepped by somebody.
        using FakeClock disturbed = new(() => now += 20_000, 7_000_000_000, 0, 300) { StepAtRead = 3, StepByNs = 1_000_000 };
        var e = Assert.Throws<ClockException>(() => SharedClock.IsOne(one, disturbed));
        Assert.Contains("another program steers", e.Message, StringComparison.Ordinal);
        Assert.Equal([10_000, -10_000], one.StepsNs);
    }

    [Fact]
    public void Virtual_clocks_are_found_below_their_physical_one()
    {
        using Sysfs sysfs = new();
        sysfs.Add("ptp0", "n_vclocks 2", "max_vclocks 20", "clock_name 02:00:00:00:01:0a");
        sysfs.Add("ptp0/ptp2", "clock_name ptp0_virt");
        sysfs.Add("ptp0/ptp10", "clock_name ptp0_virt");
        sysfs.Add("ptp1", "n_vclocks 0", "max_vclocks 20", "clock_name b");
        sysfs.Add("ptp2");
        sysfs.Add("ptp10");
        PtpSysfs clocks = new(sysfs.Path);
        Assert.Equal([0, 1, 2, 10], clocks.Clocks());
        Assert.Equal([2, 10], clocks.VirtualClocks(0));
        Assert.Equal([], clocks.VirtualClocks(1));
        Assert.Equal([], clocks.VirtualClocks(99));
        Assert.Equal(0, clocks.PhysicalOf(10));
        Assert.Null(clocks.PhysicalOf(1));
        Assert.Equal("02:00:00:00:01:0a", clocks.ClockName(0));
        Assert.Null(clocks.ClockName(99));
    }

    [Fact]
    public void Virtual_clocks_are_made_within_the_limit()
    {
        using Sysfs sysfs = new();
        sysfs.Add("ptp0", "n_vclocks 0", "max_vclocks 2");
        sysfs.Add("ptp1", "clock_name ptp0_virt");
        PtpSysfs clocks = new(sysfs.Path);
        clocks.SetVirtualClocks(0, 2);
        Assert.Equal("2", File.ReadAllText(System.IO.Path.Combine(sysfs.Path, "ptp0", "n_vclocks")));
        Assert.Equal("/dev/ptp0: 0 to 2 virtual clocks, not 3", Assert.Throws<ClockException>(() => clocks.SetVirtualClocks(0, 3)).Message);
        Assert.Equal("/dev/ptp0: 0 to 2 virtual clocks, not -1", Assert.Throws<ClockException>(() => clocks.SetVirtualClocks(0, -1)).Message);
        Assert.Equal("/dev/ptp1: it cannot have virtual clocks", Assert.Throws<ClockException>(() => clocks.SetVirtualClocks(1, 1)).Message);
    }

    [Fact]
    public void Without_a_directory_there_is_no_clock() => Assert.Equal([], new PtpSysfs("/nowhere/at/all").Clocks());

    /// <summary>Counts raw time that passes with every reading.</summary>
    private sealed class FakeClock(Func<long> raw, long startNs, double ppb, long widthNs) : IClock
    {
        private int _reads;
        private List<long> _steps = [];

        public string Name => "fake";
        public double MaxFrequencyPpb => 0;
        public double FrequencyPpb => ppb;
        public IReadOnlyList<long> StepsNs => _steps;

        /// <summary>At this reading somebody else has stepped it by <see cref="StepByNs"/>.</summary>
        public int StepAtRead { get; init; }
        public long StepByNs { get; init; }

        /// <summary>Another name of the same clock.</summary>
        public FakeClock Alias() => new(raw, startNs, ppb, widthNs) { _steps = _steps };

        public ClockReading Read(ReferenceClock reference)
        {
            long now = raw();
            long othersNs = StepAtRead > 0 && ++_reads >= StepAtRead ? StepByNs : 0;
            return new ClockReading(startNs + (long)(now * (1 + (ppb * 1e-9))) + _steps.Sum() + othersNs, now, widthNs, widthNs > 400 ? ReadMethod.Basic : ReadMethod.Extended);
        }

        public void SetFrequency(double ppb) => throw new NotSupportedException();

        public void Step(long ns) => _steps.Add(ns);

        public void Dispose()
        {
        }
    }

    private sealed class Sysfs : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("capbox-sysfs-").FullName;

        public void Add(string clock, params string[] attributes)
        {
            string directory = Directory.CreateDirectory(System.IO.Path.Combine(Path, clock)).FullName;
            foreach (string attribute in attributes)
            {
                string[] parts = attribute.Split(' ', 2);
                File.WriteAllText(System.IO.Path.Combine(directory, parts[0]), string.Create(CultureInfo.InvariantCulture, $"{parts[1]}\n"));
            }
        }

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
