// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Archive;

/// <summary>
/// Carries out the decisions of <see cref="RetentionPolicy"/>: journal first, then the file, at the rate that is permitted, with the holds
/// locked meanwhile. What is not certain (holds or journal that cannot be read or written) deletes nothing.
/// </summary>
internal sealed class Retention(ArchivistOptions options, IClockSource clocks, ILogger logger)
{
    private const long MinuteNs = 60L * 1_000_000_000;

    /// <summary>A segment that could not be deleted is tried again after this long.</summary>
    private const long RefusedNs = MinuteNs;

    /// <summary>
    /// A file system may give room back late: after a deletion nothing more is deleted until half of the room is seen, or for this long.
    /// </summary>
    private const long SettleNs = 2_000_000_000;

    /// <summary>Holds are looked at again after this long even if nothing is to be deleted, for the figures.</summary>
    private const long RefreshNs = 5_000_000_000;
    private readonly Queue<long> _recentNs = new(); // CLOCK_BOOTTIME of the deletions of the last minute
    private readonly Dictionary<ulong, long> _refused = []; // segments that could not be deleted, and when to try again (CLOCK_BOOTTIME)
    private long _settledAtNs, _settledAtFreeBytes, _refreshAtNs;
    private string? _shortfall, _refusal, _overQuota;

    public DeletionJournal Journal { get; } = new(options.Directory);

    public Action<string, ulong, string>? Deleting { get; set; }

    public Func<long>? OpenBytes { get; set; }

    /// <summary>Free bytes and size of the file system.</summary>
    public Func<(long FreeBytes, long DiskBytes)> Space { get; init; } = () =>
    {
        var drive = new DriveInfo(options.Directory);
        return (drive.AvailableFreeSpace, drive.TotalSize);
    };

    public int Holds { get; private set; }

    public long HeldSegments { get; private set; }

    public long HeldBytes { get; private set; }

    public long Deleted { get; private set; }

    public long DeletedBytes { get; private set; }

    public string? Fault => _refusal ?? _shortfall ?? _overQuota;

    /// <summary>Counts what was deleted in the last minute before a restart, and writes the quota to the holds.</summary>
    public void Open()
    {
        long bootNs = clocks.BootNs, wallNs = clocks.WallNs;
        foreach (Deletion deletion in Journal.Read().TakeLast(options.Retention?.MaxDeletesPerMinute ?? 0))
        {
            long agoNs = wallNs - deletion.AtUtcNs;
            if (agoNs is >= 0 and < MinuteNs)
                _recentNs.Enqueue(bootNs - agoNs);
        }

        Prepare();
    }

    /// <summary>Other rules from now on, for the same archive. On the archive's thread.</summary>
    public void Change(ArchivistOptions next)
    {
        options = next;
        _shortfall = null;
        _refreshAtNs = 0;
        Prepare();
    }

    private void Prepare()
    {
        try
        {
            if (options.Retention is not null)
                Journal.Reserve();
            using HoldStore store = HoldStore.Open(options.Directory);
            HoldSet holds = store.Load();
            if (holds.QuotaBytes != options.HoldQuotaBytes)
                store.Save(holds with { QuotaBytes = options.HoldQuotaBytes });
        }
        catch (Exception e) when (e is HoldException or IOException or UnauthorizedAccessException)
        {
            Refuse(e.Message);
        }
    }

    /// <summary>Deletes what is due. Returns what was deleted.</summary>
    public IReadOnlyList<Deletion> Step(SegmentList segments, long archiveNs)
    {
        if (clocks.BootNs < _settledAtNs && Space().FreeBytes < _settledAtFreeBytes)
            return [];
        _settledAtNs = 0;
        try
        {
            bool isDue = options.Retention is { } rules && IsDue(rules, segments, State(archiveNs));
            if (!isDue && archiveNs < _refreshAtNs)
                return [];
            _refreshAtNs = archiveNs + RefreshNs;
            using HoldStore store = HoldStore.Open(options.Directory);
            HoldSet set = store.Load();
            RetentionItem[] items = ItemsOf(segments, InForce(store, set, archiveNs));
            NoteQuota(HoldPlanner.QuotaBytes(options.Directory, set));
            _refusal = null;
            RetentionDecision decision = isDue ? RetentionPolicy.Decide(options.Retention!, items, State(archiveNs)) : default;
            NoteShortfall(decision.Shortfall);
            return isDue ? Delete(segments, decision.Delete) : [];
        }
        catch (Exception e) when (e is HoldException or IOException or UnauthorizedAccessException)
        {
            Refuse(e.Message);
            return [];
        }
    }

    /// <summary>Whether any rule may want anything, by the cheapest look: without holds.</summary>
    private static bool IsDue(RetentionRules rules, SegmentList segments, RetentionState state)
    {
        IReadOnlyList<SegmentRow> rows = segments.Rows;
        if (rules.MaxTotalBytes > 0 && segments.Bytes + state.OpenBytes > rules.MaxTotalBytes)
            return true;
        if (state.FreeBytes < RetentionPolicy.WantedFreeBytes(rules, state.DiskBytes))
            return true;
        long shortestNs = rules.PortMaxAgeNs.Values.Append(rules.MaxAgeNs).Where(ns => ns > 0).DefaultIfEmpty().Min();
        return shortestNs > 0 && rows.Count > 0 && state.NowNs - rows[0].StoredAtNs > shortestNs;
    }

    private RetentionState State(long archiveNs)
    {
        (long freeBytes, long diskBytes) = Space();
        long bootNs = clocks.BootNs;
        while (_recentNs.TryPeek(out long at) && bootNs - at >= MinuteNs)
            _recentNs.Dequeue();
        return new RetentionState
        {
            FreeBytes = freeBytes,
            DiskBytes = diskBytes,
            OpenBytes = OpenBytes?.Invoke() ?? 0,
            NowNs = archiveNs,
            Budget = Math.Max(0, (options.Retention?.MaxDeletesPerMinute ?? 0) - _recentNs.Count),
        };
    }

    /// <summary>
    /// The holds that count now. A hold's life is counted by the archive's clock from when it was first seen here, so no step of the wall
    /// clock ends it.
    /// </summary>
    private Hold[] InForce(HoldStore store, HoldSet set, long archiveNs)
    {
        Hold[] holds = [.. set.Holds.Select(h => h.SeenNs is null ? h with { SeenNs = archiveNs } : h)];
        foreach (Hold expired in holds.Where(h => h.HasExpired(archiveNs)))
            logger.LogInformation("hold expired: {Hold}", expired);
        Hold[] inForce = [.. holds.Where(h => !h.HasExpired(archiveNs))];
        if (inForce.Length != set.Holds.Count || set.Holds.Any(h => h.SeenNs is null))
            TrySave(store, set with { Holds = inForce });
        Holds = inForce.Length;
        return inForce;
    }

    /// <summary>A full disk does not stop retention: the holds are read, and what is to be noted in them is noted later.</summary>
    private void TrySave(HoldStore store, HoldSet set)
    {
        try
        {
            store.Save(set);
        }
        catch (HoldException e)
        {
            logger.LogWarning("{Reason}", e.Message);
        }
    }

    private RetentionItem[] ItemsOf(SegmentList segments, Hold[] holds)
    {
        var items = new RetentionItem[segments.Rows.Count];
        long heldSegments = 0, heldBytes = 0, bootNs = clocks.BootNs;
        for (int i = 0; i < items.Length; i++)
        {
            SegmentRow row = segments.Rows[i];
            IReadOnlyList<string> ports = segments.PortsOf(row);
            bool held = false;
            foreach (Hold hold in holds)
                held |= hold.Covers(row.Sequence, row.FirstUtcNs, row.LastUtcNs, ports);
            heldSegments += held ? 1 : 0;
            heldBytes += held ? row.Bytes : 0;
            bool isRefused = _refused.TryGetValue(row.Sequence, out long againNs) && bootNs < againNs;
            items[i] = new RetentionItem(row.Sequence, row.Bytes, row.StoredAtNs, ports, held || isRefused);
        }

        (HeldSegments, HeldBytes) = (heldSegments, heldBytes);
        return items;
    }

    private List<Deletion> Delete(SegmentList segments, IReadOnlyList<RetentionVerdict> verdicts)
    {
        if (verdicts.Count == 0)
            return [];
        var reasons = verdicts.ToDictionary(v => v.Sequence, v => v.Reason);
        Deletion[] plan =
        [
            .. segments.Rows.Where(row => reasons.ContainsKey(row.Sequence)).Select(row => new Deletion(
                row.Sequence, row.FileName, row.Bytes, row.FirstUtcNs, row.LastUtcNs, clocks.WallNs, reasons[row.Sequence])),
        ];
        List<Deletion> done = [];
        long freeBytes = Space().FreeBytes;
        foreach (Deletion deletion in plan)
        {
            if (TryDelete(deletion))
                done.Add(deletion);
        }

        FileSystem.SyncDirectory(options.Directory);
        _settledAtNs = clocks.BootNs + SettleNs;
        _settledAtFreeBytes = freeBytes + (done.Sum(d => d.Bytes) / 2);
        return done;
    }

    private bool TryDelete(Deletion deletion)
    {
        string path = Path.Combine(options.Directory, deletion.File);
        try
        {
            Deleting?.Invoke(path, deletion.Sequence, deletion.Reason);
            bool noted = TryNote(deletion);
            File.Delete(path);
            if (!noted)
                Journal.Append(deletion);
            _refused.Remove(deletion.Sequence);
            _recentNs.Enqueue(clocks.BootNs);
            Deleted++;
            DeletedBytes += deletion.Bytes;
            logger.LogInformation("deleted {Path}: {Reason}", path, deletion.Reason);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Retention must not hang on one file: the next ones go meanwhile.
            _refused[deletion.Sequence] = clocks.BootNs + RefusedNs;
            logger.LogError("{Path}: not deleted: {Reason}", path, e.Message);
            if (File.Exists(path))
                Journal.Append(deletion with { Failed = e.Message });
            return false;
        }
    }

    /// <summary>False on a disk that is full to the last byte: the line is written when the deletion has made room for it.</summary>
    private bool TryNote(Deletion deletion)
    {
        try
        {
            Journal.Append(deletion);
            return true;
        }
        catch (IOException e) when (e.HResult == Errno.ENOSPC)
        {
            return false;
        }
    }

    /// <summary>
    /// Holds that reach into the future, and those of triggers, may outgrow the quota: they stay, and the fault is reported.
    /// </summary>
    private void NoteQuota(long quotaBytes)
    {
        string? over = HeldBytes > quotaBytes ? "holds retain more than their quota (storage.holdQuota)" : null;
        if (over is not null && _overQuota is null)
            logger.LogError("{Held} bytes of {Quota}: {Reason}", HeldBytes, quotaBytes, over);
        _overQuota = over;
    }

    private void NoteShortfall(string? shortfall)
    {
        if (shortfall is not null && _shortfall is null)
            logger.LogError("retention: {Reason}", shortfall);
        _shortfall = shortfall;
    }

    private void Refuse(string reason)
    {
        if (_refusal != reason)
            logger.LogError("retention: nothing is deleted: {Reason}", reason);
        _refusal = reason;
    }
}
