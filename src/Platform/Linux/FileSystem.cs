using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Platform.Linux;

/// <summary>A page-aligned piece of memory outside the garbage collector, for O_DIRECT.</summary>
internal sealed unsafe class AlignedBuffer : IDisposable
{
    private const int Alignment = 4096;
    private void* _memory;

    public AlignedBuffer(int bytes)
    {
        Bytes = bytes;
        _memory = NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
        Span.Clear();
    }

    public int Bytes { get; }

    public nint Address => (nint)_memory;

    public Span<byte> Span => new(_memory, Bytes);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }
}

/// <summary>What files need beyond System.IO: O_DIRECT, preallocation, and a rename that survives a power cut.</summary>
internal static unsafe class FileSystem
{
    /// <summary>O_DIRECT wants offsets, lengths and memory in multiples of this.</summary>
    public const int PageBytes = 4096;

    /// <summary>Makes a new file for O_DIRECT writing; <paramref name="direct"/> comes back false where the file system does not permit that.</summary>
    /// <exception cref="IOException">The file cannot be made; the message names it.</exception>
    public static FileDescriptor CreateForWriting(string path, bool wantDirect, out bool direct)
    {
        const int flags = LibC.O_RDWR | LibC.O_CREAT | LibC.O_EXCL | LibC.O_CLOEXEC;
        const uint mode = 0x1A0; // 0640: packets are nobody else's business
        direct = wantDirect;
        int fd = LibC.open(path, wantDirect ? flags | LibC.O_DIRECT : flags, mode);
        if (fd < 0 && wantDirect && Marshal.GetLastPInvokeError() == LibC.EINVAL)
        {
            // Some file systems make the file before they refuse O_DIRECT, hence no O_EXCL the second time.
            direct = false;
            fd = LibC.open(path, flags & ~LibC.O_EXCL, mode);
        }

        return fd >= 0 ? new FileDescriptor(fd) : throw Failed(path, "create");
    }

    /// <summary>Reserves space; false when the disk is full. A file system without fallocate gets a sparse file instead.</summary>
    /// <exception cref="IOException">Any other failure.</exception>
    public static bool TryPreallocate(FileDescriptor fd, string path, long bytes)
    {
        if (LibC.fallocate(fd.Value, 0, 0, bytes) == 0)
            return true;
        int errno = Marshal.GetLastPInvokeError();
        if (errno == LibC.ENOSPC)
            return false;
        if (errno is LibC.EOPNOTSUPP or LibC.ENOSYS)
            return LibC.ftruncate(fd.Value, bytes) == 0 ? true : throw Failed(path, "ftruncate");
        throw Failed(path, "fallocate");
    }

    /// <summary>Writes all of it or throws.</summary>
    public static void WriteAll(FileDescriptor fd, string path, nint buffer, int bytes, long offset)
    {
        int done = 0;
        while (done < bytes)
        {
            nint written = LibC.pwrite(fd.Value, (void*)(buffer + done), bytes - done, offset + done);
            if (written > 0)
                done += (int)written;
            else if (written == 0 || Marshal.GetLastPInvokeError() != LibC.EINTR)
                throw Failed(path, "write");
        }
    }

    public static void Truncate(FileDescriptor fd, string path, long bytes)
    {
        if (LibC.ftruncate(fd.Value, bytes) != 0)
            throw Failed(path, "ftruncate");
    }

    public static void SyncData(FileDescriptor fd, string path)
    {
        if (LibC.fdatasync(fd.Value) != 0)
            throw Failed(path, "fdatasync");
    }

    /// <summary>Writes all of it where the descriptor stands: a file, a pipe.</summary>
    /// <exception cref="IOException">It took no more.</exception>
    public static void Append(int target, ReadOnlySpan<byte> bytes)
    {
        if (TryAppend(target, bytes) is not 0 and int errno)
            throw new IOException(LibC.ErrorText(errno));
    }

    /// <summary>The same; where another program has made the descriptor non-blocking, waits until there is room.</summary>
    /// <returns>0, or errno.</returns>
    public static int TryAppend(int target, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (int done = 0; done < bytes.Length;)
            {
                nint written = LibC.write(target, start + done, bytes.Length - done);
                if (written > 0)
                {
                    done += (int)written;
                    continue;
                }

                int errno = written == 0 ? LibC.EIO : Marshal.GetLastPInvokeError();
                if (errno is not (LibC.EINTR or LibC.EAGAIN))
                    return errno;
                var ask = new PollFd { Fd = target, Events = LibC.POLLOUT };
                _ = LibC.poll(&ask, 1, errno == LibC.EAGAIN ? -1 : 0);
            }
        }

        return 0;
    }

    /// <summary>Fills a buffer from a file.</summary>
    /// <exception cref="IOException">The disk refuses, or the file ends before.</exception>
    public static void ReadAll(int fd, nint buffer, int bytes, long offset)
    {
        for (int done = 0; done < bytes;)
        {
            nint got = LibC.pread(fd, (void*)(buffer + done), bytes - done, offset + done);
            if (got > 0)
                done += (int)got;
            else if (got == 0)
                throw new IOException($"the file ends {bytes - done} bytes early");
            else if (Marshal.GetLastPInvokeError() != LibC.EINTR)
                throw new IOException($"read: {LibC.LastErrorText()}");
        }
    }

    /// <summary>Opens a file that is open once more, for reading around the page cache; null where the file system does not permit that.</summary>
    public static FileDescriptor? TryReopenDirect(int fd)
    {
        int direct = LibC.open(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/self/fd/{fd}"), LibC.O_RDONLY | LibC.O_DIRECT | LibC.O_CLOEXEC, 0);
        return direct >= 0 ? new FileDescriptor(direct) : null;
    }

    /// <summary>Whether a page of a file is in the page cache (preadv2(2), RWF_NOWAIT).</summary>
    public static bool IsCached(int fd, long offset)
    {
        byte one;
        var vector = new IoVector { Base = &one, Bytes = 1 };
        return LibC.preadv2(fd, &vector, 1, offset, LibC.RWF_NOWAIT) == 1;
    }

    /// <summary>Where the next data lies from an offset on (lseek(2), SEEK_DATA): preallocated room that nobody wrote is none. -1 if there is none.</summary>
    public static long NextData(SafeHandle file, long from) => LibC.lseek((int)file.DangerousGetHandle(), from, LibC.SEEK_DATA);

    /// <summary>
    /// Gives the preallocated room behind the last data of a file back to the file system. Where that cannot say what data is (lseek(2)), nothing is done.
    /// </summary>
    /// <returns>Bytes that the file is shorter now.</returns>
    /// <exception cref="IOException">The file cannot be cut.</exception>
    public static long CutBehindData(SafeFileHandle file, string path)
    {
        int fd = (int)file.DangerousGetHandle();
        long bytes = RandomAccess.GetLength(file), end = 0;
        while (end < bytes)
        {
            long data = LibC.lseek(fd, end, LibC.SEEK_DATA);
            if (data < 0 && Marshal.GetLastPInvokeError() == LibC.ENXIO)
                break;
            long hole = data < 0 ? -1 : LibC.lseek(fd, data, LibC.SEEK_HOLE);
            if (hole <= end)
                return 0;
            end = hole;
        }

        if (end < bytes && LibC.ftruncate(fd, end) != 0)
            throw Failed(path, "ftruncate");
        return Math.Max(0, bytes - end);
    }

    /// <summary>What lies at a path, links followed: <see cref="LibC.S_IFREG"/> and its like (inode(7)); 0: nothing, or it cannot be told.</summary>
    public static uint TypeOf(string path)
    {
        FileStat status;
        return LibC.stat(path, &status) != 0 ? 0 : status.Mode & LibC.S_IFMT;
    }

    /// <summary>True when nobody can read from this pipe any more.</summary>
    public static bool ReaderIsGone(int pipe)
    {
        var ask = new PollFd { Fd = pipe };
        return LibC.poll(&ask, 1, 0) > 0 && (ask.Revents & LibC.POLLERR) != 0;
    }

    /// <summary>Opens a pipe for writing as soon as somebody reads it.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    /// <exception cref="OperationCanceledException">Nobody reads it yet.</exception>
    public static SafeFileHandle OpenPipe(string path, CancellationToken stop)
    {
        const int pollMs = 20;
        while (true)
        {
            // A blocking open would wait for the reader and hear no signal.
            int probe = LibC.open(path, LibC.O_WRONLY | LibC.O_NONBLOCK | LibC.O_CLOEXEC, 0);
            if (probe >= 0)
            {
                using var held = new FileDescriptor(probe);
                int fd = LibC.open(path, LibC.O_WRONLY | LibC.O_CLOEXEC, 0);
                return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw Failed(path, "open");
            }

            if (Marshal.GetLastPInvokeError() != LibC.ENXIO)
                throw Failed(path, "open");
            stop.WaitHandle.WaitOne(pollMs);
            stop.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Copies a range of one file to where another descriptor stands, inside the kernel (sendfile(2)).</summary>
    /// <exception cref="IOException">The target took no more, or the source ended.</exception>
    public static void Send(int target, int source, long offset, long bytes)
    {
        while (bytes > 0)
        {
            nint sent = LibC.sendfile(target, source, &offset, (nint)Math.Min(bytes, 1 << 30));
            if (sent > 0)
                bytes -= sent;
            else if (sent == 0)
                throw new IOException($"the file ends {bytes} bytes early");
            else if (Marshal.GetLastPInvokeError() is not (LibC.EINTR or LibC.EAGAIN))
                throw new IOException($"sendfile: {LibC.LastErrorText()}");
        }
    }

    /// <summary>Takes what was read out of the page cache (posix_fadvise(2)); a length of 0 reaches to the end. Advice: nothing depends on it.</summary>
    public static void Forget(SafeFileHandle file, long offset, long bytes) =>
        _ = LibC.posix_fadvise((int)file.DangerousGetHandle(), offset, bytes, LibC.POSIX_FADV_DONTNEED);

    /// <summary>Reserves blocks without changing the file's length, so that it can grow on a full disk; false where that cannot be had.</summary>
    public static bool TryReserve(SafeFileHandle file, long offset, long bytes) =>
        LibC.fallocate((int)file.DangerousGetHandle(), LibC.FALLOC_FL_KEEP_SIZE, offset, bytes) == 0;

    /// <summary>Makes renames and deletions in a directory durable.</summary>
    public static void SyncDirectory(string path)
    {
        int number = LibC.open(path, LibC.O_RDONLY | LibC.O_DIRECTORY | LibC.O_CLOEXEC, 0);
        if (number < 0)
            throw Failed(path, "open");
        using var fd = new FileDescriptor(number);
        if (LibC.fsync(number) != 0)
            throw Failed(path, "fsync");
    }

    /// <summary>Replaces a small file atomically: write, fsync, rename, fsync directory.</summary>
    public static void ReplaceFile(string path, ReadOnlySpan<byte> content)
    {
        string temporary = path + ".new";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
        SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    private static IOException Failed(string path, string what) => new($"{path}: {what}: {LibC.LastErrorText()}");
}
