// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Xunit;

namespace Capbox.Tests;

/// <summary>Which claim a chunk gets: the worst of the time that its packets span, of the clocks that stamped them.</summary>
public class CaptureClockBoardTests
{
    private const long Second = 1_000_000_000;

    private static readonly TimeQuality _good = new(ClockState.Locked, 100), _wide = new(ClockState.Degraded, 5_000), _blind = new(ClockState.Holdover, 900);

    private static ChunkRecord Describe(TimeQualityLog board, long firstNs, long lastNs, uint packets = 10, uint hardware = 0)
    {
        ChunkRecord record = new() { FirstUtcNs = firstNs, LastUtcNs = lastNs, Packets = packets, HardwareStampedPackets = hardware, Port = 0 };
        board.Describe(ref record);
        return record;
    }

    private static void Expect(TimeQuality claim, ChunkRecord record) => Assert.Equal(claim, new TimeQuality(record.ClockState, record.ClockBoundNs));

    [Fact]
    public void Nothing_is_claimed_until_somebody_does()
    {
        var board = new TimeQualityLog(1);
        Expect(TimeQuality.None, Describe(board, 5 * Second, 6 * Second));
        board.Publish(10 * Second, _good, [TimeQuality.None]);
        Expect(TimeQuality.None, Describe(board, 9 * Second, 11 * Second));
        Expect(_good, Describe(board, 10 * Second, 11 * Second));
    }

    [Fact]
    public void A_doubt_between_two_looks_is_not_lost()
    {
        var board = new TimeQualityLog(1);
        board.Publish(10 * Second, _good, [TimeQuality.None]);
        board.Publish(11 * Second, _wide, [TimeQuality.None]);
        board.Publish(12 * Second, _blind, [TimeQuality.None]);
        board.Publish(13 * Second, _good, [TimeQuality.None]);
        Expect(new TimeQuality(ClockState.Degraded, 5_000), Describe(board, (10 * Second) + 5, 14 * Second));
        Expect(_blind, Describe(board, 12 * Second, 13 * Second));
        Expect(_good, Describe(board, 13 * Second, 20 * Second));
        // What began after the last packet does not count.
        Expect(_good, Describe(board, 10 * Second, (11 * Second) - 1));
    }

    [Fact]
    public void Each_clock_speaks_for_its_own_stamps()
    {
        var board = new TimeQualityLog(1);
        board.Publish(10 * Second, _wide, [_good]);
        Expect(_wide, Describe(board, 11 * Second, 12 * Second));
        Expect(_good, Describe(board, 11 * Second, 12 * Second, hardware: 10));
        Expect(_wide, Describe(board, 11 * Second, 12 * Second, hardware: 3));
        Expect(_wide, Describe(board, 11 * Second, 12 * Second, packets: 0));
    }

    [Fact]
    public void What_began_before_the_memory_reaches_gets_no_claim_and_neither_does_a_clock_that_went_back()
    {
        var board = new TimeQualityLog(1);
        for (int i = 0; i < 200; i++)
            board.Publish((100 + i) * Second, _good, [TimeQuality.None]);
        Expect(_good, Describe(board, 250 * Second, 260 * Second));
        Expect(TimeQuality.None, Describe(board, 120 * Second, 121 * Second));
        Expect(TimeQuality.None, Describe(board, 120 * Second, 260 * Second));
        // Stepped back by 100 s: the entry that holds now is dated before those that came first.
        board.Publish(199 * Second, _wide, [TimeQuality.None]);
        Expect(_wide, Describe(board, 199 * Second, 200 * Second));
    }

    [Fact]
    public void Nothing_is_claimed_any_more_when_the_keeper_of_the_clocks_falls_silent()
    {
        var time = new SteppedTime();
        var board = new TimeQualityLog(1, time: time);
        board.Publish(10 * Second, _good, [_wide]);
        time.Seconds = 10;
        Expect(_good, Describe(board, 11 * Second, 12 * Second));
        Assert.Equal((_good, _wide), board.Latest(0));
        // That a place has another port is not the keeper's word.
        time.Seconds = 11;
        board.Forget(13 * Second, []);
        Expect(TimeQuality.None, Describe(board, 11 * Second, 12 * Second));
        Assert.Equal((TimeQuality.None, TimeQuality.None), board.Latest(0));
        board.Publish(21 * Second, _wide, [_wide]);
        Expect(_wide, Describe(board, 21 * Second, 22 * Second));
        // Not after it either.
        Expect(TimeQuality.None, Describe(board, 15 * Second, 16 * Second));
        Expect(TimeQuality.None, Describe(board, 15 * Second, 22 * Second));
    }

    [Fact]
    public void Describing_a_chunk_allocates_nothing()
    {
        var board = new TimeQualityLog(1);
        for (int i = 0; i < 100; i++)
            board.Publish(i * Second, _good, [_wide]);
        ChunkRecord record = new() { FirstUtcNs = 60 * Second, LastUtcNs = 80 * Second, Packets = 10, HardwareStampedPackets = 1 };
        board.Describe(ref record);
        long bytes = Allocation.LeastOfThisThread(() =>
        {
            for (int i = 0; i < 1000; i++)
                board.Describe(ref record);
        });
        Assert.Equal(0, bytes);
    }
}
