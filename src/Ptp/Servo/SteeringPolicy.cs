// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Servo;

/// <summary>Decides when to step and how fast to slew.</summary>
/// <param name="FirstStepThresholdNs">Offset beyond which the first estimate is stepped, ns (ptp4l's first_step_threshold: 20 us).</param>
/// <param name="StepThresholdNs">Offset beyond which later estimates are stepped, ns; 0: never.</param>
/// <param name="MaxStepNs">Largest later step, ns.</param>
/// <param name="SlewLimitPpb">Largest rate difference to the grandmaster while slewing, ppb.</param>
/// <param name="MaxFrequencyPpb">Largest frequency adjustment of the PHC (max_adj), ppb.</param>
/// <param name="TimeConstantSeconds">Time in which an offset is slewed, s; at least the time between decisions.</param>
public sealed record SteeringPolicy(
    long FirstStepThresholdNs = 20_000,
    long StepThresholdNs = 0,
    long MaxStepNs = 1_000_000_000,
    double SlewLimitPpb = 10_000,
    double MaxFrequencyPpb = 50_000_000,
    double TimeConstantSeconds = 0.5)
{
    /// <summary>Decides for an offset (PHC minus grandmaster, ns) and an oscillator's frequency error (ppb).</summary>
    /// <param name="isFirst">No decision was made since the start.</param>
    /// <param name="secondsBetween">Usual time between decisions, s.</param>
    public SteeringDecision Decide(double offsetNs, double frequencyPpb, bool isFirst, double secondsBetween)
    {
        double distance = Math.Abs(offsetNs);
        bool step = isFirst ? distance > FirstStepThresholdNs : StepThresholdNs > 0 && distance > StepThresholdNs && distance <= MaxStepNs;
        double slewPpb = step ? 0 : Math.Clamp(-offsetNs / Math.Max(TimeConstantSeconds, secondsBetween), -SlewLimitPpb, SlewLimitPpb);
        // Exact for a product of rates: (1 + f) (1 + steer) = 1 + slew, with f in the oscillator's own seconds.
        double rate = 1 + (slewPpb * 1e-9);
        double steerPpb = ((rate * (1 - (frequencyPpb * 1e-9))) - 1) * 1e9;
        return new(Math.Clamp(steerPpb, -MaxFrequencyPpb, MaxFrequencyPpb), step ? -(long)Math.Round(offsetNs) : 0);
    }
}

/// <summary>A decision for the PHC.</summary>
/// <param name="FrequencyPpb">Frequency adjustment as in clock_adjtime, positive: faster. ppb.</param>
/// <param name="StepNs">Step to make first, ns; 0 without one.</param>
public readonly record struct SteeringDecision(double FrequencyPpb, long StepNs)
{
    /// <summary>True if the clock must be stepped.</summary>
    public bool IsStep => StepNs != 0;
}
