// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Servo;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Port;

/// <summary>
/// A running slave port: socket to engine to servo to clock, run by a <see cref="PtpLoop"/>. Create it in the network namespace of the
/// interface (the sockets stay there) and run it anywhere. Nothing is allocated per message. <see cref="Status"/> and
/// <see cref="AcceptShifts"/> are for any thread; everything else is for the loop's.
/// </summary>
public sealed class PtpPort : IDisposable
{
    /// <summary>Seconds after which a clock that cannot be read is given up.</summary>
    private const int MostFailedReads = 5;

    private const long SecondNs = 1_000_000_000;

    /// <summary>Messages received in one turn from each socket: a flood must not delay the timeouts.</summary>
    private const int MostInTurn = 64;

    private readonly IPortListener? _listener;
    private readonly PtpSocket _socket;
    private readonly PtpEngine _engine;
    private readonly ClockDiscipline _clock;
    private readonly Lock _statusLock = new();
    private PortStatus _status;
    private int _failedReads; // consecutive
    private long _nextSecondNs;
    private bool _isStatusDue;
    private volatile bool _isAcceptDue;

    /// <param name="timeBase">The clock; the caller disposes of it after the port.</param>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    /// <exception cref="IOException">The kernel rejects the sockets, or the clock.</exception>
    public PtpPort(PtpPortOptions options, TimeBase timeBase, IPortListener? listener = null)
    {
        _listener = listener;
        _socket = new PtpSocket(options.Socket);
        try
        {
            EngineOptions engine = options.Engine;
            if (engine.Own.Clock.Value == 0)
                engine = engine with { Own = Identity(_socket.Mac) };
            Own = engine.Own;
            _engine = new PtpEngine(engine, new EngineEvents(this));
            _clock = new ClockDiscipline(options, timeBase, _engine, listener);
            _clock.Start();
            // "Nothing is known" is a status too.
            Publish(_clock.Now(), KernelClock.ReadNs(KernelClock.CLOCK_MONOTONIC_RAW));
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>Identity of this clock and port in its messages.</summary>
    public PortIdentity Own { get; }

    public EngineCounters EngineCounters => _engine.Counters;

    public SocketCounters SocketCounters => _socket.Counters;

    /// <summary>Stamps rejected because the clock had just been stepped, or counts UTC and made a leap second.</summary>
    public long StampsBeforeStep => _clock.StampsBeforeStep;

    /// <summary>State at the last second, or after the last event. Any thread.</summary>
    public PortStatus Status
    {
        get
        {
            lock (_statusLock)
                return _status;
        }
    }

    /// <summary>
    /// Accepts the steps of path or grandmaster that were not followed, within a second: the clock slews to the messages. Any thread.
    /// </summary>
    public void AcceptShifts() => _isAcceptDue = true;

    /// <summary>State, offset and bound of the clock now; on the loop's thread.</summary>
    /// <exception cref="IOException">The clock cannot be read.</exception>
    public ClockQuality QualityNow() => _clock.QualityNow();

    /// <summary>Copies the state of all masters; on the loop's thread.</summary>
    public int CopyMasters(Span<MasterStatus> to) => _engine.CopyMasters(to);

    internal PtpSocket Socket => _socket;

    /// <summary>False: this port hears nothing any more.</summary>
    internal bool IsThere => _status.IsInterfaceThere;

    /// <summary>Latest time of the next work without messages, by CLOCK_MONOTONIC_RAW.</summary>
    internal long DueNs { get; private set; }

    /// <summary>Does the pending work; the entries of the sockets must come from the last wait.</summary>
    /// <returns>Number of messages, stamps and reports that were received.</returns>
    internal int Work(long nowNs)
    {
        int received = 0;
        if (_socket.HasLinkChanges)
            received += ReceiveLinkChanges(nowNs);
        if (_socket.HasTransmitStamps)
            received += ReceiveTransmitStamps(nowNs);
        if (_socket.HasMessages(PtpChannel.Event))
            received += ReceiveMessages(PtpChannel.Event, nowNs);
        if (_socket.HasMessages(PtpChannel.General))
            received += ReceiveMessages(PtpChannel.General, nowNs);
        _engine.Tick(nowNs);
        _clock.SteerIfDue(nowNs);
        if (nowNs >= _nextSecondNs)
            EachSecond(nowNs);
        else if (_isStatusDue)
            PublishNow(nowNs);
        DueNs = Math.Min(_engine.NextWakeNs(nowNs), _nextSecondNs);
        return received;
    }

    public void Dispose() => _socket.Dispose();

    private static PortIdentity Identity(PeerAddress mac)
    {
        Span<byte> bytes = stackalloc byte[PeerAddress.MacBytes];
        mac.CopyTo(bytes);
        return new(ClockIdentity.FromMac(bytes), 1);
    }

    private int ReceiveLinkChanges(long nowNs)
    {
        int i = 0;
        for (; i < MostInTurn; i++)
        {
            Reception reception = _socket.ReceiveLinkChange();
            if (reception == Reception.None)
                break;
            if (reception == Reception.Message)
                _clock.LinkChanged(nowNs);
        }

        return i;
    }

    private int ReceiveTransmitStamps(long nowNs)
    {
        int i = 0;
        for (; i < MostInTurn; i++)
        {
            Reception reception = _socket.ReceiveTransmitStamp(out uint token, out long stampNs);
            if (reception == Reception.None)
                break;
            if (reception == Reception.Message && _clock.Admit(stampNs, nowNs) is { } stamp)
                _engine.TransmitStamped(token, stamp, nowNs);
            // Anything else in the queue, such as an error, wakes the loop again.
            if (!_socket.AwaitsTransmitStamp)
                return i + 1;
        }

        return i;
    }

    private int ReceiveMessages(PtpChannel channel, long nowNs)
    {
        int i = 0;
        for (; i < MostInTurn; i++)
        {
            Reception reception = _socket.Receive(channel, out ReceivedMessage message);
            if (reception == Reception.None)
                break;
            if (reception == Reception.Message)
                _engine.Receive(message.Bytes, new Arrival(message.Source, message.Channel, _clock.Admit(message.StampNs, nowNs), nowNs));
            if (!_socket.MayHaveMore(channel))
                return i + 1;
        }

        return i;
    }

    private void EachSecond(long nowNs)
    {
        _nextSecondNs = nowNs + SecondNs;
        if (_isAcceptDue)
        {
            _isAcceptDue = false;
            _clock.AcceptShifts();
        }

        _clock.SteerIfDue(nowNs, isEachSecond: true);
        try
        {
            Publish(_clock.Check(nowNs), nowNs);
            _failedReads = 0;
        }
        catch (IOException e)
        {
            _failedReads++;
            PublishUnreadable(e, nowNs);
        }
    }

    private void PublishNow(long nowNs)
    {
        try
        {
            Publish(_clock.Now(), nowNs);
        }
        catch (IOException e)
        {
            PublishUnreadable(e, nowNs);
        }
    }

    private void Publish(TaiTime at, long nowNs)
    {
        _isStatusDue = false;
        ClockQuality quality = _clock.Evaluate(at);
        UtcTracker tracker = _engine.Utc;
        UtcForecast? utc = tracker.TryGetOffset(at, out UtcOffset offset)
            ? new(offset, at < tracker.LeapAt ? tracker.PendingLeap : 0, tracker.LeapAt)
            : null;
        PortStatus status = new(
            quality,
            _engine.Reference,
            _engine.Comparison,
            tracker.Knowledge,
            utc,
            _clock.AdjustmentPpb,
            _socket.IsLinkUp,
            _socket.IsInterfaceThere,
            nowNs,
            _clock.UnresolvedNs);
        lock (_statusLock)
            _status = status;
    }

    /// <summary>
    /// A clock that cannot be read has no bound. If that lasts it is gone, with its card or its driver, and must be opened again.
    /// </summary>
    private void PublishUnreadable(IOException e, long nowNs)
    {
        _listener?.Failed(e.Message);
        _isStatusDue = false;
        lock (_statusLock)
        {
            _status = _status with
            {
                Quality = _status.Quality with { State = SyncState.Unsynchronised, Parts = new(0, 0, QualityPolicy.NoBoundNs, 0, 0, 0) },
                IsInterfaceThere = _socket.IsInterfaceThere && _failedReads < MostFailedReads,
                MonotonicNs = nowNs,
            };
        }
    }

    private void Handle(in EngineEvent occurrence)
    {
        _isStatusDue = true;
        if (occurrence.Kind == EventKind.ReferenceChanged || (occurrence.Kind == EventKind.GrandmasterChanged && IsOfReference(occurrence)))
            _clock.ReferenceChanged();
    }

    private bool IsOfReference(in EngineEvent occurrence) =>
        _engine.Reference is { } reference && reference.Domain == occurrence.Domain && reference.Data.Sender == occurrence.Port;

    /// <summary>Handles the engine's output. It must not call back into the engine: consequences wait for the end of the call.</summary>
    private sealed class EngineEvents(PtpPort port) : IEngineOutput
    {
        public void SendDelayReq(ReadOnlySpan<byte> message, PeerAddress to, uint token)
        {
            if (!port._socket.TrySend(message, to, token))
                port._engine.SendFailed(token);
        }

        public void Sampled(in MeasurementSource source, in PathSample sample)
        {
            if (!source.IsReference || !sample.TryGetTai(source, out TaiTime sent, out TaiTime received))
                return;
            PathDirection direction = sample.IsFromMaster ? PathDirection.Forward : PathDirection.Reverse;
            port._clock.Add(new(direction, sent, received, sample.Correction.Nanoseconds));
        }

        public void Exchanged(in MeasurementSource source, in DelayExchange exchange) => port._listener?.Exchanged(source, exchange);

        public void Happened(in EngineEvent occurrence)
        {
            port.Handle(occurrence);
            port._listener?.Happened(occurrence);
        }
    }
}
