// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Platform.Linux;

/// <summary>Calls on files that System.IO lacks: O_DIRECT, preallocation, a rename that survives a power cut.</summary>
internal static unsafe class FileSystem
{
    /// <summary>O_DIRECT requires offsets, lengths and memory in multiples of this.</summary>
    [OwnChoice] public const int PageBytes = 4096;

    /// <summary>Creates a file for O_DIRECT writing; <paramref name="direct"/> is false if the file system does not permit that.</summary>
    /// <exception cref="IOException">The file cannot be created; the message names it.</exception>
    public static FileDescriptor CreateForWriting(string path, bool wantDirect, out bool direct)
    {
        const int flags = FileNumbers.O_RDWR | FileNumbers.O_CREAT | FileNumbers.O_EXCL | FileNumbers.O_CLOEXEC;
        const uint mode = 0x1A0; // 0640: packets are private
        direct = wantDirect;
        int fd = LibC.open(path, wantDirect ? flags | FileNumbers.O_DIRECT : flags, mode);
        if (fd < 0 && wantDirect && Errno.Last == Errno.EINVAL)
        {
            // Some file systems create the file before they reject O_DIRECT, hence no O_EXCL the second time.
            direct = false;
            fd = LibC.open(path, flags & ~FileNumbers.O_EXCL, mode);
        }

        return fd >= 0 ? new FileDescriptor(fd) : throw Failed(path, "create");
    }

    /// <summary>Reserves space; false when the disk is full. A file system without fallocate gets a sparse file instead.</summary>
    /// <exception cref="IOException">Any other failure.</exception>
    public static bool TryPreallocate(FileDescriptor fd, string path, long bytes)
    {
        if (LibC.fallocate(fd.Value, 0, 0, bytes) == 0)
            return true;
        int errno = Errno.Last;
        if (errno == Errno.ENOSPC)
            return false;
        if (errno is Errno.EOPNOTSUPP or Errno.ENOSYS)
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
            else if (written == 0 || Errno.Last != Errno.EINTR)
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

    /// <summary>Writes all of it at the position of the descriptor: a file, a pipe.</summary>
    /// <exception cref="IOException">The target accepts no more.</exception>
    public static void Append(int target, ReadOnlySpan<byte> bytes)
    {
        if (TryAppend(target, bytes) is not 0 and int errno)
            throw new IOException(Errno.Text(errno));
    }

    /// <summary>The same; waits for room if another program has made the descriptor non-blocking.</summary>
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

                int errno = written == 0 ? Errno.EIO : Errno.Last;
                if (errno is not (Errno.EINTR or Errno.EAGAIN))
                    return errno;
                var ask = new PollFd { Fd = target, Events = FileNumbers.POLLOUT };
                _ = LibC.poll(&ask, 1, errno == Errno.EAGAIN ? -1 : 0);
            }
        }

        return 0;
    }

    /// <summary>Fills a buffer from a file.</summary>
    /// <exception cref="IOException">The disk reports an error, or the file is too short.</exception>
    public static void ReadAll(int fd, nint buffer, int bytes, long offset)
    {
        for (int done = 0; done < bytes;)
        {
            nint got = LibC.pread(fd, (void*)(buffer + done), bytes - done, offset + done);
            if (got > 0)
                done += (int)got;
            else if (got == 0)
                throw new IOException($"the file ends {bytes - done} bytes early");
            else if (Errno.Last != Errno.EINTR)
                throw new IOException($"read: {Errno.LastText()}");
        }
    }

    /// <summary>Opens an open file once more, for reading around the page cache; null if the file system does not permit that.</summary>
    public static FileDescriptor? TryReopenDirect(int fd)
    {
        string link = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{fd}");
        int direct = LibC.open(link, FileNumbers.O_RDONLY | FileNumbers.O_DIRECT | FileNumbers.O_CLOEXEC, 0);
        return direct >= 0 ? new FileDescriptor(direct) : null;
    }

    /// <summary>Whether a page of a file is in the page cache (preadv2(2), RWF_NOWAIT).</summary>
    public static bool IsCached(int fd, long offset)
    {
        byte one;
        var vector = new IoVector { Base = &one, Bytes = 1 };
        return LibC.preadv2(fd, &vector, 1, offset, FileNumbers.RWF_NOWAIT) == 1;
    }

    /// <summary>
    /// Offset of the next data from an offset on (lseek(2), SEEK_DATA); preallocated room without a write is no data. -1 if there
    /// is none.
    /// </summary>
    public static long NextData(SafeHandle file, long from) => LibC.lseek((int)file.DangerousGetHandle(), from, FileNumbers.SEEK_DATA);

    /// <summary>
    /// Returns the preallocated room behind the last data of a file to the file system. A file system that cannot tell data from
    /// room (lseek(2)) keeps it.
    /// </summary>
    /// <returns>Bytes by which the file became shorter.</returns>
    /// <exception cref="IOException">The file cannot be cut.</exception>
    public static long CutBehindData(SafeFileHandle file, string path)
    {
        int fd = (int)file.DangerousGetHandle();
        long bytes = RandomAccess.GetLength(file), end = 0;
        while (end < bytes)
        {
            long data = LibC.lseek(fd, end, FileNumbers.SEEK_DATA);
            if (data < 0 && Errno.Last == Errno.ENXIO)
                break;
            long hole = data < 0 ? -1 : LibC.lseek(fd, data, FileNumbers.SEEK_HOLE);
            if (hole <= end)
                return 0;
            end = hole;
        }

        if (end < bytes && LibC.ftruncate(fd, end) != 0)
            throw Failed(path, "ftruncate");
        return Math.Max(0, bytes - end);
    }

    /// <summary>
    /// The type of the file at a path, links followed: <see cref="FileNumbers.S_IFREG"/> and the like (inode(7)). 0: there is none,
    /// or stat(2) failed.
    /// </summary>
    public static uint TypeOf(string path)
    {
        FileStat status;
        return LibC.stat(path, &status) != 0 ? 0 : status.Mode & FileNumbers.S_IFMT;
    }

    /// <summary>True when the pipe has no reader any more.</summary>
    public static bool ReaderIsGone(int pipe)
    {
        var ask = new PollFd { Fd = pipe };
        return LibC.poll(&ask, 1, 0) > 0 && (ask.Revents & FileNumbers.POLLERR) != 0;
    }

    /// <summary>Opens a pipe for writing as soon as it has a reader.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    /// <exception cref="OperationCanceledException">The pipe has no reader yet.</exception>
    public static SafeFileHandle OpenPipe(string path, CancellationToken stop)
    {
        const int pollMs = 20;
        while (true)
        {
            // A blocking open would wait for the reader and not see the stop.
            int probe = LibC.open(path, FileNumbers.O_WRONLY | FileNumbers.O_NONBLOCK | FileNumbers.O_CLOEXEC, 0);
            if (probe >= 0)
            {
                using var held = new FileDescriptor(probe);
                int fd = LibC.open(path, FileNumbers.O_WRONLY | FileNumbers.O_CLOEXEC, 0);
                return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw Failed(path, "open");
            }

            if (Errno.Last != Errno.ENXIO)
                throw Failed(path, "open");
            stop.WaitHandle.WaitOne(pollMs);
            stop.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Copies a range of one file to the position of another descriptor, inside the kernel (sendfile(2)).</summary>
    /// <exception cref="IOException">The target accepts no more, or the source ended.</exception>
    public static void Send(int target, int source, long offset, long bytes)
    {
        while (bytes > 0)
        {
            nint sent = LibC.sendfile(target, source, &offset, (nint)Math.Min(bytes, 1 << 30));
            if (sent > 0)
                bytes -= sent;
            else if (sent == 0)
                throw new IOException($"the file ends {bytes} bytes early");
            else if (Errno.Last is not (Errno.EINTR or Errno.EAGAIN))
                throw new IOException($"sendfile: {Errno.LastText()}");
        }
    }

    /// <summary>
    /// Drops a range of a file from the page cache (posix_fadvise(2)); a length of 0 reaches to the end. The kernel may ignore it.
    /// </summary>
    public static void DropCache(SafeFileHandle file, long offset, long bytes) =>
        _ = LibC.posix_fadvise((int)file.DangerousGetHandle(), offset, bytes, FileNumbers.POSIX_FADV_DONTNEED);

    /// <summary>
    /// Reserves blocks without changing the file's length, so that it can grow on a full disk; false if the file system cannot.
    /// </summary>
    public static bool TryReserve(SafeFileHandle file, long offset, long bytes) =>
        LibC.fallocate((int)file.DangerousGetHandle(), FileNumbers.FALLOC_FL_KEEP_SIZE, offset, bytes) == 0;

    /// <summary>Makes renames and deletions in a directory durable.</summary>
    public static void SyncDirectory(string path)
    {
        int number = LibC.open(path, FileNumbers.O_RDONLY | FileNumbers.O_DIRECTORY | FileNumbers.O_CLOEXEC, 0);
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

    private static IOException Failed(string path, string what) => new($"{path}: {what}: {Errno.LastText()}");
}
