using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>
/// When Delay_Req are sent, and what becomes of each. One is under way at a time, because an i40e stamps no second one (PTP latch): it ends with its stamp and its
/// answer, or by time. With multicast every master of the domain answers the same request.
/// </summary>
internal sealed class DelayPlanner
{
    /// <summary>What was not sent for longer than this is not made up for.</summary>
    private const int MostLateIntervals = 2;

    private readonly EngineOptions _options;
    private readonly EngineCounters _counters;
    private readonly byte[] _message = new byte[MessageWriter.MaxBytes];
    private readonly long _timeoutNs;
    private ulong _random;
    private uint _token;

    // The exchange that is under way, or was last: late answers of other masters still belong to it.
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

    /// <summary>Whether one is under way.</summary>
    public bool IsBusy => _isOpen;

    /// <summary>When the one under way is given up; long.MaxValue if none is.</summary>
    public long DeadlineNs => _isOpen ? _sentNs + _timeoutNs : long.MaxValue;

    /// <summary>Whether a master is asked by itself.</summary>
    public bool IsTarget(DomainTable domain, Master master) =>
        master.IsQualified && master.IsSyncAlive && (ReferenceEquals(domain.Selected, master) || (_options.MeasureAll && _options.DelayMode == DelayMode.Unicast));

    /// <summary>A master's Syncs began: the first request comes at a random moment of the interval, or all slaves of a master that came up would ask it at once.</summary>
    public void Begin(Master master, long nowNs) => master.Delay.NextNs = nowNs + (long)(Random() * Interval(master));

    /// <summary>Sends one.</summary>
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
        // 0 is what a master has that never answered.
        _token = _token == uint.MaxValue ? 1 : _token + 1;
        // From when this one was due: a caller that looks at times of its own is late each time, and one a look is the most; the mean would be more than the master asks for.
        target.Delay.NextNs = Math.Max(target.Delay.NextNs, nowNs - (MostLateIntervals * Interval(target))) + Spacing(target);
        foreach (Master master in domain.Masters)
            master.Delay.HasT4 = false;
        _counters.Add(Cause.DelayReqSent);
        output.SendDelayReq(_message.AsSpan(0, bytes), isUnicast ? target.Address : default, _token);
    }

    /// <summary>The transmit stamp came. Returns whether it belongs to the exchange under way.</summary>
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

    /// <summary>It could not be sent.</summary>
    public void Failed(uint token)
    {
        if (token != _token || !_isOpen)
            return;
        _counters.Add(Cause.SendFailed);
        Forget();
    }

    /// <summary>The local clock was stepped: a stamp from before is worth nothing.</summary>
    public void Forget() => (_isOpen, _hasT3, _domain, _target) = (false, false, null, null);

    /// <summary>Takes an answer that is for this clock. Returns whether it belongs to the exchange.</summary>
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

        // An exchange that was given up without its transmit stamp can never be completed.
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

    /// <summary>The finished measurement of a master, if both its stamps are there.</summary>
    public bool TryComplete(DomainTable domain, Master master, out PathSample sample)
    {
        sample = default;
        if (!_hasT3 || !ReferenceEquals(domain, _domain) || !master.Delay.HasT4)
            return false;
        master.Delay.HasT4 = false;
        // delayAsymmetry goes off what is subtracted from the way to the master (IEEE 1588-2019 clause 11.6.3).
        sample = new(false, _t3, master.Delay.T4, master.Delay.Correction - Correction.FromNanoseconds(_options.DelayAsymmetryNs), _sequenceId);
        if (ReferenceEquals(master, _target))
            _isOpen = false;
        return true;
    }

    /// <summary>Gives up what has waited too long; returns the master that did not answer, if it is still there.</summary>
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

    /// <summary>The domain of the exchange under way.</summary>
    public DomainTable? Domain => _domain;

    /// <summary>
    /// Time to the next Delay_Req: random between an eighth of the interval and as much less than two, so that slaves do not gather and the mean is what the
    /// master asks for (IEEE 1588-2019 clause 9.5.11.2 wants 0 to 2).
    /// </summary>
    private long Spacing(Master master)
    {
        long interval = Interval(master);
        return (interval / 8) + (long)(Random() * (interval * 1.75));
    }

    private long Interval(Master master) =>
        Intervals.FromLog(master.Delay.HasAllowedLog ? Math.Max(master.Delay.AllowedLog, _options.LogDelayInterval) : _options.LogDelayInterval);

    /// <summary>xorshift64*: 0 up to 1.</summary>
    private double Random()
    {
        _random ^= _random >> 12;
        _random ^= _random << 25;
        _random ^= _random >> 27;
        return (unchecked(_random * 0x2545F4914F6CDD1DUL) >> 11) * (1.0 / (1UL << 53));
    }
}
