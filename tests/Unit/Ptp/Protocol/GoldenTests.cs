using System.Globalization;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests.Protocol;

/// <summary>Captures of ptp4l's own traffic (tests/golden/ptp/make.sh): every field as tshark reads it, every byte as ptp4l wrote it.</summary>
public sealed class GoldenTests
{
    public static TheoryData<string> Captures => ["l2", "udp4", "udp6", "hybrid", "p2p", "leap", "tlv"];

    [Theory]
    [MemberData(nameof(Captures))]
    public void Every_field_of_every_message_is_what_tshark_reads(string name)
    {
        List<(long, byte[] Frame)> frames = Pcap.Read(Pcap.Golden(name));
        List<string[]> fields = Pcap.Fields(
            Pcap.Golden(name),
            "ptp.v2.messagetype", "ptp.v2.messagelength", "ptp.v2.domainnumber", "ptp.v2.flags", "ptp.v2.correction.ns", "ptp.v2.clockidentity",
            "ptp.v2.sourceportid", "ptp.v2.sequenceid", "ptp.v2.logmessageperiod", "ptp.v2.majorsdoid", "ptp.v2.minorsdoid", "ptp.v2.minorversionptp");
        Assert.Equal(frames.Count, fields.Count);
        Assert.True(frames.Count >= 40);
        for (int i = 0; i < frames.Count; i++)
        {
            Header header = Message(frames[i].Frame, out _).Header;
            string[] own =
            [
                $"0x{(int)header.Type:x2}", $"{header.MessageBytes}", $"{header.Domain}", $"0x{(int)header.Flags:x4}", Whole(header.Correction), $"0x{header.Source.Clock.Value:x16}",
                $"{header.Source.Port}", $"{header.SequenceId}", $"{header.LogInterval}", $"0x{header.SdoId >> 8:x2}", $"{header.SdoId & 0xFF}", $"{header.MinorVersion}",
            ];
            Assert.Equal(fields[i], own);
        }
    }

    [Theory]
    [MemberData(nameof(Captures))]
    public void Every_body_is_what_tshark_reads(string name)
    {
        List<(long, byte[] Frame)> frames = Pcap.Read(Pcap.Golden(name));
        List<string[]> fields = Pcap.Fields(
            Pcap.Golden(name),
            "ptp.v2.sdr.origintimestamp.seconds", "ptp.v2.sdr.origintimestamp.nanoseconds", "ptp.v2.fu.preciseorigintimestamp.seconds", "ptp.v2.fu.preciseorigintimestamp.nanoseconds",
            "ptp.v2.dr.receivetimestamp.seconds", "ptp.v2.dr.receivetimestamp.nanoseconds", "ptp.v2.dr.requestingsourceportidentity", "ptp.v2.dr.requestingsourceportid",
            "ptp.v2.an.origincurrentutcoffset", "ptp.v2.an.priority1", "ptp.v2.an.grandmasterclockclass", "ptp.v2.an.grandmasterclockaccuracy", "ptp.v2.an.grandmasterclockvariance",
            "ptp.v2.an.priority2", "ptp.v2.an.grandmasterclockidentity", "ptp.v2.an.localstepsremoved", "ptp.v2.timesource");
        for (int i = 0; i < frames.Count; i++)
        {
            PtpMessage message = Message(frames[i].Frame, out _);
            string seconds = $"{message.Timestamp.Nanoseconds / 1_000_000_000}", rest = $"{message.Timestamp.Nanoseconds % 1_000_000_000}";
            string[] empty = [.. Enumerable.Repeat("", 17)];
            Announce a = message.Announce;
            string[] own = message.Header.Type switch
            {
                MessageType.Sync or MessageType.DelayReq => [seconds, rest, .. empty[2..]],
                MessageType.FollowUp => ["", "", seconds, rest, .. empty[4..]],
                MessageType.DelayResp => [.. empty[..4], seconds, rest, $"0x{message.Requesting.Clock.Value:x16}", $"{message.Requesting.Port}", .. empty[8..]],
                MessageType.Announce =>
                [
                    .. empty[..8], $"{a.CurrentUtcOffsetSeconds}", $"{a.Priority1}", $"{a.Quality.Class}", $"0x{a.Quality.Accuracy:x2}", $"{a.Quality.Variance}", $"{a.Priority2}",
                    $"0x{a.Grandmaster.Value:x16}", $"{a.StepsRemoved}", $"0x{a.TimeSource:x2}",
                ],
                _ => empty,
            };
            Assert.Equal(fields[i], own);
        }
    }

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

    private static string Whole(Correction correction) => (correction.Scaled >> 16).ToString(CultureInfo.InvariantCulture);
}
