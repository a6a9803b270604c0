// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Threading.Channels;
using Capbox.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Health;

/// <summary>How much is kept.</summary>
/// <param name="MaxFileBytes">Of one file.</param>
/// <param name="MaxFiles">Beyond it the oldest file goes.</param>
/// <param name="IsSynced">False only where a test needs no power cut.</param>
internal sealed record SpoolLimits(int MaxFileBytes = 256 * 1024, int MaxFiles = 16, bool IsSynced = true);

/// <summary>What became of the events. Written = Sent + Waiting + Dropped + Damaged, with those that an earlier run left.</summary>
internal sealed record EventCounts
{
    /// <summary>Taken over: made by this run, or found at its start.</summary>
    public ulong Written { get; init; }

    /// <summary>Acknowledged by the broker.</summary>
    public ulong Sent { get; init; }
    public ulong Waiting { get; init; }

    /// <summary>The oldest, given up for want of room.</summary>
    public ulong Dropped { get; init; }

    /// <summary>Torn or flipped on disk.</summary>
    public ulong Damaged { get; init; }
}

/// <summary>An event that waits to be acknowledged.</summary>
/// <param name="Ordinal">Its place among all.</param>
/// <param name="Missed">So many between the one acknowledged before and this one are lost.</param>
/// <param name="Payload">As it was appended.</param>
internal readonly record struct SpooledEvent(ulong Ordinal, ulong Missed, byte[] Payload);

/// <summary>
/// Keeps events on disk until they are acknowledged, over restarts and crashes: append-only files of <see cref="SpoolRecord"/>s, each
/// synced before it may be sent, and a cursor with the ordinal of the last that was
/// acknowledged. Every event has an ordinal, so whatever is dropped or damaged shows as a hole before the next. What the disk refuses waits
/// in memory, bounded. From any thread; never from one that captures.
/// </summary>
internal sealed class EventSpool : IDisposable
{
    /// <summary>Events that wait in memory while the disk refuses them.</summary>
    public const int MaxInMemory = 256;

    private const string Suffix = ".spool", CursorName = "cursor";

    /// <summary>A file that cannot be read may be readable in a while: so often it is looked at, so long after each other.</summary>
    private const int MaxFailedReads = 60, ReadAgainMs = 1000;
    private readonly string _directory;
    private readonly SpoolLimits _limits;
    private readonly Lock _gate = new();
    private readonly List<SpoolFile> _files = []; // oldest first
    private readonly Queue<(ulong Ordinal, byte[] Payload)> _memory = new();
    private readonly Channel<bool> _news = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private SafeFileHandle? _writing; // of the last file; null: the next append begins one
    private int _failedReads; // one after the other
    private ulong _next = 1, _acknowledged, _saved, _sent, _dropped, _damaged, _written;

    private sealed class SpoolFile(string path)
    {
        public string Path { get; } = path;
        public long Bytes { get; set; }

        /// <summary>Not acknowledged yet.</summary>
        public Queue<(ulong Ordinal, int Offset, int Bytes)> Entries { get; } = new();
    }

    /// <summary>Takes over what an earlier run left. A directory that cannot be used is a <see cref="Fault"/>, not an end.</summary>
    public EventSpool(string directory, SpoolLimits limits)
    {
        (_directory, _limits) = (directory, limits);
        try
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Guard(() => _acknowledged = _saved = ReadCursor());
            foreach (string path in Directory.EnumerateFiles(directory, "*" + Suffix).Order(StringComparer.Ordinal))
            {
                // One that cannot be read stays for the next start; new events are numbered above what it may hold.
                if (!Guard(() => Load(path)))
                    _next = Math.Max(_next, FirstOf(path) + ((ulong)_limits.MaxFileBytes / SpoolRecord.HeaderBytes) + 1);
            }

            _next = Math.Max(_next, _acknowledged + 1);
            RemoveEmpty();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fault = $"{directory}: {e.Message}";
        }
    }

    /// <summary>What the disk refused last; null: all is well.</summary>
    public string? Fault { get; private set; }

    public EventCounts Counts
    {
        get
        {
            lock (_gate)
                return new EventCounts { Written = _written, Sent = _sent, Waiting = Waiting, Dropped = _dropped, Damaged = _damaged };
        }
    }

    private ulong Waiting => (ulong)(_files.Sum(f => f.Entries.Count) + _memory.Count);

    /// <summary>Keeps events, in order; when it returns they survive a power cut, unless the disk refuses.</summary>
    public void Append(IReadOnlyList<byte[]> payloads)
    {
        lock (_gate)
        {
            Guard(() =>
            {
                foreach (byte[] payload in payloads)
                    AppendOne(payload);
                if (_writing is { } handle && _limits.IsSynced)
                    RandomAccess.FlushToDisk(handle);
            });
        }

        _news.Writer.TryWrite(true);
    }

    /// <summary>The oldest that waits. False if there is none, or it cannot be read now.</summary>
    public bool TryPeek(out SpooledEvent found)
    {
        lock (_gate)
        {
            while (_files.FirstOrDefault(f => f.Entries.Count > 0) is { } file && (_memory.Count == 0 || file.Entries.Peek().Ordinal < _memory.Peek().Ordinal))
            {
                (ulong ordinal, int offset, int bytes) = file.Entries.Peek();
                byte[]? payload = null;
                if (!Guard(() => Read(file, offset, bytes, out payload)))
                {
                    if (++_failedReads < MaxFailedReads)
                    {
                        found = default;
                        return false;
                    }

                    _damaged += (ulong)file.Entries.Count;
                    file.Entries.Clear();
                }
                else if (payload is not null)
                {
                    if (_failedReads > 0)
                        (Fault, _failedReads) = (null, 0);
                    found = new SpooledEvent(ordinal, ordinal - _acknowledged - 1, payload);
                    return true;
                }
                else
                {
                    file.Entries.Dequeue();
                    _damaged++;
                }

                _failedReads = 0;
            }

            found = default;
            if (_memory.Count == 0)
                return false;
            (ulong next, byte[] kept) = _memory.Peek();
            found = new SpooledEvent(next, next - _acknowledged - 1, kept);
            return true;
        }
    }

    /// <summary>It was heard and is not needed any more.</summary>
    public void Acknowledge(ulong ordinal)
    {
        lock (_gate)
        {
            if (ordinal <= _acknowledged)
                return; // by the connection before, late
            if (_files.FirstOrDefault(f => f.Entries.Count > 0 && f.Entries.Peek().Ordinal == ordinal) is { } file)
                file.Entries.Dequeue();
            else if (_memory.Count > 0 && _memory.Peek().Ordinal == ordinal)
                _memory.Dequeue();
            else
                _dropped--; // given up while it was under way
            _sent++;
            bool isHoleTold = ordinal - _acknowledged > 1;
            _acknowledged = ordinal;
            // A hole that was told is not told again after a crash.
            if (isHoleTold)
                Guard(SaveCursor);
            Guard(RemoveEmpty);
        }
    }

    /// <summary>Writes down what was acknowledged: what was not is sent again after a crash.</summary>
    public void Save()
    {
        lock (_gate)
            Guard(SaveCursor);
    }

    /// <summary>Waits until there may be something.</summary>
    public async Task WaitAsync(CancellationToken stop)
    {
        if (Volatile.Read(ref _failedReads) > 0)
            await Task.Delay(ReadAgainMs, stop);
        else
            await _news.Reader.WaitToReadAsync(stop);
        _news.Reader.TryRead(out _);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            Guard(SaveCursor);
            _writing?.Dispose();
            _writing = null;
        }
    }

    private void AppendOne(byte[] payload)
    {
        ulong ordinal = _next++;
        _written++;
        if (!Guard(() => Write(ordinal, payload)))
        {
            _memory.Enqueue((ordinal, payload));
            if (_memory.Count <= MaxInMemory)
                return;
            _memory.Dequeue();
            _dropped++;
        }
    }

    private void Write(ulong ordinal, byte[] payload)
    {
        byte[] record = SpoolRecord.Frame(ordinal, payload);
        if (_writing is null || _files[^1].Bytes + record.Length > _limits.MaxFileBytes)
            BeginFile(ordinal);
        SpoolFile file = _files[^1];
        try
        {
            RandomAccess.Write(_writing!, record, file.Bytes);
        }
        catch (IOException)
        {
            // What is there of it goes away, and the next record to another file.
            Guard(() => RandomAccess.SetLength(_writing!, file.Bytes));
            _writing!.Dispose();
            _writing = null;
            throw;
        }

        file.Entries.Enqueue((ordinal, (int)file.Bytes, record.Length));
        file.Bytes += record.Length;
        Fault = null;
    }

    private void BeginFile(ulong first)
    {
        if (_writing is { } full && _limits.IsSynced)
            Guard(() => RandomAccess.FlushToDisk(full));
        _writing?.Dispose();
        _writing = null;
        RemoveEmpty();
        while (_files.Count >= _limits.MaxFiles)
            DropOldest();
        string path = Path.Combine(_directory, first.ToString("D20", CultureInfo.InvariantCulture) + Suffix);
        SafeFileHandle handle = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        // So that a full disk can still be told of.
        FileSystem.TryReserve(handle, 0, _limits.MaxFileBytes);
        _writing = handle;
        _files.Add(new SpoolFile(path));
        if (_limits.IsSynced)
            FileSystem.SyncDirectory(_directory);
    }

    /// <summary>Its events show as a hole before the next one: so the cursor comes first.</summary>
    private void DropOldest()
    {
        SaveCursor();
        File.Delete(_files[0].Path);
        _dropped += (ulong)_files[0].Entries.Count;
        _files.RemoveAt(0);
    }

    private void RemoveEmpty()
    {
        for (int i = _files.Count - 1; i >= 0; i--)
        {
            SpoolFile file = _files[i];
            if (file.Entries.Count > 0 || (_writing is not null && i == _files.Count - 1))
                continue;
            SaveCursor();
            File.Delete(file.Path);
            _files.RemoveAt(i);
        }
    }

    /// <summary>Null if it is damaged.</summary>
    /// <exception cref="IOException">It cannot be read now.</exception>
    private static void Read(SpoolFile file, int offset, int bytes, out byte[]? payload)
    {
        byte[] record = new byte[bytes];
        using SafeFileHandle handle = File.OpenHandle(file.Path);
        payload = RandomAccess.Read(handle, record, offset) == bytes && SpoolRecord.TryRead(record, out _, out _) ? record[SpoolRecord.HeaderBytes..] : null;
    }

    /// <summary>A file of an earlier run: good records that were not acknowledged, the others counted.</summary>
    private void Load(string path)
    {
        byte[] bytes = ReadBounded(path);
        var file = new SpoolFile(path) { Bytes = bytes.Length };
        _next = Math.Max(_next, FirstOf(path));
        ulong expected = Math.Max(_next, _acknowledged + 1);
        ulong damagedBefore = _damaged;
        int end = 0;
        for (int at = SpoolRecord.Find(bytes, 0); at >= 0; at = SpoolRecord.Find(bytes, end))
        {
            SpoolRecord.TryRead(bytes.AsSpan(at), out ulong ordinal, out int length);
            end = at + length;
            if (ordinal < _next)
                continue;
            _next = ordinal + 1;
            if (ordinal <= _acknowledged)
                continue;
            _damaged += ordinal - expected;
            expected = ordinal + 1;
            file.Entries.Enqueue((ordinal, at, length));
        }

        if (end < bytes.Length)
        {
            // At least one was there.
            if (_next > _acknowledged)
                _damaged++;
            _next++;
        }

        _written += (ulong)file.Entries.Count + _damaged - damagedBefore;
        _files.Add(file);
    }

    /// <summary>The first event of a file, by its name; 0 if that is another.</summary>
    private static ulong FirstOf(string path) => ulong.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out ulong first) ? first : 0;

    private byte[] ReadBounded(string path)
    {
        using SafeFileHandle handle = File.OpenHandle(path);
        byte[] bytes = new byte[(int)Math.Min(RandomAccess.GetLength(handle), _limits.MaxFileBytes + SpoolRecord.HeaderBytes + SpoolRecord.MaxPayloadBytes)];
        return bytes[..RandomAccess.Read(handle, bytes, 0)];
    }

    /// <summary>0 if there is none that is good: then all that is there is sent again.</summary>
    private ulong ReadCursor()
    {
        string path = Path.Combine(_directory, CursorName);
        return File.Exists(path) && SpoolRecord.TryRead(File.ReadAllBytes(path), out ulong ordinal, out _) ? ordinal : 0;
    }

    private void SaveCursor()
    {
        if (_saved == _acknowledged)
            return;
        byte[] record = SpoolRecord.Frame(_acknowledged, []);
        string path = Path.Combine(_directory, CursorName);
        if (_limits.IsSynced)
            FileSystem.ReplaceFile(path, record);
        else
            File.WriteAllBytes(path, record);
        _saved = _acknowledged;
    }

    private bool Guard(Action write)
    {
        try
        {
            write();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fault = e.Message.StartsWith(_directory, StringComparison.Ordinal) ? e.Message : $"{_directory}: {e.Message}";
            return false;
        }
    }
}
