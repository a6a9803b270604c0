using System.Globalization;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Daemons;

/// <summary>CLOCK_REALTIME, which a chronyd steers.</summary>
public sealed class ChronyClock : IExternalClock
{
    private const int FirstAnswerMs = 1_000, AnswerMs = 400;

    /// <summary>Measurements after the clock was touched until chronyd is believed again.</summary>
    private const int Enough = 3;

    private readonly ChronyClient _client;
    private readonly QualityPolicy _policy;
    private readonly SystemClock _clock = new();
    private readonly UtcTracker _utc = new(UtcPolicy.RequireValid);
    private readonly UnreportedMoves _moves = new(Enough);
    private ChronyTracking _tracking;
    private long _heardNs;
    private string? _reference;

    /// <param name="address">A path, or a loopback address with a port.</param>
    /// <exception cref="IOException">There is no answer.</exception>
    public ChronyClock(string address, QualityPolicy policy)
    {
        (_client, _policy) = (new(address), policy);
        if (_client.TryAsk(FirstAnswerMs, out _tracking))
        {
            _heardNs = UnreportedMoves.NowNs();
            return;
        }

        _client.Dispose();
        throw new IOException(_client.Fault);
    }

    /// <inheritdoc/>
    public IClock Clock => _clock;

    /// <inheritdoc/>
    public bool CountsUtc => true;

    public QuestionCounters Counters => _client.Counters;

    /// <inheritdoc/>
    public ExternalStatus Look()
    {
        long measuredNs = _tracking.ReferenceTimeNs;
        bool isAnswered = _client.TryAsk(AnswerMs, out ChronyTracking tracking);
        (ClockReading reading, double dialPpb) = UnreportedMoves.Read(_clock);
        long nowNs = UnreportedMoves.NowNs();
        if (isAnswered)
        {
            if (_reference is null || tracking.ReferenceId != _tracking.ReferenceId)
                _reference = tracking.ReferenceName;
            (_tracking, _heardNs) = (tracking, nowNs);
        }

        UtcForecast? forecast = TakeUtc(reading.Nanoseconds, out TaiTime at);
        bool isFollowing = isAnswered && tracking.IsFollowing;
        _moves.Look(reading, dialPpb, isFollowing, isFollowing && tracking.ReferenceTimeNs != measuredNs);
        _moves.TakeLeap(forecast, at);
        ClockQuality quality = ChronyQuality.At(_tracking, (nowNs - _heardNs) * 1e-9, at, reading.Nanoseconds, reading.BoundNs, _moves.Ns, _policy);
        return new(quality, forecast)
        {
            Reference = _tracking.IsFollowing ? _reference : null,
            Stratum = _tracking.IsFollowing ? _tracking.Stratum : null,
            Doing = isAnswered ? Doing : "no answer",
            Unexplained = _moves.Count,
            Fault = _client.Fault,
        };
    }

    public void Dispose() => _client.Dispose();

    private string Doing => _tracking.IsFollowing
        ? string.Create(CultureInfo.InvariantCulture, $"follows {_reference}, stratum {_tracking.Stratum}")
        : _tracking.Leap == ChronyLeap.Unsynchronised ? "follows nothing" : "serves its own clock";

    /// <summary>NTP does not carry TAI - UTC: what the kernel was told (chronyd's <c>leapsectz</c>) is taken. The leap second is chronyd's.</summary>
    private UtcForecast? TakeUtc(long utcNs, out TaiTime at)
    {
        UtcOffset? kernel = _clock.ReadStatus().TaiOffset;
        at = new(utcNs + (kernel ?? UtcOffset.Since2017).Nanoseconds);
        if (kernel is not { } offset)
            return null;
        _utc.Announced(new(Timescale.Ptp, offset.Seconds, true, _tracking.Leap == ChronyLeap.Insert, _tracking.Leap == ChronyLeap.Delete, true, true, 0), at);
        return _utc.TryGetOffset(at, out UtcOffset now) ? new(now, at < _utc.LeapAt ? _utc.PendingLeap : 0, _utc.LeapAt) : null;
    }
}
