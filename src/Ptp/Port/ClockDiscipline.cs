// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Port;

/// <summary>
/// The clock of a port under its servo: admits stamps, adds messages to the servo, applies its decisions, and checks the clock once a
/// second against CLOCK_MONOTONIC_RAW. One thread.
/// </summary>
internal sealed class ClockDiscipline
{
    private const long SecondNs = 1_000_000_000, AfterLinkChangeNs = 3 * SecondNs;

    private readonly PtpPortOptions _options;
    private readonly TimeBase _base;
    private readonly PtpEngine _engine;
    private readonly IPortListener? _listener;
    private readonly PtpServo _servo;
    private readonly StepGuard _guard = new();
    private readonly LeapGuard _leap = new();
    private Reckoning _reckoning;
    private long _steeredNs;
    private long _linkChangedNs = long.MinValue;
    private bool _isSteeringDue;
    private bool _isReferenceNew;
    private bool _hadLeap;

    /// <param name="engine">Learns of steps; states the reference and TAI - UTC.</param>
    public ClockDiscipline(PtpPortOptions options, TimeBase timeBase, PtpEngine engine, IPortListener? listener)
    {
        (_options, _base, _engine, _listener) = (options, timeBase, engine, listener);
        double maxFrequencyPpb = Math.Min(options.Steering.MaxFrequencyPpb, timeBase.Clock.MaxFrequencyPpb);
        _servo = new PtpServo(options.Steering with { MaxFrequencyPpb = maxFrequencyPpb }, options.Quality);
    }

    /// <summary>Stamps rejected because the clock had just been stepped, or counts UTC and made a leap second.</summary>
    public long StampsBeforeStep { get; private set; }

    /// <summary>The current frequency adjustment, ppb.</summary>
    public double AdjustmentPpb => _servo.Estimator.AdjustmentPpb;

    /// <summary>Steps of path or grandmaster that were not followed and can be accepted, ns.</summary>
    public double UnresolvedNs => _servo.Estimator.UnresolvedNs;

    private bool IsSteering => _options.Mode == PortMode.Steer;

    /// <exception cref="IOException">The clock cannot be read.</exception>
    public void Start() => _servo.Start(Now(), _base.Clock.FrequencyPpb);

    /// <summary>Reads the clock.</summary>
    /// <exception cref="IOException">The clock cannot be read.</exception>
    public TaiTime Now()
    {
        ClockReading reading = _base.Clock.Read(ReferenceClock.MonotonicRaw);
        _reckoning.Read(_base.ToTai(reading), reading.ReferenceNs);
        return _base.ToTai(reading);
    }

    /// <summary>State, offset and bound of the servo now.</summary>
    /// <exception cref="IOException">The clock cannot be read.</exception>
    public ClockQuality QualityNow() => _servo.Quality(Now());

    /// <summary>The time of a stamp; null without a stamp, or near a step or a leap second.</summary>
    public PtpTimestamp? Admit(long stampNs, long nowNs)
    {
        if (stampNs == 0)
            return null;
        TaiTime stamp = _base.StampToTai(stampNs);
        if (_guard.Admits(nowNs, stamp) && !_leap.IsNear(stamp))
            return new PtpTimestamp(stamp.Nanoseconds);
        StampsBeforeStep++;
        return null;
    }

    /// <summary>Another reference or grandmaster: the estimate restarts with its first message, until then the old one continues.</summary>
    public void ReferenceChanged() => _isReferenceNew = true;

    /// <summary>Adds a message of the reference to the servo.</summary>
    public void Add(in TimedMessage message)
    {
        if (_isReferenceNew)
        {
            _isReferenceNew = false;
            _servo.Estimator.ReferenceChanged();
        }

        _servo.Add(message);
        _isSteeringDue = true;
    }

    /// <summary>Applies the servo's decision if there is anything new, or none was applied for a second, as in holdover.</summary>
    public void SteerIfDue(long nowNs, bool isEachSecond = false)
    {
        _isSteeringDue |= isEachSecond && nowNs - _steeredNs >= SecondNs;
        if (!_isSteeringDue)
            return;
        _isSteeringDue = false;
        try
        {
            Steer(nowNs);
        }
        catch (IOException e)
        {
            _listener?.Failed(e.Message);
        }
    }

    /// <summary>Sets the frequency again at once, whether the card lost it or not: it costs nothing.</summary>
    public void LinkChanged(long nowNs)
    {
        if (!IsSteering)
            return;
        _isSteeringDue = true;
        if (!_options.LosesFrequencyAtLinkChange)
            return;
        _linkChangedNs = nowNs;
        try
        {
            _servo.FrequencyLost(Now());
        }
        catch (IOException e)
        {
            _listener?.Failed(e.Message);
        }
    }

    /// <summary>Accepts the steps of path or grandmaster that were not followed.</summary>
    public void AcceptShifts()
    {
        double unresolvedNs = UnresolvedNs;
        _servo.Estimator.AcceptShifts();
        _isSteeringDue = true;
        _listener?.Accepted(unresolvedNs);
    }

    /// <summary>Reads the clock, once a second, and checks it against the raw clock and TAI - UTC.</summary>
    /// <returns>The clock's time.</returns>
    /// <exception cref="IOException">The clock cannot be read.</exception>
    public TaiTime Check(long nowNs)
    {
        ClockReading reading = _base.Clock.Read(ReferenceClock.MonotonicRaw);
        TaiTime at = _base.ToTai(reading);
        _reckoning.Read(at, reading.ReferenceNs);
        _servo.ReadNs = reading.BoundNs;
        // The kernel's own leap is no foreign step.
        if (!_leap.IsNear(at))
            Handle(_servo.CheckRaw(at, reading.ReferenceNs, reading.WidthNs), at, nowNs);
        return UpdateUtc(at, nowNs);
    }

    /// <summary>State, offset and bound at a time of the clock, with the grandmaster's accuracy and the leap second.</summary>
    public ClockQuality Evaluate(TaiTime at)
    {
        if (_engine.Reference is { } reference)
        {
            double accuracyNs = reference.Data.Quality.AccuracyNs ?? _options.UnknownAccuracyNs;
            // The clock's time comes from the previous grandmaster until there are enough messages of this one.
            bool isOld = _isReferenceNew || _servo.Estimator.IsCollecting;
            _servo.GrandmasterNs = isOld ? Math.Max(_servo.GrandmasterNs, accuracyNs) : accuracyNs;
        }

        ClockQuality quality = _servo.Quality(at);
        return _leap.IsNear(at) ? quality.OffBy(LeapGuard.LeapNs) : quality;
    }

    private void Steer(long nowNs)
    {
        _steeredNs = nowNs;
        if (!IsSteering)
            return;
        TaiTime at = _reckoning.At(KernelClock.ReadNs(KernelClock.CLOCK_MONOTONIC_RAW));
        if (_servo.Decide(at) is not { } decision)
            return;
        if (decision.IsStep)
            at = Step(Now(), decision.StepNs, nowNs);
        _base.Clock.SetFrequency(decision.FrequencyPpb);
        _servo.Steered(at, decision.FrequencyPpb);
    }

    private TaiTime Step(TaiTime at, long stepNs, long nowNs)
    {
        _base.Clock.Step(stepNs);
        TaiTime after = new(at.Nanoseconds + stepNs);
        // Drivers step by read, add and write, and lose the time in between: the messages that follow show how much. The frequency stays.
        Stepped(at, stepNs, nowNs, StepReason.Policy);
        return after;
    }

    private void Stepped(TaiTime at, long stepNs, long nowNs, StepReason reason)
    {
        // The reading that found a step already includes it.
        bool isFound = reason is StepReason.Foreign or StepReason.FrequencyLost;
        if (!isFound)
            _reckoning.Stepped(stepNs);
        if (isFound)
            _servo.SteppedByOthers(at, stepNs);
        else if (reason == StepReason.UtcOffset)
            _servo.Renamed(at, stepNs);
        else
            _servo.Stepped(at, stepNs);

        _engine.ClockStepped();
        _guard.Stepped(nowNs, new(at.Nanoseconds + stepNs));
        _listener?.Stepped(new(at, stepNs, reason));
    }

    private void Handle(in RawVerdict verdict, TaiTime at, long nowNs)
    {
        switch (verdict.Finding)
        {
            case RawFinding.Stepped:
                // The size is as accurate as the readings: the messages know better.
                long stepNs = (long)verdict.StepNs;
                Stepped(new(at.Nanoseconds - stepNs), stepNs, nowNs, ReasonOf(verdict.StepNs, nowNs));
                break;
            case RawFinding.FrequencyLost when IsSteering:
                _servo.FrequencyLost(at);
                _isSteeringDue = true;
                break;
            case RawFinding.RateChanged or RawFinding.FrequencyLost:
                _servo.Estimator.DoubtFrequency(Math.Abs(verdict.RatePpb));
                break;
            default:
                return;
        }

        _listener?.Found(verdict);
    }

    /// <summary>A lost frequency moves the clock against the adjustment, for no longer than from the link change until now.</summary>
    private StepReason ReasonOf(double stepNs, long nowNs)
    {
        double adjustmentPpb = AdjustmentPpb;
        bool isFrequencyLost = nowNs - AfterLinkChangeNs < _linkChangedNs && stepNs * adjustmentPpb < 0
            && Math.Abs(stepNs) <= Math.Abs(adjustmentPpb) * AfterLinkChangeNs * 1e-9;
        return isFrequencyLost ? StepReason.FrequencyLost : StepReason.Foreign;
    }

    /// <summary>A change of TAI - UTC changes the TAI of a clock that counts UTC; after a leap second the servo restarts.</summary>
    private TaiTime UpdateUtc(TaiTime at, long nowNs)
    {
        if (_base.Utc is null || !_engine.Utc.TryGetOffset(at, out UtcOffset offset))
            return at;
        bool isNearLeap = _leap.IsNear(at);
        _leap.Update(_engine.Utc.PendingLeap, _engine.Utc.LeapAt, at);
        bool hadLeap = _hadLeap;
        _hadLeap = _engine.Utc.PendingLeap != 0;
        long movedNs = _base.SetUtc(offset);
        if (movedNs == 0)
            return at;
        TaiTime after = new(at.Nanoseconds + movedNs);
        Stepped(at, movedNs, nowNs, StepReason.UtcOffset);
        // The first messages show whether the kernel made the leap, and the first step is allowed again.
        if (isNearLeap || _leap.IsNear(after) || (hadLeap && !_hadLeap))
            _servo.Start(after, _base.Clock.FrequencyPpb);
        return after;
    }
}
