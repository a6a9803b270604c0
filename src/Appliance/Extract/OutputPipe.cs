namespace Capbox.Extract;

/// <summary>
/// Buffers between the thread that formats packets and the one that writes them: four of 1 MiB, so formatting and writing overlap and memory is bounded.
/// </summary>
internal sealed class OutputPipe : IDisposable
{
    private const int BufferBytes = 1 << 20;
    private const int Buffers = 4;
    private readonly Stream _stream;
    private readonly System.Collections.Concurrent.BlockingCollection<byte[]> _free = new(Buffers);
    private readonly System.Collections.Concurrent.BlockingCollection<(byte[] Buffer, int Bytes)> _full = new(Buffers);
    private readonly Thread _writer;
    private byte[] _current;
    private int _used;
    private volatile Exception? _failure;

    /// <param name="stream">Where the bytes go; the owner closes it after <see cref="Finish"/>.</param>
    public OutputPipe(Stream stream)
    {
        _stream = stream;
        for (int i = 1; i < Buffers; i++)
            _free.Add(new byte[BufferBytes]);
        _current = new byte[BufferBytes];
        _writer = new Thread(Write) { IsBackground = true, Name = "capbox-extract" };
        _writer.Start();
    }

    /// <summary>Bytes handed in so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>Room for the next <paramref name="bytes"/> bytes, at most 1 MiB; all of it counts as written.</summary>
    /// <exception cref="IOException">An earlier write failed.</exception>
    public Span<byte> Take(int bytes)
    {
        if (_used + bytes > BufferBytes)
            Hand();
        Span<byte> room = _current.AsSpan(_used, bytes);
        _used += bytes;
        Bytes += bytes;
        return room;
    }

    /// <summary>Hands over what there is now, so that a reader of a pipe sees it.</summary>
    public void Hand()
    {
        if (_failure is { } failure)
            throw new IOException(failure.Message, failure);
        if (_used == 0)
            return;
        _full.Add((_current, _used));
        _current = _free.Take();
        _used = 0;
    }

    /// <summary>Waits until everything is written.</summary>
    /// <exception cref="IOException">A write failed.</exception>
    public void Finish()
    {
        Hand();
        _full.CompleteAdding();
        _writer.Join();
        if (_failure is { } failure)
            throw new IOException(failure.Message, failure);
    }

    public void Dispose()
    {
        _full.CompleteAdding();
        _writer.Join();
        _full.Dispose();
        _free.Dispose();
    }

    private void Write()
    {
        foreach ((byte[] buffer, int bytes) in _full.GetConsumingEnumerable())
        {
            try
            {
                if (_failure is null)
                    _stream.Write(buffer, 0, bytes);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or UnauthorizedAccessException)
            {
                _failure = e;
            }

            _free.Add(buffer);
        }
    }
}
