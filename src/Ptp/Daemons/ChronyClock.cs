// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Daemons;

/// <summary>CLOCK_REALTIME, steered by a chronyd.</summary>
public sealed class ChronyClock : IDaemonClock
{
    private const int FirstAnswerMs = 1_000, AnswerMs = 400;

    /// <summary>Measurements after an unexplained move until chronyd is trusted again.</summary>
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
    /// <exception cref="IOException">The daemon does not answer.</exception>
    public ChronyClock(string address, QualityPolicy policy)
    {
        (_client, _policy) = (new(address), policy);
        if (_client.TryQuery(FirstAnswerMs, out _tracking))
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

    public QueryCounters Counters => _client.Counters;

    /// <inheritdoc/>
    public DaemonStatus Poll()
    {
        long measuredNs = _tracking.ReferenceTimeNs;
        bool isAnswered = _client.TryQuery(AnswerMs, out ChronyTracking tracking);
        (ClockReading reading, double adjustmentPpb) = UnreportedMoves.Read(_clock);
        long nowNs = UnreportedMoves.NowNs();
        if (isAnswered)
        {
            if (_reference is null || tracking.ReferenceId != _tracking.ReferenceId)
                _reference = tracking.ReferenceName;
            (_tracking, _heardNs) = (tracking, nowNs);
        }

        UtcForecast? forecast = TrackUtc(reading.Nanoseconds, out TaiTime at);
        bool isFollowing = isAnswered && tracking.IsFollowing;
        _moves.Check(reading, adjustmentPpb, isFollowing, isFollowing && tracking.ReferenceTimeNs != measuredNs);
        _moves.TrackLeap(forecast, at);
        double unheardSeconds = (nowNs - _heardNs) * 1e-9;
        ClockQuality quality = ChronyQuality.At(
            _tracking, unheardSeconds, at, reading.Nanoseconds, reading.BoundNs, _moves.Ns, _policy);
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
        : _tracking.Leap == ChronyLeap.Unsynchronised ? "follows nothing"
        : "serves its own clock";

    /// <summary>
    /// NTP does not carry TAI - UTC: the kernel's value is used (chronyd's <c>leapsectz</c>). chronyd announces the leap second.
    /// </summary>
    private UtcForecast? TrackUtc(long utcNs, out TaiTime at)
    {
        UtcOffset? kernel = _clock.ReadStatus().TaiOffset;
        at = new(utcNs + (kernel ?? UtcOffset.Since2017).Nanoseconds);
        if (kernel is not { } offset)
            return null;
        bool isInsert = _tracking.Leap == ChronyLeap.Insert, isDelete = _tracking.Leap == ChronyLeap.Delete;
        _utc.Announced(new(Timescale.Ptp, offset.Seconds, true, isInsert, isDelete, true, true, 0), at);
        return _utc.TryGetOffset(at, out UtcOffset now) ? new(now, at < _utc.LeapAt ? _utc.PendingLeap : 0, _utc.LeapAt) : null;
    }
}
