// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Capbox.Bench;

/// <summary>What to send. Sizes repeat in order; packet i of the run has sequence <see cref="FirstSequence"/> + i.</summary>
internal sealed record Traffic
{
    public required string Port { get; init; }
    public string? Namespace { get; init; }
    public required int[] FrameBytes { get; init; }
    public required long Packets { get; init; }

    /// <summary>0: as fast as it goes.</summary>
    public long PacketsPerSecond { get; init; }

    /// <summary>0: no limit of time.</summary>
    public long Milliseconds { get; init; }

    /// <summary>What is overdue by more than this is not caught up: without it a sender that had to wait for a processor follows with a burst. 0: no limit.</summary>
    public long MaxLagMs { get; init; }

    /// <summary>Ends it early.</summary>
    public CancellationToken End { get; init; }
    public int Flows { get; init; } = 1;
    public uint Stream { get; init; }
    public ulong FirstSequence { get; init; }
    public int Vlan { get; init; }

    /// <summary>-1: not pinned.</summary>
    public int Cpu { get; init; } = -1;
}

/// <summary>What was sent: packets and bytes that the kernel accepted. Refused ones were sent again with the same sequence.</summary>
internal sealed record Sent(long Packets, long Bytes, long Refused, double Seconds);

/// <summary>
/// Sends through a TPACKET_V2 transmit ring with PACKET_QDISC_BYPASS (1.8 times as fast as sendmmsg, which copies each packet).
/// On a veth pair the receiver's whole receive path, up to the copy into a packet ring, runs in this thread's softirq: a packet that
/// was accepted has reached every ring at the other end or was dropped there. A receiver that holds on to packets without copying
/// them (a socket without a ring) may see a frame's next content.
/// </summary>
internal sealed unsafe class Generator : IDisposable
{
    private const int BatchPackets = 64;
    private const int LeastSlots = 4 * BatchPackets;
    private const int SendBufferBytes = 16 << 20;
    private const int StuckSeconds = 10;

    // struct tpacket2_hdr: status and length lead, the frame follows after 32 bytes (TPACKET2_HDRLEN - sizeof(struct sockaddr_ll)).
    private const int FrameOffset = 32;
    private const uint StatusAvailable = 0;
    private const uint StatusSendRequest = 1;
    private const uint StatusWrongFormat = 4;
    private readonly Traffic _traffic;
    private readonly int _slots;
    private readonly int _slotBytes;
    private readonly int _udpAt;
    private readonly int _fd;
    private readonly byte* _ring;
    private double _skippedSeconds;

    public Generator(Traffic traffic)
    {
        _traffic = traffic;
        _udpAt = 14 + 20 + (traffic.Vlan > 0 ? 4 : 0);
        int pattern = traffic.FrameBytes.Length;
        _slots = pattern * ((LeastSlots + pattern - 1) / pattern);
        _slotBytes = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(4096, traffic.FrameBytes.Max() + FrameOffset));
        _fd = OpenSocket(traffic.Port);
        _ring = MapRing();
        for (int i = 0; i < _slots; i++)
        {
            int bytes = traffic.FrameBytes[i % pattern];
            TestPacket.Build(new Span<byte>(Slot(i) + FrameOffset, bytes), traffic.Stream, traffic.Vlan);
            *(int*)(Slot(i) + 4) = bytes;
        }
    }

    /// <summary>Enters namespace and CPU of the calling thread, sends, and gives the counts.</summary>
    public static Sent Run(Traffic traffic)
    {
        if (traffic.Namespace is not null)
            Sys.EnterNamespace(traffic.Namespace);

        if (traffic.Cpu >= 0)
            Sys.Pin(traffic.Cpu);

        using var generator = new Generator(traffic);
        return generator.Send();
    }

    public void Dispose()
    {
        _ = Sys.Munmap(_ring, (nuint)_slots * (nuint)_slotBytes);
        _ = Sys.Close(_fd);
    }

    private static int OpenSocket(string port)
    {
        uint index = Sys.IfNameToIndex(port);
        if (index == 0)
            throw Sys.Failed("no port " + port);

        int fd = Sys.Socket(Sys.AfPacket, Sys.SockRaw | Sys.SockCloexec, 0);
        if (fd < 0)
            throw Sys.Failed("packet socket");

        // Protocol 0: this socket receives nothing.
        var address = new Sys.SockAddrLl { Family = Sys.AfPacket, IfIndex = (int)index };
        if (Sys.Bind(fd, &address, (uint)sizeof(Sys.SockAddrLl)) != 0)
            throw Sys.Failed("bind to " + port);

        int value = 1;
        if (Sys.SetSockOpt(fd, Sys.SolPacket, Sys.PacketQdiscBypass, &value, sizeof(int)) != 0)
            throw Sys.Failed("PACKET_QDISC_BYPASS");

        value = SendBufferBytes;
        _ = Sys.SetSockOpt(fd, Sys.SolSocket, Sys.SoSndBufForce, &value, sizeof(int));
        return fd;
    }

    private byte* MapRing()
    {
        int version = 1;
        if (Sys.SetSockOpt(_fd, Sys.SolPacket, Sys.PacketVersion, &version, sizeof(int)) != 0)
            throw Sys.Failed("PACKET_VERSION");

        // One slot per block, so that any number of slots is allowed.
        uint* request = stackalloc uint[] { (uint)_slotBytes, (uint)_slots, (uint)_slotBytes, (uint)_slots };
        if (Sys.SetSockOpt(_fd, Sys.SolPacket, Sys.PacketTxRing, request, 16) != 0)
            throw Sys.Failed("PACKET_TX_RING");

        byte* ring = Sys.Mmap(null, (nuint)_slots * (nuint)_slotBytes, 3, 1, _fd, 0);
        return ring != (byte*)-1 ? ring : throw Sys.Failed("mmap of the transmit ring");
    }

    private byte* Slot(long packet) => _ring + (packet % _slots * _slotBytes);

    private Sent Send()
    {
        long sent = 0;
        long bytes = 0;
        long refused = 0;
        long offered = 0;
        long started = Stopwatch.GetTimestamp();
        long progress = started;
        while (sent < _traffic.Packets && !_traffic.End.IsCancellationRequested)
        {
            int due = Due(sent, started, out bool over);
            if (over)
                break;

            // What was refused stays in its slot with its sequence and is offered again by the next call.
            long until = Math.Min(sent + due, _traffic.Packets);
            while (offered < until && Volatile.Read(ref *(uint*)Slot(offered)) == StatusAvailable)
                Offer(offered++);

            if (offered == sent)
                continue;

            int error = Sys.Send(_fd, null, 0, Sys.MsgDontWait) < 0 ? Marshal.GetLastPInvokeError() : 0;
            long before = sent;
            for (; sent < offered && Accepted(sent); sent++)
                bytes += *(int*)(Slot(sent) + 4);

            if (sent > before)
                progress = Stopwatch.GetTimestamp();

            refused += Refused(error, progress);
        }

        return new Sent(sent, bytes, refused, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private void Offer(long packet)
    {
        ulong sequence = _traffic.FirstSequence + (ulong)packet;
        int flow = _traffic.Flows == 1 ? 0 : (int)(sequence % (ulong)_traffic.Flows);
        TestPacket.Stamp(new Span<byte>(Slot(packet) + FrameOffset + _udpAt, 24), sequence, flow);
        Volatile.Write(ref *(uint*)Slot(packet), StatusSendRequest);
    }

    private bool Accepted(long packet)
    {
        uint status = Volatile.Read(ref *(uint*)Slot(packet));
        return status != StatusWrongFormat
            ? status != StatusSendRequest
            : throw new BenchException($"{_traffic.Port} refuses frames of {*(int*)(Slot(packet) + 4)} bytes: raise its MTU");
    }

    /// <summary>Packets to send now; waits a little when paced and none is due.</summary>
    private int Due(long sent, long started, out bool over)
    {
        over = false;
        if (_traffic.PacketsPerSecond == 0 && _traffic.Milliseconds == 0)
            return BatchPackets;

        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        over = _traffic.Milliseconds > 0 && seconds * 1000 >= _traffic.Milliseconds;
        if (_traffic.PacketsPerSecond == 0)
            return BatchPackets;

        double ahead = ((seconds - _skippedSeconds) * _traffic.PacketsPerSecond) + 1 - sent;
        double lagSeconds = ahead / _traffic.PacketsPerSecond;
        if (_traffic.MaxLagMs > 0 && lagSeconds * 1000 > _traffic.MaxLagMs)
            _skippedSeconds += lagSeconds - (_traffic.MaxLagMs / 1000.0);
        if (ahead >= 1)
            return (int)Math.Min(ahead, BatchPackets);

        if ((1 - ahead) / _traffic.PacketsPerSecond > 0.0005)
            Thread.Sleep(1);

        return 0;
    }

    /// <summary>ENOBUFS is a full queue or a peer without carrier, EAGAIN memory in use: try again, but not for ever.</summary>
    private static int Refused(int error, long progress)
    {
        if (error is (0 or Sys.Eintr) && Stopwatch.GetElapsedTime(progress).TotalSeconds < StuckSeconds)
            return 0;

        if (error is not (Sys.Enobufs or Sys.Eagain) || Stopwatch.GetElapsedTime(progress).TotalSeconds > StuckSeconds)
            throw Sys.Failed("sending");

        return 1;
    }
}
