// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Platform.Linux;

/// <summary>The settings of a ring.</summary>
/// <param name="HandoverMs">Age at which the kernel hands over a block that is not full.</param>
/// <param name="PrivateBytes">Space before the first packet of a block, tp_sizeof_priv.</param>
/// <param name="LinkHeaderBytes">Length of the link header; decides the reserve that makes frames 4-aligned.</param>
/// <param name="IgnoreOutgoing">True: the ring leaves out the packets that this machine sends.</param>
/// <param name="HardwareStamps">True: the ring has the NIC's stamps.</param>
internal sealed record PacketRingOptions(
    int IfIndex, int BlockBytes, int BlockCount, int HandoverMs, uint PrivateBytes, int LinkHeaderBytes, bool IgnoreOutgoing,
    bool HardwareStamps);

/// <summary>
/// A packet socket with a TPACKET_V3 ring (packet(7), Documentation/networking/packet_mmap.rst). It begins with a filter that
/// rejects everything, so that nothing arrives before all rings of a port are in their fanout group;
/// <see cref="SetFilter(SockFilter[])"/> starts it.
/// </summary>
internal sealed unsafe class PacketRing : IDisposable
{
    [OwnChoice] private const int FrameBytes = 2048;
    private readonly FileDescriptor _fd;
    private readonly nint _bytes;
    private byte* _blocks;

    private PacketRing(FileDescriptor fd, nint bytes, byte* blocks)
    {
        _fd = fd;
        _bytes = bytes;
        _blocks = blocks;
    }

    /// <summary>For epoll.</summary>
    public FileDescriptor Fd => _fd;

    /// <summary>Start of the mapping: BlockCount blocks one after the other.</summary>
    public byte* Blocks => _blocks;

    /// <exception cref="IOException">A step failed; the message names it.</exception>
    public static PacketRing Open(PacketRingOptions options)
    {
        FileDescriptor fd = OpenSocket();
        try
        {
            SetOption(fd, SocketNumbers.PACKET_VERSION, SocketNumbers.TPACKET_V3, "PACKET_VERSION");
            // The kernel puts the network header on 16 bytes; this many more make the link header, and so the EPB before it, 4-aligned.
            SetOption(fd, SocketNumbers.PACKET_RESERVE, options.LinkHeaderBytes & 3, "PACKET_RESERVE");
            if (options.IgnoreOutgoing)
                SetOption(fd, SocketNumbers.PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
            if (options.HardwareStamps)
                SetOption(fd, SocketNumbers.PACKET_TIMESTAMP, SocketNumbers.SOF_TIMESTAMPING_RAW_HARDWARE, "PACKET_TIMESTAMP");
            nint bytes = (nint)options.BlockBytes * options.BlockCount;
            SetRing(fd, options, bytes);
            nint blocks = LibC.mmap(0, bytes, FileNumbers.PROT_READ | FileNumbers.PROT_WRITE, FileNumbers.MAP_SHARED, fd.Value, 0);
            if (blocks == FileNumbers.MAP_FAILED)
                throw new IOException($"mmap of a ring of {bytes} bytes: {Errno.LastText()}");
            var ring = new PacketRing(fd, bytes, (byte*)blocks);
            ring.SetFilter(FilterProgram.RejectAll());
            Bind(fd, options.IfIndex);
            AddPromiscuousMembership(fd, options.IfIndex);
            return ring;
        }
        catch
        {
            fd.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A socket without a ring that only counts the packets that <paramref name="program"/> accepts: once its smallest possible
    /// buffer is full, the kernel runs the filter, counts the packet, and drops it before it clones it. So the packets that a
    /// port's filter rejects are counted without a copy.
    /// </summary>
    public static FileDescriptor OpenCounter(int ifIndex, bool ignoreOutgoing, SockFilter[] program)
    {
        FileDescriptor fd = OpenSocket();
        try
        {
            int least = 1;
            LibC.setsockopt(fd.Value, SocketNumbers.SOL_SOCKET, SocketNumbers.SO_RCVBUF, &least, sizeof(int));
            if (ignoreOutgoing)
                SetOption(fd, SocketNumbers.PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
            AttachFilter(fd, program);
            Bind(fd, ifIndex);
            return fd;
        }
        catch
        {
            fd.Dispose();
            throw;
        }
    }

    /// <summary>Reads and clears the kernel's counters of any packet socket.</summary>
    public static TpacketStatsV3 ReadStatistics(FileDescriptor fd)
    {
        TpacketStatsV3 statistics = default;
        int length = sizeof(TpacketStatsV3);
        int result = LibC.getsockopt(fd.Value, SocketNumbers.SOL_PACKET, SocketNumbers.PACKET_STATISTICS, &statistics, &length);
        return result == 0 ? statistics : default;
    }

    public TpacketStatsV3 ReadStatistics() => ReadStatistics(_fd);

    /// <summary>Replaces the filter atomically.</summary>
    public void SetFilter(SockFilter[] program) => AttachFilter(_fd, program);

    /// <summary>Of a socket of <see cref="OpenCounter"/>.</summary>
    public static void SetFilter(FileDescriptor counter, SockFilter[] program) => AttachFilter(counter, program);

    /// <summary>Joins a fanout group and returns its number; with <paramref name="group"/> below 0 the kernel chooses a new one.</summary>
    public int JoinFanout(int group, int mode)
    {
        int type = group < 0 ? mode | SocketNumbers.PACKET_FANOUT_FLAG_UNIQUEID : mode;
        SetOption(_fd, SocketNumbers.PACKET_FANOUT, (type << 16) | Math.Max(group, 0), "PACKET_FANOUT");
        int value = 0;
        int length = sizeof(int);
        if (LibC.getsockopt(_fd.Value, SocketNumbers.SOL_PACKET, SocketNumbers.PACKET_FANOUT, &value, &length) != 0)
            throw new IOException($"PACKET_FANOUT: {Errno.LastText()}");
        return value & 0xFFFF;
    }

    /// <summary>
    /// Sleeps until the block before the one being filled is ready, an error is pending, or the time has passed. Returns poll's
    /// revents.
    /// </summary>
    public short Poll(int timeoutMs)
    {
        PollFd fd = new() { Fd = _fd.Value, Events = FileNumbers.POLLIN | FileNumbers.POLLERR };
        return LibC.poll(&fd, 1, timeoutMs) > 0 ? fd.Revents : (short)0;
    }

    /// <summary>
    /// True once the interface was deleted or left its namespace: the kernel unbinds the socket for good (packet_notifier).
    /// </summary>
    public bool IsUnbound
    {
        get
        {
            SockaddrLl address = default;
            int length = sizeof(SockaddrLl);
            return LibC.getsockname(_fd.Value, &address, &length) == 0 && address.IfIndex == -1;
        }
    }

    /// <summary>Reads and clears the socket's pending error (ENETDOWN after a link went down); 0 if there is none.</summary>
    public int ReadError()
    {
        int error = 0;
        int length = sizeof(int);
        LibC.getsockopt(_fd.Value, SocketNumbers.SOL_SOCKET, SocketNumbers.SO_ERROR, &error, &length);
        return error;
    }

    /// <summary>Unmaps and closes; no write from the mapping may be in flight any more.</summary>
    public void Dispose()
    {
        if (_blocks == null)
            return;
        LibC.munmap((nint)_blocks, _bytes);
        _blocks = null;
        _fd.Dispose();
    }

    private static FileDescriptor OpenSocket()
    {
        // Protocol 0: nothing is received until bind names ETH_P_ALL.
        int fd = LibC.socket(SocketNumbers.AF_PACKET, SocketNumbers.SOCK_RAW | SocketNumbers.SOCK_CLOEXEC | SocketNumbers.SOCK_NONBLOCK, 0);
        return fd >= 0 ? new FileDescriptor(fd) : throw new IOException($"packet socket: {Errno.LastText()}");
    }

    private static void SetRing(FileDescriptor fd, PacketRingOptions options, nint bytes)
    {
        TpacketReq3 request = new()
        {
            BlockBytes = (uint)options.BlockBytes,
            BlockCount = (uint)options.BlockCount,
            FrameBytes = FrameBytes,
            FrameCount = (uint)(bytes / FrameBytes),
            RetireBlockMs = (uint)options.HandoverMs,
            PrivateBytes = options.PrivateBytes,
        };
        if (LibC.setsockopt(fd.Value, SocketNumbers.SOL_PACKET, SocketNumbers.PACKET_RX_RING, &request, sizeof(TpacketReq3)) != 0)
            throw new IOException($"PACKET_RX_RING of {options.BlockCount} blocks of {options.BlockBytes} bytes: {Errno.LastText()}");
    }

    private static void Bind(FileDescriptor fd, int ifIndex)
    {
        SockaddrLl address = new()
        {
            Family = SocketNumbers.AF_PACKET,
            Protocol = BinaryPrimitives.ReverseEndianness(SocketNumbers.ETH_P_ALL),
            IfIndex = ifIndex,
        };
        if (LibC.bind(fd.Value, &address, sizeof(SockaddrLl)) != 0)
            throw new IOException($"bind to interface {ifIndex}: {Errno.LastText()}");
    }

    private static void AddPromiscuousMembership(FileDescriptor fd, int ifIndex)
    {
        PacketMreq membership = new() { IfIndex = ifIndex, Type = SocketNumbers.PACKET_MR_PROMISC };
        if (LibC.setsockopt(fd.Value, SocketNumbers.SOL_PACKET, SocketNumbers.PACKET_ADD_MEMBERSHIP, &membership, sizeof(PacketMreq)) != 0)
            throw new IOException($"promiscuous mode: {Errno.LastText()}");
    }

    private static void AttachFilter(FileDescriptor fd, SockFilter[] program)
    {
        if (!SockFprog.TryAttach(fd.Value, program))
            throw new IOException($"SO_ATTACH_FILTER of {program.Length} instructions: {Errno.LastText()}");
    }

    private static void SetOption(FileDescriptor fd, int name, int value, string what)
    {
        if (LibC.setsockopt(fd.Value, SocketNumbers.SOL_PACKET, name, &value, sizeof(int)) != 0)
            throw new IOException($"{what}: {Errno.LastText()}");
    }
}
