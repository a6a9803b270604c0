// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Text.Json;
using Capbox.Packets.Storage;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Archive;

/// <summary>
/// Maintains the archive beside the recording: the catalog, retention and holds, on one thread of its own. The recording never waits for
/// it, and never depends on it: without a catalog (full disk, damage) it continues from its list in memory and tries to open a catalog
/// again.
/// </summary>
internal sealed class Archivist : IDisposable
{
    private const int TickMs = 500, SaveClockMs = 60_000, RetryCatalogMs = 5_000, LastTryMs = 10_000, CheckpointMs = 60_000;
    private const int MaxQueued = 4096, MaxQuestions = 64;

    private readonly ArchivistOptions _options;
    private readonly IClockSource _clocks;
    private readonly ILogger _logger;
    private readonly SegmentList _segments = new();
    private readonly ConcurrentQueue<string> _sealed = new();
    private readonly BlockingCollection<Action> _questions = new(MaxQuestions);
    private readonly AutoResetEvent _wake = new(false);
    private readonly CancellationTokenSource _stop = new();
    private readonly Retention _retention;
    private readonly TriggerHolds _triggerHolds;
    private ArchiveClock? _clock;
    private Catalog? _catalog;
    private Thread? _thread;
    private long _retryCatalogAtMs, _saveClockAtMs, _checkpointAtMs;
    private volatile bool _compareAgain;
    private volatile string? _catalogFault;
    private ArchiveSnapshot? _snapshot;

    /// <param name="options">Where, and the rules.</param>
    /// <param name="clocks">The machine's clocks.</param>
    /// <param name="logger">For deletions, and for each fault once.</param>
    public Archivist(ArchivistOptions options, IClockSource clocks, ILogger<Archivist> logger)
    {
        _options = options;
        _clocks = clocks;
        _logger = logger;
        _retention = new Retention(options, clocks, logger) { OpenBytes = UnsealedBytes };
        _triggerHolds = new TriggerHolds(options.Directory, logger);
    }

    /// <summary>
    /// Called before a segment is deleted, with path, sequence and reason; if it throws, the segment stays. Set before <see cref="Start"/>.
    /// </summary>
    public Action<string, ulong, string>? Deleting
    {
        get => _retention.Deleting;
        set => _retention.Deleting = value;
    }

    /// <summary>Paths of the segments that are not sealed. Set before <see cref="Start"/>.</summary>
    public Func<IReadOnlyList<string>> Unsealed { get; set; } = () => [];

    public void Start()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "capbox-archive", Priority = ThreadPriority.BelowNormal };
        _thread.Start();
    }

    /// <summary>A segment was sealed. Returns at once; when too many wait, the directory is compared instead.</summary>
    public void OnSealed(string path)
    {
        if (_sealed.Count >= MaxQueued)
            _compareAgain = true;
        else
            _sealed.Enqueue(path);
        _wake.Set();
    }

    /// <summary>The archive as it was half a second ago at most.</summary>
    public ArchiveSnapshot? Snapshot() => Volatile.Read(ref _snapshot);

    /// <summary>The segments of a range, as the catalog knows them now, and all that are not sealed.</summary>
    /// <param name="fromNs">First moment.</param>
    /// <param name="toNs">First moment after it.</param>
    /// <param name="after">Only segments with a higher sequence: to go on after an answer that was cut.</param>
    /// <param name="limit">At most so many.</param>
    /// <exception cref="CatalogException">There is no catalog now.</exception>
    public Task<IndexAnswer> Index(long fromNs, long toNs, ulong after, int limit) => Ask(() => IndexNow(fromNs, toNs).Page(after, limit));

    /// <summary>
    /// Does something on the archive's thread with an index of ranges: retention does not delete meanwhile, and waits as long.
    /// </summary>
    public Task<T> WithIndex<T>(Func<Func<string, UtcTime, UtcTime, IndexAnswer>, T> work) =>
        Ask(() => work((_, from, to) => IndexNow(from.Nanoseconds, to.Nanoseconds)));

    private IndexAnswer IndexNow(long fromNs, long toNs)
    {
        // In this order: what is sealed between the two is in both, not in neither.
        string[] parts = [.. Unsealed().Select(path => Path.GetFileName(path))];
        TakeSealed();
        Catalog catalog = _catalog ?? throw new CatalogException(_catalogFault ?? "the catalog is being read");
        return ArchiveIndex.Ask(catalog, fromNs, toNs, parts, "recorder");
    }

    /// <summary>Holds what a trigger has written. Returns at once.</summary>
    public void OnTriggered(HeldWindow window) => _ = Ask(() =>
    {
        _triggerHolds.Apply(window, _clocks.WallNs);
        return true;
    });

    /// <summary>Other rules of retention and another quota of holds, of the same archive, from the next look on. Returns at once.</summary>
    public void Change(ArchivistOptions next) => _ = Ask(() =>
    {
        _retention.Change(next);
        return true;
    });

    /// <summary>Does something on the archive's thread.</summary>
    private Task<T> Ask<T>(Func<T> question)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool taken = !_stop.IsCancellationRequested && _questions.TryAdd(() =>
        {
            try
            {
                answer.SetResult(question());
            }
            catch (Exception e)
            {
                answer.SetException(e);
            }
        });
        if (!taken)
            answer.SetException(new CatalogException("too many questions wait for the catalog"));
        _wake.Set();
        return answer.Task;
    }

    private long UnsealedBytes() => Unsealed().Select(path => new FileInfo(path)).Sum(file => file.Exists ? file.Length : 0);

    /// <summary>Ends the thread; segments that are not catalogued yet are found at the next start.</summary>
    public void Dispose()
    {
        if (_stop.IsCancellationRequested)
            return;
        _stop.Cancel();
        _wake.Set();
        _thread?.Join();
        _questions.Dispose();
        _wake.Dispose();
    }

    private void Run()
    {
        try
        {
            ArchiveDirectory.OpenState(_options.Directory);
            _clock = ArchiveClock.Open(_options.Directory, _clocks);
            _retention.Open();
            Compare(_stop.Token);
            while (!_stop.IsCancellationRequested)
            {
                Tick();
                _wake.WaitOne(TickMs);
            }

            TakeSealed();
            if (_catalog is null)
                CompareAtEnd();
            SaveClock(force: true);
        }
        catch (OperationCanceledException)
        {
            // Stopped in the middle of reading segments.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _catalogFault = e.Message;
            _logger.LogError("archive: {Reason}", e.Message);
        }

        CloseCatalog(clean: true);
        while (_questions.TryTake(out Action? question))
            question();
    }

    private void Tick()
    {
        TakeSealed();
        if (_compareAgain || (_catalog is null && Environment.TickCount64 >= _retryCatalogAtMs))
            Compare(_stop.Token);
        while (_questions.TryTake(out Action? question))
            question();
        IReadOnlyList<Deletion> deleted = _retention.Step(_segments, _clock!.NowNs);
        if (deleted.Count > 0)
        {
            _segments.RemoveAll(deleted.Select(d => d.Sequence).ToHashSet());
            OnCatalog(catalog =>
            {
                catalog.Forget(deleted.Select(d => d.Sequence));
                catalog.AddDeletions(deleted);
            });
        }

        SaveClock(force: false);
        if (Environment.TickCount64 >= _checkpointAtMs)
        {
            _checkpointAtMs = Environment.TickCount64 + CheckpointMs;
            OnCatalog(catalog => catalog.Checkpoint());
        }

        _snapshot = TakeSnapshot();
    }

    private void TakeSealed()
    {
        List<SegmentEntry> entries = [];
        while (_sealed.TryDequeue(out string? path))
        {
            try
            {
                SegmentEntry entry = SegmentEntry.Read(path) with { StoredAtNs = _clock!.NowNs };
                _segments.Add(entry);
                entries.Add(entry);
            }
            catch (FileNotFoundException)
            {
                // Deleted meanwhile.
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or Packets.Pcapng.SegmentFormatException)
            {
                _logger.LogError("catalog: {Path}: {Reason}", path, e.Message);
                _compareAgain = true;
            }
        }

        if (entries.Count > 0)
            OnCatalog(catalog => catalog.AddAll(entries));
    }

    /// <summary>Compares catalog and directory, at start and whenever they may differ.</summary>
    private void Compare(CancellationToken stop)
    {
        CloseCatalog(clean: false);
        _compareAgain = false;
        _segments.Clear();
        try
        {
            (_catalog, CatalogReport report) = CatalogSync.Open(_options.Directory, _clock!.StoredAtNs, _segments.Add, progress: null,
                stop);
            _catalogFault = null;
            if (report.Rebuilt is not null)
                _logger.LogWarning("catalog: rebuilt from {Segments} segments: {Reason}", report.Segments, report.Rebuilt);
            else if (report.Added + report.Forgotten > 0)
                _logger.LogInformation("catalog: {Added} segments added, {Forgotten} forgotten, {Segments} in all", report.Added,
                    report.Forgotten, report.Segments);
            if (report.Damaged > 0)
                _logger.LogWarning("catalog: {Damaged} segments cannot be read; verify them to see why", report.Damaged);
            CopyAside();
        }
        catch (CatalogException e)
        {
            NoCatalog(e);
            _segments.Clear();
            CatalogSync.ReadWithout(_options.Directory, _clock!.StoredAtNs, _segments.Add, progress: null, stop);
        }
    }

    /// <summary>A catalog that failed for a while is opened once more, so that the archive ends with a current one.</summary>
    private void CompareAtEnd()
    {
        using var limit = new CancellationTokenSource(LastTryMs);
        try
        {
            Compare(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _logger.LogWarning("catalog: not brought up to date within {Seconds} s; the next start does it", LastTryMs / 1000);
        }
    }

    /// <summary>Deletions and holds live in files of their own; the catalog has copies.</summary>
    private void CopyAside() => OnCatalog(catalog =>
    {
        ulong last = catalog.AllDeletions().Select(d => d.Sequence).DefaultIfEmpty().Max();
        foreach (Deletion[] batch in _retention.Journal.Read().Where(d => d.Sequence > last && d.Failed is null).Chunk(1000))
            catalog.AddDeletions(batch);
        try
        {
            catalog.SetHolds(HoldStore.Peek(_options.Directory).Holds.ToDictionary(h => h.Id,
                h => JsonSerializer.Serialize(h, ArchiveJson.Default.Hold)));
        }
        catch (HoldException e)
        {
            _logger.LogError("{Reason}", e.Message);
        }
    });

    private void OnCatalog(Action<Catalog> work)
    {
        if (_catalog is null)
            return;
        try
        {
            work(_catalog);
        }
        catch (CatalogException e)
        {
            NoCatalog(e);
        }
    }

    private void NoCatalog(CatalogException e)
    {
        if (_catalogFault != e.Message)
            _logger.LogError("catalog: {Reason}; recording and retention continue without it", e.Message);
        _catalogFault = e.Message;
        _retryCatalogAtMs = Environment.TickCount64 + RetryCatalogMs;
        CloseCatalog(clean: false);
    }

    private void CloseCatalog(bool clean)
    {
        if (clean)
            OnCatalog(catalog => catalog.SetStamp(ArchiveStamp.Compute(_options.Directory)));
        _catalog?.Dispose();
        _catalog = null;
    }

    private void SaveClock(bool force)
    {
        if (!force && Environment.TickCount64 < _saveClockAtMs)
            return;
        _saveClockAtMs = Environment.TickCount64 + SaveClockMs;
        IReadOnlyList<SegmentRow> rows = _segments.Rows;
        try
        {
            _clock!.Save(rows.Count == 0 ? 0 : rows[^1].Sequence, rows.Count == 0 ? 0 : rows[0].Sequence, force);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _logger.LogWarning("archive clock: {Reason}", e.Message);
        }
    }

    private ArchiveSnapshot TakeSnapshot()
    {
        IReadOnlyList<SegmentRow> rows = _segments.Rows;
        return new ArchiveSnapshot
        {
            Ready = true,
            Segments = rows.Count,
            Bytes = _segments.Bytes,
            Oldest = rows.Count == 0 ? 0 : rows[0].Sequence,
            OldestAgeSeconds = rows.Count == 0 ? 0 : (_clock!.NowNs - rows[0].StoredAtNs) / 1_000_000_000,
            Holds = _retention.Holds,
            HeldSegments = _retention.HeldSegments,
            HeldBytes = _retention.HeldBytes,
            Deleted = _retention.Deleted,
            DeletedBytes = _retention.DeletedBytes,
            Fault = _retention.Fault ?? _catalogFault,
        };
    }
}
