// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Servo;

/// <summary>Noise of one message under one hypothesis: a Gaussian part and a queueing part that only ever adds (exponential).</summary>
/// <param name="SigmaNs">Standard deviation of the Gaussian part, ns.</param>
/// <param name="QueueNs">Mean of the exponential part, ns; 0 without one.</param>
internal readonly record struct MessageNoise(double SigmaNs, double QueueNs);

/// <summary>
/// One hypothesis about the oscillator: a Kalman filter over the free-running clock's offset (ns), its frequency error (ppb) and the path's
/// one-way delay (ns). A message's delay is the path's plus an exponentially modified Gaussian; the update matches mean and variance of the
/// exact posterior. Without an exponential part it is the usual Kalman update; with little Gaussian part it is a soft floor: a short delay
/// moves the estimate far, a long one hardly at all, however late it is. So one filter serves clean links and queueing ones, needs no
/// blocks and discards no sample.
/// </summary>
internal sealed class PhaseFilter(double wanderPpb)
{
    // Random walk of the one-way delay: fibre and transceivers with temperature, ns per square root of a second.
    private const double DelayWanderNs = 0.03;

    // One message in a hundred may be anything within 30 noise units: an outlier inside the gate cannot lead the filter away, and a wrong
    // filter only loses weight.
    private const double StrayFraction = 0.01;
    private const double StrayUnits = 30;

    private double _xx, _xf, _xd, _ff, _fd, _dd;

    /// <summary>Offset of the free-running clock from the grandmaster, ns, at the filter's time.</summary>
    public double OffsetNs { get; private set; }

    /// <summary>Frequency error of the free-running clock, ppb (ns per second).</summary>
    public double FrequencyPpb { get; private set; }

    /// <summary>One-way path delay, ns, the mean of both directions.</summary>
    public double DelayNs { get; private set; }

    /// <summary>Random walk of the frequency that this filter assumes, ppb per square root of a second.</summary>
    public double WanderPpb { get; } = wanderPpb;

    /// <summary>Variance of the offset, ns squared.</summary>
    public double OffsetVariance => _xx;

    /// <summary>Variance of the frequency, ppb squared.</summary>
    public double FrequencyVariance => _ff;

    /// <summary>Covariance of offset and frequency.</summary>
    public double Covariance => _xf;

    public void Start(double offsetNs, double offsetSigmaNs, double frequencyPpb, double frequencySigmaPpb, double delayNs)
    {
        (OffsetNs, FrequencyPpb, DelayNs) = (offsetNs, frequencyPpb, delayNs);
        _xx = _dd = offsetSigmaNs * offsetSigmaNs;
        _ff = frequencySigmaPpb * frequencySigmaPpb;
        _xf = _xd = _fd = 0;
    }

    /// <summary>Advances the filter's time by seconds of the free-running clock.</summary>
    public void Predict(double seconds)
    {
        double q = WanderPpb * WanderPpb;
        OffsetNs += FrequencyPpb * seconds;
        _xx += (seconds * ((2 * _xf) + (seconds * _ff))) + (q * seconds * seconds * seconds / 3);
        _xf += (seconds * _ff) + (q * seconds * seconds / 2);
        _xd += seconds * _fd;
        _ff += q * seconds;
        _dd += DelayWanderNs * DelayWanderNs * seconds;
    }

    /// <summary>Variance of the offset <paramref name="seconds"/> after (or before) the filter's time, ns squared.</summary>
    public double OffsetVarianceAfter(double seconds)
    {
        double ahead = Math.Max(seconds, 0);
        return _xx + (seconds * ((2 * _xf) + (seconds * _ff))) + (WanderPpb * WanderPpb * ahead * ahead * ahead / 3);
    }

    /// <summary>Expected delay of a message without noise, ns; its variance in <paramref name="variance"/>.</summary>
    public double Expect(double sign, double seconds, out double variance)
    {
        double h1 = sign * seconds;
        double ahead = Math.Max(seconds, 0);
        variance = _xx + _dd + (WanderPpb * WanderPpb * ahead * ahead * ahead / 3) + (h1 * h1 * _ff)
            + (2 * ((sign * h1 * _xf) + (sign * _xd) + (h1 * _fd)));
        return (sign * (OffsetNs + (FrequencyPpb * seconds))) + DelayNs;
    }

    /// <summary>
    /// Adds one message. <paramref name="seconds"/> is its time relative to the filter's; the result is its log likelihood.
    /// </summary>
    public double Update(double sign, double seconds, double differenceNs, MessageNoise noise)
    {
        double h1 = sign * seconds;
        double px = (sign * _xx) + (h1 * _xf) + _xd;
        double pf = (sign * _xf) + (h1 * _ff) + _fd;
        double pd = (sign * _xd) + (h1 * _fd) + _dd;
        double variance = (sign * px) + (h1 * pf) + pd + (noise.SigmaNs * noise.SigmaNs);
        double residualNs = differenceNs - ((sign * (OffsetNs + (FrequencyPpb * seconds))) + DelayNs);
        double logLikelihood = noise.QueueNs > 0
            ? Queueing(residualNs, variance, noise.QueueNs, out double shiftNs, out double left)
            : Gaussian(residualNs, variance, out shiftNs, out left);

        double stray = StrayFraction / (StrayUnits * (noise.SigmaNs + noise.QueueNs));
        double likelihood = (1 - StrayFraction) * Math.Exp(logLikelihood);
        double trust = likelihood / (likelihood + stray);
        double gain = trust * shiftNs / variance;
        OffsetNs += px * gain;
        FrequencyPpb += pf * gain;
        DelayNs += pd * gain;
        // Mean and variance of the mixture of "a message" and "a stray".
        double reduce = trust * (1 - left - ((1 - trust) * shiftNs * shiftNs / variance)) / variance;
        _xx -= px * px * reduce;
        _xf -= px * pf * reduce;
        _xd -= px * pd * reduce;
        _ff -= pf * pf * reduce;
        _fd -= pf * pd * reduce;
        _dd -= pd * pd * reduce;
        return Math.Log(likelihood + stray);
    }

    /// <summary>True if this filter's offset or frequency is further from another's than both can explain.</summary>
    public bool Contradicts(PhaseFilter other)
    {
        const double Sigmas = 4;
        double offset = OffsetNs - other.OffsetNs;
        double frequency = FrequencyPpb - other.FrequencyPpb;
        return offset * offset > Sigmas * Sigmas * (_xx + other._xx) || frequency * frequency > Sigmas * Sigmas * (_ff + other._ff);
    }

    /// <summary>Copies another filter's state and keeps its own wander.</summary>
    public void Join(PhaseFilter other)
    {
        (OffsetNs, FrequencyPpb, DelayNs) = (other.OffsetNs, other.FrequencyPpb, other.DelayNs);
        (_xx, _xf, _xd, _ff, _fd, _dd) = (other._xx, other._xf, other._xd, other._ff, other._fd, other._dd);
    }

    /// <summary>Moves the state by a detected step, and widens it by the error of the detection.</summary>
    public void Shift(double offsetNs, double delayNs, double sigmaNs)
    {
        OffsetNs += offsetNs;
        DelayNs += delayNs;
        _xx += sigmaNs * sigmaNs;
        _dd += sigmaNs * sigmaNs;
    }

    /// <summary>Moves the frequency by a detected change, and widens it.</summary>
    public void ShiftFrequency(double changePpb, double sigmaPpb)
    {
        FrequencyPpb += changePpb;
        _ff += sigmaPpb * sigmaPpb;
    }

    private static double Gaussian(double residualNs, double variance, out double shiftNs, out double left)
    {
        // The pull is limited at four sigma: one late packet must not lead a Gaussian hypothesis.
        double limit = 4 * Math.Sqrt(variance);
        shiftNs = Math.Clamp(residualNs, -limit, limit);
        left = 0;
        return -0.5 * ((residualNs * residualNs / variance) + Math.Log(2 * Math.PI * variance));
    }

    private static double Queueing(double residualNs, double variance, double queueNs, out double shiftNs, out double left)
    {
        // Delay without queueing ~ N(0, variance) around the state; times the exponential's likelihood it is N(variance / queue, variance),
        // cut off above the residual.
        double sigma = Math.Sqrt(variance);
        double tilt = variance / queueNs;
        TiltedNormal below = TiltedNormal.Below((residualNs - tilt) / sigma);
        shiftNs = tilt - (sigma * below.Hazard);
        left = below.Variance;
        return (variance / (2 * queueNs * queueNs)) - (residualNs / queueNs) + below.LogMass - Math.Log(queueNs);
    }
}
