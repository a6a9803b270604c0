// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>Destination of a Delay_Req.</summary>
public enum DelayMode
{
    /// <summary>The group, as in the default profile: all masters of the domain answer.</summary>
    Multicast,

    /// <summary>
    /// The master alone, while Announce and Sync come by multicast: the Enterprise profile (RFC 9760), linuxptp's hybrid_e2e.
    /// </summary>
    Unicast,
}

/// <summary>Treatment of a grandmaster that does not set currentUtcOffsetValid.</summary>
public enum UtcPolicy
{
    /// <summary>Its currentUtcOffset is ignored.</summary>
    RequireValid,

    /// <summary>Its currentUtcOffset is used if it is plausible: many grandmasters forget the flag.</summary>
    TrustUnflagged,
}

/// <summary>Settings of a <see cref="PtpEngine"/>; immutable while it runs.</summary>
public sealed record EngineOptions
{
    public const int MaxDomains = 8;
    public const int MaxMastersPerDomain = 16;

    /// <summary>This clock's port: the source of its Delay_Req.</summary>
    public required PortIdentity Own { get; init; }

    /// <summary>Domains to listen to. The reference is in the first of them with a usable grandmaster.</summary>
    public IReadOnlyList<byte> Domains { get; init; } = [0];

    /// <summary>Twelve bits; messages with another value are ignored (IEEE 1588-2019 clause 7.1.2).</summary>
    public ushort SdoId { get; init; }

    /// <summary>Grandmasters that may be followed; empty for any.</summary>
    public IReadOnlyList<ClockIdentity> AllowedGrandmasters { get; init; } = [];

    /// <summary>Slots in each domain's table of masters.</summary>
    public int MastersPerDomain { get; init; } = 8;

    /// <summary>True: measures every qualified master, so that they can be compared; false: only the selected ones.</summary>
    public bool MeasureAll { get; init; } = true;

    public DelayMode DelayMode { get; init; }

    /// <summary>Announce intervals of silence after which a master is lost (portDS.announceReceiptTimeout, default 3).</summary>
    public int AnnounceTimeoutIntervals { get; init; } = 3;

    /// <summary>Sync intervals of silence after which a master's Syncs are lost; at least <see cref="SyncTimeoutLeastMs"/>.</summary>
    public int SyncTimeoutIntervals { get; init; } = 3;

    public int SyncTimeoutLeastMs { get; init; } = 500;

    /// <summary>Timeout of an exchange for its transmit stamp and its answer, ms: i40e drops a stamp after a second.</summary>
    public int DelayTimeoutMs { get; init; } = 1_000;

    /// <summary>Consecutive unanswered exchanges that raise an event.</summary>
    public int DelayLostAfter { get; init; } = 3;

    /// <summary>Wanted Delay_Req interval, log2 s. The limit of the master prevails.</summary>
    public int LogDelayInterval { get; init; }

    /// <summary>Seed of the random spacing; 0 takes the clock identity.</summary>
    public ulong Seed { get; init; }

    /// <summary>From the wire to the receive stamp, ns: subtracted from t2 (clause 7.3.4.2).</summary>
    public long IngressLatencyNs { get; init; }

    /// <summary>From the transmit stamp to the wire, ns: added to t3.</summary>
    public long EgressLatencyNs { get; init; }

    /// <summary>
    /// Half of (delay from the master minus delay to it), ns (clause 7.4.2): positive when the path from the master is longer.
    /// </summary>
    public double DelayAsymmetryNs { get; init; }

    public UtcPolicy UtcPolicy { get; init; }

    /// <summary>Masters further than this from the median offset disagree, ns.</summary>
    public double DisagreementNs { get; init; } = 10_000;

    /// <summary>Rejects settings that cannot work; the message names the setting.</summary>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    public EngineOptions Checked()
    {
        Require(Own.Clock.Value != 0 && Own.Port is not (0 or 0xFFFF), nameof(Own), "a clock identity and a port from 1");
        bool isDistinct = Domains.Distinct().Count() == Domains.Count;
        Require(Domains.Count is >= 1 and <= MaxDomains && isDistinct, nameof(Domains), $"1 to {MaxDomains} different numbers");
        Require(SdoId <= 0xFFF, nameof(SdoId), "0 to 0xFFF");
        Require(MastersPerDomain is >= 1 and <= MaxMastersPerDomain, nameof(MastersPerDomain), $"1 to {MaxMastersPerDomain}");
        Require(AnnounceTimeoutIntervals is >= 2 and <= 255, nameof(AnnounceTimeoutIntervals), "2 to 255");
        Require(SyncTimeoutIntervals is >= 2 and <= 255, nameof(SyncTimeoutIntervals), "2 to 255");
        Require(SyncTimeoutLeastMs is >= 0 and <= 60_000, nameof(SyncTimeoutLeastMs), "0 to 60000");
        Require(DelayTimeoutMs is >= 10 and <= 60_000, nameof(DelayTimeoutMs), "10 to 60000");
        Require(DelayLostAfter >= 1, nameof(DelayLostAfter), "1 or more");
        Require(
            LogDelayInterval is >= Intervals.LeastLog and <= Intervals.MostLog,
            nameof(LogDelayInterval),
            $"{Intervals.LeastLog} to {Intervals.MostLog}");
        Require(IsLatency(IngressLatencyNs), nameof(IngressLatencyNs), "within a second");
        Require(IsLatency(EgressLatencyNs), nameof(EgressLatencyNs), "within a second");
        Require(IsLatency(DelayAsymmetryNs), nameof(DelayAsymmetryNs), "within a second");
        Require(DisagreementNs > 0, nameof(DisagreementNs), "more than 0");
        return this;
    }

    private static bool IsLatency(double nanoseconds) => Math.Abs(nanoseconds) <= 1e9;

    private static void Require(bool condition, string name, string what)
    {
        if (!condition)
            throw new ArgumentException($"{name}: must be {what}", name);
    }
}

/// <summary>Message intervals: two to the power of the value on the wire, in ns.</summary>
internal static class Intervals
{
    /// <summary>128 messages a second: faster intervals are ignored.</summary>
    public const int LeastLog = -7;

    /// <summary>64 s between messages: slower intervals are ignored.</summary>
    public const int MostLog = 6;

    public const long SecondNs = 1_000_000_000;

    /// <summary>The interval, or <paramref name="otherwise"/> if the sender gives none that is plausible.</summary>
    public static long FromLog(int log, long otherwise) => log is >= LeastLog and <= MostLog ? FromLog(log) : otherwise;

    public static long FromLog(int log) => log >= 0 ? SecondNs << log : SecondNs >> -log;
}
