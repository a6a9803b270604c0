// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Storage;

namespace Capbox.Timing.Evidence;

/// <summary>The files of the evidence in an archive: <c>.capbox/clock/2026-11-24.cbev</c>, one a UTC day, a sequence of records.</summary>
internal static class EvidenceFiles
{
    private const string FolderName = "clock", Suffix = ".cbev", DayFormat = "yyyy-MM-dd";

    public static string Folder(string archive) => ArchiveDirectory.StatePath(archive, FolderName);

    public static string PathOf(string archive, DateOnly day) =>
        Path.Combine(Folder(archive), day.ToString(DayFormat, CultureInfo.InvariantCulture) + Suffix);

    public static DateOnly DayOf(long utcNs) => DateOnly.FromDateTime(DateTime.UnixEpoch.AddTicks(utcNs / 100));

    /// <summary>Days with evidence, oldest first.</summary>
    /// <exception cref="UnauthorizedAccessException">The folder may not be read.</exception>
    public static IReadOnlyList<DateOnly> Days(string archive)
    {
        List<DateOnly> days = [];
        foreach (string path in ArchiveDirectory.StateFiles(archive, FolderName, "*" + Suffix))
        {
            string name = Path.GetFileNameWithoutExtension(path);
            if (DateOnly.TryParseExact(name, DayFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day))
                days.Add(day);
        }

        days.Sort();
        return days;
    }

    /// <summary>Reads the records of a day in the order of writing; torn or damaged ones are counted and left out.</summary>
    /// <param name="day">The day in UTC.</param>
    /// <param name="damaged">Number of unreadable records.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<EvidenceRecord> Read(string archive, DateOnly day, out int damaged)
    {
        byte[] all = File.ReadAllBytes(PathOf(archive, day));
        List<EvidenceRecord> records = new(all.Length / EvidenceFormat.Bytes);
        damaged = all.Length % EvidenceFormat.Bytes == 0 ? 0 : 1;
        for (int at = 0; at + EvidenceFormat.Bytes <= all.Length; at += EvidenceFormat.Bytes)
        {
            if (EvidenceFormat.Read(all.AsSpan(at, EvidenceFormat.Bytes)) is { } record)
                records.Add(record);
            else
                damaged++;
        }

        return records;
    }

    /// <summary>
    /// Deletes the oldest days beyond keepDays. It counts days that have evidence, so a clock with a wrong year deletes nothing.
    /// </summary>
    public static void Expire(string archive, int keepDays)
    {
        IReadOnlyList<DateOnly> days = Days(archive);
        for (int i = 0; i < days.Count - keepDays; i++)
            File.Delete(PathOf(archive, days[i]));
    }
}

/// <summary>
/// Writes the evidence on a thread of its own: a disk that hangs never delays the clock. Records wait in a bounded queue; a record that
/// finds it full is counted, and the count is written when the disk accepts data again. A power cut loses at most <see cref="SyncSeconds"/>
/// of records.
/// </summary>
internal sealed class EvidenceLog : IDisposable
{
    private const int MostWaiting = 4096, TickMs = 1_000, SyncSeconds = 10, StopWaitMs = 5_000;

    private readonly string _archive;
    private readonly int _keepDays;
    private readonly Lock _gate = new();
    private readonly Queue<EvidenceRecord> _waiting = new();
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;
    private readonly byte[] _bytes = new byte[EvidenceFormat.Bytes];
    private FileStream? _file;
    private DateOnly _day;
    private long _leftOut;
    private int _ticks;
    private string? _fault;

    /// <param name="archive">The archive; created if missing.</param>
    /// <param name="keepDays">Days with evidence to keep, at least 1.</param>
    public EvidenceLog(string archive, int keepDays)
    {
        (_archive, _keepDays) = (archive, keepDays);
        _thread = new Thread(Run) { IsBackground = true, Name = "capbox-evidence" };
        _thread.Start();
    }

    /// <summary>Why nothing is written; null without a fault.</summary>
    public string? Fault => Volatile.Read(ref _fault);

    /// <summary>Queues a record and returns at once. Any thread.</summary>
    public void Post(EvidenceRecord record)
    {
        lock (_gate)
        {
            if (_waiting.Count < MostWaiting)
                _waiting.Enqueue(record);
            else
                _leftOut++;
        }
    }

    /// <summary>Writes the queue, if the disk accepts it within seconds.</summary>
    public void Dispose()
    {
        _stop.Set();
        if (_thread.Join(StopWaitMs))
            _file?.Dispose();
    }

    private void Run()
    {
        bool isLast;
        do
        {
            isLast = _stop.Wait(TickMs);
            try
            {
                WriteWaiting();
                if (_file is not null && (isLast || ++_ticks % SyncSeconds == 0))
                    RandomAccess.FlushToDisk(_file.SafeFileHandle);
                Volatile.Write(ref _fault, null);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The queue is written again later; the file may be gone, or hold half a record.
                Volatile.Write(ref _fault, $"evidence: {e.Message}");
                _file?.Dispose();
                _file = null;
            }
        }
        while (!isLast);
    }

    private void WriteWaiting()
    {
        while (true)
        {
            EvidenceRecord? next;
            lock (_gate)
            {
                if (!_waiting.TryPeek(out next))
                    return;
            }

            Write(next);
            lock (_gate)
            {
                _waiting.Dequeue();
                if (_leftOut > 0)
                {
                    string text = string.Create(CultureInfo.InvariantCulture, $"{_leftOut} records are missing: the disk was too slow");
                    _waiting.Enqueue(next with { Text = text });
                }

                _leftOut = 0;
            }
        }
    }

    private void Write(EvidenceRecord record)
    {
        DateOnly day = EvidenceFiles.DayOf(record.UtcNs);
        if (_file is null || day != _day)
            Open(day);
        EvidenceFormat.Write(record, _bytes);
        RandomAccess.Write(_file!.SafeFileHandle, _bytes, _file.Length);
    }

    private void Open(DateOnly day)
    {
        _file?.Dispose();
        _file = null;
        ArchiveDirectory.OpenState(_archive);
        Directory.CreateDirectory(EvidenceFiles.Folder(_archive));
        string path = EvidenceFiles.PathOf(_archive, day);
        FileStream file = new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        // Cuts a record that a power cut or a full disk tore.
        file.SetLength(file.Length - (file.Length % EvidenceFormat.Bytes));
        (_file, _day) = (file, day);
        EvidenceFiles.Expire(_archive, _keepDays);
    }
}
