// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Platform.Time;
using Capbox.Ptp.Daemons;
using Capbox.Ptp.Servo;
using Microsoft.Extensions.Logging;

namespace Capbox.Timing;

/// <summary>
/// The clock that ptp4l or chronyd steers. Its quality comes from the daemon's reports and from the clock's readings. Other clocks may
/// follow it; capbox never steers it.
/// </summary>
internal sealed class DaemonTimeSource : ITimeSource
{
    private const int TurnMs = 500, PollMs = 1_000;

    /// <summary>Seconds between two searches for the ports that this clock stamps: interfaces come and go.</summary>
    private const int PortSearchSeconds = 10;

    private readonly ClockOptions _options;
    private readonly PortLog _log;
    private readonly IDaemonClock _clock;
    private readonly FollowerClocks _followers;
    private readonly StampingPorts _ports;
    private readonly TimeQuality[] _cards;
    private readonly ManualResetEventSlim _stop = new();
    private readonly string _program;
    private DaemonStatus _status;
    private bool _isNew;
    private long _nextMs = Environment.TickCount64, _unexplained;
    private int _evaluations;
    private string? _doing, _reference;

    /// <exception cref="IOException">The daemon does not answer, or its clock cannot be opened.</exception>
    public DaemonTimeSource(ClockOptions options, Func<IReadOnlyList<PortOptions>> ports, ILogger logger)
    {
        (_options, _log, _ports) = (options, new PortLog(logger), new StampingPorts(ports));
        _cards = new TimeQuality[RecordingPlan.MaxPorts];
        QualityPolicy policy = new(AsymmetryNs: options.AsymmetryNs, TargetNs: options.TargetNs);
        if (options.Source == ClockSource.Ptp4l)
        {
            _program = "ptp4l";
            _clock = new Ptp4lClock(new()
            {
                Socket = options.Socket ?? Ptp4lClient.DefaultSocket,
                Domain = options.Domains[0],
                Interface = options.Interface.Length > 0 ? options.Interface : null,
                AllowedGrandmasters = options.Grandmasters,
                UtcPolicy = options.UtcPolicy,
                Quality = policy,
            });
        }
        else
        {
            _program = "chronyd";
            _clock = new ChronyClock(options.Socket ?? ChronyClient.DefaultSocket, policy);
        }

        // Followers depend on the clock that the daemon steers, not on the configured one.
        DisciplinedClock kind = _clock.CountsUtc ? DisciplinedClock.System : DisciplinedClock.Card;
        SourceClock source = new(_clock.Clock, _clock.CountsUtc);
        _followers = new FollowerClocks(options with { Clock = kind }, source, (_clock as Ptp4lClock)?.Phc ?? -1, _log);
        _log.Report($"{_program} steers {_clock.Clock.Name}");
        if (options.SystemFollows && _clock.CountsUtc)
            _log.Report($"systemFollows: {_program} steers the system clock itself, it needs no follower");
    }

    /// <inheritdoc/>
    public (UtcOffset Offset, TaiTime From)? SegmentUtc { get; private set; }

    /// <inheritdoc/>
    public bool Turn()
    {
        long leftMs = _nextMs - Environment.TickCount64;
        if (leftMs > 0)
        {
            _stop.Wait((int)Math.Min(leftMs, TurnMs));
            return true;
        }

        _nextMs = Environment.TickCount64 + PollMs + leftMs % PollMs;
        _status = _clock.Poll();
        _isNew = true;
        return !_status.IsAnotherClock;
    }

    public void Stop() => _stop.Set();

    public double? AcceptShifts() => null;

    public void Dispose()
    {
        _followers.Dispose();
        _clock.Dispose();
        _stop.Dispose();
    }

    /// <inheritdoc/>
    public bool TryEvaluate(out TimeQuality system, out ReadOnlySpan<TimeQuality> cards, out ClockSnapshot snapshot)
    {
        cards = _cards;
        (system, snapshot) = (TimeQuality.None, null!);
        if (!_isNew)
            return false;
        _isNew = false;
        Log();
        // The source clock belongs to the daemon: it is never stepped to find aliases.
        if (_evaluations++ % PortSearchSeconds == 0)
            _followers.Update(_ports.Find(), isTrusted: true);
        bool isUtcKnown = _status.Forecast is not null;
        TimeQuality quality = TimeQualityRules.Evaluate(_status.Quality, _options.TargetNs);
        _followers.Follow(quality, _status.Forecast);
        SegmentUtc = TimeQualityRules.SegmentUtc(_status.Forecast, _status.Quality.At);
        // chronyd keeps UTC, whatever TAI is.
        bool isInUtc = isUtcKnown || _options.Source == ClockSource.Chrony;
        system = TimeQualityRules.InUtc(_clock.CountsUtc ? quality : _followers.System, isInUtc);
        for (int i = 0; i < _cards.Length; i++)
            _cards[i] = TimeQualityRules.InUtc(_ports[i] < 0 ? TimeQuality.None : _followers.Evaluate(_ports[i], quality), isUtcKnown);
        snapshot = Describe(TimeQualityRules.InUtc(quality, isInUtc));
        return true;
    }

    private void Log()
    {
        if (_status.Doing != _doing)
            _log.Report($"{_program}: {_doing ?? "new"} -> {_status.Doing}");
        if (_status.Reference != _reference)
            _log.Report($"{_program}: reference {_reference ?? "none"} -> {_status.Reference ?? "none"}");
        if (_status.Unexplained != _unexplained)
            _log.ReportUnexplained($"{_clock.Clock.Name} moved by more than {_program} reported: {ClockParts(_status.Quality)}");
        if (_status.Fault is { } fault)
            _log.Failed(fault);
        (_doing, _reference, _unexplained) = (_status.Doing, _status.Reference, _status.Unexplained);
    }

    private static string ClockParts(in ClockQuality quality) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{quality.Parts.UnresolvedNs:F0} ns are unexplained");

    private ClockSnapshot Describe(TimeQuality quality)
    {
        BoundParts parts = _status.Quality.Parts;
        return new()
        {
            Interface = _status.Interface ?? _options.Interface,
            Clock = _clock.Clock.Name,
            Source = _program,
            Doing = _status.Doing,
            Steered = false,
            State = quality.State,
            OffsetNs = _status.Quality.OffsetNs,
            BoundNs = quality.BoundNs == uint.MaxValue ? null : _status.Quality.ReadingBoundNs,
            Parts = quality.BoundNs == uint.MaxValue
                ? null
                : new(parts.GrandmasterNs, parts.AsymmetryNs, parts.StatisticalNs, parts.ReadNs, parts.HoldoverNs, parts.UnresolvedNs),
            FrequencyPpb = _status.Quality.FrequencyPpb,
            Grandmaster = _status.Reference,
            Domain = _status.Domain,
            ClockClass = _status.ClockClass,
            StepsRemoved = _status.StepsRemoved,
            Stratum = _status.Stratum,
            UtcOffsetSeconds = _status.Forecast?.Now.Seconds,
            Masters = _status.Reference is null ? 0 : 1,
            Agreeing = _status.Reference is null ? 0 : 1,
            Steps = _status.Unexplained + _followers.Steps,
            System = _followers.SystemSnapshot,
            Cards = _followers.Cards,
            Fault = _status.Fault ?? _log.Fault,
        };
    }
}
