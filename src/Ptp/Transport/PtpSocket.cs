// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using static Capbox.Platform.Linux.SocketNumbers;

namespace Capbox.Ptp.Transport;

/// <summary>Result of <see cref="PtpSocket.Receive"/>.</summary>
public enum Reception
{
    /// <summary>Nothing is waiting.</summary>
    None,

    /// <summary>A message.</summary>
    Message,

    /// <summary>A message that was counted and dropped; more may wait.</summary>
    Nothing,
}

/// <summary>A received message; valid until the next call.</summary>
public readonly ref struct ReceivedMessage
{
    /// <summary>The bytes after the EtherType or the UDP header.</summary>
    public ReadOnlySpan<byte> Bytes { get; init; }
    public PeerAddress Source { get; init; }
    public PtpChannel Channel { get; init; }

    /// <summary>Receive stamp by the clock of <see cref="PtpSocketOptions.Stamps"/>, ns; 0 without a stamp.</summary>
    public long StampNs { get; init; }
}

/// <summary>
/// The PTP sockets of one interface: a packet socket for Ethernet, else two UDP sockets, with stamps (SO_TIMESTAMPING,
/// Documentation/networking/timestamping.rst of Linux). They belong to the network namespace of the thread that opens them. One thread.
/// Nothing is allocated per message, and no call but <see cref="Wait"/> blocks.
/// </summary>
public sealed class PtpSocket : IDisposable
{
    private const int MostBytes = 2048;
    private const int ControlBytes = 512;
    private const int NameBytes = 32;

    /// <summary>Most pending transmit stamps; a power of two. The engine has one request pending.</summary>
    private const int MostOutstanding = 16;

    /// <summary>File descriptors to wait for: entries used in <see cref="WaitAt"/>.</summary>
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
    /// <exception cref="IOException">
    /// The kernel rejects a call: no such interface, no privilege, ports in use, no stamps. The message has the reason.
    /// </exception>
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

    /// <summary>The interface's MAC at opening.</summary>
    public PeerAddress Mac { get; }

    /// <summary>The interface's index at opening.</summary>
    public int InterfaceIndex { get; }

    public SocketCounters Counters { get; } = new();

    /// <summary>
    /// False if the interface is gone, or another has its name: this socket hears nothing any more and must be opened again.
    /// </summary>
    public bool IsInterfaceThere => _event.InterfaceIndex(_options.Interface) == InterfaceIndex;

    /// <summary>IFF_UP and IFF_RUNNING: the link is up.</summary>
    public bool IsLinkUp
    {
        get
        {
            const int Up = InterfaceRequest.IFF_UP | InterfaceRequest.IFF_RUNNING;
            return (_event.InterfaceFlags(_options.Interface) & Up) == Up;
        }
    }

    /// <summary>Waits for a message, a stamp, or a change of the link.</summary>
    /// <param name="milliseconds">Longest wait, ms; 0: none.</param>
    /// <returns>True if anything happened; false at the timeout.</returns>
    public bool Wait(int milliseconds) =>
        KernelSocket.Wait(_polled.AsSpan(_firstPolled, Places), HasLeft ? 0 : Math.Max(0, milliseconds)) > 0 || HasLeft;

    /// <summary>
    /// Lets a loop wait for this socket: from now on the results of poll(2) in these <see cref="Places"/> entries decide what is pending.
    /// </summary>
    internal void WaitAt(PollFd[] entries, int first)
    {
        (_polled, _firstPolled) = (entries, first);
        Span<int> fds = [_event.Fd, _general?.Fd ?? -1, _link.Fd];
        for (int i = 0; i < Places; i++)
            entries[first + i] = new PollFd { Fd = fds[i], Events = FileNumbers.POLLIN };
    }

    /// <summary>Whether the last wait saw anything.</summary>
    internal bool HasAnything => HasLeft || Has(EventPlace) || Has(GeneralPlace) || Has(LinkPlace);

    /// <summary>Whether the last <see cref="Wait"/> saw messages at a channel: polling the others costs a system call each.</summary>
    public bool HasMessages(PtpChannel channel) =>
        Has(channel == PtpChannel.General ? GeneralPlace : EventPlace) || Batch(channel) is { HasLeft: true };

    /// <summary>Whether another receive call is worthwhile: false when the socket was seen empty.</summary>
    public bool MayHaveMore(PtpChannel channel) => Batch(channel) is { MayHaveMore: true };

    /// <summary>Whether the last <see cref="Wait"/> saw a report on links.</summary>
    public bool HasLinkChanges => Has(LinkPlace);

    /// <summary>Whether the last <see cref="Wait"/> saw a transmit stamp, or an error.</summary>
    public bool HasTransmitStamps => (_polled[_firstPolled + EventPlace].Revents & ~FileNumbers.POLLIN) != 0;

    /// <summary>Whether a sent message may still get its stamp.</summary>
    public bool AwaitsTransmitStamp => _unstamped > 0;

    /// <summary>Receives one message.</summary>
    /// <param name="channel">Event or general port; Ethernet has one for both.</param>
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

    /// <summary>Receives one transmit stamp.</summary>
    /// <param name="token">Token of the sent message.</param>
    /// <param name="stampNs">Departure time by the clock of <see cref="PtpSocketOptions.Stamps"/>, ns.</param>
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

    /// <summary>Sends an event message that needs a stamp.</summary>
    /// <param name="to">A neighbour, or the group.</param>
    /// <param name="token">Identifies the message when its stamp arrives.</param>
    /// <returns>Whether the kernel accepted it.</returns>
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
            ushort etherType = _options.VlanId >= 0 ? ETH_P_8021Q : PtpGroup.EtherType;
            errno = _event.Send(_out.AsSpan(0, bytes), address[..SocketSetup.PacketAddress(InterfaceIndex, etherType, address)]);
        }
        else
        {
            int bytes = Padded(message);
            int addressBytes = SocketSetup.Address(to, _options.Transport, PtpGroup.EventPort, InterfaceIndex, address);
            errno = _event.Send(_out.AsSpan(0, bytes), address[..addressBytes]);
        }

        if (errno != 0)
            return Refuse();
        _nextId++;
        (_outstanding, _unstamped) = (Math.Min(_outstanding + 1, MostOutstanding), Math.Min(_unstamped + 1, MostOutstanding));
        Counters.Add(SocketCause.Sent);
        return true;
    }

    /// <summary>
    /// Receives one report on the link: <see cref="Reception.Message"/> is a change of carrier, or the end of the interface.
    /// </summary>
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

    /// <summary>Copies the message to the send buffer, two octets longer over IPv6 (annex D.1).</summary>
    private int Padded(ReadOnlySpan<byte> message)
    {
        message.CopyTo(_out);
        int padding = _options.Transport == PtpTransport.UdpIpv6 ? PtpGroup.Ipv6PaddingBytes : 0;
        _out.AsSpan(message.Length, padding).Clear();
        return message.Length + padding;
    }

    private Reception Frame(ReadOnlySpan<byte> data, ReadOnlySpan<byte> name, int vlanId, long stampNs, ref ReceivedMessage message)
    {
        // The kernel removes the outer tag from the frame, and without an interface for the VLAN marks it as another host's. VLAN 0 is a
        // priority and no VLAN.
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

    /// <summary>Kernel versions differ in whether a rejected message counts: both counts restart at 0.</summary>
    private bool Refuse()
    {
        Counters.Add(SocketCause.SendFailed);
        SocketSetup.Stamps(_event, _options, hasIds: false);
        SocketSetup.Stamps(_event, _options, hasIds: true);
        (_nextId, _outstanding, _unstamped) = (0, 0, 0);
        return false;
    }
}
