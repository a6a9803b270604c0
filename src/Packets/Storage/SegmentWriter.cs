// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Storage;

/// <summary>A chunk's place: where it goes and which slot will hold its record.</summary>
internal readonly record struct Reservation(Segment Segment, long Offset, int Slot);

/// <summary>
/// The segments of one link type and one TAI - UTC. Ring threads reserve room in the current segment; a thread prepares the next one, so
/// that rotation is the swap of a reference, and seals what was closed. When the disk rejects a new segment there is none: rings retain
/// their blocks, the kernel drops when they are full, and the thread tries again every second.
/// </summary>
internal sealed class SegmentWriter : IDisposable
{
    private const int TickMs = 100;
    private const int RetryMs = 1000;
    private const int MaxSealAttempts = 30;
    private const int MaxRecentlySealed = 32;

    private readonly ArchiveDirectory _archive;
    private readonly StorageOptions _options;
    private readonly int _ports;
    private readonly int _leastBytes;
    private readonly Func<OriginRecord, byte[]> _buildHeader;
    private readonly OriginRecord _origin;
    private readonly ILogger _logger;
    private readonly Lock _swap = new();
    private readonly AutoResetEvent _wake = new(true);
    private readonly List<Segment> _open = []; // the thread's: every segment that is not sealed
    private readonly Queue<string> _recentlySealed = new();
    private readonly Stack<ChunkRecord[]> _spareRecords = new();
    private readonly Thread _sealer;
    private Segment? _current;
    private Segment? _next;
    private volatile bool _rotateRequested;
    private volatile bool _stopping;
    private long _retryAtMs;
    private long _boundarySeconds;
    private bool _directRefusedLogged;
    private int _users; // blocks whose chunks go here; negative: retired
    private long _leftMs = Environment.TickCount64;
    private string? _fault;
    private string[] _openPaths = [];
    private ulong _sealed, _bytesWritten, _writeErrors;

    /// <param name="archive">Where segments go.</param>
    /// <param name="options">Sizes.</param>
    /// <param name="ports">
    /// Number of configured ports: every segment lists them all, so a port's interfaces have the same numbers everywhere.
    /// </param>
    /// <param name="largestChunkBytes">No segment is smaller than four of these.</param>
    /// <param name="origin">Origin record of the header, without sequence and time.</param>
    /// <param name="buildHeader">Makes the header from the origin; asks the ports for what they are now.</param>
    /// <param name="logger">For the writer's own thread only.</param>
    /// <param name="needsFirst">
    /// False: the writer's thread makes the first segment and retries while the disk rejects it; until then there is no room.
    /// </param>
    /// <exception cref="IOException">The first segment is needed and cannot be made.</exception>
    public SegmentWriter(
        ArchiveDirectory archive, StorageOptions options, int ports, int largestChunkBytes, OriginRecord origin,
            Func<OriginRecord, byte[]> buildHeader, ILogger logger, bool needsFirst = true)
    {
        _archive = archive;
        _options = options;
        _ports = ports;
        _leastBytes = largestChunkBytes * 4;
        _origin = origin;
        _buildHeader = buildHeader;
        _logger = logger;
        _boundarySeconds = NextBoundary();
        if (needsFirst)
            Begin();
        _sealer = new Thread(Run) { IsBackground = true, Name = "capbox-segments" };
        _sealer.Start();
    }

    /// <summary>TAI - UTC of its segments' headers.</summary>
    public UtcOffset Offset { get; init; } = UtcOffset.Since2017;

    /// <summary>Retired, and everything sealed that could be.</summary>
    public bool HasEnded => Volatile.Read(ref _users) < 0 && !_sealer.IsAlive;

    /// <summary>Called on the writer's thread with the path of each sealed segment; must return at once.</summary>
    public Action<string>? OnSealed { get; init; }

    /// <summary>Whether writes bypass the page cache.</summary>
    public bool Direct { get; private set; } = true;
    public string? Fault => Volatile.Read(ref _fault);
    public string? CurrentPath => Volatile.Read(ref _current)?.PartPath;

    /// <summary>Paths of all segments that are not sealed, the one in preparation too.</summary>
    public IReadOnlyList<string> OpenPaths => Volatile.Read(ref _openPaths);
    public ulong SealedCount => Volatile.Read(ref _sealed);
    public ulong BytesWritten => Volatile.Read(ref _bytesWritten);
    public ulong WriteErrors => Volatile.Read(ref _writeErrors);

    /// <summary>A chunk is on disk. Once a block.</summary>
    public void CountWritten(uint bytes) => Interlocked.Add(ref _bytesWritten, bytes);

    public IReadOnlyList<string> RecentlySealed()
    {
        lock (_recentlySealed)
            return [.. _recentlySealed];
    }

    /// <summary>A block's chunk will go here: the store stays until <see cref="Leave"/>. False if it was retired. Once a block.</summary>
    public bool TryEnter()
    {
        int users = Volatile.Read(ref _users);
        while (users >= 0)
        {
            int seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users)
                return true;
            users = seen;
        }

        return false;
    }

    /// <summary>The block went back. Once a block.</summary>
    public void Leave()
    {
        Volatile.Write(ref _leftMs, Environment.TickCount64);
        Interlocked.Decrement(ref _users);
    }

    /// <summary>Retires the writer if no thread has used it for so long: its segments are sealed and no thread may enter again.</summary>
    public void RetireIfIdle(long idleMs)
    {
        if (Environment.TickCount64 - Volatile.Read(ref _leftMs) < idleMs || Interlocked.CompareExchange(ref _users, int.MinValue / 2,
            0) != 0)
            return;
        _stopping = true;
        _wake.Set();
    }

    /// <summary>
    /// Room for a chunk in the current segment, or false when there is none now (the disk rejects writes, or the next segment is not ready
    /// yet): the caller retains its block and comes again. No lock but at the moment of rotation.
    /// </summary>
    public bool TryReserve(int bytes, out Reservation reservation)
    {
        // Twice: the second round is for the segment that took over.
        for (int round = 0; round < 2; round++)
        {
            Segment? segment = Volatile.Read(ref _current);
            if (segment is not null && segment.TryReserve(bytes, out long offset, out int slot))
            {
                reservation = new Reservation(segment, offset, slot);
                return true;
            }

            if (!TryRotate(segment))
                break;
        }

        reservation = default;
        return false;
    }

    /// <summary>A write into this segment failed: it takes no more chunks.</summary>
    public void ReportWriteError(Segment segment, int errno)
    {
        Interlocked.Increment(ref _writeErrors);
        Volatile.Write(ref _fault, $"{segment.PartPath}: write: {Errno.Text(errno)}");
        lock (_swap)
        {
            // Even the prepared segment is not used at once: the writer's thread decides when to retry the disk.
            if (_current == segment)
                Volatile.Write(ref _current, null);
            segment.Close();
        }

        _wake.Set();
    }

    /// <summary>Seals the current segment and continues in a new one, unless it is empty.</summary>
    public void RequestRotation()
    {
        _rotateRequested = true;
        _wake.Set();
    }

    /// <summary>Gives the current segment the present as its start, if nothing has been written into it.</summary>
    public void RestartIfEmpty()
    {
        lock (_swap)
        {
            if (_current is { SlotCount: 0 } current)
                current.Started = UtcTime.Now;
        }
    }

    /// <summary>Seals all; every ring must have left. What cannot be sealed stays as a part for the repair at the next start.</summary>
    public void Dispose()
    {
        _stopping = true;
        _wake.Set();
        _sealer.Join();
        _wake.Dispose();
    }

    private void Begin()
    {
        _current = Prepare();
        _current.Started = UtcTime.Now;
        _open.Add(_current);
        PublishOpen();
    }

    private bool TryRotate(Segment? full)
    {
        lock (_swap)
        {
            if (_current != full)
                return true; // another thread was faster
            Segment? next = _next;
            if (next is null)
            {
                _wake.Set();
                return false;
            }

            next.Started = UtcTime.Now;
            _next = null;
            Volatile.Write(ref _current, next);
            full?.Close();
        }

        _wake.Set();
        return true;
    }

    private void Run()
    {
        while (!_stopping)
        {
            _wake.WaitOne(TickMs);
            Tick();
        }

        lock (_swap)
        {
            _current?.Close();
            Volatile.Write(ref _current, null);
        }

        SealQuiet();
        Segment? unused = _next;
        if (unused is not null)
            Discard(unused);
        foreach (Segment segment in _open)
            _logger.LogError("{Path} could not be sealed; the next start repairs it", segment.PartPath);
    }

    private void Tick()
    {
        try
        {
            RotateIfDue();
            SealQuiet();
            if (_next is null && Environment.TickCount64 >= _retryAtMs)
                MakeNext();
            // After a fault there is no current segment: take the new one, if the disk gave it.
            if (Volatile.Read(ref _current) is null && _next is not null)
                TryRotate(null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            SetFault(e.Message);
        }
    }

    private void MakeNext()
    {
        Segment next;
        try
        {
            next = Prepare();
        }
        catch
        {
            _retryAtMs = Environment.TickCount64 + RetryMs;
            throw;
        }

        _open.Add(next);
        PublishOpen();
        lock (_swap)
            _next = next;
        if (Fault is not null)
        {
            _logger.LogInformation("{Directory}: the disk takes segments again", _archive.Root);
            Volatile.Write(ref _fault, null);
        }
    }

    private void RotateIfDue()
    {
        bool due = _rotateRequested;
        if (_options.RotateSeconds > 0 && UtcTime.Now.Nanoseconds / 1_000_000_000 >= _boundarySeconds)
        {
            due = true;
            _boundarySeconds = NextBoundary();
        }

        Segment? current = Volatile.Read(ref _current);
        if (!due || current is null)
            return;
        // Nothing recorded: no file for nothing. No successor yet: asked again at the next tick.
        if (current.SlotCount == 0 || TryRotate(current))
            _rotateRequested = false;
        else
            _rotateRequested = true;
    }

    private long NextBoundary() => _options.RotateSeconds == 0
        ? long.MaxValue
        : ((UtcTime.Now.Nanoseconds / 1_000_000_000 / _options.RotateSeconds) + 1) * _options.RotateSeconds;

    private void SealQuiet()
    {
        for (int i = _open.Count - 1; i >= 0; i--)
        {
            Segment segment = _open[i];
            if (!segment.IsQuiet)
                continue;
            if (!TrySeal(segment))
                continue;
            _open.RemoveAt(i);
            PublishOpen();
            Recycle(segment);
        }
    }

    /// <summary>
    /// Seals, or tries again a second later, at most <see cref="MaxSealAttempts"/> times: a disk that is gone for good must not collect
    /// segments. True when the segment is done with, sealed or given up.
    /// </summary>
    private bool TrySeal(Segment segment)
    {
        if (Environment.TickCount64 < segment.SealAtMs && !_stopping)
            return false;
        try
        {
            string? path = SegmentSealer.Seal(segment, _ports, _buildHeader);
            if (path is not null)
                Publish(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            segment.SealAtMs = Environment.TickCount64 + RetryMs;
            if (segment.SealAttempts++ == 0)
            {
                Interlocked.Increment(ref _writeErrors);
                _logger.LogError("{Path}: not sealed, tried again: {Reason}", segment.PartPath, e.Message);
            }

            if (segment.SealAttempts < MaxSealAttempts && !_stopping)
                return false;
            _logger.LogError("{Path}: given up; the next start repairs it", segment.PartPath);
            return true;
        }
    }

    private void Publish(string path)
    {
        lock (_recentlySealed)
        {
            _recentlySealed.Enqueue(path);
            if (_recentlySealed.Count > MaxRecentlySealed)
                _recentlySealed.Dequeue();
        }

        Volatile.Write(ref _sealed, _sealed + 1);
        _logger.LogInformation("sealed {Path}", path);
        OnSealed?.Invoke(path);
    }

    /// <summary>Makes a segment: file, preallocation, header. A disk with little room left gets a smaller one.</summary>
    private Segment Prepare()
    {
        UtcTime now = UtcTime.Now;
        ulong sequence = _archive.NextSequence();
        SegmentName name = SegmentName.Create(now, sequence);
        string path = Path.Combine(_archive.Root, name.ToString());
        OriginRecord origin = _origin with { SegmentSequence = sequence, StartedUtcNs = now.Nanoseconds };
        byte[] headerBytes = _buildHeader(origin);
        FileDescriptor fd = Create(path, sequence, out bool direct);
        try
        {
            SetDirect(direct);
            long capacity = Preallocate(fd, path, headerBytes.Length);
            var header = new AlignedBuffer(headerBytes.Length);
            headerBytes.CopyTo(header.Span);
            var segment = new Segment(fd, path, name, header, origin, capacity, RentRecords());
            FileSystem.WriteAll(fd, path, header.Address, header.Bytes, 0);
            return segment;
        }
        catch
        {
            fd.Dispose();
            File.Delete(path);
            _archive.ReturnSequence(sequence);
            throw;
        }
    }

    private FileDescriptor Create(string path, ulong sequence, out bool direct)
    {
        try
        {
            return FileSystem.CreateForWriting(path, wantDirect: true, out direct);
        }
        catch
        {
            _archive.ReturnSequence(sequence);
            throw;
        }
    }

    private long Preallocate(FileDescriptor fd, string path, int headerBytes)
    {
        for (long bytes = _options.SegmentBytes; bytes >= _leastBytes + headerBytes; bytes /= 2)
        {
            if (FileSystem.TryPreallocate(fd, path, bytes))
                return Format.AlignUp(bytes - FooterReserve(bytes), Format.PageBytes) - Format.PageBytes;
            FileSystem.Truncate(fd, path, 0);
        }

        throw new IOException($"{_archive.Root}: no room for a segment of {_leastBytes + headerBytes} bytes: "
            + $"{Errno.Text(Errno.ENOSPC)}");
    }

    /// <summary>
    /// Bytes the footer can need: an index entry for each page or for <see cref="Segment.MaxChunks"/>, the ports' totals, the trailer.
    /// </summary>
    private long FooterReserve(long segmentBytes) =>
        (Math.Min(Segment.MaxChunks, segmentBytes / Format.PageBytes) * 41) + (_ports * 512L) + (3L * Format.PageBytes);

    private void SetDirect(bool direct)
    {
        Direct = direct;
        if (direct || _directRefusedLogged)
            return;
        _directRefusedLogged = true;
        _logger.LogWarning("{Directory}: the file system has no O_DIRECT; writes go through the page cache", _archive.Root);
    }

    /// <summary>Records are 9 MB a segment; two or three arrays serve for ever.</summary>
    private ChunkRecord[] RentRecords() =>
        _spareRecords.TryPop(out ChunkRecord[]? records)
            ? records
            : new ChunkRecord[(int)Math.Min(Segment.MaxChunks, _options.SegmentBytes / Format.PageBytes)];

    private void Recycle(Segment segment)
    {
        segment.Records.AsSpan(0, segment.SlotCount).Clear();
        _spareRecords.Push(segment.Records);
        segment.Dispose();
    }

    private void Discard(Segment segment)
    {
        _open.Remove(segment);
        segment.Dispose();
        try
        {
            File.Delete(segment.PartPath);
            _archive.ReturnSequence(segment.Sequence);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _logger.LogWarning("{Path}: {Reason}", segment.PartPath, e.Message);
        }
    }

    private void PublishOpen() => Volatile.Write(ref _openPaths, [.. _open.Select(s => s.PartPath)]);

    private void SetFault(string message)
    {
        if (Fault != message)
            _logger.LogError("{Message}", message);
        Volatile.Write(ref _fault, message);
    }
}
