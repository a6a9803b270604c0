// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static Capbox.Platform.Linux.NetlinkNumbers;
using static Capbox.Platform.Linux.SocketNumbers;

namespace Capbox.Platform.Linux;

/// <summary>The kinds of report that a <see cref="LinkWatch"/> reads.</summary>
internal enum LinkReportKind
{
    /// <summary>No report is waiting.</summary>
    None,

    /// <summary>The interface is new, or one of its properties changed (RTM_NEWLINK).</summary>
    Changed,

    /// <summary>The interface was deleted, or left the namespace (RTM_DELLINK).</summary>
    Deleted,

    /// <summary>Reports were lost: the receive buffer was full (ENOBUFS).</summary>
    Lost,

    /// <summary>A message about something else.</summary>
    Other,
}

/// <summary>One report of the kernel on an interface.</summary>
/// <param name="Index">The interface; 0 unless it changed or was deleted.</param>
/// <param name="Flags">Its IFF_ flags, netdevice(7).</param>
internal readonly record struct LinkReport(LinkReportKind Kind, int Index = 0, uint Flags = 0);

/// <summary>
/// Reports of the kernel when an interface of the network namespace that it was made in appears, disappears, goes up or down, or is
/// renamed (rtnetlink(7), RTMGRP_LINK).
/// </summary>
internal sealed class LinkWatch : IDisposable
{
    /// <summary>A report's attributes are not read: its head alone must fit.</summary>
    [OwnChoice] private const int RoomBytes = 2048, MaxDrains = 64;
    private readonly KernelSocket _socket;
    private readonly byte[] _room = GC.AllocateArray<byte>(RoomBytes, pinned: true);

    /// <param name="what">The watch's name in errors.</param>
    /// <exception cref="IOException">The kernel refuses.</exception>
    public LinkWatch(string what = "netlink")
    {
        _socket = new KernelSocket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, what);
        try
        {
            SockaddrNl address = new() { Family = AF_NETLINK, Groups = RTMGRP_LINK };
            _socket.Bind(MemoryMarshal.AsBytes(new ReadOnlySpan<SockaddrNl>(in address)), "bind");
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>For poll(2).</summary>
    public int Fd => _socket.Fd;

    /// <summary>IFF_ flags of an interface now; 0 if there is no such interface.</summary>
    public int InterfaceFlags(string name) => _socket.InterfaceFlags(name);

    /// <summary>Sleeps until a link changed that one of the watches sees, or the time has passed.</summary>
    public static void WaitAny(ReadOnlySpan<LinkWatch> watches, int timeoutMs)
    {
        Span<PollFd> entries = stackalloc PollFd[watches.Length];
        for (int i = 0; i < watches.Length; i++)
            entries[i] = new PollFd { Fd = watches[i].Fd, Events = FileNumbers.POLLIN };
        if (KernelSocket.Wait(entries, timeoutMs) <= 0)
            return;
        foreach (LinkWatch watch in watches)
            watch.Drain();
    }

    /// <summary>Reads the next report. The kernel puts one into a datagram.</summary>
    public LinkReport Read()
    {
        int bytes = _socket.Receive(_room, default, default, 0).Bytes;
        if (bytes < 0)
            return new(bytes == -Errno.ENOBUFS ? LinkReportKind.Lost : LinkReportKind.None);
        int headBytes = Unsafe.SizeOf<NlMsgHdr>();
        if (bytes < headBytes + Unsafe.SizeOf<IfInfoMsg>())
            return new(LinkReportKind.Other);
        ushort type = MemoryMarshal.Read<NlMsgHdr>(_room).Type;
        if (type is not (RTM_NEWLINK or RTM_DELLINK))
            return new(LinkReportKind.Other);
        IfInfoMsg link = MemoryMarshal.Read<IfInfoMsg>(_room.AsSpan(headBytes));
        return new(type == RTM_NEWLINK ? LinkReportKind.Changed : LinkReportKind.Deleted, link.Index, link.Flags);
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>After lost reports, which are a change as well, the loop goes on: each read takes one error or report.</summary>
    private void Drain()
    {
        for (int i = 0; i < MaxDrains && Read().Kind != LinkReportKind.None; i++)
        {
        }
    }
}
