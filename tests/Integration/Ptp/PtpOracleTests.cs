// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests.Live;

/// <summary>PTP messages as tshark reads them: those of ptp4l (tests/golden/ptp/make.sh), and every frame of ours.</summary>
public sealed class PtpOracleTests
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

    [Fact]
    public void Tshark_finds_nothing_wrong_with_any_message_in_any_transport()
    {
        string path = Path.GetTempFileName();
        try
        {
            List<(byte[] Frame, string Destination, MessageType Type, ushort Id)> made = [.. PtpFrames.All()];
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

    private static PtpMessage Message(byte[] frame, out ReadOnlySpan<byte> bytes)
    {
        Assert.Equal(FrameKind.Ptp, FrameParser.Parse(frame, out FrameView view));
        bytes = frame.AsSpan(view.Offset, view.Bytes);
        Assert.Equal(ParseError.None, MessageParser.Parse(bytes, out PtpMessage message));
        return message;
    }

    private static string Whole(Correction correction) => (correction.Scaled >> 16).ToString(CultureInfo.InvariantCulture);
}
