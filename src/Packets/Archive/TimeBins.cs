// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Archive;

/// <summary>
/// One key for a time interval, so that a B-tree finds overlaps: the interval goes into the smallest cell that holds it whole. Cells of
/// level n are 2^(30 + 4 n) ns long (1.07 s, 17 s, 275 s, 73 min, 20 h, ...), the last level is one cell for all time. What overlaps a
/// range is then in one run of keys per level. Works whatever the clock did: nothing is assumed of the order of intervals.
/// </summary>
internal static class TimeBins
{
    public const int Levels = 10;
    private const int FirstShift = 30, ShiftPerLevel = 4, LevelShift = 58;

    /// <summary>The key of an interval; both ends included.</summary>
    public static long KeyOf(long firstNs, long lastNs)
    {
        for (int level = 0; level < Levels - 1; level++)
        {
            int shift = Shift(level);
            if (firstNs >> shift == lastNs >> shift)
                return Key(level, firstNs >> shift);
        }

        return Key(Levels - 1, 0);
    }

    /// <summary>The run of keys of one level whose cells touch the interval; both ends included.</summary>
    public static (long First, long Last) Run(int level, long firstNs, long lastNs) =>
        level == Levels - 1 ? (Key(level, 0), Key(level, 0)) : (Key(level, firstNs >> Shift(level)), Key(level, lastNs >> Shift(level)));

    private static int Shift(int level) => FirstShift + (level * ShiftPerLevel);

    /// <summary>Cells are counted from the earliest time that 64 bits can hold, so that keys are positive and in order.</summary>
    private static long Key(int level, long cell) => ((long)level << LevelShift) | (cell + (1L << (63 - FirstShift)));
}
