// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;

namespace Capbox.Timing;

/// <summary>The clock that PTP disciplines.</summary>
public enum DisciplinedClock
{
    /// <summary>The PHC of the interface, with hardware stamps: for ports whose packets the card stamps.</summary>
    Card,

    /// <summary>CLOCK_REALTIME, with software stamps: for ports whose packets the kernel stamps.</summary>
    System,
}

/// <summary>The program that disciplines the clock.</summary>
public enum ClockSource
{
    /// <summary>The PTP slave of capbox.</summary>
    Ptp,

    /// <summary>A ptp4l, queried over its management socket.</summary>
    Ptp4l,

    /// <summary>A chronyd, queried over its command socket.</summary>
    Chrony,
}

/// <summary>Time source of the box. Without it the system clock is used as it is, and stamps have no bound.</summary>
public sealed record ClockOptions
{
    public ClockSource Source { get; init; }

    /// <summary>Socket of ptp4l or chronyd: a path, or for chronyd a loopback address with a port; null for the default.</summary>
    public string? Socket { get; init; }

    /// <summary>
    /// Interface that hears the grandmaster, in the network namespace of capbox. With ptp4l: the card whose clock it steers, if ptp4l does
    /// not report it; else empty.
    /// </summary>
    public required string Interface { get; init; }
    public DisciplinedClock Clock { get; init; } = DisciplinedClock.Card;

    /// <summary>False: the clock is measured against the grandmaster and not steered, because another program steers it.</summary>
    public bool IsSteered { get; init; } = true;

    /// <summary>
    /// With <see cref="DisciplinedClock.Card"/>: the system clock follows the card's clock and rates the packets that the kernel stamps.
    /// </summary>
    public bool SystemFollows { get; init; }

    /// <summary>The PHCs of other cards that stamp recorded ports follow the source clock.</summary>
    public bool CardsFollow { get; init; }
    public PtpTransport Transport { get; init; } = PtpTransport.UdpIpv4;
    public DelayMode Delay { get; init; }

    /// <summary>Domains in order of preference.</summary>
    public IReadOnlyList<byte> Domains { get; init; } = [0];

    /// <summary>Grandmasters that may be followed; empty for any.</summary>
    public IReadOnlyList<ClockIdentity> Grandmasters { get; init; } = [];
    public UtcPolicy UtcPolicy { get; init; }

    /// <summary>Largest error from a path whose directions differ, ns; negative if unknown: half the delay is assumed.</summary>
    public long AsymmetryNs { get; init; } = -1;

    /// <summary>Bound beyond which the clock is "degraded", ns. RTS 25 requires 100 us.</summary>
    public long TargetNs { get; init; } = 100_000;

    /// <summary>Days of evidence to keep; 0 writes none.</summary>
    public int LogDays { get; init; } = 400;

    /// <summary>Size limit of the log of exchanges (t1 to t4), bytes; 0 writes none.</summary>
    public long ExchangeLogBytes { get; init; }

    /// <summary>
    /// With <see cref="DisciplinedClock.Card"/>: PTP disciplines the first virtual clock of the card's PHC; the PHC itself runs freely.
    /// </summary>
    public bool IsVirtual { get; init; }
}
