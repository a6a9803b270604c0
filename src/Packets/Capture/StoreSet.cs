// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Capture;

/// <summary>
/// The segment writers of a recorder, by link type (libpcap reads only files of one). Headers contain the plan and TAI - UTC, so a change
/// of either begins new segments: of TAI - UTC within the <see cref="LinkStores"/> of a link type, of the plan with new ones. Earlier ones
/// accept late chunks, and end when no ring has used them for a while.
/// </summary>
internal sealed class StoreSet : IDisposable
{
    private const int MaxLinkTypes = 4;
    private const int MaxRecentlySealed = 32;

    /// <summary>
    /// After a change of TAI - UTC the segments of the old one stay open so long for late chunks: longer than a handover.
    /// </summary>
    private const long RetireAfterMs = 90_000;

    /// <summary>After a change of plan: the rings have moved, and a late one moves when its writer has ended.</summary>
    private const long RetirePlanAfterMs = 1_000;

    private readonly ArchiveDirectory _archive;
    private readonly UtcScale _utc;
    private readonly ILogger _logger;
    private readonly Guid _runId = Guid.NewGuid();
    private readonly Lock _lock = new();
    private readonly List<LinkStores> _before = []; // of plans before
    private Dictionary<ushort, LinkStores> _now = []; // by link type
    private RecordingPlan _plan;
    private SealedTotals _ended = new(0, 0, 0, []);

    public StoreSet(ArchiveDirectory archive, RecordingPlan plan, UtcScale utc, ILogger logger)
    {
        _archive = archive;
        _plan = plan;
        _utc = utc;
        _logger = logger;
    }

    /// <summary>Called with the path of each sealed segment; must return at once.</summary>
    public Action<string>? OnSealed { get; init; }

    /// <summary>Those that write, or may.</summary>
    public List<SegmentWriter> All
    {
        get
        {
            lock (_lock)
                return [.. _before.Concat(_now.Values).SelectMany(s => s.All)];
        }
    }

    /// <summary>Where the chunks of a link type go by the plan of now.</summary>
    /// <exception cref="CaptureException">Too many link types at once.</exception>
    /// <exception cref="IOException">The disk gives no segment.</exception>
    public LinkStores For(ushort linkType)
    {
        lock (_lock)
        {
            if (_now.TryGetValue(linkType, out LinkStores? stores))
                return stores;
            if (_now.Count == MaxLinkTypes)
                throw new CaptureException($"more than {MaxLinkTypes} link types at once");
            stores = new LinkStores(NewStore(linkType, _utc.Latest, needsFirst: true));
            _now.Add(linkType, stores);
            return stores;
        }
    }

    /// <summary>
    /// From now on <see cref="For"/> gives stores of this plan. Rings move by asking again; earlier stores seal their segments when no ring
    /// uses them any more. A disk that rejects writes does not delay the change: the new stores retry.
    /// </summary>
    /// <param name="plan">The plan.</param>
    /// <param name="linkTypes">Of the ports that go on writing.</param>
    public void Change(RecordingPlan plan, IReadOnlySet<ushort> linkTypes)
    {
        lock (_lock)
        {
            _plan = plan;
            Dictionary<ushort, LinkStores> next = linkTypes.ToDictionary(type => type,
                type => new LinkStores(NewStore(type, _utc.Latest, needsFirst: false)));
            _before.AddRange(_now.Values);
            _now = next;
        }
    }

    /// <summary>Called once all rings have moved: earlier stores end as soon as they are empty.</summary>
    public void LeaveBefore()
    {
        lock (_lock)
            _before.ForEach(s => s.End());
    }

    /// <summary>Chunks from then on go to new segments.</summary>
    public void ChangeUtc(UtcOffset offset, TaiTime from)
    {
        lock (_lock)
        {
            foreach ((ushort linkType, LinkStores stores) in _now)
                stores.Add(NewStore(linkType, offset, needsFirst: false));
            _utc.Change(offset, from);
        }
    }

    /// <summary>Ends stores that are over. Now and then.</summary>
    public void Retire()
    {
        lock (_lock)
        {
            foreach (SegmentWriter ended in _before.SelectMany(s => s.Retire(RetirePlanAfterMs))
                .Concat(_now.Values.SelectMany(s => s.Retire(RetireAfterMs))))
            {
                Volatile.Write(ref _ended, TotalsOf([ended]));
                ended.Dispose();
            }

            _before.RemoveAll(s => s.All.Count == 0);
        }
    }

    /// <summary>Totals of all writers, those that ended included.</summary>
    public SealedTotals Totals() => TotalsOf(All);

    /// <summary>Seals all.</summary>
    public void Dispose()
    {
        List<SegmentWriter> all = All;
        foreach (SegmentWriter store in all)
            store.Dispose();
        lock (_lock)
        {
            Volatile.Write(ref _ended, TotalsOf(all) with { Fault = all.Select(s => s.Fault).FirstOrDefault(fault => fault is not null) });
            _before.Clear();
            _now.Clear();
        }
    }

    private SealedTotals TotalsOf(List<SegmentWriter> stores)
    {
        SealedTotals ended = Volatile.Read(ref _ended);
        return new SealedTotals(
            stores.Aggregate(ended.Sealed, (sum, s) => sum + s.SealedCount),
                stores.Aggregate(ended.BytesWritten, (sum, s) => sum + s.BytesWritten),
            stores.Aggregate(ended.WriteErrors, (sum, s) => sum + s.WriteErrors),
                [.. ended.Recent.Concat(stores.SelectMany(s => s.RecentlySealed())).TakeLast(MaxRecentlySealed)])
        {
            Fault = stores.Select(s => s.Fault).FirstOrDefault(fault => fault is not null) ?? ended.Fault,
        };
    }

    private SegmentWriter NewStore(ushort linkType, UtcOffset offset, bool needsFirst)
    {
        RecordingPlan plan = _plan;
        var origin = new OriginRecord
        {
            Magic = Format.RecordMagic,
            Version = Format.RecordVersion,
            Kind = RecordKind.Origin,
            ConfigRevision = plan.Revision,
            RunId = _runId,
            Ports = (ushort)plan.Places.Count,
        };
        int largestBlock = plan.Places.Max(p => p.BlockBytes);
        return new SegmentWriter(_archive, plan.Storage, plan.Places.Count, largestBlock, origin,
            o => BuildHeader(o, plan, linkType, offset), _logger, needsFirst)
        {
            Offset = offset,
            OnSealed = OnSealed,
        };
    }

    private static byte[] BuildHeader(OriginRecord origin, RecordingPlan plan, ushort linkType, UtcOffset offset)
    {
        InterfaceInfo[] ports = [.. plan.Places.Select(port =>
        {
            Link? link = PortNamespace.FindLink(port);
            return new InterfaceInfo(port.Name, link?.Driver, link?.Mac, link?.SpeedBitsPerSecond, port.Filter, offset);
        })];
        // One snap length a file, or libpcap refuses it: the largest of the ports'.
        return SegmentHeader.Build(origin, plan.Serial, ports, linkType, plan.Places.Max(p => p.SnapLength));
    }

    /// <summary>Totals of segment writers.</summary>
    /// <param name="Sealed">Segments.</param>
    /// <param name="BytesWritten">Bytes of chunks.</param>
    /// <param name="WriteErrors">Writes that failed.</param>
    /// <param name="Recent">Paths of the last sealed segments.</param>
    public sealed record SealedTotals(ulong Sealed, ulong BytesWritten, ulong WriteErrors, IReadOnlyList<string> Recent)
    {
        /// <summary>What is wrong with one of them now.</summary>
        public string? Fault { get; init; }
    }
}
