using System.Runtime.InteropServices;
using System.Text;

namespace Capbox.Platform.Linux;

/// <summary>An interface as rtnetlink tells it; what a message leaves out is empty or 0.</summary>
internal sealed record LinkRecord
{
    public required int Index { get; init; }

    /// <summary>ARPHRD_ number, net/if_arp.h.</summary>
    public required int HardwareType { get; init; }

    /// <summary>IFF_ flags, netdevice(7).</summary>
    public required uint Flags { get; init; }
    public string Name { get; init; } = "";
    public byte[] Address { get; init; } = [];
    public int MtuBytes { get; init; }

    /// <summary>IF_OPER_ number, linux/if.h (RFC 2863).</summary>
    public int OperState { get; init; }
    public bool HasCarrier { get; init; }
    public RtnlLinkStats64 Counters { get; init; }

    /// <summary>Administratively up.</summary>
    public bool IsUp => (Flags & LinkControl.IFF_UP) != 0;
}

/// <summary>
/// The interfaces of one network namespace through two sockets that were made in it: rtnetlink for what they are and count (rtnetlink(7)), and one for ioctls (netdevice(7)). It answers for
/// that namespace on any thread, also when the namespace has lost its name. sysfs and /proc/net cannot do that: they show the namespace of a mount and of a process. One caller at a time.
/// </summary>
internal sealed unsafe class LinkControl : IDisposable
{
    public const uint IFF_UP = 1;
    private const int AF_NETLINK = 16, AF_INET = 2, SOCK_RAW = 3, SOCK_DGRAM = 2, SOCK_CLOEXEC = 0x80000, SOCK_NONBLOCK = 0x800, NETLINK_ROUTE = 0;
    private const ushort NLMSG_ERROR = 2, NLMSG_DONE = 3, RTM_NEWLINK = 16, RTM_GETLINK = 18, NLM_F_REQUEST = 1, NLM_F_DUMP = 0x300;
    private const ushort IFLA_ADDRESS = 1, IFLA_IFNAME = 3, IFLA_MTU = 4, IFLA_OPERSTATE = 16, IFLA_STATS64 = 23, IFLA_CARRIER = 33;
    private const int NameBytes = 16; // IFNAMSIZ
    private const int HeadBytes = 32; // NlMsgHdr and IfInfoMsg
    private const int AttributeHeadBytes = 4;

    /// <summary>The kernel makes no message of a dump longer than 32 KiB.</summary>
    private const int AnswerBytes = 65536, MaxAnswers = 4096;
    private readonly FileDescriptor _route;
    private readonly FileDescriptor _any;
    private readonly AlignedBuffer _answer = new(AnswerBytes);
    private uint _sequence;

    /// <summary>For the namespace that the calling thread is in.</summary>
    /// <exception cref="IOException">The sockets are not to be had.</exception>
    public LinkControl()
    {
        _route = Open(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE, "netlink socket");
        try
        {
            _any = Open(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, "socket for ioctls");
        }
        catch
        {
            _route.Dispose();
            throw;
        }
    }

    /// <summary>The interface of this name, or null.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public LinkRecord? Find(string name)
    {
        if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) >= NameBytes)
            return null;
        // The kernel looks among alternative names as well; a port has the interface's own.
        return Ask(0, name) is [var link] && link.Name == name ? link : null;
    }

    /// <summary>The interface of this index under its name of now, or null.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public LinkRecord? Find(int index) => index > 0 && Ask(index, null) is [var link] ? link : null;

    /// <summary>All interfaces, by index.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public IReadOnlyList<LinkRecord> List()
    {
        List<LinkRecord> links = Ask(0, null);
        links.Sort((a, b) => a.Index.CompareTo(b.Index));
        return links;
    }

    /// <summary>An ioctl of netdevice(7). Returns 0 or the errno.</summary>
    public int Ioctl(nuint request, void* argument) => LibC.ioctl(_any.Value, request, argument) < 0 ? Marshal.GetLastPInvokeError() : 0;

    public void Dispose()
    {
        _route.Dispose();
        _any.Dispose();
        _answer.Dispose();
    }

    private static FileDescriptor Open(int family, int type, int protocol, string what)
    {
        int fd = LibC.socket(family, type, protocol);
        return fd >= 0 ? new FileDescriptor(fd) : throw new IOException($"{what}: {LibC.LastErrorText()}");
    }

    /// <summary>RTM_GETLINK for one interface, or for all when neither index nor name is given.</summary>
    private List<LinkRecord> Ask(int index, string? name)
    {
        byte* request = stackalloc byte[HeadBytes + AttributeHeadBytes + NameBytes];
        int length = HeadBytes;
        if (name is not null)
        {
            var room = new Span<byte>(request + HeadBytes + AttributeHeadBytes, NameBytes);
            room.Clear();
            Encoding.UTF8.GetBytes(name, room);
            *(RtAttr*)(request + HeadBytes) = new RtAttr { Length = AttributeHeadBytes + NameBytes, Type = IFLA_IFNAME };
            length += AttributeHeadBytes + NameBytes;
        }

        bool isDump = index == 0 && name is null;
        *(NlMsgHdr*)request = new NlMsgHdr
        {
            Length = (uint)length,
            Type = RTM_GETLINK,
            Flags = isDump ? (ushort)(NLM_F_REQUEST | NLM_F_DUMP) : NLM_F_REQUEST,
            Sequence = ++_sequence,
        };
        *(IfInfoMsg*)(request + sizeof(NlMsgHdr)) = new IfInfoMsg { Index = index };
        if (LibC.send(_route.Value, request, length, 0) != length)
            throw new IOException($"netlink: {LibC.LastErrorText()}");
        return ReadAnswers(isDump);
    }

    /// <summary>The kernel has answered when send returns, and makes each further part of a dump while the one before it is read: there is nothing to wait for.</summary>
    private List<LinkRecord> ReadAnswers(bool isDump)
    {
        List<LinkRecord> links = [];
        byte* at = (byte*)_answer.Address;
        for (int i = 0; i < MaxAnswers; i++)
        {
            nint got = LibC.recv(_route.Value, at, AnswerBytes, 0);
            if (got <= 0)
                throw new IOException($"netlink: {(got == 0 ? "no answer" : LibC.LastErrorText())}");
            if (ReadMessages(new ReadOnlySpan<byte>(at, (int)got), links) || (!isDump && links.Count > 0))
                return links;
        }

        throw new IOException($"netlink: more than {MaxAnswers} messages");
    }

    /// <summary>True after the last message of a dump or an error. Answers to what was asked before are passed over.</summary>
    private bool ReadMessages(ReadOnlySpan<byte> messages, List<LinkRecord> links)
    {
        while (messages.Length >= sizeof(NlMsgHdr))
        {
            NlMsgHdr head = MemoryMarshal.Read<NlMsgHdr>(messages);
            if (head.Length < sizeof(NlMsgHdr) || head.Length > messages.Length)
                throw new IOException("netlink: a message that is cut off");
            ReadOnlySpan<byte> body = messages[sizeof(NlMsgHdr)..(int)head.Length];
            messages = messages[Math.Min(Align(head.Length), messages.Length)..];
            if (head.Sequence != _sequence)
                continue;
            if (head.Type == NLMSG_DONE)
                return true;
            if (head.Type == NLMSG_ERROR)
                return IsNoSuchLink(-MemoryMarshal.Read<int>(body));
            if (head.Type == RTM_NEWLINK && body.Length >= sizeof(IfInfoMsg))
                links.Add(ReadLink(body));
        }

        return false;
    }

    private static bool IsNoSuchLink(int errno) => errno == LibC.ENODEV ? true : throw new IOException($"netlink: {LibC.ErrorText(errno)}");

    private static LinkRecord ReadLink(ReadOnlySpan<byte> body)
    {
        IfInfoMsg info = MemoryMarshal.Read<IfInfoMsg>(body);
        var link = new LinkRecord { Index = info.Index, HardwareType = info.Type, Flags = info.Flags };
        ReadOnlySpan<byte> rest = body[sizeof(IfInfoMsg)..];
        while (rest.Length >= AttributeHeadBytes)
        {
            RtAttr attribute = MemoryMarshal.Read<RtAttr>(rest);
            if (attribute.Length < AttributeHeadBytes || attribute.Length > rest.Length)
                break;
            link = With(link, attribute.Type, rest[AttributeHeadBytes..attribute.Length]);
            rest = rest[Math.Min(Align(attribute.Length), rest.Length)..];
        }

        return link;
    }

    private static LinkRecord With(LinkRecord link, ushort type, ReadOnlySpan<byte> value) => type switch
    {
        IFLA_IFNAME => link with { Name = Encoding.UTF8.GetString(value[..(value.IndexOf((byte)0) is >= 0 and int end ? end : value.Length)]) },
        IFLA_ADDRESS => link with { Address = value.ToArray() },
        IFLA_MTU when value.Length >= sizeof(int) => link with { MtuBytes = MemoryMarshal.Read<int>(value) },
        IFLA_OPERSTATE when value.Length >= 1 => link with { OperState = value[0] },
        IFLA_CARRIER when value.Length >= 1 => link with { HasCarrier = value[0] != 0 },
        IFLA_STATS64 => link with { Counters = ReadCounters(value) },
        _ => link,
    };

    /// <summary>The structure grows at its end: an older kernel sends less of it, a newer one more.</summary>
    private static RtnlLinkStats64 ReadCounters(ReadOnlySpan<byte> value)
    {
        RtnlLinkStats64 counters = default;
        value[..Math.Min(value.Length, sizeof(RtnlLinkStats64))].CopyTo(MemoryMarshal.AsBytes(new Span<RtnlLinkStats64>(ref counters)));
        return counters;
    }

    /// <summary>NLMSG_ALIGN and RTA_ALIGN: 4.</summary>
    private static int Align(uint length) => (int)((length + 3) & ~3u);
}

/// <summary>struct nlmsghdr, netlink(7).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NlMsgHdr
{
    public uint Length;
    public ushort Type;
    public ushort Flags;
    public uint Sequence;
    public uint PortId;
}

/// <summary>struct ifinfomsg, rtnetlink(7).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IfInfoMsg
{
    public byte Family;
    public byte Padding;
    public ushort Type;
    public int Index;
    public uint Flags;
    public uint Change;
}

/// <summary>struct rtattr, rtnetlink(7).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RtAttr
{
    public ushort Length;
    public ushort Type;
}

/// <summary>struct rtnl_link_stats64, linux/if_link.h, as far as it is read here.</summary>
[StructLayout(LayoutKind.Explicit, Size = 200)]
internal struct RtnlLinkStats64
{
    [FieldOffset(0)] public ulong RxPackets;
    [FieldOffset(8)] public ulong TxPackets;
    [FieldOffset(16)] public ulong RxBytes;
    [FieldOffset(24)] public ulong TxBytes;
    [FieldOffset(32)] public ulong RxErrors;
    [FieldOffset(48)] public ulong RxDropped;
    [FieldOffset(112)] public ulong RxFifoErrors;
    [FieldOffset(120)] public ulong RxMissedErrors;
}
