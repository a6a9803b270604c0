using Capbox.Pcapng;

namespace Capbox.Timing;

/// <summary>The clock that is kept, as it stood at the last second.</summary>
internal sealed record ClockSnapshot
{
    /// <summary>Where the grandmaster is heard.</summary>
    public required string Interface { get; init; }

    /// <summary>/dev/ptpN or CLOCK_REALTIME; null while it cannot be used.</summary>
    public string? Clock { get; init; }
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

    /// <summary>TAI - UTC as the grandmaster says, s; null: not known.</summary>
    public int? UtcOffsetSeconds { get; init; }

    /// <summary>Masters that are measured, and how many of them agree.</summary>
    public int Masters { get; init; }
    public int Agreeing { get; init; }

    /// <summary>Of the kept clock, and of the system clock where it follows.</summary>
    public long Steps { get; init; }

    /// <summary>The system clock, where it follows the card's.</summary>
    public SystemClockSnapshot? System { get; init; }

    /// <summary>Why there is no clock to keep, or what it refuses.</summary>
    public string? Fault { get; init; }
}

/// <summary>The system clock behind the card's.</summary>
/// <param name="State">How far its stamps can be trusted.</param>
/// <param name="OffsetNs">System clock minus UTC by the card, ns.</param>
/// <param name="BoundNs">Of its stamps, ns; null: none is claimed.</param>
internal sealed record SystemClockSnapshot(ClockState State, long OffsetNs, long? BoundNs);

/// <summary>Parts of a bound, ns; see docs/TIME.md.</summary>
internal sealed record ClockBoundParts(double Grandmaster, double Asymmetry, double Statistical, double Read, double Holdover, double Unresolved);
