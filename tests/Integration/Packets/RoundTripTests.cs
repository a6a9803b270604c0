// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>What is recorded equals what was sent and what tcpdump records beside it, read by tcpdump, tshark and capinfos.</summary>
[Collection("Integration")]
public class RoundTripTests
{
    private static IEnumerable<int> Sizes() => [14, 15, 17, 18, .. Enumerable.Range(60, 71), 255, 511, 1000, 1513, 1514, 1518, 4095, 4096, 4097, 8999, 9014];

    private static List<byte[]> OddFrames()
    {
        var frames = new List<byte[]>();
        foreach (int size in Sizes())
        {
            byte[] plain = Frames.Plain(size, size);
            frames.Add(plain);
            if (size + 8 > 9018 || size < 60)
                continue;
            frames.Add(Frames.Tagged(plain, 0x8100, 0x2064));
            frames.Add(Frames.Tagged(plain, 0x88A8, 0x0FFE));
            frames.Add(Frames.Tagged(Frames.Tagged(plain, 0x8100, 0x0001), 0x88A8, 0xE123));
            frames.Add(Frames.Tagged(Frames.Tagged(plain, 0x8100, 0x0005), 0x8100, 0x0006));
        }

        return frames;
    }

    [Fact]
    public void Every_byte_length_direction_and_order_is_as_sent_and_as_tcpdump_saw_it()
    {
        using var lab = new Lab(mtu: 9004);
        using var tcpdump = new TcpdumpBeside(lab, lab.RecorderSpace, "b0");
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        List<byte[]> sent = OddFrames();
        RawSender.Send(lab.SenderSpace, "a0", sent);
        RawSender.Send(lab.RecorderSpace, "b0", [Frames.Plain(77, 1)]);
        capbox.WaitUntilSeen(sent.Count + 1);
        RecorderSnapshot last = capbox.Stop();

        string segment = Assert.Single(last.Storage.RecentlySealed);
        List<Packet> recorded = PcapFile.ReadThroughTcpdump(lab, segment);
        string[] expected = [.. sent.Append(Frames.Plain(77, 1)).Select(Convert.ToHexString)];
        Assert.Equal(expected, recorded.Select(p => p.Hex));
        Assert.Equal(expected.Select(h => h.Length / 2), recorded.Select(p => p.OriginalLength));
        List<Packet> peer = tcpdump.Seen(sent.Count + 1);
        Assert.Equal(peer.Select(p => p.Hex), recorded.Select(p => p.Hex));
        Assert.Equal(peer.Select(p => (p.Seconds, p.Fraction)), recorded.Select(p => (p.Seconds, p.Fraction)));

        string[] directions = Tool.Run("tshark", "-r", segment, "-T", "fields", "-e", "frame.packet_flags_direction").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Enumerable.Repeat(1, sent.Count).Append(2), directions.Select(d => Convert.ToInt32(d, d.StartsWith("0x", StringComparison.Ordinal) ? 16 : 10)));
        Assert.Contains($"Number of packets:   {expected.Length}", Tool.Run("capinfos", "-M", segment), StringComparison.Ordinal);
        Assert.Contains("Strict time order:   True", Tool.Run("capinfos", "-M", segment), StringComparison.Ordinal);
    }

    [Fact]
    public void The_snap_length_cuts_and_the_original_length_stays()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}"}, "ports": [{"name": "b0", "snapLength": 100}]}
            """);
        byte[][] sent = [Frames.Plain(60, 1), Frames.Plain(100, 2), Frames.Plain(101, 3), Frames.Plain(1514, 4), Frames.Tagged(Frames.Plain(98, 5), 0x8100, 7), Frames.Tagged(Frames.Plain(1500, 6), 0x8100, 8)];
        RawSender.Send(lab.SenderSpace, "a0", sent);
        capbox.WaitUntilSeen(sent.Length);
        RecorderSnapshot last = capbox.Stop();
        List<Packet> recorded = PcapFile.ReadThroughTcpdump(lab, Assert.Single(last.Storage.RecentlySealed));
        Assert.Equal(sent.Select(f => Convert.ToHexString(f[..Math.Min(f.Length, 100)])), recorded.Select(p => p.Hex));
        Assert.Equal(sent.Select(f => f.Length), recorded.Select(p => p.OriginalLength));
        Assert.Equal(4ul, last.Ports[0].TruncatedPackets);
    }

    [Fact]
    public void Several_ports_share_a_segment_and_keep_their_names()
    {
        using var lab = new Lab(pairs: 3);
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0,b1,b2", "--archive", lab.Archive);
        for (int port = 0; port < 3; port++)
            RawSender.Send(lab.SenderSpace, $"a{port}", Enumerable.Range(0, 10 * (port + 1)).Select(i => Frames.Plain(100 + port, i)));
        capbox.WaitUntilSeen(60);
        RecorderSnapshot last = capbox.Stop();
        string segment = Assert.Single(last.Storage.RecentlySealed);
        string[] names = Tool.Run("tshark", "-r", segment, "-T", "fields", "-e", "frame.interface_name", "-e", "frame.len").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        for (int port = 0; port < 3; port++)
            Assert.Equal(10 * (port + 1), names.Count(n => n == $"b{port}\t{100 + port}"));
        Assert.Equal([10ul, 20ul, 30ul], last.Ports.Select(p => p.StoredPackets));
    }

    [Theory]
    [InlineData("in", "0201")]
    [InlineData("out", "0202")]
    [InlineData("both", "0201,0202")]
    public void Direction_selects_what_is_recorded(string direction, string expected)
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}"}, "ports": [{"name": "b0", "direction": "{{direction}}"}]}
            """);
        RawSender.Send(lab.SenderSpace, "a0", [Frames.Plain(60, 0, 0x0201)]);
        RawSender.Send(lab.RecorderSpace, "b0", [Frames.Plain(60, 0, 0x0202)]);
        capbox.WaitUntilSeen(expected.Split(',').Length);
        RecorderSnapshot last = capbox.Stop();
        List<Packet> recorded = PcapFile.ReadThroughTcpdump(lab, Assert.Single(last.Storage.RecentlySealed));
        Assert.Equal(expected.Split(','), recorded.Select(p => p.Hex[24..28]));
    }

    [Fact]
    public void Loopback_is_recorded_as_ethernet()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "lo", "--archive", lab.Archive);
        Tool.Run("ip", "netns", "exec", lab.RecorderSpace, "ping", "-q", "-c", "3", "-i", "0.2", "127.0.0.1");
        capbox.WaitUntilSeen(12);
        RecorderSnapshot last = capbox.Stop();
        string segment = Assert.Single(last.Storage.RecentlySealed);
        Assert.Contains("Ethernet", Tool.Run("capinfos", "-E", segment), StringComparison.Ordinal);
        Assert.Equal(6, Tool.Run("tshark", "-r", segment, "-Y", "icmp.type == 8").Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void A_tunnel_without_link_header_is_recorded_as_raw_ip()
    {
        using var lab = new Lab();
        // Made by name only, so nobody reads from it: what is routed into it is seen as outgoing.
        lab.Ip("tuntap", "add", "tun0", "mode", "tun");
        System.Diagnostics.Process holder = System.Diagnostics.Process.Start(Tool.Info("ip", "netns", "exec", lab.RecorderSpace, "socat", "TUN,tun-name=tun0,iff-no-pi,iff-up", "PIPE"))!;
        lab.OnDispose(() => holder.Kill());
        lab.Ip("addr", "add", "10.77.0.1/24", "dev", "tun0");
        lab.Ip("link", "set", "tun0", "up");
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "tun0", "--archive", lab.Archive, "--filter", "icmp");
        Tool.Try("ip", "netns", "exec", lab.RecorderSpace, "ping", "-q", "-c", "2", "-i", "0.2", "-W", "1", "10.77.0.2");
        capbox.WaitFor(s => s.Ports[0].SeenPackets >= 2, "2 packets");
        RecorderSnapshot last = capbox.Stop();
        string segment = Assert.Single(last.Storage.RecentlySealed);
        Assert.Contains("Raw IP", Tool.Run("capinfos", "-E", segment), StringComparison.Ordinal);
        Assert.Contains("10.77.0.1\t10.77.0.2\t8", Tool.Run("tshark", "-r", segment, "-T", "fields", "-e", "ip.src", "-e", "ip.dst", "-e", "icmp.type"), StringComparison.Ordinal);
    }
}
