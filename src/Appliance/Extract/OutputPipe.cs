using Capbox.Native;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Extract;

/// <summary>
/// Buffers between the thread that formats packets and the one that writes them: four of 1 MiB, so formatting and writing overlap and memory is bounded.
/// </summary>
internal sealed class OutputPipe : IDisposable
{
    private const int BufferBytes = 1 << 20;
    private const int Buffers = 4;
    private const int Ranges = 64;

    /// <summary>Either a buffer of packets or a range of a file, which is copied inside the kernel.</summary>
    private readonly record struct Piece(byte[]? Buffer, int Bytes, SafeFileHandle? Source, long Offset);

    private readonly SafeFileHandle _target;
    private readonly System.Collections.Concurrent.BlockingCollection<byte[]> _free = new(Buffers);
    private readonly System.Collections.Concurrent.BlockingCollection<Piece> _full = new(Buffers + Ranges);
    private readonly Thread _writer;
    private byte[] _current;
    private int _used;
    private volatile Exception? _failure;

    /// <param name="target">Where the bytes go, from its current position; the owner closes it after <see cref="Finish"/>.</param>
    public OutputPipe(SafeFileHandle target)
    {
        _target = target;
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

    /// <summary>Appends a range of a file. The range must not change, and the file stays open until it is written.</summary>
    public void Copy(SafeFileHandle source, long offset, int bytes)
    {
        Hand();
        bool added = false;
        source.DangerousAddRef(ref added);
        _full.Add(new Piece(null, bytes, source, offset));
        Bytes += bytes;
    }

    private void Hand()
    {
        if (_failure is { } failure)
            throw new IOException(failure.Message, failure);
        if (_used == 0)
            return;
        _full.Add(new Piece(_current, _used, null, 0));
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
        foreach (Piece piece in _full.GetConsumingEnumerable())
        {
            try
            {
                if (_failure is null)
                    Write(piece);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or UnauthorizedAccessException)
            {
                _failure = e;
            }

            if (piece.Buffer is not null)
                _free.Add(piece.Buffer);
            else
                piece.Source!.DangerousRelease();
        }
    }

    private void Write(in Piece piece)
    {
        int target = (int)_target.DangerousGetHandle();
        if (piece.Buffer is null)
            FileSystem.Send(target, (int)piece.Source!.DangerousGetHandle(), piece.Offset, piece.Bytes);
        else
            FileSystem.Append(target, piece.Buffer.AsSpan(0, piece.Bytes));
    }
}
