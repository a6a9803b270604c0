using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;
using Capbox.Ptp.Quality;
using PtpState = Capbox.Ptp.Quality.ClockState;

namespace Capbox.Timing;

/// <summary>What is claimed of stamps, from what is known of the clock. Pure functions.</summary>
internal static class Claims
{
    /// <summary>The recorder prepares segments for the time after a leap second.</summary>
    private const long TellLeapAheadNs = 5_000_000_000;

    /// <summary>Stamps are written as the clock gave them: its offset counts, however well it is known.</summary>
    /// <param name="targetNs">A wider bound is "degraded".</param>
    public static TimeQuality Of(in ClockQuality quality, long targetNs)
    {
        Packets.Pcapng.ClockState state = quality.State switch
        {
            PtpState.Acquiring => Packets.Pcapng.ClockState.Acquiring,
            PtpState.Locked => quality.ReadingBoundNs > targetNs ? Packets.Pcapng.ClockState.Degraded : Packets.Pcapng.ClockState.Locked,
            PtpState.Degraded => Packets.Pcapng.ClockState.Degraded,
            PtpState.Holdover => Packets.Pcapng.ClockState.Holdover,
            _ => Packets.Pcapng.ClockState.Unsynchronised,
        };
        bool hasBound = state != Packets.Pcapng.ClockState.Unsynchronised && quality.ReadingBoundNs < uint.MaxValue - 1;
        return new(state, hasBound ? (uint)Math.Ceiling(quality.ReadingBoundNs) : uint.MaxValue);
    }

    /// <summary>Whatever the clock is worth: who reads a stamp wants UTC, and that is unknown by whole seconds while TAI - UTC is.</summary>
    public static TimeQuality InUtc(TimeQuality claim, bool isUtcKnown) =>
        isUtcKnown || claim.BoundNs == uint.MaxValue ? claim : new(ClockTrust.Worse(Packets.Pcapng.ClockState.Degraded, claim.State), uint.MaxValue);

    /// <summary>TAI - UTC of the segments to come and from when it holds; null: not known.</summary>
    public static (UtcOffset Offset, TaiTime From)? SegmentUtc(UtcForecast? forecast, TaiTime at)
    {
        if (forecast is not { } utc)
            return null;
        bool isSoon = utc.Leap != 0 && utc.LeapAt.Nanoseconds - at.Nanoseconds < TellLeapAheadNs;
        return isSoon ? (new UtcOffset(utc.Now.Seconds + utc.Leap), utc.LeapAt) : (utc.Now, at);
    }
}
