// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Engine;

/// <summary>Arrival of a message.</summary>
/// <param name="Source">MAC or IP address of the sender.</param>
/// <param name="Channel">Channel of the arrival.</param>
/// <param name="Stamp">Receive stamp by the disciplined clock; null without one.</param>
/// <param name="NowNs">Monotonic time, ns: for timeouts only.</param>
public readonly record struct Arrival(PeerAddress Source, PtpChannel Channel, PtpTimestamp? Stamp, long NowNs);

/// <summary>
/// The protocol of a slave-only ordinary clock (IEEE 1588-2019, end-to-end delay mechanism; RFC 9760) on one port in several domains: bytes
/// and stamps in, measurements and events out. It does no I/O, knows no clock, allocates nothing after its construction and never becomes
/// master. One thread at a time.
/// </summary>
public sealed class PtpEngine
{
    /// <summary>Interval of Delay_Req to a master that does not answer and is not the reference.</summary>
    private const long SilentPauseNs = 16 * Intervals.SecondNs;

    private readonly EngineOptions _options;
    private readonly IEngineOutput _output;
    private readonly EventRaiser _events;
    private readonly ReferenceUtc _utc;
    private readonly MasterSelector _masters;
    private readonly DelayPlanner _delay;
    private readonly Correction _asymmetry;

    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    public PtpEngine(EngineOptions options, IEngineOutput output)
    {
        _options = options.Checked();
        _output = output;
        _events = new(output);
        _utc = new(options.UtcPolicy, Counters, _events);
        _masters = new(options, Counters, _events, _utc);
        _delay = new(options, Counters);
        _asymmetry = Correction.FromNanoseconds(options.DelayAsymmetryNs);
    }

    public EngineCounters Counters { get; } = new();

    /// <summary>TAI - UTC of the reference.</summary>
    public UtcTracker Utc => _utc.Tracker;

    /// <summary>The last comparison of all measured masters.</summary>
    public MasterComparison Comparison => _masters.Comparison;

    /// <summary>State of the master that is followed; null without one.</summary>
    public MasterStatus? Reference => _masters.ReferenceStatus;

    /// <summary>Copies the state of all masters, domain by domain; returns how many. Masters that do not fit are left out.</summary>
    public int CopyMasters(Span<MasterStatus> to) => _masters.CopyTo(to);

    /// <summary>Processes one message: the bytes after the EtherType or the UDP header.</summary>
    public void Receive(ReadOnlySpan<byte> bytes, in Arrival arrival)
    {
        ParseError error = MessageParser.Parse(bytes, out PtpMessage message);
        if (error != ParseError.None)
        {
            Counters.Add(error);
            return;
        }

        if (Rejection(message, arrival.Channel) is { } cause)
        {
            Counters.Add(cause);
            return;
        }

        DomainTable? domain = _masters.Find(message.Header.Domain);
        if (domain is null)
            Counters.Add(Cause.OtherDomain);
        else if (message.Header.Type == MessageType.Announce)
            _masters.Announced(domain, message, arrival);
        else
            Measured(domain, message, arrival);
    }

    /// <summary>Records the transmit stamp of a Delay_Req.</summary>
    /// <param name="token">Token of the Delay_Req.</param>
    /// <param name="stamp">t3 by the disciplined clock.</param>
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

    /// <summary>Records that a Delay_Req could not be sent.</summary>
    public void SendFailed(uint token) => _delay.Failed(token);

    /// <summary>Drops earlier stamps: the disciplined clock was stepped.</summary>
    public void ClockStepped()
    {
        _delay.Forget();
        foreach (DomainTable domain in _masters.Domains)
        {
            foreach (Master master in domain.Masters)
                master.ClockStepped();
        }
    }

    /// <summary>Handles timeouts, and sends a Delay_Req if one is due. Call it at <see cref="NextWakeNs"/>, or at any time.</summary>
    public void Tick(long nowNs)
    {
        _masters.Expire(nowNs);
        if (_delay.Expire(nowNs) is { } silent && ++silent.Delay.Missing == _options.DelayLostAfter && _masters.DomainOf(silent) is { } at)
            _events.Raise(EventKind.DelayLost, nowNs, at, silent, 0, silent.Delay.Missing);
        if (!_delay.IsBusy)
            SendDue(nowNs);
    }

    /// <summary>Time of the next <see cref="Tick"/>, at most half a second away.</summary>
    public long NextWakeNs(long nowNs)
    {
        long wake = Math.Min(nowNs + (Intervals.SecondNs / 2), _delay.DeadlineNs);
        if (_delay.IsBusy)
            return wake;
        foreach (DomainTable domain in _masters.Domains)
        {
            foreach (Master master in domain.Masters)
            {
                if (_delay.IsTarget(domain, master))
                    wake = Math.Min(wake, master.Delay.NextNs);
            }
        }

        return Math.Max(wake, nowNs);
    }

    private Cause? Rejection(in PtpMessage message, PtpChannel channel)
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

    /// <summary>Processes Sync, Follow_Up and Delay_Resp of a qualified master, from its address.</summary>
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
            _events.Raise(EventKind.SyncRestored, nowNs, domain, master, 0, 0);
            _masters.UpdateReference(nowNs);
        }

        if (_masters.IsReference(master))
            _utc.Synced(domain, master, nowNs);
        _output.Sampled(SourceOf(domain, master), sample);
    }

    private void CompleteDelay(DomainTable domain, Master master, long nowNs)
    {
        if (!_delay.TryComplete(domain, master, out PathSample sample))
            return;
        Counters.Add(Cause.DelayUsed);
        if (master.Delay.Missing >= _options.DelayLostAfter)
            _events.Raise(EventKind.DelayRestored, nowNs, domain, master, 0, master.Delay.Missing);
        master.Delay.Missing = 0;
        MeasurementSource source = SourceOf(domain, master);
        _output.Sampled(source, sample);
        if (!master.HasFreshSync(nowNs))
            return;
        var exchange = new DelayExchange(master.LastSync, sample);
        master.Exchanged(exchange, nowNs);
        _output.Exchanged(source, exchange);
        _masters.Compare(nowNs);
    }

    /// <summary>Sends to the master whose Delay_Req is most overdue.</summary>
    private void SendDue(long nowNs)
    {
        Master? due = null;
        DomainTable? at = null;
        foreach (DomainTable domain in _masters.Domains)
        {
            foreach (Master master in domain.Masters)
            {
                bool isEarlier = due is null || master.Delay.NextNs < due.Delay.NextNs;
                if (isEarlier && master.Delay.NextNs <= nowNs && _delay.IsTarget(domain, master))
                    (due, at) = (master, domain);
            }
        }

        if (due is null)
            return;
        _delay.Send(at!, due, nowNs, _output);
        // One exchange is pending at a time: a master that never answers would take most of the time from those that do.
        if (due.Delay.Missing >= _options.DelayLostAfter && !_masters.IsReference(due))
            due.Delay.NextNs = Math.Max(due.Delay.NextNs, nowNs + SilentPauseNs);
    }

    private MeasurementSource SourceOf(DomainTable domain, Master master) =>
        new(domain.Number, master.Port, master.Data.Grandmaster, _masters.IsReference(master), master.Properties.Timescale);
}
