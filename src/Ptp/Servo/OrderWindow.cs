// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Servo;

/// <summary>Median and minimum of the last few values, robust against outliers.</summary>
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
        // Already sorted except the oldest value, whose place the others close.
        int kept = Count;
        if (IsFull)
        {
            kept--;
            double oldest = _values[_next];
            int leaves = 0;
            while (leaves < kept && _sorted[leaves] != oldest)
                leaves++;
            _sorted.AsSpan(leaves + 1).CopyTo(_sorted.AsSpan(leaves));
        }

        int at = kept;
        for (; at > 0 && _sorted[at - 1] > value; at--)
            _sorted[at] = _sorted[at - 1];
        _sorted[at] = _values[_next] = value;
        _next = (_next + 1) % _values.Length;
        Count = kept + 1;
        Lowest = _sorted[0];
        Median = (_sorted[(Count - 1) / 2] + _sorted[Count / 2]) / 2;
    }

    public void Clear() => (Count, _next, Median, Lowest) = (0, 0, 0, 0);
}
