using Capbox.Platform.Time;

namespace Capbox.Packets.Storage;

/// <summary>
/// The stores of one link type and one plan. A segment's header tells one TAI - UTC, so after a change of it (a leap second) chunks go to a store of their own, and the one before takes what is late, until nobody has been
/// in it for a while. After a change of plan all of them end so.
/// </summary>
internal sealed class LinkStores
{
    private readonly Lock _change = new();
    private SegmentStore[] _stores; // newest last; replaced as a whole, never changed
    private volatile bool _isOver;

    public LinkStores(SegmentStore first) => _stores = [first];

    public SegmentStore Newest => Volatile.Read(ref _stores)[^1];

    public IReadOnlyList<SegmentStore> All => Volatile.Read(ref _stores);

    /// <summary>
    /// The store of an offset, or the newest if there is none of it any more. The caller is inside until <see cref="SegmentStore.Leave"/>. Null: these stores are over, others are in their place. No
    /// lock; looks at two stores as a rule.
    /// </summary>
    public SegmentStore? Enter(UtcOffset offset)
    {
        while (true)
        {
            SegmentStore[] stores = Volatile.Read(ref _stores);
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
    public void Add(SegmentStore store)
    {
        lock (_change)
            Volatile.Write(ref _stores, [.. _stores, store]);
    }

    /// <summary>
    /// Closes stores that are not the newest, or any after <see cref="End"/>, and that nobody has been in for so long; returns those that have sealed all they had since, which are not in <see cref="All"/> any more.
    /// </summary>
    public IReadOnlyList<SegmentStore> Retire(long idleMs)
    {
        if (All.Count == 1 && !_isOver)
            return [];
        lock (_change)
        {
            foreach (SegmentStore store in _isOver ? _stores : _stores[..^1])
                store.RetireIfIdle(idleMs);
            SegmentStore[] ended = [.. _stores.Where(s => s.HasEnded)];
            Volatile.Write(ref _stores, [.. _stores.Where(s => !ended.Contains(s))]);
            return ended;
        }
    }
}
