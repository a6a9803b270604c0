// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Capbox.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Packets.Extract;

/// <summary>A piece of a file on its way into memory.</summary>
internal sealed class DirectRead(AlignedBuffer buffer, int fd, long offset, int bytes) : IDisposable
{
    private readonly ManualResetEventSlim _done = new();
    private string? _fault;

    public AlignedBuffer Buffer => buffer;

    /// <summary>The bytes, once they are there.</summary>
    /// <exception cref="IOException">They cannot be read.</exception>
    public ReadOnlySpan<byte> Wait()
    {
        _done.Wait();
        return _fault is null ? buffer.Span[..bytes] : throw new IOException(_fault);
    }

    public void Run()
    {
        try
        {
            FileSystem.ReadAll(fd, buffer.Address, bytes, offset);
        }
        catch (IOException e)
        {
            _fault = $"a segment cannot be read: {e.Message}";
        }

        _done.Set();
    }

    public void Dispose() => _done.Dispose();
}

/// <summary>
/// Reads pieces of files around the page cache, several at once: segments were written around it too, so they are usually not in it, and
/// reading them must not push out what is. Memory: <see cref="Buffers"/> of 1 MiB.
/// </summary>
internal sealed class DirectReads : IDisposable
{
    public const int PieceBytes = 1 << 20;
    private const int Buffers = 12, Threads = 6;
    private readonly BlockingCollection<AlignedBuffer> _free = new(Buffers);
    private readonly BlockingCollection<DirectRead> _jobs = new(Buffers);
    private readonly Thread[] _threads = new Thread[Threads];
    private SafeFileHandle? _source;
    private FileDescriptor? _direct;
    private readonly List<FileDescriptor> _opened = [];

    /// <summary>
    /// Starts to read a piece. Null if it is better copied from the page cache: it is there, or the file system has no O_DIRECT.
    /// </summary>
    /// <param name="source">The file, open.</param>
    /// <param name="offset">A multiple of 4096.</param>
    /// <param name="bytes">A multiple of 4096, at most <see cref="PieceBytes"/>.</param>
    /// <param name="stop">Ends the wait for a free buffer.</param>
    public DirectRead? TryStart(SafeFileHandle source, long offset, int bytes, CancellationToken stop)
    {
        if (source != _source)
            OpenDirect(source);
        // The last page: the first one may be there because its head was looked at.
        if (_direct is null || FileSystem.IsCached((int)source.DangerousGetHandle(), offset + bytes - FileSystem.PageBytes))
            return null;
        if (_threads[0] is null)
            Start();
        var read = new DirectRead(_free.Take(stop), _direct.Value, offset, bytes);
        _jobs.Add(read, stop);
        return read;
    }

    /// <summary>Gives a buffer back.</summary>
    public void Return(DirectRead read)
    {
        _free.Add(read.Buffer);
        read.Dispose();
    }

    public void Dispose()
    {
        _jobs.CompleteAdding();
        foreach (Thread? thread in _threads)
            thread?.Join();
        while (_free.TryTake(out AlignedBuffer? buffer))
            buffer.Dispose();
        foreach (FileDescriptor fd in _opened)
            fd.Dispose();
        _free.Dispose();
        _jobs.Dispose();
    }

    private void OpenDirect(SafeFileHandle source)
    {
        _source = source;
        _direct = FileSystem.TryReopenDirect((int)source.DangerousGetHandle());
        if (_direct is not null)
            _opened.Add(_direct);
    }

    private void Start()
    {
        for (int i = 0; i < Buffers; i++)
            _free.Add(new AlignedBuffer(PieceBytes), CancellationToken.None);
        for (int i = 0; i < Threads; i++)
        {
            _threads[i] = new Thread(() =>
            {
                foreach (DirectRead job in _jobs.GetConsumingEnumerable())
                    job.Run();
            })
            { IsBackground = true, Name = "capbox-read" };
            _threads[i].Start();
        }
    }
}
