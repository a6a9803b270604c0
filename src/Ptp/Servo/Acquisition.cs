// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Servo;

/// <summary>The joint estimate from the first messages.</summary>
internal readonly record struct FirstEstimate(
    double Seconds, double OffsetNs, double FrequencyPpb, double DelayNs, double UnitNs, double SpanSeconds);

/// <summary>
/// Fits a line through the first messages after a start by medians (Theil-Sen), so that up to a quarter of them may be wrong. Fixed size.
/// </summary>
internal sealed class Acquisition
{
    private const int Capacity = 32;
    private const int Enough = 6;
    private const double EnoughSeconds = 1.5;

    private readonly Track _forward = new();
    private readonly Track _reverse = new();
    private readonly double[] _slopes = new double[Capacity * (Capacity - 1)];
    private readonly double[] _work = new double[Capacity];

    public void Clear() => _forward.Count = _reverse.Count = 0;

    /// <summary>Adds a message; true with the estimate once there are enough.</summary>
    /// <param name="knownPpb">Frequency if known, else NaN: then it is estimated from the messages.</param>
    public bool Add(PathDirection direction, double seconds, double differenceNs, double knownPpb, out FirstEstimate first)
    {
        Track own = direction == PathDirection.Forward ? _forward : _reverse;
        own.Add(seconds, differenceNs);
        first = default;
        if (!_forward.IsEnough || !_reverse.IsEnough)
            return false;

        double frequencyPpb = double.IsNaN(knownPpb) ? Slope() : knownPpb;
        double forward = _forward.Centre(_work, seconds, frequencyPpb, out double forwardSpread);
        double reverse = _reverse.Centre(_work, seconds, -frequencyPpb, out double reverseSpread);
        first = new(
            seconds,
            (forward - reverse) / 2,
            frequencyPpb,
            (forward + reverse) / 2,
            Math.Max(1, Math.Max(forwardSpread, reverseSpread)),
            Math.Min(_forward.SpanSeconds, _reverse.SpanSeconds));
        return true;
    }

    // Theil-Sen: the median of the slopes between messages. A track that is enough has some.
    private double Slope()
    {
        int n = _forward.Slopes(_slopes, 0, 1);
        n = _reverse.Slopes(_slopes, n, -1);
        return Median(_slopes.AsSpan(0, n));
    }

    private static double Median(Span<double> values)
    {
        values.Sort();
        return (values[(values.Length - 1) / 2] + values[values.Length / 2]) / 2;
    }

    private sealed class Track
    {
        private readonly double[] _seconds = new double[Capacity];
        private readonly double[] _ns = new double[Capacity];

        public int Count { get; set; }

        public double SpanSeconds => Count < 2 ? 0 : _seconds[Count - 1] - _seconds[0];

        // At high rates a full track is enough, however short.
        public bool IsEnough => Count == Capacity || (Count >= Enough && SpanSeconds >= EnoughSeconds);

        public void Add(double seconds, double ns)
        {
            if (Count == Capacity)
            {
                _seconds.AsSpan(1).CopyTo(_seconds);
                _ns.AsSpan(1).CopyTo(_ns);
                Count--;
            }

            (_seconds[Count], _ns[Count]) = (seconds, ns);
            Count++;
        }

        // Slopes between messages at least a quarter of the span apart: closer ones are noise.
        public int Slopes(double[] slopes, int n, double sign)
        {
            for (int i = 0; i < Count; i++)
            {
                for (int j = i + 1; j < Count; j++)
                {
                    double apart = _seconds[j] - _seconds[i];
                    if (apart >= SpanSeconds / 4 && n < slopes.Length)
                        slopes[n++] = sign * (_ns[j] - _ns[i]) / apart;
                }
            }

            return n;
        }

        // Median at a time, and the median distance from it (scaled to a standard deviation).
        public double Centre(double[] work, double seconds, double slopePpb, out double spreadNs)
        {
            Span<double> values = work.AsSpan(0, Count);
            for (int i = 0; i < Count; i++)
                values[i] = _ns[i] + (slopePpb * (seconds - _seconds[i]));
            double centre = Median(values);
            for (int i = 0; i < Count; i++)
                values[i] = Math.Abs(values[i] - centre);
            spreadNs = 1.48 * Median(values);
            return centre;
        }
    }
}
