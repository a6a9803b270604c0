using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Capbox.Packets.Pcapng;
using Xunit;

namespace Capbox.Tests;

/// <summary>
/// The format, byte for byte, and as readers that nobody here wrote see it. After a wanted change of the format:
/// <c>CAPBOX_UPDATE_GOLDEN=1</c> writes the files anew; the diff belongs to the same commit as docs/internals/segments.md.
/// </summary>
public sealed class PcapngGoldenTests
{
    private static string GoldenDirectory([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "..", "golden");

    private static string SealedPath => Path.Combine(GoldenDirectory(), TestSegment.SealedName);

    [Theory]
    [InlineData(TestSegment.SealedName)]
    [InlineData(TestSegment.SealedName + ".part")]
    [InlineData("20261123T083000.123456789Z-0000000042.filler.pcapng")]
    public void The_format_is_byte_for_byte_what_it_was(string name)
    {
        byte[] built = name.EndsWith(".part", StringComparison.Ordinal) ? TestSegment.Small().InProgress()
            : name.Contains("filler", StringComparison.Ordinal) ? TestSegment.Small().AddFiller(8192).Sealed(TrailerFlags.Repaired | TrailerFlags.HasFiller)
            : TestSegment.Small().Sealed();
        string path = Path.Combine(GoldenDirectory(), name);
        if (Environment.GetEnvironmentVariable("CAPBOX_UPDATE_GOLDEN") == "1")
        {
            Directory.CreateDirectory(GoldenDirectory());
            File.WriteAllBytes(path, built);
        }

        Assert.Equal(File.ReadAllBytes(path), built);
    }

    [Fact]
    public void Tshark_reads_every_packet_as_it_was_put_in()
    {
        List<TestPacket> packets = TestSegment.Small().Packets;
        string[] lines = Run("tshark", "-r", SealedPath, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.len",
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
        string dump = Run("tcpdump", "-r", SealedPath, "-n", "-xx", "-tt", "--time-stamp-precision=nano");
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
        string text = Run("capinfos", SealedPath);
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
        Assert.Equal(8, Run(tool, "-n", "-r", path).Split('\n').Count(static line => line.Length > 0 && line[0] != '\t'));
        Assert.True(SegmentVerifier.Verify(path).Ok);
    }

    /// <summary>Standard output; a tool that complains or fails fails the test.</summary>
    internal static string Run(string tool, params string[] arguments)
    {
        var start = new ProcessStartInfo(tool, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["TZ"] = "UTC";
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        string[] complaints = [.. errors.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(static line =>
            !line.StartsWith("Running as user", StringComparison.Ordinal) && !line.StartsWith("reading from file", StringComparison.Ordinal))];
        Assert.True(process.ExitCode == 0 && complaints.Length == 0, $"{tool}: exit code {process.ExitCode}, {errors.Result}");
        return output;
    }
}
