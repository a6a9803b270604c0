using Capbox.Platform.Linux;
using static Capbox.Platform.Linux.SocketNumbers;

namespace Capbox.Ptp.Transport;

/// <summary>What <see cref="PtpSocket.Receive"/> found.</summary>
public enum Reception
{
    /// <summary>Nothing is waiting.</summary>
    None,

    /// <summary>A message.</summary>
    Message,

    /// <summary>Something that was counted and thrown away; more may wait.</summary>
    Nothing,
}

/// <summary>A message as it came in; valid until the next call.</summary>
public readonly ref struct ReceivedMessage
{
    /// <summary>What follows the EtherType or the UDP header.</summary>
    public ReadOnlySpan<byte> Bytes { get; init; }
    public PeerAddress Source { get; init; }
    public PtpChannel Channel { get; init; }

    /// <summary>When it came, ns of the clock of <see cref="PtpSocketOptions.Stamps"/>; 0: nobody stamped it.</summary>
    public long StampNs { get; init; }
}

/// <summary>
/// One interface's sockets for PTP: packet socket for Ethernet, two UDP sockets otherwise, with stamps (SO_TIMESTAMPING, Documentation/networking/timestamping.rst of Linux). It belongs to
/// the network namespace of the thread that opens it. One thread. Nothing is allocated per message, and no call blocks but <see cref="Wait"/>.
/// </summary>
public sealed class PtpSocket : IDisposable
{
    private const int MostBytes = 2048;
    private const int ControlBytes = 512;
    private const int NameBytes = 32;

    /// <summary>Transmit stamps that may be outstanding; a power of two. The engine has one request under way.</summary>
    private const int MostOutstanding = 16;

    /// <summary>File descriptors to wait for: places in <see cref="WaitAt"/>'s entries.</summary>
    internal const int Places = 3;
    private const int EventPlace = 0, GeneralPlace = 1, LinkPlace = 2;

    private readonly PtpSocketOptions _options;
    private readonly KernelSocket _event;
    private readonly KernelSocket? _general;
    private readonly ReceiveBatch _events = new();
    private readonly ReceiveBatch? _generals;
    private readonly CarrierWatch _link;
    private PollFd[] _polled = new PollFd[Places];
    private int _firstPolled;
    private readonly FrameSettings _frame;
    private readonly byte[] _data = GC.AllocateArray<byte>(MostBytes, pinned: true);
    private readonly byte[] _control = GC.AllocateArray<byte>(ControlBytes, pinned: true);
    private readonly byte[] _name = GC.AllocateArray<byte>(NameBytes, pinned: true);
    private readonly byte[] _out = GC.AllocateArray<byte>(MostBytes, pinned: true);
    private readonly uint[] _tokens = new uint[MostOutstanding];
    private uint _nextId;
    private uint _outstanding;
    private uint _unstamped;

    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    /// <exception cref="IOException">The kernel refuses: no such interface, no right, ports in use, no stamps. The message tells which.</exception>
    public PtpSocket(PtpSocketOptions options)
    {
        _options = options.Checked();
        bool isEthernet = options.Transport == PtpTransport.Ethernet;
        try
        {
            _event = isEthernet ? SocketSetup.Ethernet(options) : SocketSetup.Udp(options, PtpGroup.EventPort);
            _general = isEthernet ? null : SocketSetup.Udp(options, PtpGroup.GeneralPort);
            _generals = isEthernet ? null : new();
            InterfaceIndex = _event.InterfaceIndex(options.Interface);
            _link = new CarrierWatch(options.Interface, InterfaceIndex);
            Span<byte> mac = stackalloc byte[PeerAddress.MacBytes];
            _event.CopyMac(options.Interface, mac);
            Mac = PeerAddress.Mac(mac);
            SocketSetup.Stamps(_event, options, hasIds: true);
        }
        catch
        {
            Dispose();
            throw;
        }

        _frame = new FrameSettings(Mac, Mac, options.VlanId, (byte)options.VlanPriority);
        WaitAt(_polled, 0);
    }

    /// <summary>The interface's MAC when it was opened.</summary>
    public PeerAddress Mac { get; }

    /// <summary>Its number when it was opened.</summary>
    public int InterfaceIndex { get; }

    public SocketCounters Counters { get; } = new();

    /// <summary>False when the interface is gone, or another has taken its name: this socket hears nothing any more and must be opened anew.</summary>
    public bool IsInterfaceThere => _event.InterfaceIndex(_options.Interface) == InterfaceIndex;

    /// <summary>IFF_UP and IFF_RUNNING: the link is up.</summary>
    public bool IsLinkUp => (_event.InterfaceFlags(_options.Interface) & (InterfaceRequest.IFF_UP | InterfaceRequest.IFF_RUNNING)) == (InterfaceRequest.IFF_UP | InterfaceRequest.IFF_RUNNING);

    /// <summary>Waits until there is something to receive, a stamp, or a change of the link.</summary>
    /// <param name="milliseconds">At most so long; 0: not at all.</param>
    /// <returns>Whether it was not just the time.</returns>
    public bool Wait(int milliseconds) => KernelSocket.Wait(_polled.AsSpan(_firstPolled, Places), HasLeft ? 0 : Math.Max(0, milliseconds)) > 0 || HasLeft;

    /// <summary>Has somebody else wait for it: from now on what poll(2) notes at these <see cref="Places"/> entries is what there is to do.</summary>
    internal void WaitAt(PollFd[] entries, int first)
    {
        (_polled, _firstPolled) = (entries, first);
        Span<int> fds = [_event.Fd, _general?.Fd ?? -1, _link.Fd];
        for (int i = 0; i < Places; i++)
            entries[first + i] = new PollFd { Fd = fds[i], Events = FileNumbers.POLLIN };
    }

    /// <summary>Whether the last wait saw anything at all.</summary>
    internal bool HasAnything => HasLeft || Has(EventPlace) || Has(GeneralPlace) || Has(LinkPlace);

    /// <summary>Whether the last <see cref="Wait"/> saw something at a socket: asking the others costs a system call each.</summary>
    public bool HasMessages(PtpChannel channel) => Has(channel == PtpChannel.General ? GeneralPlace : EventPlace) || Batch(channel) is { HasLeft: true };

    /// <summary>Whether asking for one more message after the last is worth it: false when the socket was seen empty.</summary>
    public bool MayHaveMore(PtpChannel channel) => Batch(channel) is { MayHaveMore: true };

    /// <summary>Whether the last <see cref="Wait"/> saw a report on links.</summary>
    public bool HasLinkChanges => Has(LinkPlace);

    /// <summary>Whether the last <see cref="Wait"/> saw a transmit stamp, or an error.</summary>
    public bool HasTransmitStamps => (_polled[_firstPolled + EventPlace].Revents & ~FileNumbers.POLLIN) != 0;

    /// <summary>Whether something that was sent is still to be stamped, for all that is known.</summary>
    public bool AwaitsTransmitStamp => _unstamped > 0;

    /// <summary>Takes one message.</summary>
    /// <param name="channel">Event or general port; over Ethernet there is one for both.</param>
    public Reception Receive(PtpChannel channel, out ReceivedMessage message)
    {
        message = default;
        ReceiveBatch? batch = Batch(channel);
        if (batch is null)
            return Reception.None;
        ReceiveResult got = batch.Receive(channel == PtpChannel.General ? _general! : _event);
        if (got.Bytes < 0)
            return Failed(-got.Bytes);
        if (got.IsTruncated)
            return Drop(SocketCause.Truncated);
        var control = ControlMessages.Read(batch.Control);
        ReadOnlySpan<byte> data = batch.Data;
        long stampNs = _options.Stamps == StampSource.Hardware ? control.HardwareNs : control.SoftwareNs;
        if (_options.Transport == PtpTransport.Ethernet)
            return Frame(data, batch.Name, control.VlanId, stampNs, ref message);
        message = new() { Bytes = data, Source = SocketSetup.Source(batch.Name), Channel = channel, StampNs = stampNs };
        Counters.Add(SocketCause.Received);
        return Reception.Message;
    }

    /// <summary>Takes one transmit stamp.</summary>
    /// <param name="token">What the message was sent with.</param>
    /// <param name="stampNs">When it left, ns of the clock of <see cref="PtpSocketOptions.Stamps"/>.</param>
    public Reception ReceiveTransmitStamp(out uint token, out long stampNs)
    {
        (token, stampNs) = (0, 0);
        ReceiveResult got = _event.Receive(_data, _name, _control, MSG_ERRQUEUE);
        if (got.Bytes < 0)
            return Reception.None;
        var control = ControlMessages.Read(_control.AsSpan(0, got.ControlBytes));
        stampNs = _options.Stamps == StampSource.Hardware ? control.HardwareNs : control.SoftwareNs;
        uint age = _nextId - control.SentId;
        if (!control.IsSent || stampNs == 0 || age == 0 || age > _outstanding)
            return Drop(SocketCause.TransmitStampUnmatched);
        token = _tokens[control.SentId % MostOutstanding];
        _unstamped -= Math.Min(_unstamped, 1);
        Counters.Add(SocketCause.TransmitStamp);
        return Reception.Message;
    }

    /// <summary>Sends an event message, to be stamped.</summary>
    /// <param name="to">A neighbour, or the group.</param>
    /// <param name="token">To be given back with the stamp.</param>
    /// <returns>Whether the kernel took it.</returns>
    public bool TrySend(ReadOnlySpan<byte> message, PeerAddress to, uint token)
    {
        if (!to.IsGroup && to.Transport != _options.Transport)
            return Refuse();
        _tokens[_nextId % MostOutstanding] = token;
        Span<byte> address = stackalloc byte[NameBytes];
        int errno;
        if (_options.Transport == PtpTransport.Ethernet)
        {
            int bytes = FrameWriter.Write(message, PtpChannel.Event, _frame, default, to, _out);
            errno = _event.Send(_out.AsSpan(0, bytes), address[..SocketSetup.PacketAddress(InterfaceIndex, _options.VlanId >= 0 ? ETH_P_8021Q : PtpGroup.EtherType, address)]);
        }
        else
        {
            int bytes = Padded(message);
            errno = _event.Send(_out.AsSpan(0, bytes), address[..SocketSetup.Address(to, _options.Transport, PtpGroup.EventPort, InterfaceIndex, address)]);
        }

        if (errno != 0)
            return Refuse();
        (_nextId, _outstanding, _unstamped) = (_nextId + 1, Math.Min(_outstanding + 1, MostOutstanding), Math.Min(_unstamped + 1, MostOutstanding));
        Counters.Add(SocketCause.Sent);
        return true;
    }

    /// <summary>Takes one report on the link. A message here is a change of carrier, or the interface's end.</summary>
    public Reception ReceiveLinkChange()
    {
        Reception reception = _link.Receive();
        if (reception == Reception.Nothing)
            Counters.Add(SocketCause.OtherLink);
        return reception;
    }

    public void Dispose()
    {
        _event?.Dispose();
        _general?.Dispose();
        _link?.Dispose();
    }

    /// <summary>The message in the buffer to send, two octets longer over IPv6 (annex D.1).</summary>
    private int Padded(ReadOnlySpan<byte> message)
    {
        message.CopyTo(_out);
        int padding = _options.Transport == PtpTransport.UdpIpv6 ? PtpGroup.Ipv6PaddingBytes : 0;
        _out.AsSpan(message.Length, padding).Clear();
        return message.Length + padding;
    }

    private Reception Frame(ReadOnlySpan<byte> data, ReadOnlySpan<byte> name, int vlanId, long stampNs, ref ReceivedMessage message)
    {
        // The kernel takes the outer tag out of the frame, and without an interface for the VLAN calls it another host's. VLAN 0 is a priority and no VLAN.
        if (_options.VlanId >= 0 ? vlanId != _options.VlanId : vlanId > 0 || SocketSetup.IsForOthers(name))
            return Drop(SocketCause.OtherVlan);
        if (FrameParser.Parse(data, out FrameView view) != FrameKind.Ptp)
            return Drop(SocketCause.Malformed);
        message = new() { Bytes = data.Slice(view.Offset, view.Bytes), Source = view.Source, Channel = PtpChannel.Any, StampNs = stampNs };
        Counters.Add(SocketCause.Received);
        return Reception.Message;
    }

    private bool HasLeft => _events.HasLeft || _generals is { HasLeft: true };

    private ReceiveBatch? Batch(PtpChannel channel) => channel == PtpChannel.General ? _generals : _events;

    private bool Has(int place) => _polled[_firstPolled + place].Revents != 0;

    private Reception Failed(int errno)
    {
        if (errno == Errno.EAGAIN)
            return Reception.None;
        return errno == Errno.EINTR ? Reception.Nothing : Drop(SocketCause.ReceiveFailed);
    }

    private Reception Drop(SocketCause cause)
    {
        Counters.Add(cause);
        return Reception.Nothing;
    }

    /// <summary>Whether the kernel counted what it refused to send is not the same in all its versions: both counts begin at 0 again.</summary>
    private bool Refuse()
    {
        Counters.Add(SocketCause.SendFailed);
        SocketSetup.Stamps(_event, _options, hasIds: false);
        SocketSetup.Stamps(_event, _options, hasIds: true);
        (_nextId, _outstanding, _unstamped) = (0, 0, 0);
        return false;
    }
}
