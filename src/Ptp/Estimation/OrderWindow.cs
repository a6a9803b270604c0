namespace Capbox.Ptp.Estimation;

/// <summary>Median and smallest of the last few values, whatever the worst of them are.</summary>
internal sealed class OrderWindow(int capacity)
{
    private readonly double[] _values = new double[capacity];
    private readonly double[] _sorted = new double[capacity];
    private int _next;

    public int Count { get; private set; }

    public bool IsFull => Count == _values.Length;

    public double Median { get; private set; }

    public double Lowest { get; private set; }

    public void Add(double value)
    {
        _values[_next] = value;
        _next = (_next + 1) % _values.Length;
        Count = Math.Min(Count + 1, _values.Length);
        Span<double> sorted = _sorted.AsSpan(0, Count);
        _values.AsSpan(0, Count).CopyTo(sorted);
        sorted.Sort();
        Lowest = sorted[0];
        Median = (sorted[(Count - 1) / 2] + sorted[Count / 2]) / 2;
    }

    public void Clear() => (Count, _next, Median, Lowest) = (0, 0, 0, 0);
}
