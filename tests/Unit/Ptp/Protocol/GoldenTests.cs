// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests.Protocol;

/// <summary>Captures of ptp4l's own traffic (tests/golden/ptp/make.sh): every byte as ptp4l wrote it.</summary>
public sealed class GoldenTests
{
    public static TheoryData<string> Captures => ["l2", "udp4", "udp6", "hybrid", "p2p", "leap", "tlv"];

    [Theory]
    [MemberData(nameof(Captures))]
    public void What_is_written_again_is_what_ptp4l_wrote_byte_for_byte(string name)
    {
        int compared = 0;
        Span<byte> again = stackalloc byte[MessageWriter.MaxBytes];
        foreach ((long _, byte[] frame) in Pcap.Read(Pcap.Golden(name)))
        {
            PtpMessage message = Message(frame, out ReadOnlySpan<byte> bytes);
            int length = MessageWriter.Write(message, again);
            if (length == 0 || message.Tlvs > 0)
                continue;
            compared++;
            Assert.Equal(Convert.ToHexString(bytes[..length]), Convert.ToHexString(again[..length]));
        }

        Assert.True(compared >= 20, $"{compared} messages compared");
    }

    [Theory]
    [InlineData("l2", PtpTransport.Ethernet)]
    [InlineData("udp4", PtpTransport.UdpIpv4)]
    [InlineData("udp6", PtpTransport.UdpIpv6)]
    public void Whole_frames_are_ptp4ls_but_for_what_its_host_chooses(string name, PtpTransport transport)
    {
        byte[] own = new byte[256];
        foreach ((long _, byte[] frame) in Pcap.Read(Pcap.Golden(name)))
        {
            Assert.Equal(FrameKind.Ptp, FrameParser.Parse(frame, out FrameView view));
            Assert.Equal(transport, view.Source.Transport);
            Assert.True(view.IsToGroup);
            PtpMessage message = Message(frame, out ReadOnlySpan<byte> bytes);
            var settings = new FrameSettings(PeerAddress.Mac(frame.AsSpan(6)), view.Source, Dscp: view.Dscp, HopLimit: transport == PtpTransport.UdpIpv4 ? frame[22] : frame[21]);
            int length = FrameWriter.Write(bytes[..message.Header.MessageBytes], view.Channel, settings, default, default, own);
            // The host chooses IPv4's identification and IPv6's flow label, and may leave checksums to a card that is not there.
            byte[] expected = [.. frame], actual = own[..length];
            foreach (int at in Chosen(transport))
                (expected[at], actual[at]) = (0, 0);
            Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(actual));
        }
    }

    [Fact]
    public void The_dscp_that_ptp4l_was_told_is_found()
    {
        foreach ((long _, byte[] frame) in Pcap.Read(Pcap.Golden("udp4")))
        {
            FrameParser.Parse(frame, out FrameView view);
            Assert.Equal(view.Channel == PtpChannel.Event ? 46 : 34, view.Dscp);
        }
    }

    [Fact]
    public void Hybrid_sends_delay_requests_and_answers_to_one_address()
    {
        foreach ((long _, byte[] frame) in Pcap.Read(Pcap.Golden("hybrid")))
        {
            Header header = Message(frame, out _).Header;
            FrameParser.Parse(frame, out FrameView view);
            bool isDelay = header.Type is MessageType.DelayReq or MessageType.DelayResp;
            Assert.Equal(!isDelay, view.IsToGroup);
            Assert.Equal(isDelay, header.Has(MessageFlags.Unicast));
        }
    }

    private static int[] Chosen(PtpTransport transport) => transport switch
    {
        PtpTransport.UdpIpv4 => [18, 19, 24, 25, 40, 41],
        PtpTransport.UdpIpv6 => [15, 16, 17, 60, 61],
        _ => [],
    };

    private static PtpMessage Message(byte[] frame, out ReadOnlySpan<byte> bytes)
    {
        Assert.Equal(FrameKind.Ptp, FrameParser.Parse(frame, out FrameView view));
        bytes = frame.AsSpan(view.Offset, view.Bytes);
        Assert.Equal(ParseError.None, MessageParser.Parse(bytes, out PtpMessage message));
        return message;
    }
}
