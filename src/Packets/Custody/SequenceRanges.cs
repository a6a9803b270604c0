// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Custody;

/// <summary>A set of segment numbers as runs: numbers are nearly without gaps, so a million of them are a few runs.</summary>
internal sealed class SequenceRanges
{
    private readonly List<(ulong First, ulong Last)> _runs = [];

    public ulong Count { get; private set; }

    public IReadOnlyList<(ulong First, ulong Last)> Runs => _runs;

    public bool Contains(ulong sequence)
    {
        int at = RunAtOrBelow(sequence);
        return at >= 0 && sequence <= _runs[at].Last;
    }

    /// <summary>The highest number below this one, 0 if there is none.</summary>
    public ulong Below(ulong sequence)
    {
        int at = RunAtOrBelow(sequence - 1);
        return at < 0 ? 0 : Math.Min(_runs[at].Last, sequence - 1);
    }

    /// <summary>False if it is in already.</summary>
    public bool Add(ulong sequence)
    {
        int at = RunAtOrBelow(sequence);
        if (at >= 0 && sequence <= _runs[at].Last)
            return false;
        Count++;
        bool joinsLower = at >= 0 && _runs[at].Last + 1 == sequence;
        bool joinsUpper = at + 1 < _runs.Count && _runs[at + 1].First == sequence + 1;
        if (joinsLower && joinsUpper)
        {
            _runs[at] = (_runs[at].First, _runs[at + 1].Last);
            _runs.RemoveAt(at + 1);
        }
        else if (joinsLower)
        {
            _runs[at] = (_runs[at].First, sequence);
        }
        else if (joinsUpper)
        {
            _runs[at + 1] = (sequence, _runs[at + 1].Last);
        }
        else
        {
            _runs.Insert(at + 1, (sequence, sequence));
        }

        return true;
    }

    /// <summary>The runs of numbers, from 1 to the highest, that are not in.</summary>
    public IEnumerable<(ulong First, ulong Last)> Gaps()
    {
        ulong next = 1;
        foreach ((ulong first, ulong last) in _runs)
        {
            if (first > next)
                yield return (next, first - 1);
            next = last + 1;
        }
    }

    /// <summary>Index of the last run that begins at or below the number, -1 if none does.</summary>
    private int RunAtOrBelow(ulong sequence)
    {
        int low = 0, high = _runs.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_runs[middle].First <= sequence)
                low = middle + 1;
            else
                high = middle;
        }

        return low - 1;
    }
}
