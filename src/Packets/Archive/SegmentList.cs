// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;

namespace Capbox.Packets.Archive;

/// <summary>A sealed segment in memory: 48 bytes, for an archive may have a million.</summary>
internal readonly record struct SegmentRow(ulong Sequence, long StartNs, long Bytes, long FirstUtcNs, long LastUtcNs, long StoredAtNs,
    int PortSet)
{
    public string FileName => new SegmentName(new UtcTime(StartNs).ToFileName(), Sequence, InProgress: false).ToString();
}

/// <summary>All sealed segments by sequence: what retention and holds look at, with a catalog or without.</summary>
internal sealed class SegmentList
{
    private readonly List<SegmentRow> _rows = [];
    private readonly Dictionary<string, int> _setNumbers = [];
    private readonly List<string[]> _sets = [];

    public IReadOnlyList<SegmentRow> Rows => _rows;

    public long Bytes { get; private set; }

    /// <summary>The ports with packets in a segment.</summary>
    public IReadOnlyList<string> PortsOf(in SegmentRow row) => _sets[row.PortSet];

    /// <summary>Adds a segment, usually the newest; one that is there is replaced.</summary>
    public void Add(SegmentEntry entry)
    {
        if (!SegmentName.TryParse(entry.FileName, out SegmentName name) || name.Start is not { } start)
            return; // a name that cannot be made again is none of ours
        string[] ports = [.. entry.Ports.Where(p => p.Total.Packets > 0).Select(p => p.Name)];
        var row = new SegmentRow(entry.Sequence, start.Nanoseconds, entry.Bytes, entry.FirstUtcNs, entry.LastUtcNs, entry.StoredAtNs,
            SetNumber(ports));
        int at = IndexOf(entry.Sequence);
        if (at >= 0)
        {
            Bytes += row.Bytes - _rows[at].Bytes;
            _rows[at] = row;
            return;
        }

        Bytes += row.Bytes;
        _rows.Insert(~at, row);
    }

    public void RemoveAll(IReadOnlySet<ulong> sequences)
    {
        _rows.RemoveAll(row => sequences.Contains(row.Sequence));
        Bytes = _rows.Sum(row => row.Bytes);
    }

    public void Clear()
    {
        _rows.Clear();
        Bytes = 0;
    }

    private int IndexOf(ulong sequence)
    {
        if (_rows.Count == 0 || _rows[^1].Sequence < sequence)
            return ~_rows.Count;
        int low = 0, high = _rows.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (_rows[middle].Sequence == sequence)
                return middle;
            if (_rows[middle].Sequence < sequence)
                low = middle + 1;
            else
                high = middle - 1;
        }

        return ~low;
    }

    private int SetNumber(string[] ports)
    {
        string key = string.Join('\0', ports);
        if (_setNumbers.TryGetValue(key, out int number))
            return number;
        _sets.Add(ports);
        return _setNumbers[key] = _sets.Count - 1;
    }
}
