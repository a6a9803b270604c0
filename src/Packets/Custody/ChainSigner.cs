// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Custody;

/// <summary>How custody stands.</summary>
/// <param name="Entries">Entries of the chain.</param>
/// <param name="Head">Hash of the last one; an operator who notes it down can check later that nothing was cut off.</param>
/// <param name="Waiting">Announced segments that have no entry yet.</param>
/// <param name="Fault">Why no entry can be made, null if all is well.</param>
public sealed record CustodyState(ulong Entries, string Head, int Waiting, string? Fault);

/// <summary>
/// Signs the chain of an archive while it is recorded: a thread of its own, on what is left of CPU and disk, gives every sealed segment its
/// entry. Capture never waits for it. Segments without an entry at its end are found by the next start, which lists the archive.
/// </summary>
public sealed class ChainSigner : IDisposable
{
    private const int MaxWaiting = 1024;
    private const int RetryMs = 10_000;
    private const int BusyRetryMs = 1000;

    /// <summary>A deletion waits this long for a chain that is at fault: a few tries to open it again.</summary>
    private const int DeletionWaitMs = 30_000;
    private readonly string _archive;
    private readonly ILogger _logger;
    private readonly ChainKey _key;
    private readonly Lock _gate = new(); // the chain, its key
    private readonly Lock _queueLock = new();
    private readonly Queue<string> _queue = new();
    private readonly AutoResetEvent _wake = new(false);
    private readonly ManualResetEventSlim _opened = new(false); // open, or broken for good
    private readonly ManualResetEventSlim _idle = new(false);
    private readonly CancellationTokenSource _stop = new();
    private readonly byte[] _buffer = SegmentDigest.NewBuffer();
    private readonly Thread _thread;
    private int _threadId; // as the kernel counts
    private int _hurry; // 1: a caller waits, so the thread has normal priority
    private ChainFile? _chain;
    private bool _listAgain;
    private volatile string? _fault;
    private volatile bool _isBroken;

    /// <param name="archive">The archive; made if it is missing.</param>
    /// <param name="privateKeyFile">PEM, as <see cref="ChainKey.Create"/> makes it.</param>
    /// <param name="logger">For start, faults and what was found.</param>
    /// <exception cref="CustodyException">The key cannot be used, or the chain belongs to another key.</exception>
    public ChainSigner(string archive, string privateKeyFile, ILogger logger)
    {
        _archive = Path.GetFullPath(archive);
        _logger = logger;
        _key = ChainKey.LoadPrivate(privateKeyFile);
        ChainFile.CheckSigner(_archive, _key);
        if (ChainKey.IsExposed(privateKeyFile))
            logger.LogWarning("{File}: other users may read this private key; chmod 600", privateKeyFile);
        _thread = new Thread(Run) { IsBackground = true, Name = "capbox-custody" };
        _thread.Start();
    }

    /// <summary>How it stands now. May wait for one entry to reach the disk.</summary>
    public CustodyState State
    {
        get
        {
            int waiting;
            lock (_queueLock)
                waiting = _queue.Count;
            lock (_gate)
                return new CustodyState(_chain?.State.Entries ?? 0, _chain?.State.Head ?? ChainEntry.NoHash, waiting, _fault);
        }
    }

    /// <summary>A segment was sealed. Returns at once, from any thread; when too many wait, the archive is listed instead.</summary>
    public void OnSealed(string path)
    {
        lock (_queueLock)
        {
            _idle.Reset();
            if (_queue.Count < MaxWaiting)
                _queue.Enqueue(path);
            else
                _listAgain = true;
        }

        _wake.Set();
    }

    /// <summary>
    /// A segment is about to be deleted: returns when its tombstone is on disk. One that has no entry yet gets it first, which reads the
    /// segment. When the chain is broken, so that nothing can be added to it, this is logged and the deletion may go on: recording needs
    /// the room.
    /// </summary>
    /// <exception cref="IOException">
    /// The tombstone could not be written, for half a minute if the chain is at fault: do not delete.
    /// </exception>
    /// <exception cref="OperationCanceledException">Disposed meanwhile: do not delete.</exception>
    public void OnDeleting(string path, ulong sequence, string reason)
    {
        if (!SegmentName.TryParse(Path.GetFileName(path), out SegmentName name) || name.Sequence != sequence)
            throw new IOException($"{path}: not the sealed segment {sequence}");
        long giveUpAtMs = Environment.TickCount64 + DeletionWaitMs;
        while (WaitForChain(giveUpAtMs))
        {
            try
            {
                EnterDeletion(name, reason);
                return;
            }
            catch (IOException) when (Environment.TickCount64 < giveUpAtMs)
            {
                // The chain is being opened again, or a resource that the entry needs was not available.
                _stop.Token.WaitHandle.WaitOne(BusyRetryMs);
                _stop.Token.ThrowIfCancellationRequested();
            }
        }

        _logger.LogWarning("custody: {Path} is deleted without a tombstone: {Fault}", path, _fault);
    }

    /// <summary>Waits until every announced segment has its entry; false if that took longer, or cannot be.</summary>
    public bool Drain(TimeSpan limit)
    {
        Hurry();
        return _idle.Wait(limit) && _fault is null;
    }

    /// <summary>Stops within some milliseconds, in the middle of a digest if need be.</summary>
    public void Dispose()
    {
        if (_stop.IsCancellationRequested)
            return;
        _stop.Cancel();
        _wake.Set();
        Hurry();
        _thread.Join();
        lock (_gate)
        {
            _chain?.Dispose();
            _chain = null;
            _key.Dispose();
        }

        // The events stay undisposed: a deletion that waits at this moment gets its exception from the token.
    }

    /// <summary>A caller waits for the thread: from now on it runs with normal priority.</summary>
    private void Hurry()
    {
        Interlocked.Exchange(ref _hurry, 1);
        ThreadPlacement.RunAsOthers(Volatile.Read(ref _threadId));
    }

    private void EnterDeletion(SegmentName name, string reason)
    {
        EnsureEntry(name, SegmentDigest.NewBuffer);
        lock (_gate)
        {
            ChainFile chain = Chain();
            if (!chain.State.Live.ContainsKey(name.Sequence))
                return; // it has its tombstone from before a crash, or was missing
            if (chain.EntryOf(name.Sequence).File != name.ToString())
                _logger.LogWarning("custody: {Name} is not the segment that the chain knows by this number", name);
            else
                Write(() => chain.AddDeletion(name.Sequence, reason));
        }
    }

    /// <summary>
    /// False when there is no chain to write to: it is broken, or could not be begun (a full disk), and then no segment has an entry.
    /// </summary>
    private bool WaitForChain(long giveUpAtMs)
    {
        while (!_opened.Wait(100, _stop.Token))
        {
            Hurry();
            // Without a fault a long chain is being read: worth any wait.
            if (_fault is not { } fault)
                continue;
            if (new FileInfo(ChainFile.PathIn(_archive)) is not { Exists: true, Length: > 0 })
                return false;
            if (Environment.TickCount64 >= giveUpAtMs)
                throw new IOException(fault);
        }

        return !_isBroken;
    }

    private void Run()
    {
        // Its number first: a caller that hurries before the thread lowers its priority finds no thread or wakes it too early, and is seen
        // here.
        Interlocked.Exchange(ref _threadId, ThreadPlacement.CurrentThread());
        ThreadPlacement.RunWhenIdle();
        if (Interlocked.CompareExchange(ref _hurry, 0, 0) != 0)
            ThreadPlacement.RunAsOthers(_threadId);
        while (!_stop.IsCancellationRequested)
        {
            int pauseMs = RetryMs;
            try
            {
                OpenChain();
                Work();
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (CustodyException e)
            {
                Break(e.Message);
                return;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                SetFault(e.Message);
                if (e is ChainBusyException)
                    pauseMs = BusyRetryMs;
            }
            catch (Exception e)
            {
                // Whatever it is, it is no reason to end the recording.
                Break($"{ChainFile.PathIn(_archive)}: {e.Message}");
                return;
            }

            CloseChain();
            _stop.Token.WaitHandle.WaitOne(pauseMs);
        }
    }

    private void OpenChain()
    {
        ChainFile chain = ChainFile.Open(_archive, _key, _ => _stop.Token.ThrowIfCancellationRequested());
        lock (_gate)
            _chain = chain;
        if (chain.TornBytes > 0)
            _logger.LogWarning("custody: {Path}: {Bytes} bytes of an unfinished last entry were cut off", ChainFile.PathIn(_archive),
                chain.TornBytes);
        _logger.LogInformation(
            "custody: {Path}: {What} entry {Entries}, head {Head}, key {Key}", ChainFile.PathIn(_archive),
            chain.IsNew ? "begun with" : "continues after", chain.State.Entries,
            chain.State.Head, _key.Id);
        _fault = null;
        _opened.Set();
    }

    /// <summary>Lists once, then follows the queue. Ends by an exception.</summary>
    private void Work()
    {
        CatchUp();
        while (true)
        {
            List<string> sealedPaths;
            bool list;
            lock (_queueLock)
            {
                sealedPaths = [.. _queue];
                _queue.Clear();
                list = _listAgain;
                _listAgain = false;
                if (sealedPaths.Count == 0 && !list)
                    _idle.Set();
            }

            foreach (SegmentName name in InOrder(sealedPaths))
                EnsureEntry(name, () => _buffer);
            if (list)
                CatchUp();
            if (sealedPaths.Count == 0 && !list)
                _wake.WaitOne();
            _stop.Token.ThrowIfCancellationRequested();
            lock (_gate)
            {
                if (!Chain().IsStillThere())
                    throw new CustodyException($"{ChainFile.PathIn(_archive)}: removed or changed while it was open");
            }
        }
    }

    private static IEnumerable<SegmentName> InOrder(List<string> paths) => paths
        .Select(path => SegmentName.TryParse(Path.GetFileName(path), out SegmentName name) ? name : default)
        .Where(name => name.Sequence > 0)
        .OrderBy(name => name.Sequence);

    private void CatchUp()
    {
        foreach (SegmentName name in ArchiveListing.Sealed(_archive).OrderBy(name => name.Sequence))
            EnsureEntry(name, () => _buffer);
    }

    /// <summary>Digests a segment that has no entry, outside the lock, and enters it, unless another thread did so meanwhile.</summary>
    private void EnsureEntry(SegmentName name, Func<byte[]> buffer)
    {
        lock (_gate)
        {
            if (Chain().State.Entered.Contains(name.Sequence))
                return;
        }

        (ulong Bytes, string Sha256)? digest = null;
        try
        {
            digest = SegmentDigest.Compute(Path.Combine(_archive, name.ToString()), buffer(), null, _stop.Token);
        }
        catch (FileNotFoundException)
        {
            // Deleted in order just now, and then it has its entry; or gone.
        }

        lock (_gate)
        {
            ChainFile chain = Chain();
            if (chain.State.Entered.Contains(name.Sequence))
                return;
            if (digest is null)
                _logger.LogError("custody: {Name} was sealed and is gone, before it could be digested and without a deletion", name);
            Write(() => digest is { } d ? chain.AddSegment(name, d.Bytes, d.Sha256) : chain.AddMissing(name));
        }
    }

    private ChainFile Chain() => _chain ?? throw new IOException(_fault ?? "custody: the chain is not open");

    /// <summary>An entry that failed may lie half in the file: the chain is closed and read again before the next one.</summary>
    private void Write(Func<ChainEntry> add)
    {
        try
        {
            add();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            SetFault(e.Message);
            CloseChain();
            _wake.Set();
            throw;
        }
    }

    private void CloseChain()
    {
        lock (_gate)
        {
            _chain?.Dispose();
            _chain = null;
            _opened.Reset();
        }
    }

    private void SetFault(string message)
    {
        if (_fault != message)
            _logger.LogError("custody: {Message}", message);
        _fault = message;
    }

    private void Break(string message)
    {
        _logger.LogError("custody: {Message}; no segment is sealed from here on, recording continues", message);
        _fault = message;
        _isBroken = true;
        CloseChain();
        _opened.Set();
        _idle.Set();
    }
}
