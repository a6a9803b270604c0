// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Pcapng;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Segments as tshark, tcpdump and capinfos see them.</summary>
public sealed class PcapngOracleTests
{
    private static readonly string s_sealed = Path.Combine(Repository.Root, "tests", "golden", TestSegment.SealedName);

    [Fact]
    public void Tshark_reads_every_packet_as_it_was_put_in()
    {
        List<TestPacket> packets = TestSegment.Small().Packets;
        string[] lines = Oracle.Run("tshark", "-r", s_sealed, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.len",
            "-e", "frame.interface_id", "-e", "frame.packet_flags_direction", "-e", "frame.interface_name").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(packets.Count, lines.Length);
        for (int i = 0; i < lines.Length; i++)
        {
            string[] fields = lines[i].Split('\t');
            Assert.Equal((ChunkBuilder.UtcNs(packets[i]) / 1e9m).ToString("F9", CultureInfo.InvariantCulture), fields[0]);
            Assert.Equal(packets[i].Data.Length.ToString(CultureInfo.InvariantCulture), fields[1]);
            Assert.Equal(packets[i].OriginalLength.ToString(CultureInfo.InvariantCulture), fields[2]);
            Assert.Equal(packets[i].Hardware ? "3" : "0", fields[3]);
            Assert.Equal(packets[i].Flags & 3, Convert.ToUInt32(fields[4], 16));
            Assert.Equal(packets[i].Hardware ? "eth1" : "eth0", fields[5]);
        }
    }

    [Fact]
    public void Tcpdump_reads_every_byte()
    {
        List<TestPacket> packets = TestSegment.Small().Packets;
        string dump = Oracle.Run("tcpdump", "-r", s_sealed, "-n", "-xx", "-tt", "--time-stamp-precision=nano");
        string[][] dumped = [.. dump.Split('\n', StringSplitOptions.RemoveEmptyEntries).Aggregate(new List<List<string>>(), static (all, line) =>
        {
            if (line[0] != '\t')
                all.Add([line.Split(' ')[0]]);
            else
                all[^1].Add(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Replace(" ", "", StringComparison.Ordinal));
            return all;
        }).Select(static lines => lines.ToArray())];
        Assert.Equal(packets.Count, dumped.Length);
        for (int i = 0; i < packets.Count; i++)
        {
            Assert.Equal((ChunkBuilder.UtcNs(packets[i]) / 1e9m).ToString("F9", CultureInfo.InvariantCulture), dumped[i][0]);
            Assert.Equal(Convert.ToHexStringLower(packets[i].Data), string.Concat(dumped[i][1..]).ToLowerInvariant());
        }
    }

    [Fact]
    public void Capinfos_shows_what_made_the_file()
    {
        string text = Oracle.Run("capinfos", s_sealed);
        foreach (string expected in (string[])["capbox CB-0001", "Linux test", "capbox test", "eth0", "25000 Mbps|25 Gbps|Speed = 25000000000", "udp port 319", "Number of packets:   7"])
            Assert.Contains(expected.Split('|'), part => text.Contains(part, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("tshark")]
    [InlineData("tcpdump")]
    public void A_filler_of_16_MiB_is_no_obstacle(string tool)
    {
        using var directory = new TestDirectory();
        byte[] file = TestSegment.Small().AddFiller(Filler.MaxBytes).Add([TestSegment.Packet(7, 60)], sequence: 2).Sealed(TrailerFlags.HasFiller);
        string path = directory.Write(TestSegment.SealedName, file);
        Assert.Equal(8, Oracle.Run(tool, "-n", "-r", path).Split('\n').Count(static line => line.Length > 0 && line[0] != '\t'));
        Assert.True(SegmentVerifier.Verify(path).Ok);
    }

    [Fact]
    public void A_file_of_another_maker_is_walked_and_named_as_such()
    {
        using var directory = new TestDirectory();
        string foreign = Path.Combine(directory.Path, "foreign.pcapng");
        string segment = directory.Write("segment.pcapng", TestSegment.Small().Sealed());
        Oracle.Run("tshark", "-r", segment, "-w", foreign, "-F", "pcapng");
        VerifyReport report = SegmentVerifier.Verify(foreign);
        Assert.True(report is { Ok: true, MadeByCapbox: false, Packets: 7 }, string.Join('\n', report.Findings));
        File.WriteAllBytes(foreign, File.ReadAllBytes(foreign)[..^5]);
        Assert.False(SegmentVerifier.Verify(foreign).Ok);
        Assert.False(SegmentVerifier.Verify(directory.Write("x", "just a text, no capture at all"u8.ToArray())).Ok);
        Assert.False(SegmentVerifier.Verify(directory.Write("empty", [])).Ok);
    }
}
