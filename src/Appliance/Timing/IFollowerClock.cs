// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;

namespace Capbox.Timing;

/// <summary>
/// A follower clock as <see cref="FollowerServo"/> needs it: it can be compared with the source clock, steered, and its status declared.
/// </summary>
internal interface IFollowerClock : IDisposable
{
    string Name { get; }
    double FrequencyPpb { get; }
    double MaxFrequencyPpb { get; }

    /// <summary>Measures this clock minus its target time.</summary>
    /// <param name="utc">Current TAI - UTC; used only if one of the clocks counts UTC.</param>
    Comparison Compare(in UtcForecast utc);

    void SetFrequency(double ppb);

    void Step(long ns);

    /// <summary>Declares the status of the clock to the kernel, where the kernel keeps one.</summary>
    void Declare(in SystemClockStatus status);
}

/// <summary>A comparison of two clocks at one moment.</summary>
/// <param name="At">Time of the source clock.</param>
/// <param name="OffsetNs">Follower minus its target time.</param>
/// <param name="BoundNs">Largest error of the offset from the reading.</param>
internal readonly record struct Comparison(TaiTime At, long OffsetNs, long BoundNs);

/// <summary>The source clock as its followers see it.</summary>
/// <param name="Clock">Only read.</param>
/// <param name="CountsUtc">True for CLOCK_REALTIME, false for a PHC.</param>
internal sealed record SourceClock(IClock Clock, bool CountsUtc);

/// <summary>CLOCK_REALTIME as a follower of a PHC.</summary>
internal sealed class SystemFollower(SystemClock clock, SourceClock source) : IFollowerClock
{
    public string Name => clock.Name;
    public double FrequencyPpb => clock.FrequencyPpb;
    public double MaxFrequencyPpb => clock.MaxFrequencyPpb;

    public Comparison Compare(in UtcForecast utc)
    {
        ClockReading reading = source.Clock.Read(ReferenceClock.Realtime);
        TaiTime at = new(reading.Nanoseconds);
        return new(at, reading.ReferenceNs - (at.Nanoseconds - utc.At(at).Nanoseconds), reading.BoundNs);
    }

    public void SetFrequency(double ppb) => clock.SetFrequency(ppb);

    public void Step(long ns) => clock.Step(ns);

    public void Declare(in SystemClockStatus status) => clock.Declare(status);

    public void Dispose() => clock.Dispose();
}

/// <summary>A PHC as a follower of another PHC or of CLOCK_REALTIME.</summary>
internal sealed class PhcFollower(IClock clock, SourceClock source) : IFollowerClock
{
    public string Name => clock.Name;
    public double FrequencyPpb => clock.FrequencyPpb;
    public double MaxFrequencyPpb => clock.MaxFrequencyPpb;

    public Comparison Compare(in UtcForecast utc)
    {
        if (!source.CountsUtc)
        {
            ClockReading pair = clock.ReadAgainst(source.Clock);
            return new(new(pair.ReferenceNs), pair.OffsetNs, pair.BoundNs);
        }

        ClockReading reading = clock.Read(ReferenceClock.Realtime);
        TaiTime at = new(reading.ReferenceNs + utc.Now.Nanoseconds);
        return new(at, reading.Nanoseconds - at.Nanoseconds, reading.BoundNs);
    }

    public void SetFrequency(double ppb) => clock.SetFrequency(ppb);

    public void Step(long ns) => clock.Step(ns);

    public void Declare(in SystemClockStatus status)
    {
        // The kernel keeps no status of a PHC.
    }

    public void Dispose() => clock.Dispose();
}
