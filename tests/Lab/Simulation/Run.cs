// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Simulation;

/// <summary>What a run showed after it settled.</summary>
/// <param name="RmsNs">Root of the mean square of the PHC's true offset, ns.</param>
/// <param name="P99Ns">99 % of its magnitudes are below this, ns.</param>
/// <param name="MaxNs">The largest magnitude, ns.</param>
/// <param name="JudgedSeconds">Seconds that were judged.</param>
/// <param name="MissedSeconds">Seconds in which the true time was outside the stated interval at least once.</param>
/// <param name="MedianHalfWidthNs">Half the interval's median width, ns.</param>
/// <param name="MaxHalfWidthNs">Half the interval's largest width, ns.</param>
/// <param name="Steps">Steps of time that the servo made.</param>
/// <param name="Shifts">Steps of path or grandmaster that the servo found in the messages.</param>
public readonly record struct RunResult(double RmsNs, double P99Ns, double MaxNs, int JudgedSeconds, int MissedSeconds, double MedianHalfWidthNs, double MaxHalfWidthNs, int Steps, long Shifts);

/// <summary>One oscillator and one link against one servo, in one thread and with one seed. True time is counted in ns from <see cref="EpochNs"/>.</summary>
public sealed class Run
{
    private const long EpochNs = 1_800_000_000_000_000_000;
    private const int SamplesPerSecond = 4;

    private readonly Scenario _scenario;
    private readonly Rng _rng;
    private readonly int _messagesPerSecond;
    private readonly List<double> _offsets = [];
    private readonly List<double> _halfWidths = [];
    private double _trueNs;
    private double _offsetNs;
    private double _walkPpb;
    private double _adjustmentPpb;
    private int _missed;
    private bool _missedThisSecond;
    private int _steps;

    public Run(Scenario scenario, int messagesPerSecond, int seed)
    {
        (_scenario, _messagesPerSecond) = (scenario, messagesPerSecond);
        _rng = new Rng(((ulong)seed * 1_000_003) + (ulong)messagesPerSecond);
        _walkPpb = (_rng.Uniform() - 0.5) * 20_000;
        _offsetNs = (_rng.Uniform() - 0.5) * 2e9;
        Servo = new PtpServo(new SteeringPolicy(), new QualityPolicy(AsymmetryNs: scenario.AsymmetryNs)) { GrandmasterNs = scenario.MasterBoundNs };
    }

    /// <summary>The servo under test.</summary>
    public PtpServo Servo { get; }

    /// <summary>Seconds of true time since the start.</summary>
    public double TrueSeconds => _trueNs * 1e-9;

    /// <summary>PHC minus true time, ns.</summary>
    public double TrueOffsetNs => _offsetNs;

    /// <summary>Called four times a second with the servo's word at that moment.</summary>
    public Action<Run, ClockQuality>? Observe { get; init; }

    private TaiTime Phc => new(EpochNs + (long)Math.Floor(_trueNs) + (long)Math.Floor(_offsetNs));

    private TaiTime Master(double trueNs) => new(EpochNs + (long)Math.Floor(trueNs) + (long)_scenario.MasterErrorNs(trueNs * 1e-9));

    /// <summary>Runs to the end.</summary>
    public RunResult Go()
    {
        Servo.Start(Phc, 0);
        for (int second = 0; second < _scenario.Seconds; second++)
            OneSecond(second);
        double[] sorted = [.. _offsets.Select(Math.Abs).Order()];
        double[] widths = [.. _halfWidths.Order()];
        return new(Math.Sqrt(_offsets.Average(o => o * o)), sorted[(int)(sorted.Length * 0.99)], sorted[^1], _scenario.Seconds - _scenario.SettleSeconds, _missed,
            widths[widths.Length / 2], widths[^1], _steps, Servo.Estimator.ShiftCount);
    }

    private void OneSecond(int second)
    {
        _walkPpb += _scenario.WanderPpb * _rng.Normal();
        if (_scenario.SwitchSeconds > 0 && second == (int)_scenario.SwitchSeconds)
            Servo.Estimator.ReferenceChanged();
        if (_scenario.FrequencyLostSeconds > 0 && second == (int)_scenario.FrequencyLostSeconds)
            LinkEvent(_scenario.FrequencyLostSeconds);
        if (!_scenario.IsLossTold)
            CheckRaw();
        _missedThisSecond = false;
        for (int i = 0; i < _messagesPerSecond; i++)
        {
            double at = (second + ((i + (0.01 * _rng.Uniform())) / _messagesPerSecond)) * 1e9;
            Sync(at);
            Sample(second, i, false);
            DelayRequest(Math.Max(_trueNs, at + (1e9 * (0.1 + (0.8 * _rng.Uniform())) / _messagesPerSecond)));
            Sample(second, i, true);
        }

        if (_missedThisSecond && second >= _scenario.SettleSeconds)
            _missed++;
    }

    private void Sync(double sentNs)
    {
        AdvanceTo(sentNs);
        double delay = _scenario.Delay(TrueSeconds, PathDirection.Forward, _rng);
        if (IsLost())
            return;
        TaiTime t1 = Master(sentNs);
        AdvanceTo(sentNs + delay);
        Feed(new(PathDirection.Forward, t1, Phc, 0));
    }

    private void DelayRequest(double sentNs)
    {
        AdvanceTo(sentNs);
        double delay = _scenario.Delay(TrueSeconds, PathDirection.Reverse, _rng);
        if (IsLost())
            return;
        TaiTime t3 = Phc;
        // The answer brings t4 some time after it was taken.
        AdvanceTo(sentNs + (2 * delay) + 20_000);
        Feed(new(PathDirection.Reverse, t3, Master(sentNs + delay), 0));
    }

    private bool IsLost()
    {
        bool lost = _rng.Uniform() < _scenario.LostFraction;
        return lost || (TrueSeconds > _scenario.Silence.From && TrueSeconds < _scenario.Silence.To);
    }

    private void Feed(TimedMessage message)
    {
        Servo.Add(message);
        if (Servo.Decide(Phc) is not SteeringDecision decision)
            return;
        if (decision.IsStep)
        {
            Servo.Stepped(Phc, decision.StepNs);
            _offsetNs += decision.StepNs;
            _steps++;
        }

        _adjustmentPpb = decision.FrequencyPpb;
        Servo.Steered(Phc, _adjustmentPpb);
    }

    // The dial is at 0 for 30 ms before the driver's user hears of it and dials again.
    private void LinkEvent(double second)
    {
        TaiTime at = Phc;
        _adjustmentPpb = 0;
        if (!_scenario.IsLossTold)
            return;
        AdvanceTo((second * 1e9) + 30_000_000);
        Lost(at);
    }

    private void CheckRaw()
    {
        const long WidthNs = 2_000;
        RawVerdict verdict = Servo.CheckRaw(Phc, (long)_trueNs, WidthNs);
        if (verdict.Finding == RawFinding.FrequencyLost)
        {
            Lost(Phc);
        }
        else if (verdict.Finding == RawFinding.Stepped)
        {
            // A second at another rate that is over looks like a step, and is one as far as the servo is concerned; as PtpPort has it.
            long stepNs = (long)verdict.StepNs;
            Servo.SteppedByOthers(new(Phc.Nanoseconds - stepNs), stepNs);
        }
    }

    private void Lost(TaiTime at)
    {
        Servo.FrequencyLost(at);
        if (Servo.Decide(Phc) is SteeringDecision decision)
        {
            _adjustmentPpb = decision.FrequencyPpb;
            Servo.Steered(Phc, _adjustmentPpb);
        }
    }

    private void AdvanceTo(double ns)
    {
        double elapsed = ns - _trueNs;
        if (elapsed <= 0)
            return;
        double oscillator = 1 + ((_walkPpb + _scenario.TemperaturePpb(TrueSeconds)) * 1e-9);
        _offsetNs += elapsed * ((oscillator * (1 + (_adjustmentPpb * 1e-9))) - 1);
        _trueNs = ns;
    }

    // Judges at the middle and the end of a message's interval, when that is one of the four moments of the second.
    private void Sample(int second, int message, bool isEnd)
    {
        int slots = Math.Max(1, _messagesPerSecond * 2 / SamplesPerSecond);
        int slot = (message * 2) + (isEnd ? 1 : 0);
        if (slot % slots != slots - 1)
            return;
        AdvanceTo((second + ((slot + 1 - 0.01) / (2.0 * _messagesPerSecond))) * 1e9);
        ClockQuality quality = Servo.Quality(Phc);
        Observe?.Invoke(this, quality);
        if (second < _scenario.SettleSeconds)
            return;
        _offsets.Add(_offsetNs);
        _halfWidths.Add(quality.Parts.TotalNs);
        TaiTime truth = new(EpochNs + (long)Math.Floor(_trueNs));
        _missedThisSecond |= !quality.Interval.Contains(truth);
    }
}
