// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>
/// Schedules the Delay_Req and matches their answers. One is pending at a time, because an i40e cannot stamp a second one (PTP latch): it
/// ends with its stamp and its answer, or by timeout. With multicast every master of the domain answers the same request.
/// </summary>
internal sealed class DelayPlanner
{
    /// <summary>Intervals of delay beyond which missed requests are not made up for.</summary>
    private const int MostLateIntervals = 2;

    private readonly EngineOptions _options;
    private readonly EngineCounters _counters;
    private readonly byte[] _message = new byte[MessageWriter.MaxBytes];
    private readonly long _timeoutNs;
    private ulong _random;
    private uint _token;

    // The pending exchange, or the last one: late answers of other masters still belong to it.
    private DomainTable? _domain;
    private Master? _target;
    private PortIdentity _targetPort;
    private ushort _sequenceId;
    private long _sentNs;
    private bool _isOpen;
    private bool _hasT3;
    private PtpTimestamp _t3;

    public DelayPlanner(EngineOptions options, EngineCounters counters)
    {
        (_options, _counters) = (options, counters);
        _timeoutNs = options.DelayTimeoutMs * 1_000_000L;
        _random = options.Seed != 0 ? options.Seed : options.Own.Clock.Value ^ options.Own.Port;
        _random = _random == 0 ? 1 : _random;
    }

    /// <summary>Whether an exchange is pending.</summary>
    public bool IsBusy => _isOpen;

    /// <summary>Timeout of the pending exchange; long.MaxValue without one.</summary>
    public long DeadlineNs => _isOpen ? _sentNs + _timeoutNs : long.MaxValue;

    /// <summary>Whether requests are sent to a master.</summary>
    public bool IsTarget(DomainTable domain, Master master) =>
        master.IsQualified && master.IsSyncAlive
        && (ReferenceEquals(domain.Selected, master) || (_options.MeasureAll && _options.DelayMode == DelayMode.Unicast));

    /// <summary>
    /// Starts the requests to a master when its Syncs begin, at a random moment of the interval: otherwise all slaves of a restarted master
    /// would ask at once.
    /// </summary>
    public void Begin(Master master, long nowNs) => master.Delay.NextNs = nowNs + (long)(Random() * Interval(master));

    /// <summary>Sends a request.</summary>
    public void Send(DomainTable domain, Master target, long nowNs, IEngineOutput output)
    {
        bool isUnicast = _options.DelayMode == DelayMode.Unicast;
        ushort id = isUnicast ? target.Delay.NextId++ : domain.NextGroupId++;
        var message = new PtpMessage
        {
            Header = new Header
            {
                Type = MessageType.DelayReq,
                SdoId = _options.SdoId,
                MinorVersion = 1,
                Domain = domain.Number,
                Flags = isUnicast ? MessageFlags.Unicast : MessageFlags.None,
                Source = _options.Own,
                SequenceId = id,
                LogInterval = Header.NoInterval,
            },
        };
        int bytes = MessageWriter.Write(message, _message);
        (_domain, _target, _targetPort, _sequenceId, _sentNs) = (domain, target, target.Port, id, nowNs);
        (_isOpen, _hasT3, _t3) = (true, false, default);
        // 0 belongs to a master that never answered.
        _token = _token == uint.MaxValue ? 1 : _token + 1;
        // The next one counts from when this one was due: a caller with a period of its own is always late and sends at most one each
        // period, so the mean interval would be longer than the master asks for.
        target.Delay.NextNs = Math.Max(target.Delay.NextNs, nowNs - (MostLateIntervals * Interval(target))) + Spacing(target);
        foreach (Master master in domain.Masters)
            master.Delay.HasT4 = false;
        _counters.Add(Cause.DelayReqSent);
        output.SendDelayReq(_message.AsSpan(0, bytes), isUnicast ? target.Address : default, _token);
    }

    /// <summary>Records the transmit stamp. Returns whether it belongs to the pending exchange.</summary>
    public bool Stamped(uint token, PtpTimestamp t3)
    {
        if (token != _token || _domain is null || _hasT3 || !_isOpen)
        {
            _counters.Add(Cause.TransmitStampUnmatched);
            return false;
        }

        (_hasT3, _t3) = (true, t3.Plus(_options.EgressLatencyNs));
        return true;
    }

    /// <summary>Records that the request could not be sent.</summary>
    public void Failed(uint token)
    {
        if (token != _token || !_isOpen)
            return;
        _counters.Add(Cause.SendFailed);
        Forget();
    }

    /// <summary>Drops the exchange: the local clock was stepped, and earlier stamps are worthless.</summary>
    public void Forget() => (_isOpen, _hasT3, _domain, _target) = (false, false, null, null);

    /// <summary>Records an answer to this clock. Returns whether it belongs to the exchange.</summary>
    public bool Answered(DomainTable domain, Master master, in PtpMessage response)
    {
        bool isExpected = ReferenceEquals(domain, _domain) && response.Header.SequenceId == _sequenceId
            && (_options.DelayMode == DelayMode.Multicast || ReferenceEquals(master, _target));
        if (!isExpected)
        {
            _counters.Add(Cause.DelayRespUnmatched);
            return false;
        }

        if (master.Delay.AnsweredToken == _token)
        {
            _counters.Add(Cause.DelayRespDuplicate);
            return false;
        }

        // An exchange that timed out without its transmit stamp can never be completed.
        if (!_isOpen && !_hasT3)
        {
            _counters.Add(Cause.DelayRespUnmatched);
            return false;
        }

        master.Delay.AnsweredToken = _token;
        (master.Delay.HasT4, master.Delay.T4, master.Delay.Correction) = (true, response.Timestamp, response.Header.Correction);
        if (response.Header.LogInterval is >= Intervals.LeastLog and <= Intervals.MostLog)
            (master.Delay.AllowedLog, master.Delay.HasAllowedLog) = (response.Header.LogInterval, true);
        return true;
    }

    /// <summary>The completed measurement of a master, if both its stamps are there.</summary>
    public bool TryComplete(DomainTable domain, Master master, out PathSample sample)
    {
        sample = default;
        if (!_hasT3 || !ReferenceEquals(domain, _domain) || !master.Delay.HasT4)
            return false;
        master.Delay.HasT4 = false;
        // delayAsymmetry is subtracted from the correction of the path to the master (IEEE 1588-2019 clause 11.6.3).
        Correction correction = master.Delay.Correction - Correction.FromNanoseconds(_options.DelayAsymmetryNs);
        sample = new(false, _t3, master.Delay.T4, correction, _sequenceId);
        if (ReferenceEquals(master, _target))
            _isOpen = false;
        return true;
    }

    /// <summary>Ends an exchange by timeout; returns the master that did not answer, if it is still in the table.</summary>
    public Master? Expire(long nowNs)
    {
        if (!_isOpen || nowNs < _sentNs + _timeoutNs)
            return null;
        _isOpen = false;
        bool isSame = _target is { IsUsed: true } && _target.Port == _targetPort;
        bool answered = isSame && _target!.Delay.AnsweredToken == _token;
        if (!_hasT3)
            _counters.Add(Cause.TransmitStampMissing);
        if (answered)
            return null;
        _counters.Add(Cause.DelayRespMissing);
        return isSame ? _target : null;
    }

    /// <summary>The domain of the pending exchange.</summary>
    public DomainTable? Domain => _domain;

    /// <summary>
    /// Time to the next Delay_Req: random between 1/8 and 15/8 of the interval, so that slaves do not synchronise and the mean is what the
    /// master asks for (IEEE 1588-2019 clause 9.5.11.2 allows 0 to 2).
    /// </summary>
    private long Spacing(Master master)
    {
        long interval = Interval(master);
        return (interval / 8) + (long)(Random() * (interval * 1.75));
    }

    private long Interval(Master master) =>
        Intervals.FromLog(
            master.Delay.HasAllowedLog ? Math.Max(master.Delay.AllowedLog, _options.LogDelayInterval) : _options.LogDelayInterval);

    /// <summary>xorshift64*: 0 up to 1.</summary>
    private double Random()
    {
        _random ^= _random >> 12;
        _random ^= _random << 25;
        _random ^= _random >> 27;
        return (unchecked(_random * 0x2545F4914F6CDD1DUL) >> 11) * (1.0 / (1UL << 53));
    }
}
