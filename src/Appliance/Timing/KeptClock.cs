using Capbox.Capture;
using Capbox.Ptp;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Inventory;
using Capbox.Ptp.Port;
using Capbox.Ptp.Quality;
using Capbox.Ptp.Transport;
using Microsoft.Extensions.Logging;
using PtpState = Capbox.Ptp.Quality.ClockState;

namespace Capbox.Timing;

/// <summary>A PTP port with its clock and the card's stamps, while they are there. One thread, but for <see cref="Stop"/>.</summary>
internal sealed class KeptClock : IDisposable
{
    private const int TurnMs = 500;

    /// <summary>Interfaces come and go: which port is stamped by this clock is looked up again every so many seconds.</summary>
    private const int LookAtPortsSeconds = 10;

    private readonly ClockOptions _options;
    private readonly IReadOnlyList<PortOptions> _ports;
    private readonly PortLog _log;
    private readonly PortStamping? _stamping;
    private readonly IClock _clock;
    private readonly SystemFollower? _follower;
    private readonly PtpPort _port;
    private readonly int _phc = -1; // N of /dev/ptpN
    private readonly ClockClaim[] _cards;
    private readonly bool[] _isStampedByUs;
    private long _toldNs = long.MinValue;
    private int _looks;

    /// <exception cref="IOException">The interface, its stamps or its clock are not to be had.</exception>
    public KeptClock(ClockOptions options, IReadOnlyList<PortOptions> ports, ILogger logger)
    {
        (_options, _ports, _log) = (options, ports, new PortLog(logger));
        (_cards, _isStampedByUs) = (new ClockClaim[ports.Count], new bool[ports.Count]);
        ClockPort found = ClockInventory.ReadPorts().FirstOrDefault(p => p.Name == options.Interface) ?? throw new IOException($"{options.Interface}: no such interface");
        try
        {
            if (options.Clock == FollowingClock.Card)
            {
                _phc = found.Clock ?? throw new IOException($"{options.Interface}: the card has no clock; \"clock\": \"system\" follows with the system clock");
                _clock = PhcClock.Open(_phc);
                _stamping = PortStamping.Enable(options.Interface, options.Transport == PtpTransport.Ethernet ? StampNeeds.EthernetEvents : StampNeeds.UdpEvents);
            }
            else
            {
                _clock = new SystemClock();
            }

            TimeBase timeBase = _clock is SystemClock system ? TimeBase.System(system, system.ReadStatus().TaiOffset ?? UtcOffset.Since2017) : TimeBase.Hardware(_clock);
            if (options.Clock == FollowingClock.Card && options.SystemFollows)
                _follower = new SystemFollower(new KernelClock(new SystemClock()), _clock, options.TargetNs);
            _port = new PtpPort(PortSettings(found), timeBase, _log);
        }
        catch
        {
            _stamping?.Dispose();
            _clock?.Dispose();
            throw;
        }
    }

    /// <summary>Waits for something to do and does it. False when the interface is gone.</summary>
    public bool Turn() => _port.Turn(TurnMs);

    public void Stop() => _port.Stop();

    public void Dispose()
    {
        _port.Dispose();
        _stamping?.Dispose();
        _clock.Dispose();
    }

    /// <summary>What holds now, if the port has looked at its clock since the last call: once a second.</summary>
    public bool TryTakeClaims(out ClockClaim system, out ReadOnlySpan<ClockClaim> cards, out ClockSnapshot snapshot)
    {
        PortStatus status = _port.Status;
        cards = _cards;
        (system, snapshot) = (ClockClaim.None, null!);
        if (status.MonotonicNs == _toldNs)
            return false;
        _toldNs = status.MonotonicNs;
        if (_looks++ % LookAtPortsSeconds == 0)
        {
            FindPorts();
            RenewStamps();
        }

        ClockClaim claim = Claim(status.Quality);
        bool isSystem = _options.Clock == FollowingClock.System;
        system = isSystem ? claim : FollowWithSystem(claim, status.UtcOffset);
        for (int i = 0; i < _cards.Length; i++)
            _cards[i] = !isSystem && _isStampedByUs[i] ? claim : ClockClaim.None;
        snapshot = Describe(status, claim, system);
        return true;
    }

    /// <summary>Stamps are written as the clock gave them: its offset counts, however well it is known.</summary>
    private ClockClaim Claim(in ClockQuality quality)
    {
        Pcapng.ClockState state = quality.State switch
        {
            PtpState.Acquiring => Pcapng.ClockState.Acquiring,
            PtpState.Locked => quality.ReadingBoundNs > _options.TargetNs ? Pcapng.ClockState.Degraded : Pcapng.ClockState.Locked,
            PtpState.Degraded => Pcapng.ClockState.Degraded,
            PtpState.Holdover => Pcapng.ClockState.Holdover,
            _ => Pcapng.ClockState.Unsynchronised,
        };
        bool hasBound = state != Pcapng.ClockState.Unsynchronised && quality.ReadingBoundNs < uint.MaxValue - 1;
        return new(state, hasBound ? (uint)Math.Ceiling(quality.ReadingBoundNs) : uint.MaxValue);
    }

    private PtpPortOptions PortSettings(ClockPort found) => new()
    {
        Socket = new PtpSocketOptions
        {
            Interface = _options.Interface,
            Transport = _options.Transport,
            Stamps = _options.Clock == FollowingClock.Card ? StampSource.Hardware : StampSource.Software,
        },
        Engine = new EngineOptions
        {
            Own = default,
            Domains = _options.Domains,
            AllowedGrandmasters = _options.Grandmasters,
            DelayMode = _options.Delay,
            UtcPolicy = _options.UtcPolicy,
        },
        Mode = _options.IsSteered ? PortMode.Steer : PortMode.Measure,
        Quality = new QualityPolicy(AsymmetryNs: _options.AsymmetryNs, TargetNs: _options.TargetNs),
        LosesDialAtLinkChange = found.Quirks.HasFlag(DriverQuirks.RedialAfterLinkChange),
    };

    /// <summary>Ports of other namespaces are not found here: nothing is claimed of them.</summary>
    private void FindPorts()
    {
        IReadOnlyList<ClockPort> all = ClockInventory.ReadPorts();
        for (int i = 0; i < _ports.Count; i++)
            _isStampedByUs[i] = _phc >= 0 && _ports[i].Netns is null && all.Any(p => p.Name == _ports[i].Interface && p.Clock == _phc);
    }

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

    private ClockClaim FollowWithSystem(ClockClaim card, UtcOffset? utc)
    {
        try
        {
            return _follower?.Follow(card, utc) ?? ClockClaim.None;
        }
        catch (IOException e)
        {
            _log.Failed(e.Message);
            return ClockClaim.None;
        }
    }

    private ClockSnapshot Describe(in PortStatus status, ClockClaim claim, ClockClaim system)
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
            Steps = _log.Steps + (_follower?.Steps ?? 0),
            System = _follower is null ? null : new(system.State, _follower.OffsetNs, system.BoundNs == uint.MaxValue ? null : system.BoundNs),
            Fault = _log.Fault,
        };
    }
}
