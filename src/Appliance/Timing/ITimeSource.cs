// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Platform.Time;

namespace Capbox.Timing;

/// <summary>
/// A clock of known quality, disciplined by capbox or by a daemon. One thread, except <see cref="Stop"/> and <see cref="AcceptShifts"/>.
/// </summary>
internal interface ITimeSource : IDisposable
{
    /// <summary>
    /// TAI - UTC of new segments and the moment from which it holds, a leap second some seconds ahead; null if unknown. Valid after <see
    /// cref="TryEvaluate"/>.
    /// </summary>
    (UtcOffset Offset, TaiTime From)? SegmentUtc { get; }

    /// <summary>Waits for work and does it, for at most half a second. False: the clock is gone, the source must be opened again.</summary>
    bool Turn();

    /// <summary>Evaluates the clock, once a second. False: nothing is new since the last call.</summary>
    /// <param name="system">Quality of the kernel's stamps.</param>
    /// <param name="cards">Quality of the cards' stamps, by port of the recorder; valid until the next call.</param>
    /// <param name="snapshot">State for users.</param>
    bool TryEvaluate(out TimeQuality system, out ReadOnlySpan<TimeQuality> cards, out ClockSnapshot snapshot);

    /// <summary>
    /// Accepts the steps that were not followed, within a second, and returns their sum, ns. Null: a daemon decides what to follow. Any
    /// thread.
    /// </summary>
    double? AcceptShifts();

    /// <summary>Ends a waiting <see cref="Turn"/>. Any thread.</summary>
    void Stop();
}
