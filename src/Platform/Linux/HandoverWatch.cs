namespace Capbox.Platform.Linux;

/// <summary>
/// An edge-triggered epoll(7) on a ring: wakes with each block that is handed over, while poll(2) returns at once as long as there is one that nobody has taken.
/// </summary>
internal sealed unsafe class HandoverWatch : IDisposable
{
    private readonly FileDescriptor _epoll;

    /// <exception cref="IOException">epoll is not to be had.</exception>
    public HandoverWatch(FileDescriptor ring)
    {
        int fd = LibC.epoll_create1(LibC.EPOLL_CLOEXEC);
        if (fd < 0)
            throw new IOException($"epoll: {LibC.LastErrorText()}");
        _epoll = new FileDescriptor(fd);
        EpollEvent wanted = new() { Events = LibC.EPOLLIN | LibC.EPOLLERR | LibC.EPOLLET };
        if (LibC.epoll_ctl(fd, LibC.EPOLL_CTL_ADD, ring.Value, &wanted) == 0)
            return;
        string reason = LibC.LastErrorText();
        _epoll.Dispose();
        throw new IOException($"epoll_ctl: {reason}");
    }

    /// <summary>Sleeps until a block is handed over that was not when this returned last, an error is pending, or the time has passed. Returns the events, as poll's.</summary>
    public short Wait(int timeoutMs)
    {
        EpollEvent happened = default;
        return LibC.epoll_wait(_epoll.Value, &happened, 1, timeoutMs) > 0 ? (short)happened.Events : (short)0;
    }

    public void Dispose() => _epoll.Dispose();
}
