// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Extract;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Capbox.Tests;

/// <summary>
/// Extraction when clocks do what clocks do: leap seconds, steps within a chunk, between chunks and between segments, years in the future and in the past. What is
/// expected comes from Wireshark's tools over the same files: reordercap and mergecap for the order, editcap -A -B for the range. Those cannot compare times more than
/// 2^31 s apart (seen with 4.0), so where 1970 and 2099 meet they only read the packets, and the test sorts.
/// </summary>
public sealed class ExtractClockTests : IDisposable
{
    private const long Second = 1_000_000_000, Hour = 3600 * Second;

    /// <summary>2017-01-01T00:00:00Z: the leap second 2016-12-31T23:59:60Z lies right before it.</summary>
    private const long NewYear2017Ns = 1_483_228_800 * Second;
    private const long Year2035Ns = 2_051_222_400 * Second, Year2099Ns = 4_070_908_800 * Second, EndNs = Year2099Ns + (1000 * Hour);
    private readonly TestDirectory _archive = new();
    private readonly TestDirectory _scratch = new();
    private int _number;

    public void Dispose()
    {
        _archive.Dispose();
        _scratch.Dispose();
    }

    private TestPacket Packet(long utcNs, int taiSeconds = 0)
    {
        int number = ++_number;
        byte[] frame = Frames.Udp($"10.0.{number >> 8 & 255}.{number & 255}", "10.1.0.1", (ushort)(1000 + (number % 3)), 9, 8 + (number % 40));
        return new TestPacket(taiSeconds != 0, utcNs + (taiSeconds * Second), frame, (uint)frame.Length, 1 | (1 << 2), number % 64);
    }

    private void Seal(TestSegment segment, ulong sequence)
    {
        string path = _archive.Write($"20261123T083000.123456789Z-{sequence:D10}.pcapng", segment.Sealed());
        VerifyReport report = SegmentVerifier.Verify(path);
        Assert.True(report.Ok, string.Join('\n', report.Findings.Select(f => f.Message)));
    }

    private List<Packet> Extract(long fromNs, long toNs, ExtractFormat format = ExtractFormat.PcapNs, string? filter = null)
    {
        string output = Path.Combine(_scratch.Path, $"extract{++_number}");
        var request = new ExtractRequest { Archive = _archive.Path, From = new UtcTime(fromNs), To = new UtcTime(toNs), Filter = filter };
        ExtractReport report;
        using (SafeFileHandle file = File.OpenHandle(output, FileMode.Create, FileAccess.Write))
            report = Extraction.Run(request, format, file, null, CancellationToken.None);
        Assert.True(report.Complete, string.Join('\n', report.Warnings));
        List<Packet> packets = format == ExtractFormat.PcapNs ? PcapFile.Read(output) : AsPcap(output);
        Assert.Equal((int)report.Packets, packets.Count);
        return packets;
    }

    private List<Packet> AsPcap(string capture)
    {
        string output = Path.Combine(_scratch.Path, $"converted{++_number}");
        Tool.Run("editcap", "-F", "nsecpcap", capture, output);
        return PcapFile.Read(output);
    }

    /// <summary>All segments as pcap, which has no clock offsets, each sorted, then merged.</summary>
    private string Oracle()
    {
        List<string> sorted = [];
        foreach (string plain in Plain())
        {
            sorted.Add(plain + ".sorted");
            Tool.Run("reordercap", plain, sorted[^1]);
        }

        string all = Path.Combine(_scratch.Path, $"oracle{++_number}");
        Tool.Run("mergecap", ["-F", "nsecpcap", "-w", all, .. sorted]);
        return all;
    }

    private List<string> Plain()
    {
        List<string> plain = [];
        foreach (string segment in Directory.GetFiles(_archive.Path).Order(StringComparer.Ordinal))
        {
            plain.Add(Path.Combine(_scratch.Path, $"plain{++_number}"));
            Tool.Run("editcap", "-F", "nsecpcap", segment, plain[^1]);
        }

        return plain;
    }

    private List<Packet> OracleRange(string oracle, long fromNs, long toNs)
    {
        string output = Path.Combine(_scratch.Path, $"range{++_number}");
        Tool.Run("editcap", "-F", "nsecpcap", "-A", new UtcTime(fromNs).ToString(), "-B", new UtcTime(toNs).ToString(), oracle, output);
        return PcapFile.Read(output);
    }

    private static IEnumerable<(long, long, string)> Keys(IEnumerable<Packet> packets) => packets.Select(p => (p.Seconds, p.Fraction, p.Hex));

    private void AssertEqualsOracle(string oracle, long fromNs, long toNs) => AssertExtracts(OracleRange(oracle, fromNs, toNs), fromNs, toNs);

    private void AssertExtracts(IEnumerable<Packet> packets, long fromNs, long toNs)
    {
        IEnumerable<(long, long, string)> expected = Keys(packets).ToArray();
        Assert.Equal(expected, Keys(Extract(fromNs, toNs)));
        Assert.Equal(expected, Keys(Extract(fromNs, toNs, ExtractFormat.Pcapng)));
    }

    /// <summary>
    /// The NIC counts TAI through the leap second; a segment keeps the offset that it began with, the next one has the new one. As stamped, UTC shows the first second of
    /// 2017 twice, and both are in it.
    /// </summary>
    [Fact]
    public void A_leap_second_shows_a_second_twice_and_no_packet_is_lost_or_doubled()
    {
        var before = new TestSegment(sequence: 1, taiSeconds: 36);
        var after = new TestSegment(sequence: 2, taiSeconds: 37);
        // Every 100 ms from 2 s before to 2 s behind the new year, the leap second between them: 5 s of TAI.
        for (int chunk = 0; chunk < 30; chunk++)
            before.Add([Packet(NewYear2017Ns - (2 * Second) + (chunk * Second / 10) + 1, 36), Packet(NewYear2017Ns - (2 * Second) + (chunk * Second / 10) + 3, 36)], port: 1, sequence: (ulong)chunk);
        for (int chunk = 0; chunk < 20; chunk++)
            after.Add([Packet(NewYear2017Ns + (chunk * Second / 10), 37), Packet(NewYear2017Ns + (chunk * Second / 10) + 2, 37)], port: 1, sequence: (ulong)(chunk + 30));
        Seal(before, 1);
        Seal(after, 2);
        string oracle = Oracle();
        Assert.Equal(100, Extract(0, Year2035Ns).Count);
        Assert.Equal(40, Extract(NewYear2017Ns, NewYear2017Ns + Second).Count);
        AssertEqualsOracle(oracle, 0, Year2035Ns);
        AssertEqualsOracle(oracle, NewYear2017Ns, NewYear2017Ns + Second);
        AssertEqualsOracle(oracle, NewYear2017Ns - Second, NewYear2017Ns + (Second / 2) + 2);
    }

    /// <summary>A negative leap second leaves a second of UTC out: the offset falls, and no packet bears a stamp of that second.</summary>
    [Fact]
    public void A_negative_leap_second_leaves_a_second_empty()
    {
        long midnight = 1_893_456_000 * Second; // 2030-01-01
        var before = new TestSegment(sequence: 1, taiSeconds: 37);
        var after = new TestSegment(sequence: 2, taiSeconds: 36);
        for (int chunk = 0; chunk < 10; chunk++)
        {
            before.Add([Packet(midnight - (2 * Second) + (chunk * Second / 10), 37)], port: 1);
            after.Add([Packet(midnight + (chunk * Second / 10), 36)], port: 1);
        }

        Seal(before, 1);
        Seal(after, 2);
        string oracle = Oracle();
        Assert.Empty(Extract(midnight - Second, midnight));
        AssertEqualsOracle(oracle, 0, Year2035Ns);
        AssertEqualsOracle(oracle, midnight - Second - 1, midnight + 1);
    }

    [Fact]
    public void A_step_back_within_a_chunk_is_put_in_order()
    {
        long start = NewYear2017Ns;
        var segment = new TestSegment(sequence: 1);
        // First and last are the least and the greatest: only the middle goes back.
        segment.Add([Packet(start), Packet(start + 20), Packet(start + 10), Packet(start + 15), Packet(start + 30)]);
        segment.Add([Packet(start + 5), Packet(start + 17), Packet(start + 40)], ring: 1);
        segment.Add([Packet(start + 31), Packet(start + Hour), Packet(start + 32)], sequence: 1);
        segment.Add([Packet(start + 33), Packet(start + 34)], sequence: 2);
        Seal(segment, 1);
        string oracle = Oracle();
        AssertEqualsOracle(oracle, 0, Year2035Ns);
        AssertEqualsOracle(oracle, start + 10, start + 33);
        AssertEqualsOracle(oracle, start + 16, start + Hour);
        AssertEqualsOracle(oracle, start + Hour, start + Hour + 1);
    }

    /// <summary>Two ports, two rings each, four segments, one system clock that is stepped at random, one NIC on TAI; many ranges.</summary>
    [Theory]
    [InlineData(1, Year2035Ns)]
    [InlineData(2, Year2035Ns)]
    [InlineData(3, Year2035Ns)]
    [InlineData(4, Year2099Ns)]
    [InlineData(5, Year2099Ns)]
    public void Whatever_the_clocks_did_every_packet_of_a_range_comes_out_once_and_in_order(int seed, long futureNs)
    {
        var random = new Random(seed);
        List<long> stamps = Record(random, futureNs);
        bool farApart = futureNs == Year2099Ns;
        string oracle = farApart ? "" : Oracle();
        Packet[] all = [.. Plain().SelectMany(PcapFile.Read).OrderBy(UtcNs)];
        Assert.Equal(stamps.Order(), all.Select(UtcNs));
        AssertExtracts(all, 0, EndNs);
        for (int i = 0; i < 12; i++)
        {
            long a = stamps[random.Next(stamps.Count)] + random.Next(-1, 2), b = stamps[random.Next(stamps.Count)] + random.Next(-1, 2);
            (long from, long to) = (Math.Max(0, Math.Min(a, b)), Math.Max(a, b) + 1);
            AssertExtracts(farApart ? all.Where(p => UtcNs(p) >= from && UtcNs(p) < to) : OracleRange(oracle, from, to), from, to);
        }

        IEnumerable<Packet> one = all.Where(p => ((p.Data[34] << 8) | p.Data[35]) == 1001);
        Assert.Equal(Keys(one), Keys(Extract(0, EndNs, ExtractFormat.Pcapng, "udp src port 1001")));
    }

    private static long UtcNs(Packet packet) => (packet.Seconds * Second) + packet.Fraction;

    private List<long> Record(Random random, long futureNs)
    {
        List<long> stamps = [];
        var used = new HashSet<long>();
        long now = NewYear2017Ns, tai = NewYear2017Ns + 7;
        for (ulong sequence = 1; sequence <= 4; sequence++)
        {
            int taiSeconds = sequence < 3 ? 36 : 37;
            var segment = new TestSegment(sequence: sequence, taiSeconds: taiSeconds);
            for (int chunk = 0; chunk < 24; chunk++)
            {
                bool hardware = random.Next(2) == 1;
                now = Step(random, now, 0.15, futureNs);
                List<TestPacket> packets = [];
                for (int i = random.Next(1, 20); i > 0; i--)
                {
                    now = Step(random, now, 0.01, futureNs) + random.Next(1, 50_000_000);
                    tai += random.Next(1, 50_000_000);
                    long stamp = hardware ? tai : now;
                    while (!used.Add(stamp))
                        stamp++;
                    stamps.Add(stamp);
                    packets.Add(Packet(stamp, hardware ? taiSeconds : 0));
                }

                segment.Add(packets, port: hardware ? 1 : 0, ring: random.Next(2), sequence: (ulong)chunk);
            }

            Seal(segment, sequence);
        }

        return stamps;
    }

    /// <summary>An hour back, into the future, to 1970, a millisecond back, and home again.</summary>
    private static long Step(Random random, long now, double probability, long futureNs) => random.NextDouble() >= probability ? now : random.Next(6) switch
    {
        0 => Math.Max(Second, now - Hour),
        1 => futureNs + random.Next(),
        2 => Second + random.Next(),
        3 => Math.Max(Second, now - 1_000_000),
        _ => NewYear2017Ns + random.NextInt64(10 * Second),
    };
}
