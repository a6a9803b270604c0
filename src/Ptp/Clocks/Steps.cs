// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Ptp.Clocks;

/// <summary>A step for clock_adjtime(2): the fraction is never negative, so -1 ns is -1 s and 999,999,999 ns.</summary>
internal static class Steps
{
    private const long NsPerSecond = 1_000_000_000;

    public static Timex ToTimex(long ns)
    {
        (long seconds, long rest) = Math.DivRem(ns, NsPerSecond);
        return new Timex
        {
            Modes = Timex.ADJ_SETOFFSET | Timex.ADJ_NANO,
            TimeSeconds = rest < 0 ? seconds - 1 : seconds,
            TimeFraction = rest < 0 ? rest + NsPerSecond : rest,
        };
    }
}
