using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Quality;
using Capbox.Ptp.Steering;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Port;

/// <summary>What the port does to its clock, and what it finds out about it once a second.</summary>
public sealed partial class PtpPort
{
    private const long AfterLinkChangeNs = 3 * SecondNs;

    private bool _hadLeap;
    private long _linkChangedNs = long.MinValue;

    private bool IsSteering => _options.Mode == PortMode.Steer;

    private void SteerIfDue(long nowNs)
    {
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
        // Drivers step by reading, adding and writing, and lose what passes in between: the messages that follow say how much. The frequency stays known.
        Moved(at, stepNs, nowNs, StepReason.Policy);
        return after;
    }

    private void Moved(TaiTime at, long stepNs, long nowNs, StepReason reason)
    {
        // The reading that found a foreign one has it already.
        bool isFound = reason is StepReason.Foreign or StepReason.LostDial;
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

    private int TakeLinkChanges(long nowNs)
    {
        int i = 0;
        for (; i < MostInTurn; i++)
        {
            Reception reception = _socket.ReceiveLinkChange();
            if (reception == Reception.None)
                break;
            if (reception == Reception.Message && IsSteering)
                LinkChanged(nowNs);
        }

        return i;
    }

    /// <summary>Dials at once, whether the card forgot the dial or not: it costs nothing.</summary>
    private void LinkChanged(long nowNs)
    {
        _isSteeringDue = true;
        if (!_options.LosesDialAtLinkChange)
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

    private void EachSecond(long nowNs)
    {
        _nextSecondNs = nowNs + SecondNs;
        if (_isAcceptDue)
            Accept();
        // In holdover, and while there is no message for another reason.
        _isSteeringDue |= nowNs - _steeredNs >= SecondNs;
        SteerIfDue(nowNs);
        try
        {
            LookAtClock(nowNs);
            _failedLooks = 0;
        }
        catch (IOException e)
        {
            _failedLooks++;
            Unreadable(e, nowNs);
        }
    }

    private void Accept()
    {
        _isAcceptDue = false;
        double unresolvedNs = _servo.Estimator.UnresolvedNs;
        _servo.Estimator.AcceptShifts();
        _isSteeringDue = true;
        _listener?.Accepted(unresolvedNs);
    }

    /// <summary>Nothing is claimed of a clock that cannot be read; one that stays so is gone, with its card or its driver, and must be opened anew.</summary>
    private void Unreadable(IOException e, long nowNs)
    {
        _listener?.Failed(e.Message);
        _isStatusDue = false;
        lock (_statusLock)
        {
            _status = _status with
            {
                Quality = _status.Quality with { State = ClockState.Unsynchronised, Parts = new(0, 0, QualityPolicy.NoBoundNs, 0, 0, 0) },
                IsInterfaceThere = _socket.IsInterfaceThere && _failedLooks < MostFailedLooks,
                MonotonicNs = nowNs,
            };
        }
    }

    private void LookAtClock(long nowNs)
    {
        ClockReading reading = _base.Clock.Read(ReferenceClock.MonotonicRaw);
        TaiTime at = _base.Of(reading);
        _reckoning.Read(at, reading.ReferenceNs);
        _servo.ReadNs = reading.BoundNs;
        // The kernel's own leap is no step of others.
        if (!_leap.IsNear(at))
            Judge(_servo.CheckRaw(at, reading.ReferenceNs, reading.WidthNs), at, nowNs);
        at = TakeUtc(at, nowNs);
        Publish(at, nowNs);
    }

    private void Judge(in RawVerdict verdict, TaiTime at, long nowNs)
    {
        switch (verdict.Finding)
        {
            case RawFinding.Stepped:
                // It is known as well as the clock is read: the messages know better.
                Moved(new(at.Nanoseconds - (long)verdict.StepNs), (long)verdict.StepNs, nowNs, ReasonOf(verdict.StepNs, nowNs));
                break;
            case RawFinding.DialLost when IsSteering:
                _servo.FrequencyLost(at);
                _isSteeringDue = true;
                break;
            case RawFinding.RateChanged or RawFinding.DialLost:
                _servo.Estimator.DoubtFrequency(Math.Abs(verdict.RatePpb));
                break;
            default:
                return;
        }

        _listener?.Found(verdict);
    }

    /// <summary>Without its dial the clock runs the other way, and not for longer than from the link change to here.</summary>
    private StepReason ReasonOf(double stepNs, long nowNs)
    {
        double dialPpb = _servo.Estimator.DialPpb;
        bool isDial = nowNs - AfterLinkChangeNs < _linkChangedNs && stepNs * dialPpb < 0 && Math.Abs(stepNs) <= Math.Abs(dialPpb) * AfterLinkChangeNs * 1e-9;
        return isDial ? StepReason.LostDial : StepReason.Foreign;
    }

    /// <summary>A clock that counts UTC means another TAI when the difference changes, and after a leap second it is learnt anew.</summary>
    private TaiTime TakeUtc(TaiTime at, long nowNs)
    {
        if (_base.Utc is null || !_engine.Utc.TryGetOffset(at, out UtcOffset offset))
            return at;
        bool isNearLeap = _leap.IsNear(at);
        _leap.Take(_engine.Utc.PendingLeap, _engine.Utc.LeapAt, at);
        bool hadLeap = _hadLeap;
        _hadLeap = _engine.Utc.PendingLeap != 0;
        long movedNs = _base.TakeUtc(offset);
        if (movedNs == 0)
            return at;
        TaiTime after = new(at.Nanoseconds + movedNs);
        Moved(at, movedNs, nowNs, StepReason.UtcOffset);
        // Whether the kernel made the leap as well is not asked: the first messages tell, and the first step is allowed again.
        if (isNearLeap || _leap.IsNear(after) || (hadLeap && !_hadLeap))
            _servo.Start(after, _base.Clock.FrequencyPpb);
        return after;
    }

    private void PublishNow(long nowNs)
    {
        try
        {
            Publish(Now(), nowNs);
        }
        catch (IOException e)
        {
            Unreadable(e, nowNs);
        }
    }

    private void Publish(TaiTime at, long nowNs)
    {
        _isStatusDue = false;
        if (_engine.Reference is { } reference)
        {
            double accuracyNs = reference.Data.Quality.AccuracyNs ?? _options.UnknownAccuracyNs;
            // The clock stands where the one before put it until enough has come from this one.
            _servo.GrandmasterNs = _isReferenceNew || _servo.Estimator.IsCollecting ? Math.Max(_servo.GrandmasterNs, accuracyNs) : accuracyNs;
        }

        ClockQuality quality = _servo.Quality(at);
        if (_leap.IsNear(at))
            quality = quality.OffBy(LeapGuard.LeapNs);
        UtcTracker tracker = _engine.Utc;
        UtcForecast? utc = tracker.TryGetOffset(at, out UtcOffset offset) ? new(offset, at < tracker.LeapAt ? tracker.PendingLeap : 0, tracker.LeapAt) : null;
        PortStatus status = new(
            quality, _engine.Reference, _engine.Comparison, _engine.Utc.Knowledge, utc, _servo.Estimator.DialPpb, _socket.IsLinkUp, _socket.IsInterfaceThere, nowNs, _servo.Estimator.UnresolvedNs);
        lock (_statusLock)
            _status = status;
    }
}
