using Capbox.Packets.Capture;
using Capbox.Platform.Time;
using Capbox.Ptp.External;
using Capbox.Ptp.Quality;
using Microsoft.Extensions.Logging;

namespace Capbox.Timing;

/// <summary>A clock that an outside program steers, ptp4l or chronyd: what it is worth, by what the program says and by looking at the clock. Others may be made to follow it; it is never touched itself.</summary>
internal sealed class ExternalClock : IKeptClock
{
    private const int TurnMs = 500, LookMs = 1_000;

    /// <summary>Interfaces come and go: which port is stamped by this clock is looked up again every so many seconds.</summary>
    private const int LookAtPortsSeconds = 10;

    private readonly ClockOptions _options;
    private readonly PortLog _log;
    private readonly IExternalClock _clock;
    private readonly ClockMesh _mesh;
    private readonly StampingPorts _ports;
    private readonly TimeQuality[] _cards;
    private readonly ManualResetEventSlim _stop = new();
    private readonly string _program;
    private ExternalStatus _status;
    private bool _isNew;
    private long _nextMs = Environment.TickCount64, _unexplained;
    private int _looks;
    private string? _doing, _reference;

    /// <exception cref="IOException">The program does not answer, or its clock is not to be had.</exception>
    public ExternalClock(ClockOptions options, Func<IReadOnlyList<PortOptions>> ports, ILogger logger)
    {
        (_options, _log, _ports, _cards) = (options, new PortLog(logger), new StampingPorts(ports), new TimeQuality[RecordingPlan.MaxPorts]);
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

        // What follows goes by what the clock is, not by what was configured.
        FollowingClock kind = _clock.CountsUtc ? FollowingClock.System : FollowingClock.Card;
        _mesh = new ClockMesh(options with { Clock = kind }, new KeptReference(_clock.Clock, _clock.CountsUtc), (_clock as Ptp4lClock)?.Phc ?? -1, _log);
        _log.Note($"{_program} steers {_clock.Clock.Name}");
        if (options.SystemFollows && _clock.CountsUtc)
            _log.Note($"systemFollows: {_program} steers the system clock itself, nothing has to follow");
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

        _nextMs = Environment.TickCount64 + LookMs + leftMs % LookMs;
        _status = _clock.Look();
        _isNew = true;
        return !_status.IsAnotherClock;
    }

    public void Stop() => _stop.Set();

    public double? AcceptShifts() => null;

    public void Dispose()
    {
        _mesh.Dispose();
        _clock.Dispose();
        _stop.Dispose();
    }

    /// <inheritdoc/>
    public bool TryTakeClaims(out TimeQuality system, out ReadOnlySpan<TimeQuality> cards, out ClockSnapshot snapshot)
    {
        cards = _cards;
        (system, snapshot) = (TimeQuality.None, null!);
        if (!_isNew)
            return false;
        _isNew = false;
        Log();
        // The kept clock is somebody else's: it is never nudged to find out whether another one goes along.
        if (_looks++ % LookAtPortsSeconds == 0)
            _mesh.Take(_ports.Find(), isTrusted: true);
        bool isUtcKnown = _status.Forecast is not null;
        TimeQuality claim = Claims.Of(_status.Quality, _options.TargetNs);
        _mesh.Follow(claim, _status.Forecast);
        SegmentUtc = Claims.SegmentUtc(_status.Forecast, _status.Quality.At);
        // chronyd keeps UTC, whatever TAI is.
        bool isInUtc = isUtcKnown || _options.Source == ClockSource.Chrony;
        system = Claims.InUtc(_clock.CountsUtc ? claim : _mesh.System, isInUtc);
        for (int i = 0; i < _cards.Length; i++)
            _cards[i] = Claims.InUtc(_ports[i] < 0 ? TimeQuality.None : _mesh.Of(_ports[i], claim), isUtcKnown);
        snapshot = Describe(Claims.InUtc(claim, isInUtc));
        return true;
    }

    private void Log()
    {
        if (_status.Doing != _doing)
            _log.Note($"{_program}: {_doing ?? "new"} -> {_status.Doing}");
        if (_status.Reference != _reference)
            _log.Note($"{_program}: reference {_reference ?? "none"} -> {_status.Reference ?? "none"}");
        if (_status.Unexplained != _unexplained)
            _log.Unexplained($"{_clock.Clock.Name} moved by more than {_program} reported: {ClockParts(_status.Quality)}");
        if (_status.Fault is { } fault)
            _log.Failed(fault);
        (_doing, _reference, _unexplained) = (_status.Doing, _status.Reference, _status.Unexplained);
    }

    private static string ClockParts(in ClockQuality quality) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{quality.Parts.UnresolvedNs:F0} ns that nobody accounts for");

    private ClockSnapshot Describe(TimeQuality claim)
    {
        BoundParts parts = _status.Quality.Parts;
        return new()
        {
            Interface = _status.Interface ?? _options.Interface,
            Clock = _clock.Clock.Name,
            Source = _program,
            Doing = _status.Doing,
            Steered = false,
            State = claim.State,
            OffsetNs = _status.Quality.OffsetNs,
            BoundNs = claim.BoundNs == uint.MaxValue ? null : _status.Quality.ReadingBoundNs,
            Parts = claim.BoundNs == uint.MaxValue ? null : new(parts.GrandmasterNs, parts.AsymmetryNs, parts.StatisticalNs, parts.ReadNs, parts.HoldoverNs, parts.UnresolvedNs),
            FrequencyPpb = _status.Quality.FrequencyPpb,
            Grandmaster = _status.Reference,
            Domain = _status.Domain,
            ClockClass = _status.ClockClass,
            StepsRemoved = _status.StepsRemoved,
            Stratum = _status.Stratum,
            UtcOffsetSeconds = _status.Forecast?.Now.Seconds,
            Masters = _status.Reference is null ? 0 : 1,
            Agreeing = _status.Reference is null ? 0 : 1,
            Steps = _status.Unexplained + _mesh.Steps,
            System = _mesh.SystemSnapshot,
            Cards = _mesh.Cards,
            Fault = _status.Fault ?? _log.Fault,
        };
    }
}
