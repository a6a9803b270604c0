// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Random ranges, filters and formats of one recording of three ports with two rings each, against editcap -A -B and tcpdump -r. The seed is fixed.</summary>
[Collection("Integration")]
public class ExtractRangeTests
{
    private const int Ranges = 24, Seed = 20261123;
    private const long Second = 1_000_000_000;
    private static readonly string?[] s_filters = [null, "udp src port 10003 or host 10.2.0.2", "less 200 and not dst net 10.2.0.0/30", "ether[40] & 1 = 1"];

    private static async Task<long> RecordAsync(Lab lab)
    {
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}", "segmentSize": "16MiB"},
             "ports": [{"name": "b0", "rings": 2, "ringSize": "8MiB", "blockSize": "128KiB", "handover": "50ms"},
                       {"name": "b1", "rings": 2, "ringSize": "4MiB", "blockSize": "64KiB", "handover": "20ms"},
                       {"name": "b2", "rings": 2, "ringSize": "4MiB", "blockSize": "64KiB", "handover": "5ms"}]}
            """);
        Task[] sides = [.. Enumerable.Range(1, 2).Select(port => Task.Run(() =>
        {
            for (int i = 0; i < 400; i++)
                RawSender.Send(lab.SenderSpace, $"a{port}", [Frames.Udp($"10.{port + 1}.0.{i % 9}", "10.2.0.2", (ushort)(i % 5), 2, 60 + i), Frames.Plain(60 + i, i)]);
        }))];
        long sent = lab.Generate("--packets", "40000", "--flows", "32", "--size", "64,594,1500", "--pps", "20000");
        await Task.WhenAll(sides);
        sent += 4 * 400;
        capbox.WaitUntilSeen(sent);
        capbox.Stop();
        return sent;
    }

    /// <summary>The archive as one pcap in order of time, made by Wireshark's tools.</summary>
    private static string Oracle(Lab lab)
    {
        List<string> sorted = [];
        foreach (string segment in Directory.GetFiles(lab.Archive, "*.pcapng").Order(StringComparer.Ordinal))
        {
            string plain = Path.Combine(lab.Scratch, $"plain{sorted.Count}");
            Tool.Run("editcap", "-F", "nsecpcap", segment, plain);
            sorted.Add(plain + ".sorted");
            Tool.Run("reordercap", plain, sorted[^1]);
        }

        Assert.True(sorted.Count >= 2, "several segments");
        string all = Path.Combine(lab.Scratch, "oracle.pcap");
        Tool.Run("mergecap", ["-F", "nsecpcap", "-w", all, .. sorted]);
        return all;
    }

    [Fact]
    public async Task Random_ranges_are_the_same_packets_in_the_same_order_with_the_same_stamps_in_every_format()
    {
        using var lab = new Lab(pairs: 3);
        long sent = await RecordAsync(lab);
        string oracle = Oracle(lab);
        long[] stamps = [.. PcapFile.Read(oracle).Select(UtcNs)];
        Assert.Equal(sent, stamps.Length);
        var random = new Random(Seed);
        int compared = 0;
        for (int i = 0; i < Ranges; i++)
        {
            // Ends on a packet, right before or behind it, anywhere; short ranges and long ones.
            int at = random.Next(stamps.Length), length = i % 3 == 0 ? random.Next(1, 50) : random.Next(1, stamps.Length);
            long from = stamps[at] + random.Next(-1, 2), to = stamps[Math.Min(at + length, stamps.Length - 1)] + random.Next(-1, 2);
            if (to <= from)
                to = from + 1;
            string? filter = s_filters[i % s_filters.Length];
            List<Packet> expected = Expected(lab, oracle, from, to, filter);
            compared += expected.Count;
            foreach (string format in new[] { "pcap-ns", "pcap", "pcapng" })
                Compare(expected, Extract(lab, from, to, filter, format), format == "pcap", $"range {i} of seed {Seed}: {from}..{to} {filter} {format}");
        }

        Assert.InRange(compared, 10_000, int.MaxValue);
    }

    private static long UtcNs(Packet packet) => (packet.Seconds * Second) + packet.Fraction;

    private static List<Packet> Expected(Lab lab, string oracle, long from, long to, string? filter)
    {
        string range = Path.Combine(lab.Scratch, "range.pcap");
        Tool.Run("editcap", "-F", "nsecpcap", "-A", new UtcTime(from).ToString(), "-B", new UtcTime(to).ToString(), oracle, range);
        return PcapFile.ReadThroughTcpdump(lab, range, filter);
    }

    private static List<Packet> Extract(Lab lab, long from, long to, string? filter, string format)
    {
        string output = Path.Combine(lab.Scratch, "extracted");
        string[] options = filter is null ? [] : ["--filter", filter];
        Tool.Run(CapboxProcess.Binary, ["extract", "--archive", lab.Archive, "--from", new UtcTime(from).ToString(), "--to", new UtcTime(to).ToString(), "--format", format, "-o", output, .. options]);
        return format == "pcapng" ? PcapFile.ReadThroughTcpdump(lab, output) : PcapFile.Read(output);
    }

    private static void Compare(List<Packet> expected, List<Packet> found, bool isMicroseconds, string what)
    {
        (long Seconds, long Fraction, int Length, string Hex)[] Keys(List<Packet> packets, int divisor) => [.. packets.Select(p => (p.Seconds, p.Fraction / divisor, p.OriginalLength, p.Hex))];
        var left = Keys(expected, isMicroseconds ? 1000 : 1);
        var right = Keys(found, 1);
        Assert.True(left.Select(k => (k.Seconds, k.Fraction)).SequenceEqual(right.Select(k => (k.Seconds, k.Fraction))), what + ": stamps");
        // Packets of two rings may bear the same stamp: then either order is right.
        Assert.True(left.Order().SequenceEqual(right.Order()), what + ": packets");
        bool unique = expected.Select(UtcNs).Distinct().Count() == expected.Count;
        Assert.True(!unique || left.SequenceEqual(right), what + ": order");
    }
}
