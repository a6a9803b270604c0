using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Engine;

/// <summary>How a message came in.</summary>
/// <param name="Source">Who sent it: MAC or IP address.</param>
/// <param name="Channel">By which port.</param>
/// <param name="Stamp">Receive stamp of the clock that is disciplined; null if there is none.</param>
/// <param name="NowNs">A monotonic clock, ns: for timeouts only.</param>
public readonly record struct Arrival(PeerAddress Source, PtpChannel Channel, PtpTimestamp? Stamp, long NowNs);

/// <summary>
/// A slave-only ordinary clock's protocol (IEEE 1588-2019, end-to-end delay mechanism; RFC 9760) on one port in several domains: bytes and stamps in, measurements
/// and events out. It does no I/O, knows no clock, allocates nothing after its construction and never becomes master. One thread at a time.
/// </summary>
public sealed partial class PtpEngine
{
    /// <summary>From one Delay_Req to the next to a master that does not answer and is not the reference.</summary>
    private const long SilentPauseNs = 16 * Intervals.SecondNs;

    private readonly EngineOptions _options;
    private readonly IEngineOutput _output;
    private readonly DomainTable[] _domains;
    private readonly DelayPlanner _delay;
    private readonly UtcTracker _utc;
    private readonly Correction _asymmetry;

    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    public PtpEngine(EngineOptions options, IEngineOutput output)
    {
        _options = options.Checked();
        _output = output;
        _domains = [.. options.Domains.Select(number => new DomainTable(number, options, Counters))];
        _delay = new(options, Counters);
        _utc = new(options.UtcPolicy);
        _asymmetry = Correction.FromNanoseconds(options.DelayAsymmetryNs);
        _offsets = new double[options.Domains.Count * options.MastersPerDomain];
    }

    public EngineCounters Counters { get; } = new();

    /// <summary>TAI - UTC, as the reference has it.</summary>
    public UtcTracker Utc => _utc;

    /// <summary>Takes one message: what follows the EtherType or the UDP header.</summary>
    public void Receive(ReadOnlySpan<byte> bytes, in Arrival arrival)
    {
        ParseError error = MessageParser.Parse(bytes, out PtpMessage message);
        if (error != ParseError.None)
        {
            Counters.Add(error);
            return;
        }

        if (Refusal(message, arrival.Channel) is { } cause)
        {
            Counters.Add(cause);
            return;
        }

        DomainTable? domain = Find(message.Header.Domain);
        if (domain is null)
            Counters.Add(Cause.OtherDomain);
        else if (message.Header.Type == MessageType.Announce)
            Announced(domain, message, arrival);
        else
            Measured(domain, message, arrival);
    }

    /// <summary>The transmit stamp of a Delay_Req.</summary>
    /// <param name="token">The one it was sent with.</param>
    /// <param name="stamp">t3 by the clock that is disciplined.</param>
    public void TransmitStamped(uint token, PtpTimestamp stamp, long nowNs)
    {
        if (!_delay.Stamped(token, stamp) || _delay.Domain is not { } domain)
            return;
        foreach (Master master in domain.Masters)
        {
            if (master.IsUsed)
                CompleteDelay(domain, master, nowNs);
        }
    }

    /// <summary>A Delay_Req could not be sent.</summary>
    public void SendFailed(uint token) => _delay.Failed(token);

    /// <summary>The clock that is disciplined was stepped: stamps from before are forgotten.</summary>
    public void ClockStepped()
    {
        _delay.Forget();
        foreach (DomainTable domain in _domains)
        {
            foreach (Master master in domain.Masters)
                master.ClockStepped();
        }
    }

    /// <summary>Timeouts, and a Delay_Req if one is due. To be called at <see cref="NextWakeNs"/>, and may be at any time.</summary>
    public void Tick(long nowNs)
    {
        foreach (DomainTable domain in _domains)
            Expire(domain, nowNs);
        UpdateReference(nowNs);
        if (_delay.Expire(nowNs) is { } silent && ++silent.Delay.Missing == _options.DelayLostAfter && DomainOf(silent) is { } at)
            Tell(EventKind.DelayLost, nowNs, at, silent, 0, silent.Delay.Missing);
        if (!_delay.IsBusy)
            SendDue(nowNs);
    }

    /// <summary>When <see cref="Tick"/> has something to do at the latest; never more than half a second away.</summary>
    public long NextWakeNs(long nowNs)
    {
        long wake = Math.Min(nowNs + (Intervals.SecondNs / 2), _delay.DeadlineNs);
        if (_delay.IsBusy)
            return wake;
        foreach (DomainTable domain in _domains)
        {
            foreach (Master master in domain.Masters)
            {
                if (_delay.IsTarget(domain, master))
                    wake = Math.Min(wake, master.Delay.NextNs);
            }
        }

        return Math.Max(wake, nowNs);
    }

    private Cause? Refusal(in PtpMessage message, PtpChannel channel)
    {
        MessageType type = message.Header.Type;
        if (message.Header.SdoId != _options.SdoId)
            return Cause.OtherSdo;
        if (message.Header.Source.Clock == _options.Own.Clock)
            return Cause.Own;
        if (type is not (MessageType.Sync or MessageType.FollowUp or MessageType.DelayResp or MessageType.Announce))
            return Cause.NotForSlave;
        if (channel != PtpChannel.Any && (channel == PtpChannel.Event) != (type == MessageType.Sync))
            return Cause.WrongChannel;
        return message.Header.Correction.IsSaturated ? Cause.CorrectionSaturated : null;
    }

    /// <summary>Sync, Follow_Up and Delay_Resp: of a qualified master, from its address.</summary>
    private void Measured(DomainTable domain, in PtpMessage message, in Arrival arrival)
    {
        if (message.Header.Type == MessageType.DelayResp && message.Requesting != _options.Own)
        {
            Counters.Add(Cause.DelayRespOfOthers);
            return;
        }

        Master? master = domain.Find(message.Header.Source);
        if (master is not { IsQualified: true })
            Counters.Add(Cause.UnknownMaster);
        else if (master.Address != arrival.Source)
            Counters.Add(Cause.WrongAddress);
        else if (!_options.MeasureAll && !ReferenceEquals(master, domain.Selected))
            Counters.Add(Cause.NotSelected);
        else if (message.Header.Type == MessageType.Sync)
            Sync(domain, master, message, arrival);
        else if (message.Header.Type == MessageType.FollowUp)
            FollowUp(domain, master, message, arrival.NowNs);
        else if (_delay.Answered(domain, master, message))
            CompleteDelay(domain, master, arrival.NowNs);
    }

    private void Sync(DomainTable domain, Master master, in PtpMessage message, in Arrival arrival)
    {
        if (arrival.Stamp is not { } stamp)
        {
            Counters.Add(Cause.NoReceiveStamp);
            return;
        }

        master.SetSyncInterval(message.Header.LogInterval);
        if (master.Matcher.Sync(message, stamp.Plus(-_options.IngressLatencyNs), arrival.NowNs, out PathSample sample))
            Synced(domain, master, sample, arrival.NowNs);
    }

    private void FollowUp(DomainTable domain, Master master, in PtpMessage message, long nowNs)
    {
        if (master.Matcher.FollowUp(message, nowNs, out PathSample sample))
            Synced(domain, master, sample, nowNs);
    }

    private void Synced(DomainTable domain, Master master, in PathSample raw, long nowNs)
    {
        Correction correction = raw.Correction + _asymmetry;
        if (correction.IsSaturated)
        {
            Counters.Add(Cause.CorrectionSaturated);
            return;
        }

        PathSample sample = raw with { Correction = correction };
        Counters.Add(Cause.SyncUsed);
        master.Synced(sample, nowNs);
        if (!master.IsSyncAlive)
        {
            master.IsSyncAlive = true;
            _delay.Begin(master, nowNs);
            Tell(EventKind.SyncRestored, nowNs, domain, master, 0, 0);
            UpdateReference(nowNs);
        }

        if (ReferenceEquals(master, _reference))
            AdvanceUtc(master, nowNs);
        _output.Sampled(SourceOf(domain, master), sample);
    }

    private void CompleteDelay(DomainTable domain, Master master, long nowNs)
    {
        if (!_delay.TryComplete(domain, master, out PathSample sample))
            return;
        Counters.Add(Cause.DelayUsed);
        if (master.Delay.Missing >= _options.DelayLostAfter)
            Tell(EventKind.DelayRestored, nowNs, domain, master, 0, master.Delay.Missing);
        master.Delay.Missing = 0;
        MeasurementSource source = SourceOf(domain, master);
        _output.Sampled(source, sample);
        if (!master.HasFreshSync(nowNs))
            return;
        var exchange = new DelayExchange(master.LastSync, sample);
        master.Exchanged(exchange, nowNs);
        _output.Exchanged(source, exchange);
        Compare(nowNs);
    }

    /// <summary>Sends to the master whose Delay_Req is most overdue.</summary>
    private void SendDue(long nowNs)
    {
        Master? due = null;
        DomainTable? at = null;
        foreach (DomainTable domain in _domains)
        {
            foreach (Master master in domain.Masters)
            {
                if (_delay.IsTarget(domain, master) && master.Delay.NextNs <= nowNs && (due is null || master.Delay.NextNs < due.Delay.NextNs))
                    (due, at) = (master, domain);
            }
        }

        if (due is null)
            return;
        _delay.Send(at!, due, nowNs, _output);
        // One is under way at a time, and whoever never answers would take most of the time from those who do.
        if (due.Delay.Missing >= _options.DelayLostAfter && !ReferenceEquals(due, _reference))
            due.Delay.NextNs = Math.Max(due.Delay.NextNs, nowNs + SilentPauseNs);
    }

    private DomainTable? Find(byte number)
    {
        foreach (DomainTable domain in _domains)
        {
            if (domain.Number == number)
                return domain;
        }

        return null;
    }

    private DomainTable? DomainOf(Master master)
    {
        foreach (DomainTable domain in _domains)
        {
            if (Array.IndexOf(domain.Masters, master) >= 0)
                return domain;
        }

        return null;
    }

    private MeasurementSource SourceOf(DomainTable domain, Master master) =>
        new(domain.Number, master.Port, master.Data.Grandmaster, ReferenceEquals(master, _reference), master.Properties.Timescale);
}
