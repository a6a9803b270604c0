// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Time;

/// <summary>TAI - UTC now, and the announced leap second.</summary>
/// <param name="Now">The offset at the time of the forecast.</param>
/// <param name="Leap">+1: a second will be inserted, -1: one will be left out, 0: nothing is announced.</param>
/// <param name="LeapAt">First moment after the leap second, from which <paramref name="Now"/> + <paramref name="Leap"/> holds.</param>
public readonly record struct UtcForecast(UtcOffset Now, int Leap = 0, TaiTime LeapAt = default)
{
    /// <summary>The offset at a moment from now on.</summary>
    public UtcOffset At(TaiTime at) => Leap != 0 && at >= LeapAt ? new(Now.Seconds + Leap) : Now;
}
