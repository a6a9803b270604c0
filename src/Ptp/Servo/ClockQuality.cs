// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Ptp.Servo;

/// <summary>Trust in a clock.</summary>
public enum SyncState
{
    /// <summary>Nothing is known, or the bound is too wide to be of use.</summary>
    Unsynchronised,

    /// <summary>Messages arrive, the estimate is not yet narrow.</summary>
    Acquiring,

    /// <summary>The clock follows its grandmaster.</summary>
    Locked,

    /// <summary>The clock follows, but messages contradict each other or the bound exceeds the target; the bound shows how far.</summary>
    Degraded,

    /// <summary>No usable messages: the clock runs on its last known frequency with a growing bound.</summary>
    Holdover,
}

/// <summary>The parts of the bound, ns; the bound is their sum.</summary>
/// <param name="GrandmasterNs">Accuracy of the grandmaster (clockAccuracy, IEEE 1588-2019 table 5).</param>
/// <param name="AsymmetryNs">Half the largest difference of the two directions' delays: configured, or half the delay.</param>
/// <param name="StatisticalNs">k times the standard deviation of the estimate at the last used message.</param>
/// <param name="ReadNs">Half the width of the reading that carries this time to another clock; rounding of a stamp.</param>
/// <param name="HoldoverNs">Possible drift of the oscillator since the last message.</param>
/// <param name="UnresolvedNs">
/// Steps of path or grandmaster that were not followed and may be true, and steps of the clock not yet confirmed by messages.
/// </param>
public readonly record struct BoundParts(
    double GrandmasterNs, double AsymmetryNs, double StatisticalNs, double ReadNs, double HoldoverNs, double UnresolvedNs)
{
    /// <summary>The bound: largest distance of the true time from the stated one, ns.</summary>
    public double TotalNs => GrandmasterNs + AsymmetryNs + StatisticalNs + ReadNs + HoldoverNs + UnresolvedNs;
}

/// <summary>The interval that contains the true time, both ends included.</summary>
public readonly record struct TimeInterval(TaiTime Earliest, TaiTime Latest)
{
    /// <summary>Latest minus earliest, ns.</summary>
    public long WidthNs => Latest.Nanoseconds - Earliest.Nanoseconds;

    /// <summary>Whether the interval contains a time.</summary>
    public bool Contains(TaiTime time) => time >= Earliest && time <= Latest;
}

/// <summary>State, offset and bound at one moment.</summary>
/// <param name="At">PHC time of the evaluation.</param>
/// <param name="State">Trust in the clock.</param>
/// <param name="OffsetNs">Estimated PHC minus true time, ns.</param>
/// <param name="FrequencyPpb">Estimated frequency error of the oscillator, ppb.</param>
/// <param name="Parts">Parts of the bound.</param>
public readonly record struct ClockQuality(TaiTime At, SyncState State, double OffsetNs, double FrequencyPpb, BoundParts Parts)
{
    /// <summary>
    /// Interval of the true time when the PHC shows <see cref="At"/>; everything if <see cref="SyncState.Unsynchronised"/>.
    /// </summary>
    public TimeInterval Interval => State == SyncState.Unsynchronised
        ? new(new(long.MinValue), new(long.MaxValue))
        : new(
            new(At.Nanoseconds + (long)Math.Floor(-OffsetNs - Parts.TotalNs)),
            new(At.Nanoseconds + (long)Math.Ceiling(-OffsetNs + Parts.TotalNs)));

    /// <summary>Largest distance of the PHC's reading from the true time, ns: the bound of an uncorrected stamp.</summary>
    public double ReadingBoundNs => Math.Abs(OffsetNs) + Parts.TotalNs;

    /// <summary>The same quality with a wider bound; a locked clock becomes degraded, so that the bound is reported.</summary>
    internal ClockQuality OffBy(double ns) =>
        this with
        {
            State = State == SyncState.Locked ? SyncState.Degraded : State,
            Parts = Parts with { UnresolvedNs = Parts.UnresolvedNs + ns },
        };
}
