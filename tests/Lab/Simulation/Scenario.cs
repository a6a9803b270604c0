// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Servo;

namespace Capbox.Ptp.Simulation;

/// <summary>Delay of one message, ns.</summary>
public delegate double DelayModel(double seconds, PathDirection direction, Rng rng);

/// <summary>How far the grandmaster's time is from the truth, ns.</summary>
public delegate double MasterErrorModel(double seconds);

/// <summary>An oscillator, a link and what happens to them.</summary>
/// <param name="Name">As printed.</param>
/// <param name="WanderPpb">Random walk of the frequency, ppb each second.</param>
/// <param name="Delay">The link.</param>
public sealed record Scenario(string Name, double WanderPpb, DelayModel Delay)
{
    /// <summary>What the grandmaster gets wrong; the bound must still hold.</summary>
    public MasterErrorModel MasterErrorNs { get; init; } = _ => 0;

    /// <summary>What the grandmaster says of its own accuracy, ns.</summary>
    public double MasterBoundNs { get; init; }

    /// <summary>When another grandmaster takes over, and the servo is told, s; 0: never.</summary>
    public double SwitchSeconds { get; init; }

    /// <summary>Frequency that temperature adds to the random walk, ppb.</summary>
    public Func<double, double> TemperaturePpb { get; init; } = _ => 0;

    /// <summary>Part of the messages that is lost.</summary>
    public double LostFraction { get; init; }

    /// <summary>From when to when nothing comes at all, s.</summary>
    public (double From, double To) Silence { get; init; }

    /// <summary>When a link event sets the dial to 0, s; 0: never (i40e).</summary>
    public double FrequencyLostSeconds { get; init; }

    /// <summary>False: nobody tells the servo of the link event; the PHC's reads against CLOCK_MONOTONIC_RAW, each second and 2 us wide, must.</summary>
    public bool IsLossTold { get; init; } = true;

    /// <summary>Configured bound of the path's asymmetry, ns.</summary>
    public double AsymmetryNs { get; init; } = 1;

    /// <summary>Length of the run, s.</summary>
    public int Seconds { get; init; } = 2200;

    /// <summary>From when on the clock is judged, s.</summary>
    public int SettleSeconds { get; init; } = 200;
}

/// <summary>The models of PTP.md and what else a network does.</summary>
public static class Scenarios
{
    public const double XoA = 1;
    public const double XoB = 0.1;

    public static Scenario Clean(double wander) => new(Name(wander, "exp 10 ns"), wander, (_, _, r) => 5_000 + r.Exponential(10));

    public static Scenario Gauss(double wander) => new(Name(wander, "gauss 5 ns"), wander, (_, _, r) => 5_000 + (5 * r.Normal()));

    public static Scenario Pdv(double wander) => new(Name(wander, "PDV 5 us + exp 200 ns"), wander, Queue);

    public static Scenario HeavyTail(double wander) => new(Name(wander, "heavy tail (Lomax 1.5)"), wander, (_, _, r) => 5_000 + r.Lomax(200, 1.5));

    // Five queues in a row: the floor is hardly ever seen.
    public static Scenario FiveHops(double wander) =>
        new(Name(wander, "five hops of exp 80 ns"), wander, (_, _, r) => 5_000 + r.Exponential(80) + r.Exponential(80) + r.Exponential(80) + r.Exponential(80) + r.Exponential(80));

    public static Scenario AsymmetricStep(double wander) => new(Name(wander, "PDV, one way +2 us"), wander, (t, d, r) => Queue(t, d, r) + (t > 900 && d == PathDirection.Forward ? 2_000 : 0));

    public static Scenario CleanAsymmetricStep(double wander) =>
        new(Name(wander, "exp 10 ns, one way +300 ns"), wander, (t, d, r) => 5_000 + r.Exponential(10) + (t > 900 && d == PathDirection.Forward ? 300 : 0));

    public static Scenario RouteChange(double wander) => new(Name(wander, "PDV, route +20 us, -20 us"), wander, (t, d, r) => Queue(t, d, r) + (t is > 800 and < 1500 ? 20_000 : 0));

    public static Scenario LoadCorrelated(double wander) => new(Name(wander, "PDV, loaded 1 min of 4"), wander, (t, d, r) =>
    {
        bool loaded = t % 240 > 180;
        return 5_000 + r.Exponential(loaded ? d == PathDirection.Forward ? 1_500 : 400 : 200);
    });

    public static Scenario Outliers(double wander) => new(Name(wander, "PDV, 3 % outliers +-50 us"), wander, (t, d, r) =>
        Queue(t, d, r) + (r.Uniform() < 0.03 ? (r.Uniform() - 0.3) * 50_000 : 0));

    public static Scenario MasterSwitch(double wander) => Pdv(wander) with
    {
        Name = Name(wander, "PDV, GM switch by 80 ns"),
        MasterErrorNs = t => t > 1000 ? 50 : -30,
        MasterBoundNs = 100,
        SwitchSeconds = 1000,
    };

    public static Scenario Lie(double wander, double ns, string text) => Pdv(wander) with
    {
        Name = Name(wander, $"PDV, GM lies by {text} for 200 s"),
        MasterErrorNs = t => t is > 1000 and < 1200 ? ns : 0,
    };

    public static Scenario Ramp(double wander) => Pdv(wander) with
    {
        Name = Name(wander, "PDV, ramps of 300 ppb in 300 s"),
        TemperaturePpb = t => t < 600 ? 0 : t < 900 ? t - 600 : t < 1500 ? 300 : Math.Max(0, 1800 - t),
    };

    public static Scenario Lossy(double wander) => Pdv(wander) with { Name = Name(wander, "PDV, 30 % lost"), LostFraction = 0.3 };

    public static Scenario Holdover(double wander) => Pdv(wander) with { Name = Name(wander, "PDV, silent for 300 s"), Silence = (1000, 1300) };

    public static Scenario CleanHoldover(double wander) => Clean(wander) with { Name = Name(wander, "exp 10 ns, silent for 300 s"), Silence = (1000, 1300) };

    public static Scenario LinkEvent(double wander) => Pdv(wander) with { Name = Name(wander, "PDV, dial lost at link event"), FrequencyLostSeconds = 1000 };

    public static Scenario UntoldLinkEvent(double wander) => Pdv(wander) with { Name = Name(wander, "PDV, dial lost and nobody tells"), FrequencyLostSeconds = 1000.3, IsLossTold = false };

    /// <summary>Every model.</summary>
    public static IEnumerable<Scenario> All()
    {
        yield return Clean(XoA);
        yield return Gauss(XoB);
        yield return Pdv(XoA);
        yield return Pdv(XoB);
        foreach (Func<double, Scenario> make in (Func<double, Scenario>[])
            [HeavyTail, FiveHops, AsymmetricStep, CleanAsymmetricStep, RouteChange, LoadCorrelated, Outliers, MasterSwitch, w => Lie(w, 1_000, "1 us"), w => Lie(w, 1e9, "1 s"), Ramp, Lossy, Holdover, CleanHoldover, LinkEvent])
        {
            yield return make(XoA);
            yield return make(XoB);
        }
    }

    private static double Queue(double seconds, PathDirection direction, Rng rng) => 5_000 + rng.Exponential(200);

    private static string Name(double wander, string link) => (wander == XoA ? "XO-A, " : wander == XoB ? "XO-B, " : $"{wander} ppb, ") + link;
}
