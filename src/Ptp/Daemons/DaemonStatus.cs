using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Daemons;

/// <summary>How a clock stands that an outside program steers.</summary>
/// <param name="Quality">State, offset and bound.</param>
/// <param name="Forecast">TAI - UTC and the leap second to come; null when it is not known.</param>
public readonly record struct ExternalStatus(ClockQuality Quality, UtcForecast? Forecast)
{
    /// <summary>The grandmaster's identity, the NTP server's address, or the name of a reference clock; null: none is followed.</summary>
    public string? Reference { get; init; }
    public int? Domain { get; init; }
    public int? ClockClass { get; init; }
    public int? StepsRemoved { get; init; }

    /// <summary>Of NTP.</summary>
    public int? Stratum { get; init; }

    /// <summary>The interface that the outside program hears its master on; null: it does not tell, or there is none.</summary>
    public string? Interface { get; init; }

    /// <summary>What the outside program does, in its own words: SLAVE, LISTENING, normal ...</summary>
    public required string Doing { get; init; }

    /// <summary>Steps and other rates that nobody reported, since this was made.</summary>
    public long Unexplained { get; init; }

    /// <summary>What is wrong; null: nothing.</summary>
    public string? Fault { get; init; }

    /// <summary>The outside program steers another clock now: this object must be made anew.</summary>
    public bool IsAnotherClock { get; init; }
}

/// <summary>Looks at a clock that another program steers, by what that says of it and by itself. One thread. Nothing is steered or set here.</summary>
public interface IExternalClock : IDisposable
{
    /// <summary>The clock that the program steers; owned by this object.</summary>
    IClock Clock { get; }

    /// <summary>It is CLOCK_REALTIME, which counts UTC; else a PHC, which counts TAI.</summary>
    bool CountsUtc { get; }

    /// <summary>Asks, reads the clock, and judges. Once a second; takes half of one at most.</summary>
    /// <exception cref="IOException">The clock cannot be read.</exception>
    ExternalStatus Look();
}
