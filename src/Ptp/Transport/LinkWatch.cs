using System.Buffers.Binary;
using Capbox.Platform.Linux;
using static Capbox.Platform.Linux.SocketNumbers;

namespace Capbox.Ptp.Transport;

/// <summary>
/// Monitors the link of one interface (rtnetlink(7), RTM_NEWLINK): an i40e loses the frequency adjustment of its PHC at each change. Works
/// in the network namespace of the thread that creates it.
/// </summary>
internal sealed class LinkWatch : IDisposable
{
    private const int HeadBytes = 16, LinkBytes = 16;

    private readonly KernelSocket _socket;
    private readonly int _index;
    private bool? _hadCarrier;

    /// <exception cref="IOException">The kernel rejects the socket.</exception>
    public LinkWatch(string name, int index)
    {
        _index = index;
        _socket = new KernelSocket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, $"{name}: watch the link");
        try
        {
            // struct sockaddr_nl: family, pid, groups.
            Span<byte> address = stackalloc byte[12];
            address.Clear();
            BinaryPrimitives.WriteUInt16LittleEndian(address, AF_NETLINK);
            BinaryPrimitives.WriteUInt32LittleEndian(address[8..], RTMGRP_LINK);
            _socket.Bind(address, "bind");
            _hadCarrier = (_socket.InterfaceFlags(name) & IFF_RUNNING) != 0;
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>File descriptor for poll(2).</summary>
    public int Fd => _socket.Fd;

    /// <summary>Receives one report. <see cref="Reception.Message"/> is a change of carrier, or a possible one.</summary>
    public Reception Receive(Span<byte> room)
    {
        ReceiveResult got = _socket.Receive(room, default, default, 0);
        if (got.Bytes < 0)
        {
            // Reports were lost: their contents are unknown.
            bool isOverrun = got.Bytes == -ENOBUFS;
            _hadCarrier = isOverrun ? null : _hadCarrier;
            return isOverrun ? Reception.Message : Reception.None;
        }

        // Attributes that do not fit are cut; they are not read. One report a datagram.
        return IsChange(room[..Math.Min(room.Length, got.Bytes)]) ? Reception.Message : Reception.Nothing;
    }

    public void Dispose() => _socket.Dispose();

    private bool IsChange(ReadOnlySpan<byte> report)
    {
        if (report.Length < HeadBytes + LinkBytes)
            return false;
        ushort type = BinaryPrimitives.ReadUInt16LittleEndian(report[4..]);
        // struct ifinfomsg: index at 4, flags at 8.
        ReadOnlySpan<byte> link = report[HeadBytes..];
        if (type is not (RTM_NEWLINK or RTM_DELLINK) || BinaryPrimitives.ReadInt32LittleEndian(link[4..]) != _index)
            return false;
        bool hasCarrier = type == RTM_NEWLINK && (BinaryPrimitives.ReadUInt32LittleEndian(link[8..]) & IFF_LOWER_UP) != 0;
        bool isChange = _hadCarrier != hasCarrier;
        _hadCarrier = hasCarrier;
        return isChange;
    }
}
