using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;

namespace Capbox.Timing;

/// <summary>Which clock follows PTP.</summary>
public enum FollowingClock
{
    /// <summary>The PHC of the interface, stamps by the card: for ports whose packets that card stamps.</summary>
    Card,

    /// <summary>CLOCK_REALTIME, stamps by the kernel: for ports whose packets the kernel stamps.</summary>
    System,
}

/// <summary>Who keeps the clock.</summary>
public enum ClockSource
{
    /// <summary>The PTP slave of capbox itself.</summary>
    Ptp,

    /// <summary>A ptp4l beside it, asked over its management socket.</summary>
    Ptp4l,

    /// <summary>A chronyd beside it, asked over its command socket.</summary>
    Chrony,
}

/// <summary>The source of time of a box that has one. Without it the system clock is taken as it is, and nothing is claimed.</summary>
public sealed record ClockOptions
{
    public ClockSource Source { get; init; }

    /// <summary>Where ptp4l or chronyd is asked: a path, or for chronyd a loopback address with a port; null: its usual place.</summary>
    public string? Socket { get; init; }

    /// <summary>Where the grandmaster is heard: an interface of the network namespace that capbox runs in. With ptp4l: whose card's clock it steers, if that is not what it tells; else empty.</summary>
    public required string Interface { get; init; }
    public FollowingClock Clock { get; init; } = FollowingClock.Card;

    /// <summary>False: the clock is compared with the grandmaster and not touched, since somebody else steers it.</summary>
    public bool IsSteered { get; init; } = true;

    /// <summary>With <see cref="FollowingClock.Card"/>: the system clock is made to follow the card's, and speaks for the packets that the kernel stamps.</summary>
    public bool SystemFollows { get; init; }

    /// <summary>The PHCs of other cards that stamp packets of recorded ports are made to follow the kept clock, and speak for those.</summary>
    public bool CardsFollow { get; init; }
    public PtpTransport Transport { get; init; } = PtpTransport.UdpIpv4;
    public DelayMode Delay { get; init; }

    /// <summary>Domains in the order of preference.</summary>
    public IReadOnlyList<byte> Domains { get; init; } = [0];

    /// <summary>Grandmasters that may be followed; empty: any.</summary>
    public IReadOnlyList<ClockIdentity> Grandmasters { get; init; } = [];
    public UtcPolicy UtcPolicy { get; init; }

    /// <summary>Largest error by a path whose directions differ, ns; negative: not known, half the delay is assumed.</summary>
    public long AsymmetryNs { get; init; } = -1;

    /// <summary>A bound wider than this is "degraded", ns. RTS 25 wants 100 us.</summary>
    public long TargetNs { get; init; } = 100_000;

    /// <summary>Days with evidence that are kept; 0: none is written.</summary>
    public int LogDays { get; init; } = 400;

    /// <summary>Most bytes of t1 to t4 of every exchange with a master that are kept; 0: none are written.</summary>
    public long ExchangeLogBytes { get; init; }

    /// <summary>With <see cref="FollowingClock.Card"/>: the first virtual clock of the card's PHC is kept, which runs freely for it.</summary>
    public bool IsVirtual { get; init; }
}
