// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Timing;

/// <summary>The time source at the last second.</summary>
internal sealed record ClockSnapshot
{
    /// <summary>Program that disciplines the clock: <c>capbox</c>, <c>ptp4l</c> or <c>chronyd</c>.</summary>
    public string Source { get; init; } = "capbox";

    /// <summary>State of the daemon in its own words; null without a daemon.</summary>
    public string? Doing { get; init; }

    /// <summary>Interface that hears the grandmaster; empty if unknown.</summary>
    public required string Interface { get; init; }

    /// <summary>/dev/ptpN or CLOCK_REALTIME; null while it cannot be used.</summary>
    public string? Clock { get; init; }

    /// <summary>True if capbox steers the clock.</summary>
    public required bool Steered { get; init; }
    public required ClockState State { get; init; }

    /// <summary>Estimated clock minus true time, ns.</summary>
    public double OffsetNs { get; init; }

    /// <summary>Largest distance of a stamp from the true time, ns; null: no bound is known.</summary>
    public double? BoundNs { get; init; }

    /// <summary>Parts of the bound beside the offset, ns.</summary>
    public ClockBoundParts? Parts { get; init; }

    /// <summary>Error of the oscillator, ppb.</summary>
    public double FrequencyPpb { get; init; }

    /// <summary>Identity of the grandmaster; null without one.</summary>
    public string? Grandmaster { get; init; }
    public int? Domain { get; init; }
    public int? ClockClass { get; init; }
    public int? StepsRemoved { get; init; }

    /// <summary>NTP stratum, with chronyd.</summary>
    public int? Stratum { get; init; }

    /// <summary>TAI - UTC of the grandmaster, s; null if unknown.</summary>
    public int? UtcOffsetSeconds { get; init; }

    /// <summary>Masters that are measured, and how many of them agree.</summary>
    public int Masters { get; init; }
    public int Agreeing { get; init; }

    /// <summary>Steps of the source clock, and of the system clock where it follows.</summary>
    public long Steps { get; init; }

    /// <summary>The system clock, where it follows the card's clock.</summary>
    public FollowerSnapshot? System { get; init; }

    /// <summary>The PHCs of other cards that follow.</summary>
    public IReadOnlyList<FollowerSnapshot> Cards { get; init; } = [];

    /// <summary>Why there is no clock, or what the clock rejects; null without a fault.</summary>
    public string? Fault { get; init; }
}

/// <summary>A clock that follows the source clock.</summary>
/// <param name="Clock">/dev/ptpN or CLOCK_REALTIME.</param>
/// <param name="State">State of its stamps.</param>
/// <param name="OffsetNs">Clock minus its target time, ns.</param>
/// <param name="BoundNs">Bound of its stamps, ns; null: no bound is known.</param>
internal sealed record FollowerSnapshot(string Clock, ClockState State, long OffsetNs, long? BoundNs);

/// <summary>Parts of a bound, ns; see docs/internals/time.md.</summary>
internal sealed record ClockBoundParts(
    double Grandmaster, double Asymmetry, double Statistical, double Read, double Holdover, double Unresolved);
