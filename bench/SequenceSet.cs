// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Numerics;

namespace Capbox.Bench;

/// <summary>Which sequences of one stream were seen: a bitmap in pages, made when touched.</summary>
internal sealed class SequenceSet
{
    private const int PageBits = 1 << 20;

    /// <summary>Beyond this a sequence is damage, not a packet of ours.</summary>
    private const ulong Most = 1UL << 36;
    private readonly SortedDictionary<ulong, ulong[]> _pages = [];
    private ulong[]? _lastPage;
    private ulong _lastNumber = ulong.MaxValue;

    public long Unique { get; private set; }
    public long Duplicates { get; private set; }

    /// <summary>Sequences smaller than the one before: reordering, also that of files read one after the other.</summary>
    public long Backwards { get; private set; }
    public long Damaged { get; private set; }
    public ulong Highest { get; private set; }
    private ulong _previous;

    public void Add(ulong sequence)
    {
        if (sequence >= Most)
        {
            Damaged++;
            return;
        }

        if (sequence < _previous)
            Backwards++;

        _previous = sequence;
        ulong[] page = Page(sequence / PageBits);
        int bit = (int)(sequence % PageBits);
        ulong mask = 1UL << (bit & 63);
        if ((page[bit >> 6] & mask) != 0)
        {
            Duplicates++;
            return;
        }

        page[bit >> 6] |= mask;
        Unique++;
        Highest = Math.Max(Highest, sequence);
    }

    /// <summary>Ranges in first .. last that were not seen, both ends included.</summary>
    public IEnumerable<(ulong From, ulong To)> Missing(ulong first, ulong last)
    {
        ulong? open = null;
        ulong at = first;
        while (at <= last)
        {
            (bool seen, ulong run) = Run(at);
            if (seen && open is { } from)
            {
                yield return (from, at - 1);
                open = null;
            }
            else if (!seen)
            {
                open ??= at;
            }

            at += run;
        }

        if (open is { } rest)
            yield return (rest, last);
    }

    /// <summary>Whether a sequence was seen, and how many from it on (within its word or page) share that.</summary>
    private (bool Seen, ulong Run) Run(ulong at)
    {
        if (!_pages.TryGetValue(at / PageBits, out ulong[]? page))
            return (false, PageBits - (at % PageBits));

        int bit = (int)(at % PageBits) & 63;
        ulong word = page[(int)(at % PageBits) >> 6] >> bit;
        bool seen = (word & 1) != 0;
        int same = BitOperations.TrailingZeroCount(seen ? ~word : word);
        return (seen, (ulong)Math.Min(same, 64 - bit));
    }

    private ulong[] Page(ulong number)
    {
        if (number == _lastNumber)
            return _lastPage!;

        if (!_pages.TryGetValue(number, out ulong[]? page))
            _pages.Add(number, page = new ulong[PageBits / 64]);

        _lastNumber = number;
        return _lastPage = page;
    }
}
