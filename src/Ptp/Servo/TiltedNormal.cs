// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Servo;

/// <summary>
/// The standard normal distribution truncated above a point: the remainder of a Gaussian belief once a delay sets an upper limit. Its mean
/// is -Hazard, its variance Variance. Closed forms; exact to about 1e-9 relative wherever the filter can go.
/// </summary>
internal readonly struct TiltedNormal
{
    private const double HalfLogTwoPi = 0.918938533204672742;
    private const double SeriesBelow = 6;

    private TiltedNormal(double hazard, double variance, double logMass)
    {
        Hazard = hazard;
        Variance = variance;
        LogMass = logMass;
    }

    /// <summary>phi(a) / Phi(a).</summary>
    public double Hazard { get; }

    /// <summary>Variance of the truncated distribution, 0..1.</summary>
    public double Variance { get; }

    /// <summary>ln Phi(a).</summary>
    public double LogMass { get; }

    /// <summary>The normal truncated above <paramref name="a"/>.</summary>
    public static TiltedNormal Below(double a)
    {
        if (a > SeriesBelow)
            return new(0, 1, 0);
        double logDensity = (-0.5 * a * a) - HalfLogTwoPi;
        if (a < -30)
        {
            // Asymptotic: the difference 1 - a h - h^2 below would cancel.
            double inverse = 1 / (a * a);
            double h = -a * (1 + (inverse * (1 - (2 * inverse))));
            return new(h, inverse * (1 - (6 * inverse)), logDensity - Math.Log(h));
        }

        double hazard;
        if (a < -3)
        {
            hazard = 1 / MillsRatio(-a);
            return new(hazard, Math.Clamp(1 - (a * hazard) - (hazard * hazard), 0, 1), logDensity - Math.Log(hazard));
        }

        double mass = Mass(a, logDensity);
        hazard = Math.Exp(logDensity) / mass;
        return new(hazard, Math.Clamp(1 - (hazard * (a + hazard)), 0, 1), Math.Log(mass));
    }

    // Phi(a) = 1/2 + phi(a) (a + a^3/3 + a^5/15 + ...): all terms have one sign.
    private static double Mass(double a, double logDensity)
    {
        double term = a;
        double sum = a;
        for (int n = 3; n < 200; n += 2)
        {
            term *= a * a / n;
            sum += term;
            if (Math.Abs(term) < 1e-15 * Math.Abs(sum))
                break;
        }

        return 0.5 + (Math.Exp(logDensity) * sum);
    }

    // (1 - Phi(x)) / phi(x) as Laplace's continued fraction x + 1/(x + 2/(x + ...)), from the inside out.
    private static double MillsRatio(double x)
    {
        double tail = x;
        for (int n = x > 8 ? 16 : 48; n >= 1; n--)
            tail = x + (n / tail);
        return 1 / tail;
    }
}
