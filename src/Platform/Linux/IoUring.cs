// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>
/// One io_uring (io_uring_setup(2)) for writes. One thread owns it. The submission queue is as deep as the bound on writes in
/// flight, so it can never overflow; the completion queue is twice that.
/// </summary>
[CHeaders("sys/syscall.h", "linux/io_uring.h")]
internal sealed unsafe class IoUring : IDisposable
{
    private const int SYS_io_uring_setup = 425, SYS_io_uring_enter = 426;
    private const long IORING_OFF_SQ_RING = 0, IORING_OFF_SQES = 0x10000000;
    private const uint IORING_ENTER_GETEVENTS = 1, IORING_ENTER_EXT_ARG = 8;
    private const uint IORING_FEAT_SINGLE_MMAP = 1, IORING_FEAT_EXT_ARG = 1 << 8;
    private const byte IORING_OP_WRITE = 23;

    private readonly FileDescriptor _fd;
    private readonly nint _rings;
    private readonly nint _ringsBytes;
    private readonly nint _sqes;
    private readonly nint _sqesBytes;
    private readonly uint* _sqTail;
    private readonly uint _sqMask;
    private readonly uint* _sqArray;
    private readonly uint* _cqHead;
    private readonly uint* _cqTail;
    private readonly uint _cqMask;
    private readonly IoUringCqe* _cqes;
    private readonly Timespec* _timeout;
    private bool _disposed;

    private IoUring(FileDescriptor fd, in IoUringParams parameters)
    {
        _fd = fd;
        nint sqBytes = (nint)(parameters.SqOffsets.Array + (parameters.SqEntries * sizeof(uint)));
        nint cqBytes = (nint)(parameters.CqOffsets.Cqes + (parameters.CqEntries * (uint)sizeof(IoUringCqe)));
        _ringsBytes = Math.Max(sqBytes, cqBytes);
        _rings = Map(_ringsBytes, IORING_OFF_SQ_RING);
        _sqesBytes = (nint)(parameters.SqEntries * (uint)sizeof(IoUringSqe));
        _sqes = Map(_sqesBytes, IORING_OFF_SQES);
        byte* rings = (byte*)_rings;
        _sqTail = (uint*)(rings + parameters.SqOffsets.Tail);
        _sqMask = *(uint*)(rings + parameters.SqOffsets.RingMask);
        _sqArray = (uint*)(rings + parameters.SqOffsets.Array);
        _cqHead = (uint*)(rings + parameters.CqOffsets.Head);
        _cqTail = (uint*)(rings + parameters.CqOffsets.Tail);
        _cqMask = *(uint*)(rings + parameters.CqOffsets.RingMask);
        _cqes = (IoUringCqe*)(rings + parameters.CqOffsets.Cqes);
        _timeout = (Timespec*)NativeMemory.AllocZeroed((nuint)sizeof(Timespec));
    }

    /// <summary>
    /// A ring of at least <paramref name="depth"/> entries, or null when the kernel does not permit io_uring; errno has the reason.
    /// </summary>
    public static IoUring? TryCreate(int depth)
    {
        IoUringParams parameters = default;
        int fd = (int)LibC.syscall(SYS_io_uring_setup, depth, (nint)(&parameters), 0, 0, 0, 0);
        if (fd < 0)
            return null;

        var handle = new FileDescriptor(fd);
        if ((parameters.Features & (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_EXT_ARG)) == (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_EXT_ARG))
            return new IoUring(handle, parameters);

        handle.Dispose();
        return null;
    }

    /// <summary>Queues one write and submits it. Returns 0, or errno when the kernel rejected it.</summary>
    public int Write(int fd, void* buffer, int bytes, long offset, ulong userData)
    {
        uint tail = *_sqTail;
        uint index = tail & _sqMask;
        ((IoUringSqe*)_sqes)[index] = new IoUringSqe
        {
            Opcode = IORING_OP_WRITE,
            Fd = fd,
            Offset = (ulong)offset,
            Address = (ulong)buffer,
            Length = (uint)bytes,
            UserData = userData,
        };
        _sqArray[index] = index;
        // Release: the entry is whole before the kernel sees the new tail (pairs with the kernel's load-acquire of the SQ tail).
        Volatile.Write(ref *_sqTail, tail + 1);
        while (true)
        {
            nint submitted = LibC.syscall(SYS_io_uring_enter, _fd.Value, 1, 0, 0, 0, 0);
            if (submitted == 1)
                return 0;
            int errno = submitted < 0 ? Errno.Last : Errno.EAGAIN;
            if (errno == Errno.EINTR)
                continue;
            // The kernel did not consume the entry, so the tail may go back: only this thread submits.
            Volatile.Write(ref *_sqTail, tail);
            return errno;
        }
    }

    /// <summary>Removes one completion from the queue, if there is one.</summary>
    public bool TryGetCompletion(out ulong userData, out int result)
    {
        uint head = *_cqHead;
        // Acquire: pairs with the kernel's store-release of the CQ tail.
        if (head == Volatile.Read(ref *_cqTail))
        {
            userData = 0;
            result = 0;
            return false;
        }

        IoUringCqe* cqe = &_cqes[head & _cqMask];
        userData = cqe->UserData;
        result = cqe->Result;
        // Release: the entry was read before the kernel may reuse it.
        Volatile.Write(ref *_cqHead, head + 1);
        return true;
    }

    /// <summary>Sleeps until a completion is there or the time has passed.</summary>
    public void Wait(int timeoutMs)
    {
        _timeout->Seconds = timeoutMs / 1000;
        _timeout->Nanoseconds = timeoutMs % 1000 * 1_000_000L;
        IoUringGeteventsArg argument = new() { TimespecAddress = (ulong)_timeout };
        const nint Flags = (nint)(IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG);
        LibC.syscall(SYS_io_uring_enter, _fd.Value, 0, 1, Flags, (nint)(&argument), sizeof(IoUringGeteventsArg));
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        LibC.munmap(_sqes, _sqesBytes);
        LibC.munmap(_rings, _ringsBytes);
        NativeMemory.Free(_timeout);
        _fd.Dispose();
    }

    private nint Map(nint bytes, long offset)
    {
        const int Protection = FileNumbers.PROT_READ | FileNumbers.PROT_WRITE, Flags = FileNumbers.MAP_SHARED | FileNumbers.MAP_POPULATE;
        nint address = LibC.mmap(0, bytes, Protection, Flags, _fd.Value, offset);
        return address != FileNumbers.MAP_FAILED ? address : throw new IOException($"io_uring: mmap of {bytes} bytes: {Errno.LastText()}");
    }
}
