using Capbox.Platform.Time;

namespace Capbox.Ptp.Servo;

/// <summary>How far a clock can be trusted.</summary>
public enum ClockState
{
    /// <summary>Nothing is known, or the bound has grown past any use.</summary>
    Unsynchronised,

    /// <summary>Messages come in, the estimate is not yet narrow.</summary>
    Acquiring,

    /// <summary>Follows its grandmaster.</summary>
    Locked,

    /// <summary>Follows, but the messages contradict each other or the bound is wider than asked for; the bound tells how wide.</summary>
    Degraded,

    /// <summary>No usable messages: runs on the last known frequency with a growing bound.</summary>
    Holdover,
}

/// <summary>Where the bound comes from; every part in ns, the bound is their sum.</summary>
/// <param name="GrandmasterNs">What the grandmaster says about itself (clockAccuracy, IEEE 1588-2019 table 5).</param>
/// <param name="AsymmetryNs">Half the largest difference of the two directions' delays: configured, or half the delay itself.</param>
/// <param name="StatisticalNs">k times the standard deviation of the estimate when the last message was used.</param>
/// <param name="ReadNs">Half the width of the read that carries this time to another clock; rounding of a stamp.</param>
/// <param name="HoldoverNs">What the oscillator may have done since the last message.</param>
/// <param name="UnresolvedNs">Steps of path or grandmaster that were not followed and may yet be true, and steps of the clock that no message has confirmed yet.</param>
public readonly record struct BoundParts(double GrandmasterNs, double AsymmetryNs, double StatisticalNs, double ReadNs, double HoldoverNs, double UnresolvedNs)
{
    /// <summary>The bound: the true time is no further than this from the stated one, ns.</summary>
    public double TotalNs => GrandmasterNs + AsymmetryNs + StatisticalNs + ReadNs + HoldoverNs + UnresolvedNs;
}

/// <summary>The true time lies between these two, both included.</summary>
public readonly record struct TimeInterval(TaiTime Earliest, TaiTime Latest)
{
    /// <summary>Latest minus earliest, ns.</summary>
    public long WidthNs => Latest.Nanoseconds - Earliest.Nanoseconds;

    /// <summary>Whether a moment lies in it.</summary>
    public bool Contains(TaiTime time) => time >= Earliest && time <= Latest;
}

/// <summary>State, offset and bound at one moment.</summary>
/// <param name="At">PHC time it holds for.</param>
/// <param name="State">How far the clock can be trusted.</param>
/// <param name="OffsetNs">Estimated PHC minus true time, ns.</param>
/// <param name="FrequencyPpb">Estimated frequency error of the oscillator, ppb.</param>
/// <param name="Parts">Where the bound comes from.</param>
public readonly record struct ClockQuality(TaiTime At, ClockState State, double OffsetNs, double FrequencyPpb, BoundParts Parts)
{
    /// <summary>The true time when the PHC shows <see cref="At"/>. Meaningless when <see cref="ClockState.Unsynchronised"/>: then everything is possible.</summary>
    public TimeInterval Interval => State == ClockState.Unsynchronised
        ? new(new(long.MinValue), new(long.MaxValue))
        : new(new(At.Nanoseconds + (long)Math.Floor(-OffsetNs - Parts.TotalNs)), new(At.Nanoseconds + (long)Math.Ceiling(-OffsetNs + Parts.TotalNs)));

    /// <summary>How far the PHC's own reading may be from the true time, ns: what a stamp that is not corrected is worth.</summary>
    public double ReadingBoundNs => Math.Abs(OffsetNs) + Parts.TotalNs;

    /// <summary>The same, when it may be wrong by so much more: degraded at best, so that the bound is told.</summary>
    internal ClockQuality OffBy(double ns) =>
        this with { State = State == ClockState.Locked ? ClockState.Degraded : State, Parts = Parts with { UnresolvedNs = Parts.UnresolvedNs + ns } };
}
