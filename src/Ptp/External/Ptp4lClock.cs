using System.Globalization;
using Capbox.Platform.Nic;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Quality;

namespace Capbox.Ptp.External;

/// <summary>What is wanted of a ptp4l.</summary>
public sealed record Ptp4lOptions
{
    public string Socket { get; init; } = Ptp4lClient.DefaultSocket;
    public byte Domain { get; init; }

    /// <summary>Whose card's clock it steers, where it does not tell or tells a name that is unknown here; null: by what it tells.</summary>
    public string? Interface { get; init; }

    /// <summary>Grandmasters that may be followed; empty: any.</summary>
    public IReadOnlyList<ClockIdentity> AllowedGrandmasters { get; init; } = [];
    public UtcPolicy UtcPolicy { get; init; }
    public QualityPolicy Quality { get; init; } = new();

    /// <summary>See <see cref="Port.PtpPortOptions.UnknownAccuracyNs"/>.</summary>
    public double UnknownAccuracyNs { get; init; } = 500_000_000;
}

/// <summary>The clock that a ptp4l steers: a PHC, or CLOCK_REALTIME if it has stamps of the kernel.</summary>
public sealed class Ptp4lClock : IExternalClock
{
    private const int FirstAnswerMs = 1_000, AnswerMs = 400;

    private readonly Ptp4lOptions _options;
    private readonly Ptp4lClient _client;
    private readonly Ptp4lQuality _quality;
    private readonly UtcTracker _utc;
    private readonly UnreportedMoves _moves = new(Ptp4lQuality.Enough);
    private readonly int _phc; // N of /dev/ptpN; -1: CLOCK_REALTIME
    private readonly UtcOffset _assumedUtc;
    private Ptp4lReport _report;
    private string? _slaveInterface;
    private string? _reference;
    private ClockIdentity _named;

    /// <summary>Asks for the first time: without an answer there is no knowing which clock it steers.</summary>
    /// <exception cref="IOException">There is no answer, or the clock is not to be had.</exception>
    public Ptp4lClock(Ptp4lOptions options)
    {
        (_options, _quality, _utc) = (options, new(options.Quality, options.UnknownAccuracyNs), new(options.UtcPolicy));
        _client = new Ptp4lClient(options.Socket, options.Domain);
        try
        {
            if (!_client.TryAsk(FirstAnswerMs, out _report))
                throw new IOException(_client.Fault);
            _phc = FindPhc(_report);
            _slaveInterface = _report.Interface;
            if (_phc < 0)
            {
                SystemClock system = new();
                (Clock, _assumedUtc) = (system, system.ReadStatus().TaiOffset ?? UtcOffset.Since2017);
            }
            else
            {
                Clock = PhcClock.Open(_phc);
            }
        }
        catch
        {
            _client.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IClock Clock { get; }

    /// <inheritdoc/>
    public bool CountsUtc => _phc < 0;

    /// <summary>N of its /dev/ptpN; -1: CLOCK_REALTIME.</summary>
    public int Phc => _phc;

    public QuestionCounters Counters => _client.Counters;

    /// <inheritdoc/>
    public ExternalStatus Look()
    {
        bool isAnswered = _client.TryAsk(AnswerMs, out Ptp4lReport report);
        (ClockReading reading, double dialPpb) = UnreportedMoves.Read(Clock);
        long nowNs = UnreportedMoves.NowNs();
        string? fault = _client.Fault;
        bool isAnother = false, isFresh = false;
        if (isAnswered)
        {
            _report = report;
            isFresh = _quality.Take(report, nowNs);
            fault = Check(report, ref isAnother);
        }

        TaiTime at = TakeUtc(reading, isAnswered && report.IsFollowing && fault is null);
        bool isFollowing = isAnswered && report.IsFollowing;
        if (_moves.Look(reading, dialPpb, isFollowing, isFresh) && isFollowing)
            _quality.Restart();
        UtcForecast? forecast = _utc.TryGetOffset(at, out UtcOffset offset) ? new(offset, at < _utc.LeapAt ? _utc.PendingLeap : 0, _utc.LeapAt) : null;
        if (CountsUtc)
            _moves.TakeLeap(forecast, at);
        ClockQuality quality = _quality.At(at, nowNs, reading.BoundNs, _moves.Ns) with { FrequencyPpb = -dialPpb };
        if (fault is not null && isAnswered)
            quality = quality with { State = ClockState.Unsynchronised };
        return Describe(quality, forecast, isAnswered, fault, isAnother);
    }

    public void Dispose()
    {
        _client.Dispose();
        Clock.Dispose();
    }

    /// <summary>What speaks against a clock that follows.</summary>
    private string? Check(in Ptp4lReport report, ref bool isAnother)
    {
        if (!report.IsFollowing)
            return null;
        ClockIdentity grandmaster = report.Status.Grandmaster;
        if (_options.AllowedGrandmasters.Count > 0 && !_options.AllowedGrandmasters.Contains(grandmaster))
            return $"ptp4l follows {grandmaster}, which is not on the list of grandmasters";
        // Ports of one clock may have a PHC each.
        if (report.Interface == _slaveInterface)
            return null;
        _slaveInterface = report.Interface;
        isAnother = FindPhc(report) != _phc;
        return isAnother ? $"ptp4l steers another clock now: that of {report.Interface}" : null;
    }

    private int FindPhc(in Ptp4lReport report)
    {
        if (report.Stamps == StampKindOfPort.Software)
            return -1;
        if (report.Phc is { } phc)
            return phc;
        string name = _options.Interface ?? report.Interface ?? throw new IOException("ptp4l does not tell its interface: name it in the configuration, key \"interface\"");
        ClockPort port = ClockPort.List().FirstOrDefault(p => p.Name == name)
            ?? throw new IOException($"ptp4l steers the clock of {name}, and there is no such interface here: name one of the same card in the configuration, key \"interface\"");
        return port.Clock ?? throw new IOException($"ptp4l is said to steer the clock of {name}, and that card has none");
    }

    private TaiTime TakeUtc(in ClockReading reading, bool isFollowing)
    {
        TaiTime at = new(reading.Nanoseconds + (CountsUtc ? Assumed(reading.Nanoseconds).Nanoseconds : 0));
        if (isFollowing)
            _utc.Announced(_report.Properties, at);
        else
            _utc.ReferenceLost();
        _utc.Advance(at);
        return at;
    }

    private UtcOffset Assumed(long utcNs) => _utc.TryGetOffset(new(utcNs + _assumedUtc.Nanoseconds), out UtcOffset offset) ? offset : _assumedUtc;

    private ExternalStatus Describe(in ClockQuality quality, UtcForecast? forecast, bool isAnswered, string? fault, bool isAnother)
    {
        bool isFollowing = isAnswered && _report.IsFollowing;
        if (isFollowing && (_reference is null || _named != _report.Status.Grandmaster))
            (_named, _reference) = (_report.Status.Grandmaster, _report.Status.Grandmaster.ToString());
        return new(quality, forecast)
        {
            Reference = isFollowing ? _reference : null,
            Domain = _report.Domain,
            ClockClass = isFollowing ? _report.Parent.Quality.Class : null,
            StepsRemoved = isFollowing ? _report.Current.StepsRemoved : null,
            Interface = _report.Interface,
            Doing = isAnswered ? NameOf(_report.Port.State) : "no answer",
            Unexplained = _moves.Count,
            Fault = fault,
            IsAnotherClock = isAnother,
        };
    }

    /// <summary>As ptp4l prints them.</summary>
    private static string NameOf(PtpPortState state) => state switch
    {
        PtpPortState.Slave => "SLAVE",
        PtpPortState.Uncalibrated => "UNCALIBRATED",
        PtpPortState.Listening => "LISTENING",
        PtpPortState.Master => "MASTER",
        PtpPortState.PreMaster => "PRE_MASTER",
        PtpPortState.Passive => "PASSIVE",
        PtpPortState.Faulty => "FAULTY",
        PtpPortState.Disabled => "DISABLED",
        PtpPortState.Initializing => "INITIALIZING",
        _ => ((byte)state).ToString(CultureInfo.InvariantCulture),
    };
}
