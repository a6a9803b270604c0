// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>A filter means what it means to tcpdump on the same port, and what it rejects is counted.</summary>
[Collection("Integration")]
public class FilterTests
{
    private static readonly byte[][] Mix =
    [
        .. Enumerable.Range(0, 40).Select(i => Frames.Udp("10.1.0.1", $"239.1.1.{i % 4}", (ushort)(5000 + i), (ushort)(30000 + (i % 8)), 20 + i)),
        .. Enumerable.Range(0, 10).Select(i => Frames.Plain(64 + i, i)),
        .. Enumerable.Range(0, 10).Select(i => Frames.Tagged(Frames.Udp("10.1.0.2", "10.1.0.9", 7, (ushort)(30000 + i), 30), 0x8100, (ushort)(100 + (i % 2)))),
        .. Enumerable.Range(0, 4).Select(i => Frames.Tagged(Frames.Tagged(Frames.Udp("10.1.0.3", "10.1.0.9", 7, 9, 30), 0x8100, 200), 0x88A8, 300)),
    ];

    [Theory]
    [InlineData("udp")]
    [InlineData("udp port 30001")]
    [InlineData("dst host 239.1.1.2 and udp dst portrange 30000-30003")]
    [InlineData("vlan")]
    [InlineData("vlan 100")]
    [InlineData("vlan 101 and udp dst port 30001")]
    [InlineData("vlan 300 and vlan 200")]
    [InlineData("not vlan")]
    [InlineData("ether proto 0x88b5")]
    [InlineData("greater 90")]
    [InlineData("udp[4:2] > 40 or ether[12:2] == 0x88b5")]
    public void It_agrees_with_tcpdump_and_the_rest_is_counted(string filter)
    {
        using var lab = new Lab();
        using var tcpdump = new TcpdumpBeside(lab, lab.RecorderSpace, "b0", filter);
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive, "--filter", filter);
        RawSender.Send(lab.SenderSpace, "a0", Mix);
        capbox.WaitUntilSeen(Mix.Length);
        RecorderSnapshot last = capbox.Stop();
        List<Packet> peer = tcpdump.Seen((long)last.Ports[0].StoredPackets);
        Assert.NotEmpty(peer);
        Assert.Equal(peer.Select(p => p.Hex), PcapFile.ReadThroughTcpdump(lab, Assert.Single(last.Storage.RecentlySealed)).Select(p => p.Hex));
        Assert.Equal((ulong)peer.Count, last.Ports[0].StoredPackets);
        Assert.Equal((ulong)(Mix.Length - peer.Count), last.Ports[0].FilteredPackets);
    }

    [Fact]
    public void A_filter_that_rejects_all_leaves_a_ledger_that_says_so()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive, "--filter", "tcp port 1");
        long sent = lab.Generate("--packets", "5000");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal((ulong)sent, last.Ports[0].FilteredPackets);
        Assert.Equal(0ul, last.Ports[0].StoredPackets);
        string segment = Assert.Single(last.Storage.RecentlySealed);
        Assert.Equal("", Tool.Run("tshark", "-r", segment));
    }
}
