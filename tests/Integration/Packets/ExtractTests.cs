// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using Capbox.Packets.Capture;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Extraction against mergecap, editcap and tcpdump over the same segments: same packets, same order, same stamps.</summary>
[Collection("Integration")]
public class ExtractTests
{
    /// <summary>Two ports, three rings each, several segments.</summary>
    private static async Task<(string[] Segments, long Sent)> RecordAsync(Lab lab)
    {
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}", "segmentSize": "16MiB"},
             "ports": [{"name": "b0", "rings": 3, "ringSize": "8MiB", "blockSize": "128KiB", "handover": "50ms"}, {"name": "b1", "blockSize": "64KiB", "ringSize": "8MiB", "handover": "20ms"}]}
            """);
        Task side = Task.Run(() =>
        {
            for (int i = 0; i < 300; i++)
                RawSender.Send(lab.SenderSpace, "a1", [Frames.Udp("10.2.0.1", "10.2.0.2", 1, 2, 100 + i)]);
        });
        long sent = lab.Generate("--packets", "60000", "--flows", "32", "--size", "64,594,1500", "--pps", "20000");
        await side;
        capbox.WaitUntilSeen(sent + 300);
        capbox.Stop();
        return ([.. Directory.GetFiles(lab.Archive, "*.pcapng").Order(StringComparer.Ordinal)], sent + 300);
    }

    private static List<Packet> Merged(Lab lab, string[] segments)
    {
        // Each segment sorted, then merged: what Wireshark's tools make of the archive.
        string[] sorted = [.. segments.Select((s, i) => Path.Combine(lab.Scratch, $"sorted{i}.pcapng"))];
        for (int i = 0; i < segments.Length; i++)
            Tool.Run("reordercap", segments[i], sorted[i]);
        string all = Path.Combine(lab.Scratch, "merged.pcapng");
        Tool.Run("mergecap", ["-w", all, .. sorted]);
        return PcapFile.ReadThroughTcpdump(lab, all);
    }

    private static List<Packet> Extract(Lab lab, params string[] options)
    {
        string output = Path.Combine(lab.Scratch, $"extract{Random.Shared.Next()}.pcap");
        Tool.Run(CapboxProcess.Binary, ["extract", "--archive", lab.Archive, "--format", "pcap-ns", "-o", output, .. options]);
        Assert.Empty(Directory.GetFiles(lab.Scratch, "*.part"));
        return PcapFile.Read(output);
    }

    private static string Time(Packet packet, long shiftNs = 0)
    {
        long ns = (packet.Seconds * 1_000_000_000) + packet.Fraction + shiftNs;
        return string.Create(CultureInfo.InvariantCulture, $"{ns / 1_000_000_000}.{ns % 1_000_000_000:D9}");
    }

    private static IEnumerable<(long, long, int, string)> Sorted(IEnumerable<Packet> packets) =>
        packets.Select(p => (p.Seconds, p.Fraction, p.OriginalLength, p.Hex)).Order();

    [Fact]
    public async Task Ranges_filters_and_ports_agree_with_the_tools_of_wireshark_and_tcpdump()
    {
        using var lab = new Lab(pairs: 2);
        (string[] segments, long sent) = await RecordAsync(lab);
        Assert.True(segments.Length >= 2, "several segments");
        List<Packet> all = Merged(lab, segments);
        Assert.Equal(sent, all.Count);

        List<Packet> everything = Extract(lab, "--from", "-1h");
        Assert.Equal(all.Select(p => (p.Seconds, p.Fraction)), everything.Select(p => (p.Seconds, p.Fraction)));
        Assert.Equal(Sorted(all), Sorted(everything));

        // [from, to): the first packet is in, the last is not.
        Packet first = all[all.Count / 3], last = all[all.Count / 2];
        List<Packet> range = Extract(lab, "--from", Time(first), "--to", Time(last));
        Packet[] expected = [.. all.Where(p => string.CompareOrdinal(Time(p), Time(first)) >= 0 && string.CompareOrdinal(Time(p), Time(last)) < 0)];
        Assert.NotEmpty(expected);
        Assert.Equal(Sorted(expected), Sorted(range));

        string merged = Path.Combine(lab.Scratch, "merged.pcapng");
        const string filter = "udp src port 10003 or host 10.2.0.2";
        Assert.Equal(Sorted(PcapFile.ReadThroughTcpdump(lab, merged, filter)), Sorted(Extract(lab, "--from", "-1h", "--filter", filter)));
        Assert.Equal(300, Extract(lab, "--from", "-1h", "--port", "b1").Count);
    }

    [Fact]
    public async Task Pcapng_output_keeps_names_and_directions_and_goes_into_a_pipe()
    {
        using var lab = new Lab(pairs: 2);
        (_, long sent) = await RecordAsync(lab);
        string output = Path.Combine(lab.Scratch, "out.pcapng");
        (int code, string json, string error) = Tool.Try(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", "-1h", "-o", output, "--json");
        Assert.True(code == 0, error);
        using JsonDocument report = JsonDocument.Parse(json);
        Assert.True(report.RootElement.GetProperty("complete").GetBoolean());
        Assert.Equal(sent, report.RootElement.GetProperty("packets").GetInt64());
        Assert.InRange(report.RootElement.GetProperty("bytesRead").GetInt64(), 1, 2 * report.RootElement.GetProperty("chunkBytes").GetInt64());
        string[] names = Tool.Run("tshark", "-r", output, "-T", "fields", "-e", "frame.interface_name").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(300, names.Count(n => n == "b1"));
        Assert.Equal(sent - 300, names.Count(n => n == "b0"));
        Assert.Contains("Strict time order:   True", Tool.Run("capinfos", "-M", output), StringComparison.Ordinal);
        string piped = Tool.Run("sh", "-c", $"{CapboxProcess.Binary} extract --archive {lab.Archive} --from -1h --port b1 -o - 2>/dev/null | tshark -r - 2>/dev/null | wc -l");
        Assert.Equal("300", piped.Trim());
    }

    /// <summary>Chunks that no other ring interrupts are copied whole into PCAPNG; packets one by one into pcap. Both must say the same.</summary>
    [Fact]
    public void Chunks_copied_whole_are_the_same_as_packets_one_by_one()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}", "segmentSize": "16MiB"}, "ports": [{"name": "b0", "blockSize": "128KiB", "ringSize": "32MiB"}]}
            """);
        long sent = lab.Generate("--packets", "60000", "--size", "64,594,1500", "--pps", "40000");
        capbox.WaitUntilSeen(sent);
        long stored = (long)capbox.Stop().Ports[0].StoredPackets;
        List<Packet> all = Extract(lab, "--from", "-1h");
        Packet from = all[1000], to = all[^1000];
        foreach (string[] range in new[] { new[] { "--from", "-1h" }, ["--from", Time(from), "--to", Time(to)] })
        {
            string whole = Path.Combine(lab.Scratch, "whole.pcapng");
            Tool.Run(CapboxProcess.Binary, ["extract", "--archive", lab.Archive, "-o", whole, .. range]);
            Assert.Equal(Extract(lab, range).Select(p => (p.Seconds, p.Fraction, p.Hex)), PcapFile.ReadThroughTcpdump(lab, whole).Select(p => (p.Seconds, p.Fraction, p.Hex)));
            // Copied chunks bring their statistics blocks along; without any, this test would compare the packet path with itself.
            Assert.Matches("Number of stat entries = [1-9]", Tool.Run("capinfos", whole));
        }

        Assert.Equal(stored, all.Count);
    }

    [Fact]
    public void The_segment_that_is_being_written_is_read_too_and_losses_are_said()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}", "writesInFlight": 1}, "ports": [{"name": "b0", "ringSize": "192KiB", "blockSize": "64KiB"}]}
            """);
        long sent = lab.Generate("--packets", "100000", "--size", "1500");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot now = capbox.WaitFor(s => s.Ports[0].PendingPackets == 0, "all to be on disk");
        Assert.True(now.Ports[0].LostPackets > 0);
        string output = Path.Combine(lab.Scratch, "live.pcapng");
        string json = "";
        long Lost(JsonElement loss) => loss.GetProperty("ring").GetInt64() + loss.GetProperty("disk").GetInt64();
        Tool.WaitFor(
            () =>
            {
                json = Tool.Run(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", "-1h", "-o", output, "--json");
                using var said = JsonDocument.Parse(json);
                return said.RootElement.GetProperty("losses").EnumerateArray().Sum(Lost) >= (long)now.Ports[0].LostPackets;
            },
            "the loss after the last packet, which is told a second later");
        using JsonDocument report = JsonDocument.Parse(json);
        Assert.Equal((long)now.Ports[0].StoredPackets, report.RootElement.GetProperty("packets").GetInt64());
        Assert.False(report.RootElement.GetProperty("complete").GetBoolean());
        Assert.Equal((long)now.Ports[0].LostPackets, Lost(report.RootElement.GetProperty("losses")[0]));
        capbox.Stop();
    }

    [Theory]
    [InlineData(2, "--from", "never")]
    [InlineData(2, "--from", "-1h", "--to", "-2h")]
    [InlineData(2, "--from", "-1h", "--format", "erf")]
    [InlineData(2, "--from", "-1h", "--filter", "host and")]
    [InlineData(2, "--from", "-1h", "--port", "nosuch0")]
    public void Bad_use_is_one_line_and_leaves_no_file(int expected, params string[] options)
    {
        string scratch = Directory.CreateTempSubdirectory("capbox-test-").FullName;
        try
        {
            string output = Path.Combine(scratch, "out.pcapng");
            (int code, _, string error) = Tool.Try(CapboxProcess.Binary, ["extract", "--archive", scratch, "-o", output, .. options]);
            Assert.Equal(expected, code);
            Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.Empty(Directory.GetFiles(scratch));
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }
}
