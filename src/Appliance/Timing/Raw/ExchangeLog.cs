using Capbox.Packets.Storage;
using Capbox.Platform.Time;
using Capbox.Ptp.Engine;

namespace Capbox.Timing.Raw;

/// <summary>
/// Writes every exchange on a thread of its own: the PTP thread puts it into a ring, allocates nothing and never waits for a disk. What finds the ring full is counted, and the next record says how many. The
/// files together stay within a bound: the oldest goes before a new one would pass it.
/// </summary>
internal sealed class ExchangeLog : IDisposable
{
    private const int MostWaiting = 8192, TickMs = 1_000, StopWaitMs = 5_000; // a power of two; 30 s of 16 masters at 16 a second

    private readonly string _archive;
    private readonly long _fileBytes;
    private readonly byte[] _ring = new byte[MostWaiting * ExchangeFormat.Bytes];
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;
    private long _put; // by the PTP thread alone
    private long _taken; // by the writer alone
    private uint _leftOut;
    private FileStream? _file;
    private string? _fault;

    /// <param name="archive">Made if it is missing.</param>
    /// <param name="mostBytes">Of all files together.</param>
    public ExchangeLog(string archive, long mostBytes)
    {
        (_archive, _fileBytes) = (archive, mostBytes / ExchangeFiles.Files / ExchangeFormat.Bytes * ExchangeFormat.Bytes);
        _thread = new Thread(Run) { IsBackground = true, Name = "capbox-exchange" };
        _thread.Start();
    }

    /// <summary>Why nothing is written now; null: all is well. Any thread.</summary>
    public string? Fault => Volatile.Read(ref _fault);

    /// <summary>Returns at once. One thread.</summary>
    public void Post(in MeasurementSource source, in DelayExchange exchange)
    {
        if (_put - Volatile.Read(ref _taken) == MostWaiting)
        {
            _leftOut++;
            return;
        }

        ExchangeFormat.Write(new(UtcTime.Now.Nanoseconds, source, exchange, _leftOut), Slot(_put));
        _leftOut = 0;
        // Pairs with the writer's read of _put: the record is whole before its number is seen.
        Volatile.Write(ref _put, _put + 1);
    }

    /// <summary>Writes what waits, if the disk takes it within seconds.</summary>
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
                // What waits is tried again.
                Volatile.Write(ref _fault, $"exchanges: {e.Message}");
                _file?.Dispose();
                _file = null;
            }
        }
        while (!isLast);
    }

    private void WriteWaiting()
    {
        while (Volatile.Read(ref _put) is long put && put > _taken)
        {
            FileStream file = FileWithRoom();
            int first = (int)(_taken % MostWaiting);
            long room = (_fileBytes - file.Length) / ExchangeFormat.Bytes;
            int count = (int)Math.Min(Math.Min(put - _taken, MostWaiting - first), room);
            RandomAccess.Write(file.SafeFileHandle, _ring.AsSpan(first * ExchangeFormat.Bytes, count * ExchangeFormat.Bytes), file.Length);
            Volatile.Write(ref _taken, _taken + count);
        }
    }

    /// <summary>The youngest file while it has room, then a new one; the oldest beyond the bound are gone by then.</summary>
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

    /// <summary>Null: it is full.</summary>
    private FileStream? Open(int number, FileMode mode)
    {
        FileStream file = new(ExchangeFiles.PathOf(_archive, number), mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        // A record that a power cut or a full disk tore.
        file.SetLength(file.Length - (file.Length % ExchangeFormat.Bytes));
        if (file.Length + ExchangeFormat.Bytes <= _fileBytes)
            return file;
        file.Dispose();
        return null;
    }
}
