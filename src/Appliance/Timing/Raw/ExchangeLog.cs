// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Storage;
using Capbox.Platform.Time;
using Capbox.Ptp.Engine;

namespace Capbox.Timing.Raw;

/// <summary>
/// Writes every exchange on a thread of its own: the PTP thread posts it into a ring, allocates nothing and never waits for a disk. An
/// exchange that finds the ring full is counted, and the next record carries the count. The files stay within a size limit: the oldest is
/// deleted before a new one would exceed it.
/// </summary>
internal sealed class ExchangeLog : IDisposable
{
    private const int MostWaiting = 8192, TickMs = 1_000, StopWaitMs = 5_000; // a power of two; 30 s of 16 masters at 16 a second

    private readonly string _archive;
    private readonly long _fileBytes;
    private readonly byte[] _ring = new byte[MostWaiting * ExchangeFormat.Bytes];
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;
    private long _posted; // written by the PTP thread only
    private long _written; // written by the writer only
    private uint _leftOut;
    private FileStream? _file;
    private string? _fault;

    /// <param name="archive">The archive; created if missing.</param>
    /// <param name="mostBytes">Size limit of all files together, bytes.</param>
    public ExchangeLog(string archive, long mostBytes)
    {
        (_archive, _fileBytes) = (archive, mostBytes / ExchangeFiles.Files / ExchangeFormat.Bytes * ExchangeFormat.Bytes);
        _thread = new Thread(Run) { IsBackground = true, Name = "capbox-exchange" };
        _thread.Start();
    }

    /// <summary>Why nothing is written; null without a fault. Any thread.</summary>
    public string? Fault => Volatile.Read(ref _fault);

    /// <summary>Posts an exchange and returns at once. One thread.</summary>
    public void Post(in MeasurementSource source, in DelayExchange exchange)
    {
        if (_posted - Volatile.Read(ref _written) == MostWaiting)
        {
            _leftOut++;
            return;
        }

        ExchangeFormat.Write(new(UtcTime.Now.Nanoseconds, source, exchange, _leftOut), Slot(_posted));
        _leftOut = 0;
        // Pairs with the writer's read of _posted: the record is complete before its number is visible.
        Volatile.Write(ref _posted, _posted + 1);
    }

    /// <summary>Writes the ring, if the disk accepts it within seconds.</summary>
    public void Dispose()
    {
        _stop.Set();
        if (_thread.Join(StopWaitMs))
            _file?.Dispose();
    }

    private Span<byte> Slot(long number) => _ring.AsSpan((int)(number % MostWaiting) * ExchangeFormat.Bytes, ExchangeFormat.Bytes);

    private void Run()
    {
        bool isLast;
        do
        {
            isLast = _stop.Wait(TickMs);
            try
            {
                WriteWaiting();
                Volatile.Write(ref _fault, null);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The records stay in the ring for the next attempt.
                Volatile.Write(ref _fault, $"exchanges: {e.Message}");
                _file?.Dispose();
                _file = null;
            }
        }
        while (!isLast);
    }

    private void WriteWaiting()
    {
        while (Volatile.Read(ref _posted) is long posted && posted > _written)
        {
            FileStream file = FileWithRoom();
            int first = (int)(_written % MostWaiting);
            long room = (_fileBytes - file.Length) / ExchangeFormat.Bytes;
            int count = (int)Math.Min(Math.Min(posted - _written, MostWaiting - first), room);
            RandomAccess.Write(file.SafeFileHandle, _ring.AsSpan(first * ExchangeFormat.Bytes, count * ExchangeFormat.Bytes), file.Length);
            Volatile.Write(ref _written, _written + count);
        }
    }

    /// <summary>The last file while it has room, then a new one, after deleting the oldest beyond the limit.</summary>
    private FileStream FileWithRoom()
    {
        if (_file is { } current && current.Length + ExchangeFormat.Bytes <= _fileBytes)
            return current;
        _file?.Dispose();
        _file = null;
        ArchiveDirectory.OpenState(_archive);
        Directory.CreateDirectory(ExchangeFiles.Folder(_archive));
        IReadOnlyList<int> numbers = ExchangeFiles.Numbers(_archive);
        if (numbers.Count > 0 && Open(numbers[^1], FileMode.Open) is { } youngest)
            return _file = youngest;
        for (int i = 0; i <= numbers.Count - ExchangeFiles.Files; i++)
            File.Delete(ExchangeFiles.PathOf(_archive, numbers[i]));
        return _file = Open(numbers.Count == 0 ? 1 : numbers[^1] + 1, FileMode.CreateNew)!;
    }

    /// <summary>Opens a file; null if it is full.</summary>
    private FileStream? Open(int number, FileMode mode)
    {
        FileStream file = new(
            ExchangeFiles.PathOf(_archive, number), mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        // Cuts a record that a power cut or a full disk tore.
        file.SetLength(file.Length - (file.Length % ExchangeFormat.Bytes));
        if (file.Length + ExchangeFormat.Bytes <= _fileBytes)
            return file;
        file.Dispose();
        return null;
    }
}
