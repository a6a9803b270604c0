// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Mqtt;

/// <summary>
/// How long to wait before a connection is tried again: twice as long after each failure, up to a minute, and each box of a fleet a bit
/// otherwise.
/// </summary>
internal static class Backoff
{
    public static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1), Longest = TimeSpan.FromSeconds(60);

    /// <summary>
    /// A connection that lasted so long was a good one: the next failure is the first again. One that is thrown out at once, as where two
    /// boxes have one name, is not.
    /// </summary>
    public static readonly TimeSpan GoodAfter = TimeSpan.FromSeconds(30);

    /// <param name="failures">In a row before this wait, from 0.</param>
    /// <param name="random">0 to 1, another each time.</param>
    /// <returns>Half to one and a half of the step.</returns>
    public static TimeSpan Wait(int failures, double random)
    {
        TimeSpan step = failures >= 6 ? Longest : Shortest * (1 << Math.Max(0, failures));
        return (step < Longest ? step : Longest) * (0.5 + random);
    }
}
