// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Servo;

/// <summary>
/// Kalman filters for every pairing of oscillator (random walk of the frequency) and link (Gaussian, or queueing with more or less jitter
/// on top), weighted by how well each predicted the messages of the last minutes. Nothing is tuned for a card or a network: the weights
/// adapt.
/// </summary>
internal sealed class FilterBank
{
    // ppb per square root of a second: from an oven oscillator to a cheap crystal in moving air.
    private static readonly double[] Wanders = [0.02, 0.06, 0.2, 0.6, 1.8, 6];

    // Gaussian part of the noise relative to the queueing part; infinity: no queueing.
    private static readonly double[] Shapes = [0.03, 0.25, double.PositiveInfinity];

    // Median of |difference of two messages| over the mean queueing time, for the shapes above (1 is ln 2; sqrt 2 x 0.6745 for the
    // Gaussian, over sigma).
    private static readonly double[] MedianPerQueue = [0.694, 0.80, 0.954];

    private const double MemorySeconds = 150;
    private const double SmallestSigmaNs = 0.7;
    private const double LeastLogWeight = -7;
    private const double LeastWeightToExpect = 0.02;

    // The filter of 1.8 ppb per square root of a second detects a drift of 1 ppb/s within seconds, however calm the oscillator was before.
    private const int SentryWander = 4;
    private const double SentryPart = 0.45;

    private readonly PhaseFilter[] _filters = new PhaseFilter[Wanders.Length * Shapes.Length];
    private readonly double[] _logWeight = new double[Wanders.Length * Shapes.Length];
    private readonly double[] _weight = new double[Wanders.Length * Shapes.Length];
    private int _shape;

    public FilterBank()
    {
        for (int i = 0; i < _filters.Length; i++)
            _filters[i] = new PhaseFilter(Wanders[i / Shapes.Length]);
    }

    /// <summary>Mean of the mixture: offset of the free-running clock, ns.</summary>
    public double OffsetNs { get; private set; }

    /// <summary>Mean of the mixture: frequency error, ppb.</summary>
    public double FrequencyPpb { get; private set; }

    /// <summary>Mean of the mixture: one-way delay, ns.</summary>
    public double DelayNs { get; private set; }

    /// <summary>Mean wander of the frequency over the weights, ppb per square root of a second.</summary>
    public double WanderPpb { get; private set; }

    /// <summary>Standard deviation of the frequency, ppb.</summary>
    public double FrequencySigmaPpb { get; private set; }

    public void Start(double offsetNs, double offsetSigmaNs, double frequencyPpb, double frequencySigmaPpb, double delayNs)
    {
        for (int i = 0; i < _filters.Length; i++)
        {
            _filters[i].Start(offsetNs, offsetSigmaNs, frequencyPpb, frequencySigmaPpb, delayNs);
            _logWeight[i] = 0;
        }

        Mix();
    }

    public void Predict(double seconds)
    {
        double keep = Math.Exp(-seconds / MemorySeconds);
        for (int i = 0; i < _filters.Length; i++)
        {
            _filters[i].Predict(seconds);
            _logWeight[i] *= keep;
        }

        OffsetNs += FrequencyPpb * seconds;
    }

    /// <summary>Adds a message; <paramref name="medianStepNs"/> is the median difference between two messages of its direction.</summary>
    public void Update(double sign, double seconds, double differenceNs, double medianStepNs)
    {
        for (int i = 0; i < _filters.Length; i++)
            _logWeight[i] += _filters[i].Update(sign, seconds, differenceNs, NoiseOf(i % Shapes.Length, medianStepNs));
        Mix();
    }

    /// <summary>
    /// Expected difference of a message without noise, ns, and its standard deviation by the filters with weight: the reserve filters for
    /// wilder oscillators would excuse any message.
    /// </summary>
    public double Expect(double sign, double seconds, out double sigmaNs)
    {
        double variance = 0, sum = 0;
        double mean = (sign * (OffsetNs + (FrequencyPpb * seconds))) + DelayNs;
        for (int i = 0; i < _filters.Length; i++)
        {
            if (_weight[i] < LeastWeightToExpect)
                continue;
            _filters[i].Expect(sign, seconds, out double own);
            variance += _weight[i] * own;
            sum += _weight[i];
        }

        sigmaNs = Math.Sqrt(Math.Max(variance / sum, 0));
        return mean;
    }

    /// <summary>
    /// Standard deviation of the offset some seconds after the filter's time, ns, including the spread between the filters.
    /// </summary>
    public double OffsetSigmaNs(double seconds)
    {
        double mean = OffsetNs + (FrequencyPpb * seconds);
        double variance = 0;
        for (int i = 0; i < _filters.Length; i++)
        {
            double apart = _filters[i].OffsetNs + (_filters[i].FrequencyPpb * seconds) - mean;
            variance += _weight[i] * (_filters[i].OffsetVarianceAfter(seconds) + (apart * apart));
        }

        return Math.Sqrt(Math.Max(variance, 0));
    }

    /// <summary>
    /// Possible error of the offset although messages arrive, as a standard deviation, ns: a share of the uncertainty of one wilder filter,
    /// including its distance from the mixture. A calm oscillator may begin to drift at any moment, and is far away before its messages
    /// have moved the weight to wilder filters.
    /// </summary>
    public double SentrySigmaNs
    {
        get
        {
            PhaseFilter sentry = _filters[(SentryWander * Shapes.Length) + _shape];
            double away = sentry.OffsetNs - OffsetNs;
            return SentryPart * Math.Sqrt(Math.Max(sentry.OffsetVariance + (away * away), 0));
        }
    }

    public void Shift(double offsetNs, double delayNs, double sigmaNs)
    {
        foreach (PhaseFilter filter in _filters)
            filter.Shift(offsetNs, delayNs, sigmaNs);
        Mix();
    }

    public void ShiftFrequency(double changePpb, double sigmaPpb)
    {
        foreach (PhaseFilter filter in _filters)
            filter.ShiftFrequency(changePpb, sigmaPpb);
        Mix();
    }

    private static MessageNoise NoiseOf(int shape, double medianStepNs)
    {
        double unit = medianStepNs / MedianPerQueue[shape];
        return double.IsInfinity(Shapes[shape])
            ? new(Math.Max(unit, SmallestSigmaNs), 0)
            : new(Math.Max(unit * Shapes[shape], SmallestSigmaNs), Math.Max(unit, SmallestSigmaNs / 2));
    }

    private void Mix()
    {
        int best = 0;
        for (int i = 1; i < _logWeight.Length; i++)
            best = _logWeight[i] > _logWeight[best] ? i : best;
        // The best filter decides on the kind of link.
        _shape = best % Shapes.Length;
        double top = _logWeight[best];
        double sum = 0;
        for (int i = 0; i < _weight.Length; i++)
        {
            _logWeight[i] -= top;
            // A filter keeps a minimum weight, so that it can recover within seconds when the oscillator begins to behave as it assumes. A
            // filter that assumes a calmer oscillator than the best, or contradicts it, is lost and restarts from the best; one that
            // assumes a wilder oscillator has kept up.
            if (_logWeight[i] < LeastLogWeight)
            {
                _logWeight[i] = LeastLogWeight;
                if (_filters[i].WanderPpb <= _filters[best].WanderPpb || _filters[i].Contradicts(_filters[best]))
                    _filters[i].Join(_filters[best]);
            }

            sum += _weight[i] = Math.Exp(_logWeight[i]);
        }

        double offset = 0, frequency = 0, delay = 0, wander = 0;
        for (int i = 0; i < _weight.Length; i++)
        {
            double w = _weight[i] /= sum;
            offset += w * _filters[i].OffsetNs;
            frequency += w * _filters[i].FrequencyPpb;
            delay += w * _filters[i].DelayNs;
            wander += w * _filters[i].WanderPpb;
        }

        (OffsetNs, FrequencyPpb, DelayNs, WanderPpb) = (offset, frequency, delay, wander);
        double variance = 0;
        for (int i = 0; i < _weight.Length; i++)
        {
            double apart = _filters[i].FrequencyPpb - frequency;
            variance += _weight[i] * (_filters[i].FrequencyVariance + (apart * apart));
        }

        FrequencySigmaPpb = Math.Sqrt(variance);
    }
}
