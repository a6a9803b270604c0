// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using System.Text;
using static Capbox.Platform.Linux.NetlinkNumbers;

namespace Capbox.Platform.Linux;

/// <summary>An interface as rtnetlink describes it. A property that the message leaves out is empty or 0.</summary>
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
    public bool IsUp => (Flags & InterfaceRequest.IFF_UP) != 0;
}

/// <summary>
/// The interfaces of one network namespace through two sockets that were made in it: rtnetlink for state and counters
/// (rtnetlink(7)), and one for ioctls (netdevice(7)). It answers for
/// that namespace on any thread, also when the namespace has lost its name. sysfs and /proc/net cannot do that: they show the
/// namespace of a mount and of a process. One caller at a time.
/// </summary>
[CHeaders("linux/rtnetlink.h")]
internal sealed unsafe class LinkControl : IDisposable
{
    // Fixed parts of a message: NlMsgHdr and IfInfoMsg, and RtAttr.
    [CConstant("NLMSG_LENGTH(sizeof(struct ifinfomsg))")] private const int HeadBytes = 32;
    [CConstant("RTA_LENGTH(0)")] private const int AttributeHeadBytes = 4;

    /// <summary>The kernel sends no message of a dump longer than 32 KiB.</summary>
    [OwnChoice] private const int AnswerBytes = 65536, MaxAnswers = 4096;
    private readonly KernelSocket _route = new(SocketNumbers.AF_NETLINK, SocketNumbers.SOCK_RAW, NETLINK_ROUTE, "netlink");
    private readonly byte[] _answer = new byte[AnswerBytes];
    private uint _sequence;

    /// <summary>For the namespace that the calling thread is in.</summary>
    /// <exception cref="IOException">The process has no file descriptor left, or the kernel has no netlink.</exception>
    public LinkControl()
    {
        try
        {
            Ethtool = new Ethtool();
        }
        catch
        {
            _route.Dispose();
            throw;
        }
    }

    /// <summary>The ioctls of the same namespace.</summary>
    public Ethtool Ethtool { get; }

    /// <summary>The interface of this name, or null.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public LinkRecord? Find(string name)
    {
        if (!InterfaceRequest.IsPossibleName(name))
            return null;
        // The kernel also finds alternative names; a port has the interface's own.
        return Request(0, name) is [var link] && link.Name == name ? link : null;
    }

    /// <summary>The interface of this index under its name of now, or null.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public LinkRecord? Find(int index) => index > 0 && Request(index, null) is [var link] ? link : null;

    /// <summary>All interfaces, by index.</summary>
    /// <exception cref="IOException">The kernel does not answer.</exception>
    public IReadOnlyList<LinkRecord> List()
    {
        List<LinkRecord> links = Request(0, null);
        links.Sort((a, b) => a.Index.CompareTo(b.Index));
        return links;
    }

    public void Dispose()
    {
        _route.Dispose();
        Ethtool.Dispose();
    }

    /// <summary>RTM_GETLINK for one interface, or for all when neither index nor name is given.</summary>
    private List<LinkRecord> Request(int index, string? name)
    {
        const int NameBytes = InterfaceRequest.IFNAMSIZ;
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
        int errno = _route.Send(new ReadOnlySpan<byte>(request, length), default);
        if (errno != 0)
            throw _route.Refused("ask for interfaces", errno);
        return ReadAnswers(isDump);
    }

    /// <summary>
    /// The kernel has answered when send returns, and produces each further part of a dump while the one before is read: nothing
    /// waits.
    /// </summary>
    private List<LinkRecord> ReadAnswers(bool isDump)
    {
        List<LinkRecord> links = [];
        for (int i = 0; i < MaxAnswers; i++)
        {
            int got = _route.Receive(_answer, default, default, 0).Bytes;
            if (got <= 0)
                throw _route.Refused("interfaces", got == 0 ? Errno.EIO : -got);
            if (ReadMessages(_answer.AsSpan(0, got), links) || (!isDump && links.Count > 0))
                return links;
        }

        throw new IOException($"netlink: more than {MaxAnswers} messages");
    }

    /// <summary>True after the last message of a dump or an error. Answers to earlier requests are skipped.</summary>
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

    private static bool IsNoSuchLink(int errno) => errno == Errno.ENODEV ? true : throw new IOException($"netlink: {Errno.Text(errno)}");

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
        IFLA_IFNAME => link with { Name = CText.Read(value) },
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

    private static int Align(uint length) => (int)(length + AlignmentBytes - 1) & -AlignmentBytes;
}
