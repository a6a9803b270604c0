// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>struct io_sqring_offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct io_sqring_offsets", "linux/io_uring.h")]
internal struct IoSqringOffsets
{
    public uint Head, Tail, RingMask, RingEntries, Flags, Dropped, Array;
    [CField("resv1")] public uint Reserved1;

    /// <summary>user_addr; resv2 before Linux 6.5.</summary>
    [CField("resv1", IsBehind = true)] public ulong UserAddress;
}

/// <summary>struct io_cqring_offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct io_cqring_offsets", "linux/io_uring.h")]
internal struct IoCqringOffsets
{
    public uint Head, Tail, RingMask, RingEntries, Overflow, Cqes, Flags;
    [CField("resv1")] public uint Reserved1;

    /// <summary>user_addr; resv2 before Linux 6.5.</summary>
    [CField("resv1", IsBehind = true)] public ulong UserAddress;
}

/// <summary>struct io_uring_params.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct io_uring_params", "linux/io_uring.h")]
internal unsafe struct IoUringParams
{
    public uint SqEntries, CqEntries, Flags, SqThreadCpu, SqThreadIdle, Features, WqFd;
    [CField("resv")] public fixed uint Reserved[3];
    [CField("sq_off")] public IoSqringOffsets SqOffsets;
    [CField("cq_off")] public IoCqringOffsets CqOffsets;
}

/// <summary>struct io_uring_sqe: 64 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
[CStruct("struct io_uring_sqe", "linux/io_uring.h")]
internal struct IoUringSqe
{
    [FieldOffset(0)] public byte Opcode;
    [FieldOffset(1)] public byte Flags;
    [FieldOffset(2), CField("ioprio")] public ushort IoPriority;
    [FieldOffset(4)] public int Fd;
    [FieldOffset(8), CField("off")] public ulong Offset;
    [FieldOffset(16), CField("addr")] public ulong Address;
    [FieldOffset(24), CField("len")] public uint Length;
    [FieldOffset(28)] public uint RwFlags;
    [FieldOffset(32)] public ulong UserData;
}

/// <summary>struct io_uring_cqe: 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct io_uring_cqe", "linux/io_uring.h")]
internal struct IoUringCqe
{
    public ulong UserData;

    /// <summary>Bytes written, or minus errno.</summary>
    [CField("res")] public int Result;
    public uint Flags;
}

/// <summary>struct io_uring_getevents_arg.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct io_uring_getevents_arg", "linux/io_uring.h")]
internal struct IoUringGeteventsArg
{
    [CField("sigmask")] public ulong SigMask;
    [CField("sigmask_sz")] public uint SigMaskBytes;

    /// <summary>pad; min_wait_usec since Linux 6.12.</summary>
    [CField("sigmask_sz", IsBehind = true)] public uint Padding;
    [CField("ts")] public ulong TimespecAddress;
}
