using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>struct io_sqring_offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IoSqringOffsets
{
    public uint Head, Tail, RingMask, RingEntries, Flags, Dropped, Array, Reserved1;
    public ulong UserAddress;
}

/// <summary>struct io_cqring_offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IoCqringOffsets
{
    public uint Head, Tail, RingMask, RingEntries, Overflow, Cqes, Flags, Reserved1;
    public ulong UserAddress;
}

/// <summary>struct io_uring_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoUringParams
{
    public uint SqEntries, CqEntries, Flags, SqThreadCpu, SqThreadIdle, Features, WqFd;
    public fixed uint Reserved[3];
    public IoSqringOffsets SqOffsets;
    public IoCqringOffsets CqOffsets;
}

/// <summary>struct io_uring_sqe: 64 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct IoUringSqe
{
    [FieldOffset(0)] public byte Opcode;
    [FieldOffset(1)] public byte Flags;
    [FieldOffset(2)] public ushort IoPriority;
    [FieldOffset(4)] public int Fd;
    [FieldOffset(8)] public ulong Offset;
    [FieldOffset(16)] public ulong Address;
    [FieldOffset(24)] public uint Length;
    [FieldOffset(28)] public uint RwFlags;
    [FieldOffset(32)] public ulong UserData;
}

/// <summary>struct io_uring_cqe: 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IoUringCqe
{
    public ulong UserData;

    /// <summary>Bytes written, or minus errno.</summary>
    public int Result;
    public uint Flags;
}

/// <summary>struct io_uring_getevents_arg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IoUringGeteventsArg
{
    public ulong SigMask;
    public uint SigMaskBytes;
    public uint Padding;
    public ulong TimespecAddress;
}

/// <summary>struct __kernel_timespec.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelTimespec
{
    public long Seconds;
    public long Nanoseconds;
}

/// <summary>
/// One io_uring (io_uring_setup(2)) for writes. One thread owns it. The submission queue is as deep as the bound on writes in
/// flight, so it can never overflow; the completion queue is twice that.
/// </summary>
internal sealed unsafe class IoUring : IDisposable
{
    private const int SetupNumber = 425, EnterNumber = 426;
    private const long OffsetSqRing = 0, OffsetSqes = 0x10000000;
    private const uint EnterGetEvents = 1, EnterExtArg = 8;
    private const uint FeatureSingleMmap = 1, FeatureExtArg = 1 << 8;
    private const byte OpWrite = 23;

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
    private readonly KernelTimespec* _timeout;
    private bool _disposed;

    private IoUring(FileDescriptor fd, in IoUringParams parameters)
    {
        _fd = fd;
        nint sqBytes = (nint)(parameters.SqOffsets.Array + (parameters.SqEntries * sizeof(uint)));
        nint cqBytes = (nint)(parameters.CqOffsets.Cqes + (parameters.CqEntries * (uint)sizeof(IoUringCqe)));
        _ringsBytes = Math.Max(sqBytes, cqBytes);
        _rings = Map(_ringsBytes, OffsetSqRing);
        _sqesBytes = (nint)(parameters.SqEntries * (uint)sizeof(IoUringSqe));
        _sqes = Map(_sqesBytes, OffsetSqes);
        byte* rings = (byte*)_rings;
        _sqTail = (uint*)(rings + parameters.SqOffsets.Tail);
        _sqMask = *(uint*)(rings + parameters.SqOffsets.RingMask);
        _sqArray = (uint*)(rings + parameters.SqOffsets.Array);
        _cqHead = (uint*)(rings + parameters.CqOffsets.Head);
        _cqTail = (uint*)(rings + parameters.CqOffsets.Tail);
        _cqMask = *(uint*)(rings + parameters.CqOffsets.RingMask);
        _cqes = (IoUringCqe*)(rings + parameters.CqOffsets.Cqes);
        _timeout = (KernelTimespec*)NativeMemory.AllocZeroed((nuint)sizeof(KernelTimespec));
    }

    /// <summary>A ring of at least <paramref name="depth"/> entries, or null when the kernel does not permit io_uring; errno says why.</summary>
    public static IoUring? TryCreate(int depth)
    {
        IoUringParams parameters = default;
        int fd = (int)LibC.syscall(SetupNumber, depth, (nint)(&parameters), 0, 0, 0, 0);
        if (fd < 0)
            return null;

        var handle = new FileDescriptor(fd);
        if ((parameters.Features & (FeatureSingleMmap | FeatureExtArg)) == (FeatureSingleMmap | FeatureExtArg))
            return new IoUring(handle, parameters);

        handle.Dispose();
        return null;
    }

    /// <summary>Queues one write and tells the kernel. Returns 0, or errno when the kernel did not take it.</summary>
    public int Write(int fd, void* buffer, int bytes, long offset, ulong userData)
    {
        uint tail = *_sqTail;
        uint index = tail & _sqMask;
        ((IoUringSqe*)_sqes)[index] = new IoUringSqe
        {
            Opcode = OpWrite,
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
            nint taken = LibC.syscall(EnterNumber, _fd.Value, 1, 0, 0, 0, 0);
            if (taken == 1)
                return 0;
            int errno = taken < 0 ? Marshal.GetLastPInvokeError() : LibC.EAGAIN;
            if (errno == LibC.EINTR)
                continue;
            // The kernel did not consume the entry, so taking the tail back is safe: only this thread submits.
            Volatile.Write(ref *_sqTail, tail);
            return errno;
        }
    }

    /// <summary>Takes one completion, if there is one.</summary>
    public bool TryTake(out ulong userData, out int result)
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
        LibC.syscall(EnterNumber, _fd.Value, 0, 1, (nint)(EnterGetEvents | EnterExtArg), (nint)(&argument), sizeof(IoUringGeteventsArg));
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
        nint address = LibC.mmap(0, bytes, LibC.PROT_READ | LibC.PROT_WRITE, LibC.MAP_SHARED | LibC.MAP_POPULATE, _fd.Value, offset);
        return address != LibC.MapFailed ? address : throw new IOException($"io_uring: mmap of {bytes} bytes: {LibC.LastErrorText()}");
    }
}
