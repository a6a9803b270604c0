namespace Capbox.Ptp.Transport;

/// <summary>Whose stamps messages get.</summary>
public enum StampSource
{
    /// <summary>The kernel's, by CLOCK_REALTIME.</summary>
    Software,

    /// <summary>The card's, by its PHC. The card's filter must have been set (SIOCSHWTSTAMP); a socket does not do that.</summary>
    Hardware,
}

/// <summary>How a port of this host takes part in PTP.</summary>
public sealed record PtpSocketOptions
{
    /// <summary>The interface. One of a VLAN (eth0.100) is an interface like any other, for all transports.</summary>
    public required string Interface { get; init; }

    public PtpTransport Transport { get; init; } = PtpTransport.UdpIpv4;
    public StampSource Stamps { get; init; }

    /// <summary>The PHC that stamps, if it is not the interface's first: a virtual clock's number (SOF_TIMESTAMPING_BIND_PHC); -1: the first.</summary>
    public int PhcIndex { get; init; } = -1;

    /// <summary>Ethernet only: the VLAN to be in without an interface of its own; -1: none, and priority-tagged frames.</summary>
    public int VlanId { get; init; } = -1;

    /// <summary>Ethernet with <see cref="VlanId"/>: priority of the tag, 0 to 7.</summary>
    public int VlanPriority { get; init; }

    /// <summary>UDP: of the IP header, 0 to 63; see <see cref="PtpGroup.DscpExpedited"/>.</summary>
    public int Dscp { get; init; }

    /// <summary>UDP: TTL or hop limit of what goes to the group.</summary>
    public int HopLimit { get; init; } = 1;

    /// <summary>Refuses settings that cannot work; the message names the one.</summary>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    public PtpSocketOptions Checked()
    {
        Require(Interface.Length is > 0 and < 16, nameof(Interface), "a name of 1 to 15 characters");
        Require(Transport is PtpTransport.Ethernet or PtpTransport.UdpIpv4 or PtpTransport.UdpIpv6, nameof(Transport), "Ethernet, UdpIpv4 or UdpIpv6");
        Require(VlanId == -1 || (VlanId is >= 1 and <= 4094 && Transport == PtpTransport.Ethernet), nameof(VlanId), "1 to 4094 and over Ethernet; with UDP name the VLAN's interface");
        Require(VlanPriority is >= 0 and <= 7, nameof(VlanPriority), "0 to 7");
        Require(Dscp is >= 0 and <= 63, nameof(Dscp), "0 to 63");
        Require(HopLimit is >= 1 and <= 255, nameof(HopLimit), "1 to 255");
        Require(PhcIndex == -1 || (PhcIndex >= 0 && Stamps == StampSource.Hardware), nameof(PhcIndex), "a clock's number, with hardware stamps");
        return this;
    }

    private static void Require(bool condition, string name, string what)
    {
        if (!condition)
            throw new ArgumentException($"{name}: must be {what}", name);
    }
}

/// <summary>What a <see cref="PtpSocket"/> counts.</summary>
public enum SocketCause
{
    /// <summary>A message that was handed on.</summary>
    Received,

    /// <summary>Longer than any PTP message.</summary>
    Truncated,

    /// <summary>Of another VLAN.</summary>
    OtherVlan,

    /// <summary>A frame that ends inside its headers.</summary>
    Malformed,

    /// <summary>The kernel told an error instead: the link went down, the interface is gone.</summary>
    ReceiveFailed,
    Sent,
    SendFailed,

    /// <summary>A transmit stamp that was handed on.</summary>
    TransmitStamp,

    /// <summary>One of a message that is forgotten, or of a kind that was not asked for.</summary>
    TransmitStampUnmatched,

    /// <summary>What the kernel reported as new was no link's change, or of another interface.</summary>
    OtherLink,
}

/// <summary>Counts since the socket was opened. One writer; readers on other threads see numbers that are whole, each on its own.</summary>
public sealed class SocketCounters
{
    private readonly long[] _byCause = new long[Enum.GetValues<SocketCause>().Length];

    public long this[SocketCause cause] => Volatile.Read(ref _byCause[(int)cause]);

    internal void Add(SocketCause cause) => Volatile.Write(ref _byCause[(int)cause], _byCause[(int)cause] + 1);
}
