using System.Globalization;
using Capbox.Packets.Storage;

namespace Capbox.Timing.Evidence;

/// <summary>The files of the evidence in an archive: <c>.capbox/clock/2026-11-24.cbev</c>, one a UTC day, records one after the other.</summary>
internal static class EvidenceFiles
{
    private const string FolderName = "clock", Suffix = ".cbev", DayFormat = "yyyy-MM-dd";

    public static string Folder(string archive) => ArchiveDirectory.StatePath(archive, FolderName);

    public static string PathOf(string archive, DateOnly day) => Path.Combine(Folder(archive), day.ToString(DayFormat, CultureInfo.InvariantCulture) + Suffix);

    public static DateOnly DayOf(long utcNs) => DateOnly.FromDateTime(DateTime.UnixEpoch.AddTicks(utcNs / 100));

    /// <summary>Days that there is evidence of, oldest first.</summary>
    /// <exception cref="UnauthorizedAccessException">The folder may not be read.</exception>
    public static IReadOnlyList<DateOnly> Days(string archive)
    {
        List<DateOnly> days = [];
        foreach (string path in ArchiveDirectory.StateFiles(archive, FolderName, "*" + Suffix))
        {
            if (DateOnly.TryParseExact(Path.GetFileNameWithoutExtension(path), DayFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day))
                days.Add(day);
        }

        days.Sort();
        return days;
    }

    /// <summary>The records of a day in the order of writing; a torn or damaged one is left out and counted.</summary>
    /// <param name="archive">The archive.</param>
    /// <param name="day">UTC.</param>
    /// <param name="damaged">How many cannot be read.</param>
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

    /// <summary>Deletes the oldest days beyond so many that there is evidence of. They are counted, not dated: a clock that shows a wrong year costs nothing.</summary>
    public static void Expire(string archive, int keepDays)
    {
        IReadOnlyList<DateOnly> days = Days(archive);
        for (int i = 0; i < days.Count - keepDays; i++)
            File.Delete(PathOf(archive, days[i]));
    }
}

/// <summary>
/// Writes the evidence on a thread of its own: a disk that hangs never holds up the clock. A record waits in a bounded queue; one that finds it full is counted, and the count is written as soon as the disk takes
/// it. What was written is on disk within <see cref="SyncSeconds"/>: so much a power cut may take.
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

    /// <param name="archive">Made if it is missing.</param>
    /// <param name="keepDays">Days with evidence that are kept, at least 1.</param>
    public EvidenceLog(string archive, int keepDays)
    {
        (_archive, _keepDays) = (archive, keepDays);
        _thread = new Thread(Run) { IsBackground = true, Name = "capbox-evidence" };
        _thread.Start();
    }

    /// <summary>Why nothing is written now; null: all is well.</summary>
    public string? Fault => Volatile.Read(ref _fault);

    /// <summary>Returns at once. Any thread.</summary>
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

    /// <summary>Writes what waits, if the disk takes it within seconds.</summary>
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
                // What waits is tried again; the file may be gone, or half a record in it.
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
                    _waiting.Enqueue(next with { Text = string.Create(CultureInfo.InvariantCulture, $"{_leftOut} records are missing: the disk did not take them in time") });
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
        FileStream file = new(EvidenceFiles.PathOf(_archive, day), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        // A record that a power cut or a full disk tore.
        file.SetLength(file.Length - (file.Length % EvidenceFormat.Bytes));
        (_file, _day) = (file, day);
        EvidenceFiles.Expire(_archive, _keepDays);
    }
}
