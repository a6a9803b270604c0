// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Linux;

/// <summary>
/// An edge-triggered epoll(7) on a ring: wakes with each block that the kernel hands over, while poll(2) returns at once as long as
/// one block is not released.
/// </summary>
internal sealed unsafe class HandoverWatch : IDisposable
{
    private readonly FileDescriptor _epoll;

    /// <exception cref="IOException">The kernel refuses.</exception>
    public HandoverWatch(FileDescriptor ring)
    {
        int fd = LibC.epoll_create1(FileNumbers.EPOLL_CLOEXEC);
        if (fd < 0)
            throw new IOException($"epoll: {Errno.LastText()}");
        _epoll = new FileDescriptor(fd);
        EpollEvent wanted = new() { Events = FileNumbers.EPOLLIN | FileNumbers.EPOLLERR | FileNumbers.EPOLLET };
        if (LibC.epoll_ctl(fd, FileNumbers.EPOLL_CTL_ADD, ring.Value, &wanted) == 0)
            return;
        string reason = Errno.LastText();
        _epoll.Dispose();
        throw new IOException($"epoll_ctl: {reason}");
    }

    /// <summary>
    /// Sleeps until the kernel hands over a further block, an error is pending, or the time has passed. Returns the events, as
    /// poll's.
    /// </summary>
    public short Wait(int timeoutMs)
    {
        EpollEvent happened = default;
        return LibC.epoll_wait(_epoll.Value, &happened, 1, timeoutMs) > 0 ? (short)happened.Events : (short)0;
    }

    public void Dispose() => _epoll.Dispose();
}
