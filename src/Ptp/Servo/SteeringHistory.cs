// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Ptp.Servo;

/// <summary>
/// The frequency adjustments of the PHC over time: removes the steering from a stamp, so that the estimator sees the oscillator unsteered.
/// A stamp from before the last adjustment is still undone exactly. Fixed size; before its start the oldest frequency is assumed.
/// </summary>
internal sealed class SteeringHistory
{
    private const int Capacity = 128;
    private readonly Span[] _spans = new Span[Capacity];
    private int _count;
    private int _newest = -1;

    // From StartNs of PHC time on, the PHC gains Rate per tick of the oscillator; SumNs and OscillatorSeconds are the totals at StartNs.
    private readonly record struct Span(long StartNs, double SumNs, double OscillatorSeconds, double Rate);

    /// <summary>Frequency in force, ppb.</summary>
    public double FrequencyPpb => _newest < 0 ? 0 : _spans[_newest].Rate * 1e9;

    /// <summary>Starts at a PHC time with the current frequency adjustment.</summary>
    public void Start(TaiTime at, double frequencyPpb)
    {
        _count = 0;
        _newest = -1;
        Append(new(at.Nanoseconds, 0, 0, frequencyPpb * 1e-9));
    }

    /// <summary>Records that the PHC runs with another frequency from <paramref name="at"/> on.</summary>
    public void Set(TaiTime at, double frequencyPpb)
    {
        // A change dated before the previous one cannot be distinguished from it and replaces it.
        TaiTime from = new(Math.Max(at.Nanoseconds, _spans[_newest].StartNs));
        double seconds = Undo(from, out double sumNs);
        Append(new(from.Nanoseconds, sumNs, seconds, frequencyPpb * 1e-9));
    }

    /// <summary>Records a step of the PHC when it showed <paramref name="at"/>. Earlier stamps cannot be undone any more.</summary>
    public void Step(TaiTime at, long stepNs)
    {
        double seconds = Undo(at, out double sumNs);
        double rate = _spans[_newest].Rate;
        _count = 0;
        Append(new(at.Nanoseconds + stepNs, sumNs, seconds, rate));
    }

    /// <summary>Seconds of the oscillator since the start at a PHC time, and the sum of the steering until then, ns.</summary>
    public double Undo(TaiTime at, out double sumNs)
    {
        int i = _newest;
        for (int n = 1; n < _count && _spans[i].StartNs > at.Nanoseconds; n++)
            i = (i + Capacity - 1) % Capacity;
        ref readonly Span span = ref _spans[i];
        // The PHC counts 1 + rate per tick of the oscillator: rate / (1 + rate) of its advance is steering.
        double ticksNs = (at.Nanoseconds - span.StartNs) / (1 + span.Rate);
        sumNs = span.SumNs + (ticksNs * span.Rate);
        return span.OscillatorSeconds + (ticksNs * 1e-9);
    }

    private void Append(in Span span)
    {
        _newest = (_newest + 1) % Capacity;
        _spans[_newest] = span;
        _count = Math.Min(_count + 1, Capacity);
    }
}
