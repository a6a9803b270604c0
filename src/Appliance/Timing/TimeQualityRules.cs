// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;
using Capbox.Ptp.Servo;

namespace Capbox.Timing;

/// <summary>Derives the quality of packet stamps from the quality of the clock. Pure functions.</summary>
internal static class TimeQualityRules
{
    /// <summary>The recorder prepares segments with the new TAI - UTC this long before a leap second.</summary>
    private const long LeapPreparationNs = 5_000_000_000;

    /// <summary>Stamps are written as the clock gave them, so the clock's offset counts in full.</summary>
    /// <param name="targetNs">Bound beyond which the clock is "degraded", ns.</param>
    public static TimeQuality Evaluate(in ClockQuality quality, long targetNs)
    {
        ClockState state = quality.State switch
        {
            SyncState.Acquiring => ClockState.Acquiring,
            SyncState.Locked => quality.ReadingBoundNs > targetNs ? ClockState.Degraded : ClockState.Locked,
            SyncState.Degraded => ClockState.Degraded,
            SyncState.Holdover => ClockState.Holdover,
            _ => ClockState.Unsynchronised,
        };
        bool hasBound = state != ClockState.Unsynchronised && quality.ReadingBoundNs < uint.MaxValue - 1;
        return new(state, hasBound ? (uint)Math.Ceiling(quality.ReadingBoundNs) : uint.MaxValue);
    }

    /// <summary>
    /// A stamp is read as UTC. Without TAI - UTC its UTC is wrong by an unknown number of whole seconds, so it has no bound.
    /// </summary>
    public static TimeQuality InUtc(TimeQuality quality, bool isUtcKnown) => isUtcKnown || quality.BoundNs == uint.MaxValue
        ? quality
        : new(ClockTrust.Worse(ClockState.Degraded, quality.State), uint.MaxValue);

    /// <summary>TAI - UTC of new segments and the moment from which it holds; null if unknown.</summary>
    public static (UtcOffset Offset, TaiTime From)? SegmentUtc(UtcForecast? forecast, TaiTime at)
    {
        if (forecast is not { } utc)
            return null;
        bool isSoon = utc.Leap != 0 && utc.LeapAt.Nanoseconds - at.Nanoseconds < LeapPreparationNs;
        return isSoon ? (new UtcOffset(utc.Now.Seconds + utc.Leap), utc.LeapAt) : (utc.Now, at);
    }
}
