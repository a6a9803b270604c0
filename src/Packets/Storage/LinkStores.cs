// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Packets.Storage;

/// <summary>
/// The stores of one link type and one plan. A segment's header tells one TAI - UTC, so after a change of it (a leap second) chunks go to a
/// store of their own, and the one before accepts late chunks, until no thread has used it for a while. After a change of plan all of them
/// end so.
/// </summary>
internal sealed class LinkStores
{
    private readonly Lock _change = new();
    private SegmentWriter[] _stores; // newest last; replaced as a whole, never changed
    private volatile bool _isOver;

    public LinkStores(SegmentWriter first) => _stores = [first];

    public SegmentWriter Newest => Volatile.Read(ref _stores)[^1];

    public IReadOnlyList<SegmentWriter> All => Volatile.Read(ref _stores);

    /// <summary>
    /// The store of an offset, or the newest if there is none of it any more. The caller is inside until <see cref="SegmentWriter.Leave"/>.
    /// Null: these stores are over, others are in their place. No lock; looks at two stores as a rule.
    /// </summary>
    public SegmentWriter? Enter(UtcOffset offset)
    {
        while (true)
        {
            SegmentWriter[] stores = Volatile.Read(ref _stores);
            for (int i = stores.Length - 1; i >= 0; i--)
            {
                if (stores[i].Offset == offset && stores[i].TryEnter())
                    return stores[i];
            }

            // Only a store that is not the newest is retired: if this one is, there is a newer one by now, or all are over.
            if (stores.Length > 0 && stores[^1].TryEnter())
                return stores[^1];
            if (_isOver)
                return null;
        }
    }

    /// <summary>The newest may be retired too: there are others for all that comes.</summary>
    public void End() => _isOver = true;

    /// <summary>From now on this is the newest.</summary>
    public void Add(SegmentWriter store)
    {
        lock (_change)
            Volatile.Write(ref _stores, [.. _stores, store]);
    }

    /// <summary>
    /// Closes writers that are not the newest, or any after <see cref="End"/>, and that no thread has used for so long. Returns those that
    /// have sealed everything; they are no longer in <see cref="All"/>.
    /// </summary>
    public IReadOnlyList<SegmentWriter> Retire(long idleMs)
    {
        if (All.Count == 1 && !_isOver)
            return [];
        lock (_change)
        {
            foreach (SegmentWriter store in _isOver ? _stores : _stores[..^1])
                store.RetireIfIdle(idleMs);
            SegmentWriter[] ended = [.. _stores.Where(s => s.HasEnded)];
            Volatile.Write(ref _stores, [.. _stores.Where(s => !ended.Contains(s))]);
            return ended;
        }
    }
}
