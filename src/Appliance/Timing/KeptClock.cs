using Capbox.Packets.Capture;
using Capbox.Platform.Linux;
using Capbox.Platform.Nic;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Port;
using Capbox.Ptp.Quality;
using Capbox.Ptp.Transport;
using Capbox.Timing.Raw;
using Microsoft.Extensions.Logging;
using PtpState = Capbox.Ptp.Quality.ClockState;

namespace Capbox.Timing;

/// <summary>A PTP port with its clock and the card's stamps, while they are there. One thread, but for <see cref="Stop"/>.</summary>
internal sealed class KeptClock : IKeptClock
{
    private const int TurnMs = 500;

    /// <summary>Delay_Req up to 16 a second, if the master allows so many: the delay is as well known as the Syncs then.</summary>
    private const int MostDelayLog = -4;

    /// <summary>Interfaces come and go: which port is stamped by this clock is looked up again every so many seconds.</summary>
    private const int LookAtPortsSeconds = 10;

    /// <summary>Beyond this it is not known which second it is, for a leap second say.</summary>
    private const uint MostBoundNs = 500_000_000;

    private readonly ClockOptions _options;
    private readonly PortLog _log;
    private readonly PortStamping? _stamping;
    private readonly IClock _clock;
    private readonly ClockMesh _mesh;
    private readonly PtpPort _port;
    private readonly PtpLoop _loop;
    private readonly int _phc = -1; // N of /dev/ptpN
    private readonly TimeQuality[] _cards;
    private readonly StampingPorts _ports;
    private long _toldNs = long.MinValue;
    private int _looks;

    /// <exception cref="IOException">The interface, its stamps or its clock are not to be had.</exception>
    public KeptClock(ClockOptions options, Func<IReadOnlyList<PortOptions>> ports, ExchangeLog? exchanges, ILogger logger)
    {
        (_options, _log) = (options, new PortLog(logger, exchanges));
        (_cards, _ports) = (new TimeQuality[RecordingPlan.MaxPorts], new StampingPorts(ports));
        ClockPort found = ClockPort.List().FirstOrDefault(p => p.Name == options.Interface) ?? throw new IOException($"{options.Interface}: no such interface");
        try
        {
            if (options.Clock == FollowingClock.Card)
            {
                _phc = Phc(found, options.IsVirtual);
                _clock = PhcClock.Open(_phc);
                _stamping = PortStamping.Enable(options.Interface, options.Transport == PtpTransport.Ethernet ? StampNeeds.EthernetEvents : StampNeeds.UdpEvents);
            }
            else
            {
                _clock = new SystemClock();
            }

            TimeBase timeBase = _clock is SystemClock system ? TimeBase.System(system, system.ReadStatus().TaiOffset ?? UtcOffset.Since2017) : TimeBase.Hardware(_clock);
            _mesh = new ClockMesh(options, new KeptReference(_clock, timeBase.Utc is not null), _phc, _log);
            _port = new PtpPort(PortSettings(found), timeBase, _log);
            _loop = new PtpLoop(_port);
        }
        catch
        {
            _port?.Dispose();
            _mesh?.Dispose();
            _stamping?.Dispose();
            _clock?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public bool Turn() => _loop.Turn(TurnMs);

    public void Stop() => _loop.Stop();

    public double? AcceptShifts()
    {
        double unresolvedNs = _port.Status.UnresolvedNs;
        _port.AcceptShifts();
        return unresolvedNs;
    }

    public void Dispose()
    {
        _loop.Dispose();
        _port.Dispose();
        _mesh.Dispose();
        _stamping?.Dispose();
        _clock.Dispose();
    }

    /// <inheritdoc/>
    public (UtcOffset Offset, TaiTime From)? SegmentUtc { get; private set; }

    /// <inheritdoc/>
    public bool TryTakeClaims(out TimeQuality system, out ReadOnlySpan<TimeQuality> cards, out ClockSnapshot snapshot)
    {
        PortStatus status = _port.Status;
        cards = _cards;
        (system, snapshot) = (TimeQuality.None, null!);
        if (status.MonotonicNs == _toldNs)
            return false;
        _toldNs = status.MonotonicNs;
        if (_looks++ % LookAtPortsSeconds == 0)
        {
            _mesh.Take(_ports.Find(), isTrusted: status.Quality.State is PtpState.Locked or PtpState.Degraded or PtpState.Holdover);
            RenewStamps();
        }

        TimeQuality claim = Claims.Of(status.Quality, _options.TargetNs);
        _mesh.Follow(claim, status.Forecast);
        SegmentUtc = Claims.SegmentUtc(status.Forecast, status.Quality.At);
        bool isSystem = _options.Clock == FollowingClock.System;
        if (isSystem && _options.IsSteered)
            Declare((SystemClock)_clock, claim, status);
        system = Claims.InUtc(isSystem ? claim : _mesh.System, status.Forecast is not null);
        for (int i = 0; i < _cards.Length; i++)
            _cards[i] = Claims.InUtc(_ports[i] < 0 ? TimeQuality.None : _mesh.Of(_ports[i], claim), status.Forecast is not null);
        snapshot = Describe(status, Claims.InUtc(claim, status.Forecast is not null));
        return true;
    }

    /// <summary>N of /dev/ptpN that is kept.</summary>
    private static int Phc(ClockPort port, bool isVirtual)
    {
        int card = port.Clock ?? throw new IOException($"{port.Name}: the card has no clock; \"clock\": \"system\" follows with the system clock");
        if (!isVirtual)
            return card;
        string device = PtpSysfs.DevicePath(card);
        return PtpSysfs.Machine.VirtualClocks(card) is [int first, ..] ? first : throw new IOException($"{port.Name}: {device} has no virtual clock: `capbox clock adjust {device} --virtual 1` makes one");
    }

    private PtpPortOptions PortSettings(ClockPort found) => new()
    {
        Socket = new PtpSocketOptions
        {
            Interface = _options.Interface,
            Transport = _options.Transport,
            Stamps = _options.Clock == FollowingClock.Card ? StampSource.Hardware : StampSource.Software,
            PhcIndex = _options.IsVirtual ? _phc : -1,
        },
        Engine = new EngineOptions
        {
            Own = default,
            LogDelayInterval = MostDelayLog,
            Domains = _options.Domains,
            AllowedGrandmasters = _options.Grandmasters,
            DelayMode = _options.Delay,
            UtcPolicy = _options.UtcPolicy,
        },
        Mode = _options.IsSteered ? PortMode.Steer : PortMode.Measure,
        Quality = new QualityPolicy(AsymmetryNs: _options.AsymmetryNs, TargetNs: _options.TargetNs),
        LosesDialAtLinkChange = found.Quirks.HasFlag(DriverQuirks.RedialAfterLinkChange),
    };

    /// <summary>There is one setting of stamps for all programs, and others may put back what they found.</summary>
    private void RenewStamps()
    {
        try
        {
            if (_stamping?.Renew() == true)
                _log.Failed($"{_options.Interface}: another program took the card's stamps away; asked for again");
        }
        catch (IOException e)
        {
            _log.Failed(e.Message);
        }
    }

    /// <summary>The kernel is told what its clock is worth, and makes an announced leap second.</summary>
    private void Declare(SystemClock system, TimeQuality claim, in PortStatus status)
    {
        // Noisy stamps may leave it acquiring for ever; it knows which second it is all the same.
        if (claim.BoundNs > MostBoundNs || status.Forecast is not { } utc)
            return;
        // The kernel changes its TAI - UTC with the leap second: it is not told the old one by chance right after.
        if (utc.Leap != 0 && utc.LeapAt.Nanoseconds - status.Quality.At.Nanoseconds < ClockFollower.LeapQuietNs)
            return;
        try
        {
            system.Declare(new SystemClockStatus(claim.State != Packets.Pcapng.ClockState.Acquiring, claim.BoundNs, (long)Math.Abs(status.Quality.OffsetNs), ClockFollower.Announced(utc), utc.Now));
        }
        catch (IOException e)
        {
            _log.Failed(e.Message);
        }
    }

    private ClockSnapshot Describe(in PortStatus status, TimeQuality claim)
    {
        BoundParts parts = status.Quality.Parts;
        return new()
        {
            Interface = _options.Interface,
            Clock = _clock.Name,
            Steered = _options.IsSteered,
            State = claim.State,
            OffsetNs = status.Quality.OffsetNs,
            BoundNs = claim.BoundNs == uint.MaxValue ? null : status.Quality.ReadingBoundNs,
            Parts = claim.BoundNs == uint.MaxValue ? null : new(parts.GrandmasterNs, parts.AsymmetryNs, parts.StatisticalNs, parts.ReadNs, parts.HoldoverNs, parts.UnresolvedNs),
            FrequencyPpb = status.Quality.FrequencyPpb,
            Grandmaster = status.Reference?.Data.Grandmaster.ToString(),
            Domain = status.Reference?.Domain,
            ClockClass = status.Reference?.Data.Quality.Class,
            StepsRemoved = status.Reference?.Data.StepsRemoved,
            UtcOffsetSeconds = status.UtcOffset?.Seconds,
            Masters = status.Comparison.Count,
            Agreeing = status.Comparison.Agreeing,
            Steps = _log.Steps + _mesh.Steps,
            System = _mesh.SystemSnapshot,
            Cards = _mesh.Cards,
            Fault = _log.Fault,
        };
    }
}
