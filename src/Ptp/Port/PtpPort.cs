using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Estimation;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Quality;
using Capbox.Ptp.Steering;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Port;

/// <summary>
/// A slave port at work: socket to engine to servo to clock, run by a <see cref="PtpLoop"/>. Made in the network namespace of the interface (the sockets stay there), run anywhere. Nothing is allocated
/// per message. <see cref="Status"/> is for any thread; everything else is the loop's.
/// </summary>
public sealed partial class PtpPort : IDisposable
{
    /// <summary>Seconds after which a clock that cannot be read is given up.</summary>
    private const int MostFailedLooks = 5;

    private const long SecondNs = 1_000_000_000;

    /// <summary>Messages taken in one turn from each socket: a flood does not keep the timeouts waiting.</summary>
    private const int MostInTurn = 64;

    private readonly PtpPortOptions _options;
    private readonly TimeBase _base;
    private readonly IPortListener? _listener;
    private readonly PtpSocket _socket;
    private readonly PtpEngine _engine;
    private readonly PtpServo _servo;
    private readonly StepGuard _guard = new();
    private readonly LeapGuard _leap = new();
    private Reckoning _reckoning;
    private readonly Lock _statusLock = new();
    private PortStatus _status;
    private int _failedLooks; // one after the other
    private long _nextSecondNs;
    private long _steeredNs;
    private bool _isSteeringDue;
    private bool _isReferenceNew;
    private bool _isStatusDue;
    private volatile bool _isAcceptDue;

    /// <param name="timeBase">The clock; the caller's to dispose of, after the port.</param>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    /// <exception cref="IOException">The sockets or the clock are refused.</exception>
    public PtpPort(PtpPortOptions options, TimeBase timeBase, IPortListener? listener = null)
    {
        (_options, _base, _listener) = (options, timeBase, listener);
        _servo = new PtpServo(options.Steering with { MaxFrequencyPpb = Math.Min(options.Steering.MaxFrequencyPpb, timeBase.Clock.MaxFrequencyPpb) }, options.Quality);
        _socket = new PtpSocket(options.Socket);
        try
        {
            EngineOptions engine = options.Engine.Own.Clock.Value != 0 ? options.Engine : options.Engine with { Own = Identity(_socket.Mac) };
            Own = engine.Own;
            _engine = new PtpEngine(engine, new Outlet(this));
            _servo.Start(Now(), timeBase.Clock.FrequencyPpb);
            // Before the first message nothing is known, and that is a status too.
            Publish(Now(), KernelClock.ReadNs(KernelClock.CLOCK_MONOTONIC_RAW));
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>This clock and port, as its messages name it.</summary>
    public PortIdentity Own { get; }

    public EngineCounters EngineCounters => _engine.Counters;

    public SocketCounters SocketCounters => _socket.Counters;

    /// <summary>Stamps that were not believed because the clock had just been stepped, or counts UTC and made a leap second.</summary>
    public long StampsBeforeStep { get; private set; }

    /// <summary>How the port stood at the last second, or after the last thing that happened. Any thread.</summary>
    public PortStatus Status
    {
        get
        {
            lock (_statusLock)
                return _status;
        }
    }

    /// <summary>Takes the steps of path or grandmaster that were not followed for true, within a second: the clock slews to what the messages say. Any thread.</summary>
    public void AcceptShifts() => _isAcceptDue = true;

    /// <summary>State, offset and bound of the clock now; on the loop's thread.</summary>
    /// <exception cref="IOException">The clock cannot be read.</exception>
    public ClockQuality QualityNow() => _servo.Quality(Now());

    /// <summary>Copies the state of all masters; on the loop's thread.</summary>
    public int CopyMasters(Span<MasterStatus> to) => _engine.CopyMasters(to);

    internal PtpSocket Socket => _socket;

    /// <summary>False: this port hears nothing any more.</summary>
    internal bool IsThere => _status.IsInterfaceThere;

    /// <summary>When there is something to do at the latest, by CLOCK_MONOTONIC_RAW, although nothing comes.</summary>
    internal long DueNs { get; private set; }

    /// <summary>Does what there is to do; the sockets' entries must be those of now.</summary>
    /// <returns>Messages, stamps and reports that were taken.</returns>
    internal int Work(long nowNs)
    {
        int taken = 0;
        if (_socket.HasLinkChanges)
            taken += TakeLinkChanges(nowNs);
        if (_socket.HasTransmitStamps)
            taken += TakeTransmitStamps(nowNs);
        if (_socket.HasMessages(PtpChannel.Event))
            taken += TakeMessages(PtpChannel.Event, nowNs);
        if (_socket.HasMessages(PtpChannel.General))
            taken += TakeMessages(PtpChannel.General, nowNs);
        _engine.Tick(nowNs);
        SteerIfDue(nowNs);
        if (nowNs >= _nextSecondNs)
            EachSecond(nowNs);
        else if (_isStatusDue)
            PublishNow(nowNs);
        DueNs = Math.Min(_engine.NextWakeNs(nowNs), _nextSecondNs);
        return taken;
    }

    public void Dispose() => _socket.Dispose();

    private static PortIdentity Identity(PeerAddress mac)
    {
        Span<byte> bytes = stackalloc byte[PeerAddress.MacBytes];
        mac.CopyTo(bytes);
        return new(ClockIdentity.FromMac(bytes), 1);
    }

    private TaiTime Now()
    {
        ClockReading reading = _base.Clock.Read(ReferenceClock.MonotonicRaw);
        _reckoning.Read(_base.Of(reading), reading.ReferenceNs);
        return _base.Of(reading);
    }

    private int TakeTransmitStamps(long nowNs)
    {
        int i = 0;
        for (; i < MostInTurn; i++)
        {
            Reception reception = _socket.ReceiveTransmitStamp(out uint token, out long stampNs);
            if (reception == Reception.None)
                break;
            if (reception == Reception.Message && Admit(stampNs, nowNs) is { } stamp)
                _engine.TransmitStamped(token, stamp, nowNs);
            // What else lies there, as an error, wakes again.
            if (!_socket.AwaitsTransmitStamp)
                return i + 1;
        }

        return i;
    }

    private int TakeMessages(PtpChannel channel, long nowNs)
    {
        int i = 0;
        for (; i < MostInTurn; i++)
        {
            Reception reception = _socket.Receive(channel, out ReceivedMessage message);
            if (reception == Reception.None)
                break;
            if (reception == Reception.Message)
                _engine.Receive(message.Bytes, new Arrival(message.Source, message.Channel, Admit(message.StampNs, nowNs), nowNs));
            if (!_socket.MayHaveMore(channel))
                return i + 1;
        }

        return i;
    }

    private PtpTimestamp? Admit(long stampNs, long nowNs)
    {
        if (stampNs == 0)
            return null;
        TaiTime stamp = _base.OfStamp(stampNs);
        if (_guard.Admits(nowNs, stamp) && !_leap.IsNear(stamp))
            return new PtpTimestamp(stamp.Nanoseconds);
        StampsBeforeStep++;
        return null;
    }

    /// <summary>What the engine gives out. It may not be called back from there: what follows from it waits for the end of the call.</summary>
    private sealed class Outlet(PtpPort port) : IEngineOutput
    {
        public void SendDelayReq(ReadOnlySpan<byte> message, PeerAddress to, uint token)
        {
            if (!port._socket.TrySend(message, to, token))
                port._engine.SendFailed(token);
        }

        public void Sampled(in MeasurementSource source, in PathSample sample)
        {
            if (source.IsReference && sample.TryGetTai(source, out TaiTime sent, out TaiTime received))
                port.Feed(new(sample.IsFromMaster ? PathDirection.Forward : PathDirection.Reverse, sent, received, sample.Correction.Nanoseconds));
        }

        public void Exchanged(in MeasurementSource source, in DelayExchange exchange) => port._listener?.Exchanged(source, exchange);

        public void Happened(in EngineEvent occurrence)
        {
            port.Note(occurrence);
            port._listener?.Happened(occurrence);
        }
    }

    private void Feed(in TimedMessage message)
    {
        if (_isReferenceNew)
        {
            // With the first message of the new one: until then the old estimate runs on.
            _isReferenceNew = false;
            _servo.Estimator.ReferenceChanged();
        }

        _servo.Add(message);
        _isSteeringDue = true;
    }

    private void Note(in EngineEvent occurrence)
    {
        _isStatusDue = true;
        bool isOfReference = _engine.Reference is { } reference && reference.Domain == occurrence.Domain && reference.Data.Sender == occurrence.Port;
        _isReferenceNew |= occurrence.Kind == EventKind.ReferenceChanged || (occurrence.Kind == EventKind.GrandmasterChanged && isOfReference);
    }
}
