// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Platform.Nic;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Port;
using Capbox.Ptp.Servo;
using Capbox.Ptp.Transport;
using Capbox.Timing.Raw;
using Microsoft.Extensions.Logging;

namespace Capbox.Timing;

/// <summary>A PTP port with its clock and the card's stamps. One thread, except <see cref="Stop"/>.</summary>
internal sealed class PtpTimeSource : ITimeSource
{
    private const int TurnMs = 500;

    /// <summary>Up to 16 Delay_Req a second, if the master allows it: the delay is then known as well as the Syncs.</summary>
    private const int MostDelayLog = -4;

    /// <summary>Seconds between two searches for the ports that this clock stamps: interfaces come and go.</summary>
    private const int PortSearchSeconds = 10;

    /// <summary>Beyond this bound the current second is unknown, which a leap second needs.</summary>
    private const uint MostBoundNs = 500_000_000;

    private readonly ClockOptions _options;
    private readonly PortLog _log;
    private readonly PortStamping? _stamping;
    private readonly IClock _clock;
    private readonly FollowerClocks _followers;
    private readonly PtpPort _port;
    private readonly PtpLoop _loop;
    private readonly int _phc = -1; // N of /dev/ptpN
    private readonly TimeQuality[] _cards;
    private readonly StampingPorts _ports;
    private long _evaluatedNs = long.MinValue;
    private int _evaluations;

    /// <exception cref="IOException">The interface, its stamps or its clock cannot be opened.</exception>
    public PtpTimeSource(ClockOptions options, Func<IReadOnlyList<PortOptions>> ports, ExchangeLog? exchanges, ILogger logger)
    {
        (_options, _log) = (options, new PortLog(logger, exchanges));
        (_cards, _ports) = (new TimeQuality[RecordingPlan.MaxPorts], new StampingPorts(ports));
        ClockPort found = ClockPort.List().FirstOrDefault(p => p.Name == options.Interface)
            ?? throw new IOException($"{options.Interface}: no such interface");
        try
        {
            if (options.Clock == DisciplinedClock.Card)
            {
                _phc = Phc(found, options.IsVirtual);
                _clock = PhcClock.Open(_phc);
                StampNeeds needs = options.Transport == PtpTransport.Ethernet ? StampNeeds.EthernetEvents : StampNeeds.UdpEvents;
                _stamping = PortStamping.Enable(options.Interface, needs);
            }
            else
            {
                _clock = new SystemClock();
            }

            TimeBase timeBase = _clock is SystemClock system
                ? TimeBase.System(system, system.ReadStatus().TaiOffset ?? UtcOffset.Since2017)
                : TimeBase.Hardware(_clock);
            _followers = new FollowerClocks(options, new SourceClock(_clock, timeBase.Utc is not null), _phc, _log);
            _port = new PtpPort(PortSettings(found), timeBase, _log);
            _loop = new PtpLoop(_port);
        }
        catch
        {
            _port?.Dispose();
            _followers?.Dispose();
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
        _followers.Dispose();
        _stamping?.Dispose();
        _clock.Dispose();
    }

    /// <inheritdoc/>
    public (UtcOffset Offset, TaiTime From)? SegmentUtc { get; private set; }

    /// <inheritdoc/>
    public bool TryEvaluate(out TimeQuality system, out ReadOnlySpan<TimeQuality> cards, out ClockSnapshot snapshot)
    {
        PortStatus status = _port.Status;
        cards = _cards;
        (system, snapshot) = (TimeQuality.None, null!);
        if (status.MonotonicNs == _evaluatedNs)
            return false;
        _evaluatedNs = status.MonotonicNs;
        if (_evaluations++ % PortSearchSeconds == 0)
        {
            bool isTrusted = status.Quality.State is SyncState.Locked or SyncState.Degraded or SyncState.Holdover;
            _followers.Update(_ports.Find(), isTrusted);
            RenewStamps();
        }

        TimeQuality quality = TimeQualityRules.Evaluate(status.Quality, _options.TargetNs);
        _followers.Follow(quality, status.Forecast);
        SegmentUtc = TimeQualityRules.SegmentUtc(status.Forecast, status.Quality.At);
        bool isSystem = _options.Clock == DisciplinedClock.System;
        if (isSystem && _options.IsSteered)
            Declare((SystemClock)_clock, quality, status);
        bool isUtcKnown = status.Forecast is not null;
        system = TimeQualityRules.InUtc(isSystem ? quality : _followers.System, isUtcKnown);
        for (int i = 0; i < _cards.Length; i++)
            _cards[i] = TimeQualityRules.InUtc(_ports[i] < 0 ? TimeQuality.None : _followers.Evaluate(_ports[i], quality), isUtcKnown);
        snapshot = Describe(status, TimeQualityRules.InUtc(quality, isUtcKnown));
        return true;
    }

    /// <summary>N of the /dev/ptpN to discipline.</summary>
    private static int Phc(ClockPort port, bool isVirtual)
    {
        int card = port.Clock ?? throw new IOException($"{port.Name}: the card has no clock; discipline the system clock instead");
        if (!isVirtual)
            return card;
        string device = PtpSysfs.DevicePath(card);
        return PtpSysfs.Machine.VirtualClocks(card) is [int first, ..]
            ? first
            : throw new IOException($"{port.Name}: {device} has no virtual clock (n_vclocks is 0)");
    }

    private PtpPortOptions PortSettings(ClockPort found) => new()
    {
        Socket = new PtpSocketOptions
        {
            Interface = _options.Interface,
            Transport = _options.Transport,
            Stamps = _options.Clock == DisciplinedClock.Card ? StampSource.Hardware : StampSource.Software,
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
        LosesFrequencyAtLinkChange = found.Quirks.HasFlag(DriverQuirks.RedialAfterLinkChange),
    };

    /// <summary>All programs share one stamping setting of the card, and another program may restore its own.</summary>
    private void RenewStamps()
    {
        try
        {
            if (_stamping?.Renew() == true)
                _log.Failed($"{_options.Interface}: another program disabled the card's stamps; enabled again");
        }
        catch (IOException e)
        {
            _log.Failed(e.Message);
        }
    }

    /// <summary>Declares the quality of CLOCK_REALTIME to the kernel, and an announced leap second, which the kernel then makes.</summary>
    private void Declare(SystemClock system, TimeQuality quality, in PortStatus status)
    {
        // Noisy stamps may leave the clock acquiring for ever; it knows the current second all the same.
        if (quality.BoundNs > MostBoundNs || status.Forecast is not { } utc)
            return;
        // The kernel changes its TAI - UTC with the leap second: declaring the old value right after it would undo that.
        if (utc.Leap != 0 && utc.LeapAt.Nanoseconds - status.Quality.At.Nanoseconds < FollowerServo.LeapQuietNs)
            return;
        try
        {
            system.Declare(new SystemClockStatus(
                quality.State != Packets.Pcapng.ClockState.Acquiring,
                quality.BoundNs,
                (long)Math.Abs(status.Quality.OffsetNs),
                FollowerServo.Announced(utc),
                utc.Now));
        }
        catch (IOException e)
        {
            _log.Failed(e.Message);
        }
    }

    private ClockSnapshot Describe(in PortStatus status, TimeQuality quality)
    {
        BoundParts parts = status.Quality.Parts;
        return new()
        {
            Interface = _options.Interface,
            Clock = _clock.Name,
            Steered = _options.IsSteered,
            State = quality.State,
            OffsetNs = status.Quality.OffsetNs,
            BoundNs = quality.BoundNs == uint.MaxValue ? null : status.Quality.ReadingBoundNs,
            Parts = quality.BoundNs == uint.MaxValue
                ? null
                : new(parts.GrandmasterNs, parts.AsymmetryNs, parts.StatisticalNs, parts.ReadNs, parts.HoldoverNs, parts.UnresolvedNs),
            FrequencyPpb = status.Quality.FrequencyPpb,
            Grandmaster = status.Reference?.Data.Grandmaster.ToString(),
            Domain = status.Reference?.Domain,
            ClockClass = status.Reference?.Data.Quality.Class,
            StepsRemoved = status.Reference?.Data.StepsRemoved,
            UtcOffsetSeconds = status.UtcOffset?.Seconds,
            Masters = status.Comparison.Count,
            Agreeing = status.Comparison.Agreeing,
            Steps = _log.Steps + _followers.Steps,
            System = _followers.SystemSnapshot,
            Cards = _followers.Cards,
            Fault = _log.Fault,
        };
    }
}
