// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Packets.Extract;

/// <summary>
/// Buffers between the thread that formats packets and the one that writes them: four of 1 MiB, so formatting and writing overlap and
/// memory is bounded.
/// </summary>
internal sealed class OutputPipe : IDisposable
{
    private const int BufferBytes = 1 << 20;
    private const int Buffers = 4;
    private const int Ranges = 64;
    private const int WaitMs = 100;

    /// <summary>A buffer of packets; or a range of a file, which is being read, or is copied inside the kernel.</summary>
    private readonly record struct Piece(byte[]? Buffer, int Bytes, SafeFileHandle? Source, long Offset, DirectRead? Read);

    private readonly SafeFileHandle _target;
    private readonly CancellationToken _abandon;
    private readonly System.Collections.Concurrent.BlockingCollection<byte[]> _free = new(Buffers);
    private readonly System.Collections.Concurrent.BlockingCollection<Piece> _full = new(Buffers + Ranges);
    private readonly DirectReads _reads = new();
    private readonly Thread _writer;
    private byte[] _current;
    private int _used;
    private volatile Exception? _failure;

    /// <param name="target">Where the bytes go, from its current position; the owner closes it after <see cref="Finish"/>.</param>
    /// <param name="abandon">
    /// Ends the wait for a target that takes nothing, as a pipe whose reader sleeps; what was handed in may be lost then.
    /// </param>
    public OutputPipe(SafeFileHandle target, CancellationToken abandon)
    {
        _target = target;
        _abandon = abandon;
        for (int i = 1; i < Buffers; i++)
            _free.Add(new byte[BufferBytes], CancellationToken.None);
        _current = new byte[BufferBytes];
        _writer = new Thread(Write) { IsBackground = true, Name = "capbox-extract" };
        _writer.Start();
    }

    /// <summary>Bytes handed in so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>Room for the next <paramref name="bytes"/> bytes, at most 1 MiB; all of it counts as written.</summary>
    /// <exception cref="IOException">An earlier write failed.</exception>
    /// <exception cref="OperationCanceledException">It was abandoned.</exception>
    public Span<byte> Reserve(int bytes)
    {
        if (_used + bytes > BufferBytes)
            Hand();
        Span<byte> room = _current.AsSpan(_used, bytes);
        _used += bytes;
        Bytes += bytes;
        return room;
    }

    /// <summary>Appends a range of a file, in multiples of 4096. The range must not change; the file may be closed at once.</summary>
    public void Copy(SafeFileHandle source, long offset, int bytes)
    {
        Hand();
        Bytes += bytes;
        for (int done = 0; done < bytes; done += DirectReads.PieceBytes)
        {
            int piece = Math.Min(bytes - done, DirectReads.PieceBytes);
            DirectRead? read = _reads.TryStart(source, offset + done, piece, _abandon);
            bool added = false;
            source.DangerousAddRef(ref added);
            _full.Add(new Piece(null, piece, source, offset + done, read), _abandon);
        }
    }

    /// <summary>Passes the current buffer to the writer, so that the reader sees it now.</summary>
    /// <exception cref="IOException">An earlier write failed.</exception>
    public void Flush()
    {
        // The writer is behind: a fuller buffer is worth more than one more small write.
        if (_full.Count == 0)
            Hand();
    }

    private void Hand()
    {
        if (_failure is { } failure)
            throw new IOException(failure.Message, failure);
        if (_used == 0)
            return;
        _full.Add(new Piece(_current, _used, null, 0, null));
        _current = _free.Take(_abandon);
        _used = 0;
    }

    /// <summary>Waits until everything is written.</summary>
    /// <exception cref="IOException">A write failed.</exception>
    public void Finish()
    {
        Hand();
        _full.CompleteAdding();
        while (!_writer.Join(WaitMs))
            _abandon.ThrowIfCancellationRequested();
        if (_failure is { } failure)
            throw new IOException(failure.Message, failure);
    }

    public void Dispose()
    {
        _full.CompleteAdding();
        while (!_writer.Join(WaitMs))
        {
            // A write that blocks cannot be cancelled; the thread ends with the process.
            if (_abandon.IsCancellationRequested)
                return;
        }

        _reads.Dispose();
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
            if (piece.Read is not null)
                Return(piece.Read);
            piece.Source?.DangerousRelease();
        }
    }

    private void Write(in Piece piece)
    {
        int target = (int)_target.DangerousGetHandle();
        if (piece.Read is not null)
            FileSystem.Append(target, piece.Read.Wait());
        else if (piece.Buffer is null)
            FileSystem.Send(target, (int)piece.Source!.DangerousGetHandle(), piece.Offset, piece.Bytes);
        else
            FileSystem.Append(target, piece.Buffer.AsSpan(0, piece.Bytes));
    }

    private void Return(DirectRead read)
    {
        try
        {
            read.Wait(); // after a failure too: its thread still writes into the buffer
        }
        catch (IOException e)
        {
            _failure ??= e;
        }

        _reads.Return(read);
    }
}
