using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>struct sockaddr_nl, netlink(7).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SockaddrNl
{
    public ushort Family;
    public ushort Padding;
    public uint PortId;
    public uint Groups;
}

/// <summary>
/// Wakes when any interface of the network namespace that it was made in appears, disappears, goes up or down, or is renamed (rtnetlink(7), RTMGRP_LINK). The messages
/// are not parsed: they say that it is time to look.
/// </summary>
internal sealed unsafe class LinkWatch : IDisposable
{
    private const int AF_NETLINK = 16, SOCK_RAW = 3, SOCK_CLOEXEC = 0x80000, SOCK_NONBLOCK = 0x800, NETLINK_ROUTE = 0;
    private const uint RTMGRP_LINK = 1;
    private const int DrainBytes = 16384, MaxDrains = 64;
    private readonly FileDescriptor _fd;
    private readonly AlignedBuffer _drain = new(DrainBytes);

    /// <exception cref="IOException">Netlink is not to be had.</exception>
    public LinkWatch()
    {
        int fd = LibC.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        if (fd < 0)
            throw new IOException($"netlink socket: {LibC.LastErrorText()}");
        _fd = new FileDescriptor(fd);
        SockaddrNl address = new() { Family = AF_NETLINK, Groups = RTMGRP_LINK };
        if (LibC.bind(fd, &address, sizeof(SockaddrNl)) == 0)
            return;
        string reason = LibC.LastErrorText();
        _fd.Dispose();
        throw new IOException($"netlink bind: {reason}");
    }

    /// <summary>Sleeps until a link changed that one of the watches sees, or the time has passed.</summary>
    public static void WaitAny(ReadOnlySpan<LinkWatch> watches, int timeoutMs)
    {
        PollFd* fds = stackalloc PollFd[watches.Length];
        for (int i = 0; i < watches.Length; i++)
            fds[i] = new PollFd { Fd = watches[i]._fd.Value, Events = LibC.POLLIN };
        if (LibC.poll(fds, (ulong)watches.Length, timeoutMs) <= 0)
            return;
        foreach (LinkWatch watch in watches)
            watch.Drain();
    }

    /// <summary>An overrun (ENOBUFS) is a change as well; it ends the loop and the next look sees what is.</summary>
    private void Drain()
    {
        for (int i = 0; i < MaxDrains && LibC.recv(_fd.Value, (void*)_drain.Address, DrainBytes, 0) > 0; i++)
        {
        }
    }

    public void Dispose()
    {
        _fd.Dispose();
        _drain.Dispose();
    }
}
