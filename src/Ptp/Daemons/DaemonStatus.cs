// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Daemons;

/// <summary>State of a clock that a daemon steers.</summary>
/// <param name="Quality">State, offset and bound.</param>
/// <param name="Forecast">TAI - UTC and the next leap second; null if unknown.</param>
public readonly record struct DaemonStatus(ClockQuality Quality, UtcForecast? Forecast)
{
    /// <summary>The grandmaster's identity, the NTP server's address, or the name of a reference clock; null without one.</summary>
    public string? Reference { get; init; }
    public int? Domain { get; init; }
    public int? ClockClass { get; init; }
    public int? StepsRemoved { get; init; }

    /// <summary>NTP stratum.</summary>
    public int? Stratum { get; init; }

    /// <summary>The interface on which the daemon hears its master; null if it reports none.</summary>
    public string? Interface { get; init; }

    /// <summary>State of the daemon in its own words: SLAVE, LISTENING, normal ...</summary>
    public required string Doing { get; init; }

    /// <summary>Unexplained steps and rate changes since the start.</summary>
    public long Unexplained { get; init; }

    /// <summary>The current fault; null without one.</summary>
    public string? Fault { get; init; }

    /// <summary>The daemon steers another clock now: this object must be made again.</summary>
    public bool IsAnotherClock { get; init; }
}

/// <summary>
/// A clock that a daemon steers, evaluated by the daemon's reports and the clock's readings. One thread. It steers and sets nothing.
/// </summary>
public interface IDaemonClock : IDisposable
{
    /// <summary>The clock that the daemon steers; owned by this object.</summary>
    IClock Clock { get; }

    /// <summary>True for CLOCK_REALTIME, which counts UTC; false for a PHC, which counts TAI.</summary>
    bool CountsUtc { get; }

    /// <summary>Queries the daemon, reads the clock and evaluates both. Once a second; takes at most half a second.</summary>
    /// <exception cref="IOException">The clock cannot be read.</exception>
    DaemonStatus Poll();
}
