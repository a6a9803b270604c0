// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Archive;
using Capbox.Packets.Storage;
using Xunit;
using static Capbox.Testing.FakeClocks;

namespace Capbox.Tests;

/// <summary>The clock by which things age: no step of the wall clock moves it, a reboot does only when somebody can tell how long it took.</summary>
public class ArchiveClockTests
{
    private static ArchiveClock Open(TestDirectory directory, FakeClocks clocks)
    {
        ArchiveDirectory.OpenState(directory.Path);
        return ArchiveClock.Open(directory.Path, clocks);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4_070_908_800)]
    [InlineData(-5)]
    public void A_step_of_the_wall_clock_ages_nothing(long toSeconds)
    {
        using var directory = new TestDirectory();
        var clocks = new FakeClocks();
        ArchiveClock clock = Open(directory, clocks);
        clocks.Pass(10 * Second);
        clocks.WallNs = toSeconds * Second;
        clocks.Pass(10 * Second);
        Assert.Equal(20 * Second, clock.NowNs);
        clock.Save(1, 1, last: true);
        // A new process, still with the wrong clock, and then with the right one again.
        clock = Open(directory, clocks);
        clocks.Pass(Second);
        Assert.Equal(21 * Second, clock.NowNs);
        clocks.WallNs = new FakeClocks().WallNs;
        Assert.Equal(21 * Second, clock.NowNs);
    }

    [Fact]
    public void A_reboot_counts_what_a_synchronised_clock_says_it_took()
    {
        using var directory = new TestDirectory();
        var clocks = new FakeClocks();
        ArchiveClock clock = Open(directory, clocks);
        clocks.Pass(100 * Second);
        clock.Save(1, 1, last: true);
        clocks.Pass(50 * Second); // not saved: the power went
        clocks.Reboot(3 * Day);
        Assert.Equal((150 * Second) + (3 * Day), Open(directory, clocks).NowNs);
    }

    [Theory]
    [InlineData(4_070_908_800)] // 2099
    [InlineData(0)]
    public void After_a_reboot_an_unsynchronised_clock_says_nothing_until_it_is_synchronised(long wrongSeconds)
    {
        using var directory = new TestDirectory();
        var clocks = new FakeClocks();
        ArchiveClock clock = Open(directory, clocks);
        clocks.Pass(100 * Second);
        clock.Save(1, 1, last: true);
        long right = clocks.WallNs + (2 * Day);
        clocks.Reboot(0, synchronised: false);
        clocks.WallNs = wrongSeconds * Second;
        clock = Open(directory, clocks);
        clocks.Pass(10 * Second);
        Assert.Equal(110 * Second, clock.NowNs);
        // A restart of the process in between forgets nothing.
        clock.Save(1, 1, last: false);
        clock = Open(directory, clocks);
        Assert.Equal(110 * Second, clock.NowNs);
        (clocks.WallNs, clocks.IsSynchronised) = (right, true);
        Assert.Equal((100 * Second) + (2 * Day), clock.NowNs);
        clocks.Pass(Second);
        Assert.Equal((101 * Second) + (2 * Day), clock.NowNs);
    }

    [Fact]
    public void A_clock_that_was_never_synchronised_is_no_reference_for_later()
    {
        using var directory = new TestDirectory();
        var clocks = new FakeClocks { IsSynchronised = false, WallNs = 0 };
        ArchiveClock clock = Open(directory, clocks);
        clocks.Pass(100 * Second);
        clock.Save(1, 1, last: true);
        clocks.Reboot(Day);
        clocks.WallNs = new FakeClocks().WallNs;
        clock = Open(directory, clocks);
        Assert.Equal(100 * Second, clock.NowNs);
    }

    [Fact]
    public void A_lost_or_damaged_file_makes_everything_younger_never_older()
    {
        using var directory = new TestDirectory();
        var clocks = new FakeClocks();
        ArchiveClock clock = Open(directory, clocks);
        clocks.Pass(Day);
        clock.Save(5, 1, last: true);
        File.WriteAllText(ArchiveDirectory.StatePath(directory.Path, "clock.json"), "{\"ns\": 1");
        clock = Open(directory, clocks);
        Assert.Equal(0, clock.NowNs);
        Assert.Equal(0, clock.StoredAtNs(3));
    }

    [Fact]
    public void Marks_tell_the_age_of_segments_whose_catalog_was_lost_to_ten_minutes()
    {
        using var directory = new TestDirectory();
        var clocks = new FakeClocks();
        ArchiveClock clock = Open(directory, clocks);
        for (ulong sequence = 1; sequence <= 240; sequence++)
        {
            clocks.Pass(60 * Second);
            clock.Save(sequence, 1, last: false);
        }

        for (ulong sequence = 1; sequence <= 230; sequence++)
        {
            long stored = (long)sequence * 60 * Second;
            Assert.InRange(clock.StoredAtNs(sequence), stored, stored + (600 * Second));
        }

        clock.Save(240, 100, last: true);
        Assert.InRange(new FileInfo(ArchiveDirectory.StatePath(directory.Path, "clock.json")).Length, 100, 2000);
    }
}
