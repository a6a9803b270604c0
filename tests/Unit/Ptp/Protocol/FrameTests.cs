// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests.Protocol;

/// <summary>Every kind of frame we can make; Integration has tshark judge them.</summary>
public sealed class FrameTests
{
    private static readonly PeerAddress s_mac = PeerAddress.Mac([2, 0, 0, 0, 0, 2]);
    private static readonly PeerAddress s_masterMac = PeerAddress.Mac([2, 0, 0, 0, 0, 1]);
    private static readonly PeerAddress s_ipv4 = PeerAddress.Ipv4([192, 0, 2, 2]);
    private static readonly PeerAddress s_ipv6 = PeerAddress.Ipv6([0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    private static readonly PeerAddress s_masterIpv6 = PeerAddress.Ipv6([0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    [Fact]
    public void What_is_framed_is_found_again()
    {
        foreach ((byte[] frame, string destination, MessageType type, ushort id) in PtpFrames.All())
        {
            Assert.Equal(FrameKind.Ptp, FrameParser.Parse(frame, out FrameView view));
            Assert.Equal(destination, view.Destination.ToString());
            Assert.Equal(ParseError.None, MessageParser.Parse(frame.AsSpan(view.Offset, view.Bytes), out PtpMessage message));
            Assert.Equal((type, id), (message.Header.Type, message.Header.SequenceId));
            Assert.True(view.VlanId is -1 or 100);
            for (int length = 0; length < view.Offset; length++)
                Assert.NotEqual(FrameKind.Ptp, FrameParser.Parse(frame.AsSpan(0, length), out _));
        }
    }

    [Fact]
    public void Fragments_and_other_traffic_are_not_taken_for_ptp()
    {
        byte[] frame = PtpFrames.All().First(f => f.Destination == "224.0.1.129" && f.Frame[12] == 8).Frame;
        Assert.Equal(FrameKind.Fragment, Changed(frame, 20, 0x20));
        Assert.Equal(FrameKind.Other, Changed(frame, 23, 6));
        Assert.Equal(FrameKind.Other, Changed(frame, 37, 0x35));
        Assert.Equal(FrameKind.Malformed, Changed(frame, 14, 0x44));
        Assert.Equal(FrameKind.Malformed, Changed(frame, 38, 0xFF));
        Assert.Equal(FrameKind.Other, Changed(frame, 12, 0x99));
    }

    [Fact]
    public void Groups_are_known()
    {
        Assert.True(PtpGroup.IsGroup(PeerAddress.Ipv4([224, 0, 1, 129])) && PtpGroup.IsGroup(PeerAddress.Ipv4([224, 0, 1, 132])));
        Assert.False(PtpGroup.IsGroup(PeerAddress.Ipv4([224, 0, 1, 128])) || PtpGroup.IsGroup(PeerAddress.Ipv4([224, 0, 1, 133])) || PtpGroup.IsGroup(s_ipv6));
        Assert.True(PtpGroup.IsGroup(PeerAddress.Ipv6(PtpGroup.Ipv6)) && PtpGroup.IsGroup(PeerAddress.Ipv6([0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x81])));
        Assert.Equal("ff0e::181", PtpGroup.Address(PtpTransport.UdpIpv6).ToString());
    }

    [Fact]
    public void A_receiver_of_another_transport_is_refused() =>
        Assert.Throws<ArgumentException>(() => FrameWriter.Write(new byte[44], PtpChannel.Event, new FrameSettings(s_mac, s_ipv4), s_masterMac, s_masterIpv6, new byte[256]));

    private static FrameKind Changed(byte[] frame, int at, byte value)
    {
        byte[] copy = [.. frame];
        copy[at] = value;
        return FrameParser.Parse(copy, out _);
    }
}
