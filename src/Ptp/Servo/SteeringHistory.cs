using Capbox.Platform.Time;

namespace Capbox.Ptp.Servo;

/// <summary>
/// What was dialled into the PHC, and when: takes the steering out of a stamp, so that the estimator sees the oscillator as if nobody had touched it.
/// A message that was stamped before the last change of frequency is still undone exactly. Fixed size; older than that, the oldest frequency is assumed.
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

    /// <summary>Begins at a PHC time with the frequency that is dialled in.</summary>
    public void Start(TaiTime at, double frequencyPpb)
    {
        _count = 0;
        _newest = -1;
        Append(new(at.Nanoseconds, 0, 0, frequencyPpb * 1e-9));
    }

    /// <summary>The PHC runs with another frequency from <paramref name="at"/> on.</summary>
    public void Set(TaiTime at, double frequencyPpb)
    {
        // A change dated before the previous one cannot be told apart from it: it takes its place.
        TaiTime from = new(Math.Max(at.Nanoseconds, _spans[_newest].StartNs));
        double seconds = Undo(from, out double sumNs);
        Append(new(from.Nanoseconds, sumNs, seconds, frequencyPpb * 1e-9));
    }

    /// <summary>The PHC was stepped when it showed <paramref name="at"/>. What was stamped before cannot be undone any more.</summary>
    public void Step(TaiTime at, long stepNs)
    {
        double seconds = Undo(at, out double sumNs);
        double rate = _spans[_newest].Rate;
        _count = 0;
        Append(new(at.Nanoseconds + stepNs, sumNs, seconds, rate));
    }

    /// <summary>The oscillator's own seconds since the start at a PHC time, and how far steering had moved the PHC by then, ns.</summary>
    public double Undo(TaiTime at, out double sumNs)
    {
        int i = _newest;
        for (int n = 1; n < _count && _spans[i].StartNs > at.Nanoseconds; n++)
            i = (i + Capacity - 1) % Capacity;
        ref readonly Span span = ref _spans[i];
        // The PHC counts 1 + rate per tick of the oscillator: of its own advance, rate / (1 + rate) is steering.
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
