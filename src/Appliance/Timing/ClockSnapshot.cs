using Capbox.Packets.Pcapng;

namespace Capbox.Timing;

/// <summary>The clock that is kept, as it stood at the last second.</summary>
internal sealed record ClockSnapshot
{
    /// <summary>Who keeps it: <c>capbox</c>, or the outside program that is asked: <c>ptp4l</c>, <c>chronyd</c>.</summary>
    public string Source { get; init; } = "capbox";

    /// <summary>What the outside program does, in its own words; null without one.</summary>
    public string? Doing { get; init; }

    /// <summary>Where the grandmaster is heard; empty: on no interface that is known.</summary>
    public required string Interface { get; init; }

    /// <summary>/dev/ptpN or CLOCK_REALTIME; null while it cannot be used.</summary>
    public string? Clock { get; init; }

    /// <summary>By capbox.</summary>
    public required bool Steered { get; init; }
    public required ClockState State { get; init; }

    /// <summary>The clock minus the true time, as estimated, ns.</summary>
    public double OffsetNs { get; init; }

    /// <summary>A stamp is no further from the true time than this, ns; null: no bound is claimed.</summary>
    public double? BoundNs { get; init; }

    /// <summary>What the bound is made of beside the offset, ns.</summary>
    public ClockBoundParts? Parts { get; init; }

    /// <summary>The oscillator's error, ppb.</summary>
    public double FrequencyPpb { get; init; }

    /// <summary>Identity of the grandmaster that is followed; null: none.</summary>
    public string? Grandmaster { get; init; }
    public int? Domain { get; init; }
    public int? ClockClass { get; init; }
    public int? StepsRemoved { get; init; }

    /// <summary>Of NTP, where chronyd keeps the clock.</summary>
    public int? Stratum { get; init; }

    /// <summary>TAI - UTC as the grandmaster says, s; null: not known.</summary>
    public int? UtcOffsetSeconds { get; init; }

    /// <summary>Masters that are measured, and how many of them agree.</summary>
    public int Masters { get; init; }
    public int Agreeing { get; init; }

    /// <summary>Of the kept clock, and of the system clock where it follows.</summary>
    public long Steps { get; init; }

    /// <summary>The system clock, where it follows the card's.</summary>
    public FollowerSnapshot? System { get; init; }

    /// <summary>The clocks of other cards that follow.</summary>
    public IReadOnlyList<FollowerSnapshot> Cards { get; init; } = [];

    /// <summary>Why there is no clock to keep, or what it refuses.</summary>
    public string? Fault { get; init; }
}

/// <summary>A clock that follows the kept one.</summary>
/// <param name="Clock">/dev/ptpN or CLOCK_REALTIME.</param>
/// <param name="State">How far its stamps can be trusted.</param>
/// <param name="OffsetNs">The clock minus what it should show by the kept one, ns.</param>
/// <param name="BoundNs">Of its stamps, ns; null: none is claimed.</param>
internal sealed record FollowerSnapshot(string Clock, ClockState State, long OffsetNs, long? BoundNs);

/// <summary>Parts of a bound, ns; see docs/internals/time.md.</summary>
internal sealed record ClockBoundParts(double Grandmaster, double Asymmetry, double Statistical, double Read, double Holdover, double Unresolved);
