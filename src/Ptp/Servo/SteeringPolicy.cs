namespace Capbox.Ptp.Servo;

/// <summary>When to step and how fast to slew.</summary>
/// <param name="FirstStepThresholdNs">An offset above this is stepped away once, at the first estimate (ptp4l's first_step_threshold: 20 us), ns.</param>
/// <param name="StepThresholdNs">An offset above this is stepped away later too; 0: never, ns.</param>
/// <param name="MaxStepNs">A later step larger than this is refused, ns.</param>
/// <param name="SlewLimitPpb">How much faster or slower than the grandmaster the clock may run to make up an offset, ppb.</param>
/// <param name="MaxFrequencyPpb">What the PHC takes (max_adj), ppb.</param>
/// <param name="TimeConstantSeconds">In which time an offset is made up; never less than the time between decisions.</param>
public sealed record SteeringPolicy(
    long FirstStepThresholdNs = 20_000, long StepThresholdNs = 0, long MaxStepNs = 1_000_000_000, double SlewLimitPpb = 10_000, double MaxFrequencyPpb = 50_000_000, double TimeConstantSeconds = 0.5)
{
    /// <summary>What to do about an offset (PHC minus grandmaster, ns) and an oscillator's frequency error (ppb).</summary>
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

/// <summary>What to dial into the PHC now.</summary>
/// <param name="FrequencyPpb">Frequency adjustment as clock_adjtime takes it, positive: faster. ppb.</param>
/// <param name="StepNs">Step to make first, ns; 0: none.</param>
public readonly record struct SteeringDecision(double FrequencyPpb, long StepNs)
{
    /// <summary>True if the clock's time is to be stepped.</summary>
    public bool IsStep => StepNs != 0;
}
