using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests.Protocol;

/// <summary>Every kind of frame we can make, judged by tshark.</summary>
public sealed class FrameTests
{
    private static readonly PeerAddress s_mac = PeerAddress.Mac([2, 0, 0, 0, 0, 2]);
    private static readonly PeerAddress s_masterMac = PeerAddress.Mac([2, 0, 0, 0, 0, 1]);
    private static readonly PeerAddress s_ipv4 = PeerAddress.Ipv4([192, 0, 2, 2]);
    private static readonly PeerAddress s_masterIpv4 = PeerAddress.Ipv4([192, 0, 2, 1]);
    private static readonly PeerAddress s_ipv6 = PeerAddress.Ipv6([0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    private static readonly PeerAddress s_masterIpv6 = PeerAddress.Ipv6([0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    [Fact]
    public void Tshark_finds_nothing_wrong_with_any_message_in_any_transport()
    {
        string path = Path.GetTempFileName();
        try
        {
            List<(byte[] Frame, string Destination, MessageType Type, ushort Id)> made = [.. Frames()];
            Pcap.Write(path, made.Select(m => m.Frame));
            Assert.Equal("", Pcap.Faults(path));
            List<string[]> fields = Pcap.Fields(path, "eth.dst", "ip.dst", "ipv6.dst", "vlan.id", "ip.dsfield.dscp", "ipv6.tclass.dscp", "udp.dstport", "ptp.v2.messagetype", "ptp.v2.sequenceid");
            Assert.Equal(made.Count, fields.Count);
            for (int i = 0; i < made.Count; i++)
            {
                bool isTagged = i % 2 != 0;
                bool isIp = fields[i][6].Length > 0;
                string address = fields[i][1] + fields[i][2];
                Assert.Equal(made[i].Destination, address.Length > 0 ? address : fields[i][0]);
                Assert.Equal(isTagged ? "100" : "", fields[i][3]);
                Assert.Equal(isIp ? "46" : "", fields[i][4] + fields[i][5]);
                Assert.Equal(!isIp ? "" : made[i].Type is MessageType.Sync or MessageType.DelayReq ? "319" : "320", fields[i][6]);
                Assert.Equal(($"0x{(int)made[i].Type:x2}", $"{made[i].Id}"), (fields[i][7], fields[i][8]));
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void What_is_framed_is_found_again()
    {
        foreach ((byte[] frame, string destination, MessageType type, ushort id) in Frames())
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
        byte[] frame = Frames().First(f => f.Destination == "224.0.1.129" && f.Frame[12] == 8).Frame;
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

    /// <summary>Every type over every transport, to the group and to the master, without and with a tag in turn.</summary>
    private static IEnumerable<(byte[] Frame, string Destination, MessageType Type, ushort Id)> Frames()
    {
        ushort id = 65_500;
        (PeerAddress Own, PeerAddress Master, string Group)[] transports = [(s_mac, s_masterMac, "01:1b:19:00:00:00"), (s_ipv4, s_masterIpv4, "224.0.1.129"), (s_ipv6, s_masterIpv6, "ff0e::181")];
        foreach ((PeerAddress own, PeerAddress master, string group) in transports)
        {
            foreach (MessageType type in (MessageType[])[MessageType.Sync, MessageType.FollowUp, MessageType.DelayReq, MessageType.DelayResp, MessageType.Announce])
            {
                foreach (PeerAddress to in (PeerAddress[])[default, master])
                {
                    foreach (int vlan in (int[])[-1, 100])
                    {
                        byte[] frame = Frame(new FrameSettings(s_mac, own, vlan, 6, PtpGroup.DscpExpedited), type, ++id, to);
                        yield return (frame, to.IsGroup ? group : to.ToString(), type, id);
                    }
                }
            }
        }
    }

    private static byte[] Frame(in FrameSettings settings, MessageType type, ushort id, PeerAddress to)
    {
        Span<byte> bytes = stackalloc byte[MessageWriter.MaxBytes];
        int length = MessageWriter.Write(
            new PtpMessage
            {
                Header = new Header
                {
                    Type = type,
                    MinorVersion = 1,
                    Domain = 24,
                    SequenceId = id,
                    Source = new(ClockIdentity.FromMac([2, 0, 0, 0, 0, 2]), 1),
                    Correction = Correction.FromNanoseconds(id / 3.0),
                    LogInterval = -3,
                },
                Timestamp = new(1_795_461_783_123_456_789 + id),
                Requesting = new(new(id), 2),
                Announce = new Announce { CurrentUtcOffsetSeconds = 37, Grandmaster = new(7), Quality = new(6, 0x21, 0x4E5D), TimeSource = 0x20 },
            },
            bytes);
        byte[] frame = new byte[256];
        PtpChannel channel = type is MessageType.Sync or MessageType.DelayReq ? PtpChannel.Event : PtpChannel.General;
        return frame[..FrameWriter.Write(bytes[..length], channel, settings, s_masterMac, to, frame)];
    }
}
