using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;

namespace Capbox.Timing;

/// <summary>A clock that follows the kept one, as its follower needs it: compared with it, steered, and told what it is worth.</summary>
internal interface IFollowingClock : IDisposable
{
    string Name { get; }
    double FrequencyPpb { get; }
    double MaxFrequencyPpb { get; }

    /// <summary>This clock minus what it should show.</summary>
    /// <param name="utc">TAI - UTC now; only for clocks of which one counts UTC.</param>
    Comparison Compare(in UtcForecast utc);

    void SetFrequency(double ppb);

    void Step(long ns);

    /// <summary>Tells who asks the kernel what the clock is worth, where the kernel keeps that.</summary>
    void Declare(in SystemClockStatus status);
}

/// <summary>Two clocks at one moment.</summary>
/// <param name="At">When, as the kept clock says.</param>
/// <param name="OffsetNs">The one that follows minus what it should show.</param>
/// <param name="BoundNs">How wrong that may be by the reading.</param>
internal readonly record struct Comparison(TaiTime At, long OffsetNs, long BoundNs);

/// <summary>The kept clock as those that follow it see it.</summary>
/// <param name="Clock">Read only.</param>
/// <param name="CountsUtc">It is CLOCK_REALTIME, not a PHC.</param>
internal sealed record KeptReference(IClock Clock, bool CountsUtc);

/// <summary>CLOCK_REALTIME behind a PHC.</summary>
internal sealed class FollowingSystem(SystemClock clock, KeptReference kept) : IFollowingClock
{
    public string Name => clock.Name;
    public double FrequencyPpb => clock.FrequencyPpb;
    public double MaxFrequencyPpb => clock.MaxFrequencyPpb;

    public Comparison Compare(in UtcForecast utc)
    {
        ClockReading reading = kept.Clock.Read(ReferenceClock.Realtime);
        TaiTime at = new(reading.Nanoseconds);
        return new(at, reading.ReferenceNs - (at.Nanoseconds - utc.At(at).Nanoseconds), reading.BoundNs);
    }

    public void SetFrequency(double ppb) => clock.SetFrequency(ppb);

    public void Step(long ns) => clock.Step(ns);

    public void Declare(in SystemClockStatus status) => clock.Declare(status);

    public void Dispose() => clock.Dispose();
}

/// <summary>A PHC behind another one, or behind CLOCK_REALTIME.</summary>
internal sealed class FollowingCard(IClock clock, KeptReference kept) : IFollowingClock
{
    public string Name => clock.Name;
    public double FrequencyPpb => clock.FrequencyPpb;
    public double MaxFrequencyPpb => clock.MaxFrequencyPpb;

    public Comparison Compare(in UtcForecast utc)
    {
        if (!kept.CountsUtc)
        {
            ClockReading pair = clock.ReadAgainst(kept.Clock);
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
        // Nobody can be told.
    }

    public void Dispose() => clock.Dispose();
}
