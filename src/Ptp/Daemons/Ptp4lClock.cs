// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Platform.Nic;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Daemons;

/// <summary>Settings of a <see cref="Ptp4lClock"/>.</summary>
public sealed record Ptp4lOptions
{
    public string Socket { get; init; } = Ptp4lClient.DefaultSocket;
    public byte Domain { get; init; }

    /// <summary>The card whose clock it steers, if it reports none or a name unknown here; null: the reported one.</summary>
    public string? Interface { get; init; }

    /// <summary>Grandmasters that may be followed; empty for any.</summary>
    public IReadOnlyList<ClockIdentity> AllowedGrandmasters { get; init; } = [];
    public UtcPolicy UtcPolicy { get; init; }
    public QualityPolicy Quality { get; init; } = new();

    /// <summary>See <see cref="Port.PtpPortOptions.UnknownAccuracyNs"/>.</summary>
    public double UnknownAccuracyNs { get; init; } = 500_000_000;
}

/// <summary>The clock that a ptp4l steers: a PHC, or CLOCK_REALTIME with software stamps.</summary>
public sealed class Ptp4lClock : IDaemonClock
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

    /// <summary>Sends the first query: without an answer the steered clock is unknown.</summary>
    /// <exception cref="IOException">There is no answer, or the clock cannot be opened.</exception>
    public Ptp4lClock(Ptp4lOptions options)
    {
        (_options, _quality, _utc) = (options, new(options.Quality, options.UnknownAccuracyNs), new(options.UtcPolicy));
        _client = new Ptp4lClient(options.Socket, options.Domain);
        try
        {
            if (!_client.TryQuery(FirstAnswerMs, out _report))
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

    public QueryCounters Counters => _client.Counters;

    /// <inheritdoc/>
    public DaemonStatus Poll()
    {
        bool isAnswered = _client.TryQuery(AnswerMs, out Ptp4lReport report);
        (ClockReading reading, double adjustmentPpb) = UnreportedMoves.Read(Clock);
        long nowNs = UnreportedMoves.NowNs();
        string? fault = _client.Fault;
        bool isAnother = false, isFresh = false;
        if (isAnswered)
        {
            _report = report;
            isFresh = _quality.Add(report, nowNs);
            fault = Check(report, ref isAnother);
        }

        TaiTime at = TrackUtc(reading, isAnswered && report.IsFollowing && fault is null);
        bool isFollowing = isAnswered && report.IsFollowing;
        if (_moves.Check(reading, adjustmentPpb, isFollowing, isFresh) && isFollowing)
            _quality.Restart();
        UtcForecast? forecast = _utc.TryGetOffset(at, out UtcOffset offset)
            ? new(offset, at < _utc.LeapAt ? _utc.PendingLeap : 0, _utc.LeapAt)
            : null;
        if (CountsUtc)
            _moves.TrackLeap(forecast, at);
        ClockQuality quality = _quality.At(at, nowNs, reading.BoundNs, _moves.Ns) with { FrequencyPpb = -adjustmentPpb };
        if (fault is not null && isAnswered)
            quality = quality with { State = SyncState.Unsynchronised };
        return Describe(quality, forecast, isAnswered, fault, isAnother);
    }

    public void Dispose()
    {
        _client.Dispose();
        Clock.Dispose();
    }

    /// <summary>Checks a following clock: allowed grandmaster, same clock.</summary>
    private string? Check(in Ptp4lReport report, ref bool isAnother)
    {
        if (!report.IsFollowing)
            return null;
        ClockIdentity grandmaster = report.Status.Grandmaster;
        if (_options.AllowedGrandmasters.Count > 0 && !_options.AllowedGrandmasters.Contains(grandmaster))
            return $"ptp4l follows {grandmaster}, which is not among the allowed grandmasters";
        // Ports of one clock may each have a PHC.
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
        string name = _options.Interface ?? report.Interface
            ?? throw new IOException("ptp4l does not report its interface; configure the interface");
        ClockPort port = ClockPort.List().FirstOrDefault(p => p.Name == name)
            ?? throw new IOException(
                $"ptp4l steers the clock of {name}, which is no interface here; configure an interface of the same card");
        return port.Clock ?? throw new IOException($"ptp4l steers the clock of {name}, but that card has none");
    }

    private TaiTime TrackUtc(in ClockReading reading, bool isFollowing)
    {
        TaiTime at = new(reading.Nanoseconds + (CountsUtc ? Assumed(reading.Nanoseconds).Nanoseconds : 0));
        if (isFollowing)
            _utc.Announced(_report.Properties, at);
        else
            _utc.ReferenceLost();
        _utc.Advance(at);
        return at;
    }

    private UtcOffset Assumed(long utcNs) =>
        _utc.TryGetOffset(new(utcNs + _assumedUtc.Nanoseconds), out UtcOffset offset) ? offset : _assumedUtc;

    private DaemonStatus Describe(in ClockQuality quality, UtcForecast? forecast, bool isAnswered, string? fault, bool isAnother)
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

    /// <summary>The names that ptp4l prints.</summary>
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
