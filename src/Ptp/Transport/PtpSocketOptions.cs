// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Transport;

/// <summary>Source of the stamps.</summary>
public enum StampSource
{
    /// <summary>The kernel's, by CLOCK_REALTIME.</summary>
    Software,

    /// <summary>The card, by its PHC. The card's filter must have been set (SIOCSHWTSTAMP); a socket does not do that.</summary>
    Hardware,
}

/// <summary>Settings of a <see cref="PtpSocket"/>.</summary>
public sealed record PtpSocketOptions
{
    /// <summary>The interface. A VLAN's interface (eth0.100) works like any other, for all transports.</summary>
    public required string Interface { get; init; }

    public PtpTransport Transport { get; init; } = PtpTransport.UdpIpv4;
    public StampSource Stamps { get; init; }

    /// <summary>
    /// The stamping PHC if it is not the interface's first: a virtual clock's number (SOF_TIMESTAMPING_BIND_PHC); -1: the first.
    /// </summary>
    public int PhcIndex { get; init; } = -1;

    /// <summary>Ethernet only: the VLAN to use without an interface of its own; -1: none, and priority-tagged frames.</summary>
    public int VlanId { get; init; } = -1;

    /// <summary>Ethernet with <see cref="VlanId"/>: priority of the tag, 0 to 7.</summary>
    public int VlanPriority { get; init; }

    /// <summary>UDP: DSCP of the IP header, 0 to 63; see <see cref="PtpGroup.DscpExpedited"/>.</summary>
    public int Dscp { get; init; }

    /// <summary>UDP: TTL or hop limit to the group.</summary>
    public int HopLimit { get; init; } = 1;

    /// <summary>Rejects settings that cannot work; the message names the setting.</summary>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    public PtpSocketOptions Checked()
    {
        Require(Interface.Length is > 0 and < 16, nameof(Interface), "a name of 1 to 15 characters");
        Require(
            Transport is PtpTransport.Ethernet or PtpTransport.UdpIpv4 or PtpTransport.UdpIpv6,
            nameof(Transport),
            "Ethernet, UdpIpv4 or UdpIpv6");
        Require(
            VlanId == -1 || (VlanId is >= 1 and <= 4094 && Transport == PtpTransport.Ethernet),
            nameof(VlanId),
            "1 to 4094 and over Ethernet; with UDP use the VLAN's interface");
        Require(VlanPriority is >= 0 and <= 7, nameof(VlanPriority), "0 to 7");
        Require(Dscp is >= 0 and <= 63, nameof(Dscp), "0 to 63");
        Require(HopLimit is >= 1 and <= 255, nameof(HopLimit), "1 to 255");
        Require(
            PhcIndex == -1 || (PhcIndex >= 0 && Stamps == StampSource.Hardware),
            nameof(PhcIndex),
            "a clock's number, with hardware stamps");
        return this;
    }

    private static void Require(bool condition, string name, string what)
    {
        if (!condition)
            throw new ArgumentException($"{name}: must be {what}", name);
    }
}

/// <summary>Counters of a <see cref="PtpSocket"/>.</summary>
public enum SocketCause
{
    /// <summary>A message passed to the engine.</summary>
    Received,

    /// <summary>Longer than any PTP message.</summary>
    Truncated,

    /// <summary>Of another VLAN.</summary>
    OtherVlan,

    /// <summary>A frame that ends inside its headers.</summary>
    Malformed,

    /// <summary>The kernel returned an error: the link went down, the interface is gone.</summary>
    ReceiveFailed,
    Sent,
    SendFailed,

    /// <summary>A transmit stamp passed to the engine.</summary>
    TransmitStamp,

    /// <summary>A transmit stamp of a forgotten message, or of a kind that was not requested.</summary>
    TransmitStampUnmatched,

    /// <summary>A report that is no link change, or of another interface.</summary>
    OtherLink,
}

/// <summary>Counts since the socket was opened. One writer; readers on other threads read each number whole.</summary>
public sealed class SocketCounters
{
    private readonly long[] _byCause = new long[Enum.GetValues<SocketCause>().Length];

    public long this[SocketCause cause] => Volatile.Read(ref _byCause[(int)cause]);

    internal void Add(SocketCause cause) => Volatile.Write(ref _byCause[(int)cause], _byCause[(int)cause] + 1);
}
