// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>Numbers of the calls on files, memory and descriptors, on x86-64.</summary>
[CHeaders("fcntl.h", "sys/stat.h", "unistd.h", "sys/mman.h", "sys/uio.h", "poll.h", "sys/epoll.h", "sys/eventfd.h")]
internal static class FileNumbers
{
    // open(2), fcntl(2)
    public const int O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0x40, O_EXCL = 0x80, O_NONBLOCK = 0x800, O_DIRECT = 0x4000;
    public const int O_DIRECTORY = 0x10000, O_CLOEXEC = 0x80000;
    public const int F_GETFD = 1, FD_CLOEXEC = 1;

    // inode(7)
    public const uint S_IFMT = 0xF000, S_IFREG = 0x8000, S_IFDIR = 0x4000, S_IFIFO = 0x1000, S_IFSOCK = 0xC000, S_IFCHR = 0x2000;
    public const uint S_IFBLK = 0x6000;

    // preadv2(2), posix_fadvise(2), lseek(2), fallocate(2)
    public const int RWF_NOWAIT = 8, POSIX_FADV_WILLNEED = 3, POSIX_FADV_DONTNEED = 4, SEEK_DATA = 3, SEEK_HOLE = 4;
    public const int FALLOC_FL_KEEP_SIZE = 1;

    // mmap(2)
    public const int PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1, MAP_POPULATE = 0x8000;
    [CConstant("(long)MAP_FAILED")] public const nint MAP_FAILED = -1;

    // poll(2), epoll_ctl(2), eventfd(2)
    public const short POLLIN = 1, POLLOUT = 4, POLLERR = 8;
    public const int EPOLL_CLOEXEC = 0x80000, EPOLL_CTL_ADD = 1;
    public const uint EPOLLIN = 1, EPOLLERR = 8, EPOLLET = 1u << 31;
    public const int EFD_CLOEXEC = 0x80000, EFD_NONBLOCK = 0x800;
}

/// <summary>struct stat, stat(2), x86-64: which file it is.</summary>
[StructLayout(LayoutKind.Explicit, Size = 144)]
[CStruct("struct stat", "sys/stat.h", Prefix = "st_")]
internal struct FileStat
{
    [FieldOffset(0), CField("st_dev")] public ulong Device;
    [FieldOffset(8), CField("st_ino")] public ulong Inode;
    [FieldOffset(24)] public uint Mode;
}

/// <summary>struct iovec, readv(2).</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct iovec", "sys/uio.h", Prefix = "iov_")]
internal unsafe struct IoVector
{
    public void* Base;
    [CField("iov_len")] public nuint Bytes;
}

/// <summary>struct pollfd, poll(2).</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct pollfd", "poll.h")]
internal struct PollFd
{
    public int Fd;
    public short Events;
    public short Revents;
}

/// <summary>struct epoll_event, epoll_ctl(2): packed on x86-64.</summary>
[StructLayout(LayoutKind.Explicit, Size = 12)]
[CStruct("struct epoll_event", "sys/epoll.h")]
internal struct EpollEvent
{
    [FieldOffset(0)] public uint Events;
    [FieldOffset(4)] public ulong Data;
}
