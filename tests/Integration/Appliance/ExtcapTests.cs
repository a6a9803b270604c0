// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Wireshark's side of extcap, played by the tshark of this machine.</summary>
[Collection("Integration")]
public class ExtcapTests
{
    private static string Config(Lab lab, string second = "") => $$"""
        {"storage": {"directory": "{{lab.Archive}}", "segmentSize": "16MiB"},
         "ports": [{"name": "b0", "rings": 2, "ringSize": "8MiB", "blockSize": "128KiB", "handover": "50ms"}, {"name": "b1", "handover": "20ms"{{second}}}]}
        """;

    /// <summary>
    /// tshark that sees a directory with nothing but our link as its extcap path. To root Wireshark grants no WIRESHARK_EXTCAP_DIR, so the directory is mounted over the
    /// path, in a mount namespace that ends with the process.
    /// </summary>
    private static ProcessStartInfo Tshark(Lab lab, params string[] arguments)
    {
        string links = Path.Combine(lab.Scratch, "extcap");
        if (!Directory.Exists(links))
            Tool.Run(CapboxProcess.Binary, "extcap", "install", links);
        string path = Tool.Run("tshark", "-G", "folders").Split('\n').First(l => l.StartsWith("Extcap path:", StringComparison.Ordinal) || l.StartsWith("Global Extcap path:", StringComparison.Ordinal));
        ProcessStartInfo info = Tool.Info("unshare", ["--mount", "sh", "-c", "mount --bind \"$1\" \"$2\" && shift 2 && exec tshark \"$@\"", "sh", links, path[(path.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim(), .. arguments]);
        info.Environment["CAPBOX_ARCHIVE"] = lab.Archive;
        return info;
    }

    private static (int Code, string Output, string Error) Run(ProcessStartInfo info)
    {
        using Process process = Process.Start(info)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(Tool.LimitSeconds * 1000), "tshark does not end");
        return (process.ExitCode, output, error.Result);
    }

    private static Process Start(params string[] arguments) => Process.Start(Tool.Info(arguments[0], arguments[1..]))!;

    private static void Record(Lab lab)
    {
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Config(lab));
        RawSender.Send(lab.SenderSpace, "a1", Enumerable.Range(0, 200).Select(i => Frames.Udp("10.2.0.1", "10.2.0.2", 1, (ushort)(7000 + i), 100)));
        long sent = lab.Generate("--packets", "20000", "--flows", "8", "--size", "64,594", "--pps", "20000");
        capbox.WaitUntilSeen(sent + 200);
        capbox.Stop();
    }

    private static IEnumerable<(long, long, string)> Keys(IEnumerable<Packet> packets) => packets.Select(p => (p.Seconds, p.Fraction, p.Hex));

    [Fact]
    public void Tshark_lists_the_ports_and_the_range_and_takes_the_same_packets_as_extract()
    {
        using var lab = new Lab(pairs: 2);
        Record(lab);
        string list = Run(Tshark(lab, "-D")).Output;
        foreach (string expected in new[] { "capbox-live-b0 (capbox: b0 (live))", "capbox-live-b1 (capbox: b1 (live))", "capbox-range (capbox: archive range)" })
            Assert.Contains(expected, list, StringComparison.Ordinal);
        Assert.Contains("EN10MB (Ethernet)", Run(Tshark(lab, "-i", "capbox-range", "-L")).Output, StringComparison.Ordinal);

        string through = Path.Combine(lab.Scratch, "through.pcapng"), direct = Path.Combine(lab.Scratch, "direct.pcapng");
        string[] range = Middle(lab);
        (int code, _, string error) = Run(Tshark(lab, "-i", "capbox-range", "-o", $"extcap.capbox_range.from:{range[0]}", "-o", $"extcap.capbox_range.to:{range[1]}", "-f", "udp", "-w", through));
        Assert.True(code == 0, error);
        Assert.DoesNotContain("extcap pipe", error, StringComparison.Ordinal);
        Tool.Run(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", range[0], "--to", range[1], "--filter", "udp", "-o", direct);
        List<Packet> expectedPackets = PcapFile.ReadThroughTcpdump(lab, direct);
        Assert.InRange(expectedPackets.Count, 1000, 19000);
        Assert.Equal(Keys(expectedPackets), Keys(PcapFile.ReadThroughTcpdump(lab, through)));
    }

    /// <summary>From a third to two thirds of what was recorded.</summary>
    private static string[] Middle(Lab lab)
    {
        string all = Path.Combine(lab.Scratch, "all.pcap");
        Tool.Run(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", "-1h", "--format", "pcap-ns", "-o", all);
        List<Packet> packets = PcapFile.Read(all);
        return [.. new[] { packets[packets.Count / 3], packets[packets.Count * 2 / 3] }.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Seconds}.{p.Fraction:D9}"))];
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tshark_captures_live_with_a_filter_and_leaves_nothing_behind(bool byNamespace)
    {
        using var lab = new Lab(pairs: 2);
        string port = byNamespace ? $"{lab.RecorderSpace}/b1" : "b1";
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Config(lab, byNamespace ? $", \"netns\": \"{lab.RecorderSpace}\"" : ""));
        using Process tshark = Process.Start(Tshark(lab, "-i", "capbox-live-" + port, "-f", "udp dst portrange 7100-9000", "-c", "50", "-l", "-T", "fields", "-e", "udp.dstport", "-e", "frame.interface_name"))!;
        Task<string> errors = tshark.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        Tool.WaitFor(() => ExtcapProcesses(lab).Any(), "tshark to start capbox");
        await Task.Delay(1000, TestContext.Current.CancellationToken);
        // Of the other port, then some that the filter rejects, then more than are asked for.
        lab.Generate("--packets", "500", "--pps", "20000");
        RawSender.Send(lab.SenderSpace, "a1", Enumerable.Range(0, 200).Select(i => Frames.Udp("10.2.0.1", "10.2.0.2", 1, (ushort)(7000 + i), 100)));
        string output = await tshark.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.True(tshark.WaitForExit(Tool.LimitSeconds * 1000), "tshark does not end");
        Assert.True(tshark.ExitCode == 0, await errors);
        Assert.Equal(Enumerable.Range(7100, 50).Select(n => $"{n}\t{port}"), output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Tool.WaitFor(() => !ExtcapProcesses(lab).Any(), "capbox to end with tshark");
        capbox.Stop();
    }

    /// <summary>Running capbox-extcap processes of this lab: those that were started by the link in its directory.</summary>
    private static IEnumerable<string> ExtcapProcesses(Lab lab)
    {
        foreach (string directory in Directory.EnumerateDirectories("/proc").Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0])))
        {
            string line;
            try
            {
                // The link is reached through the path that it is mounted over; the archive is this lab's.
                line = File.ReadAllText(directory + "/cmdline");
                if (line.Contains("capbox-extcap\0", StringComparison.Ordinal) && line.Contains("--capture\0", StringComparison.Ordinal)
                    && File.ReadAllText(directory + "/environ").Contains(lab.Archive, StringComparison.Ordinal))
                    line = directory;
                else
                    continue;
            }
            catch (IOException)
            {
                continue; // it ended meanwhile
            }

            yield return line;
        }
    }

    private static ulong Caught(int process) =>
        ulong.Parse(File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("SigCgt:", StringComparison.Ordinal)).AsSpan(7).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("reader")]
    [InlineData("no reader")]
    public async Task A_capture_ends_cleanly(string how)
    {
        using var lab = new Lab(pairs: 2);
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Config(lab));
        string fifo = Path.Combine(lab.Scratch, "fifo"), got = Path.Combine(lab.Scratch, "got.pcapng");
        Tool.Run("mkfifo", fifo);
        using Process extcap = Start(CapboxProcess.Binary, "extcap", "--capture", "--extcap-interface", "capbox-live-b1", "--fifo", fifo, "--archive", lab.Archive, "--extcap-future-option", "1");
        Task<string> errors = extcap.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        Process? reader = how == "no reader" ? null : Start("dd", $"if={fifo}", $"of={got}", "status=none");
        // It has a handler for SIGTERM (proc(5), SigCgt).
        Tool.WaitFor(() => (Caught(extcap.Id) >> (15 - 1) & 1) == 1, "capbox to take signals");
        if (reader is not null)
        {
            // Frames of another kind, until one comes through: from then on all do.
            Tool.WaitFor(
                () =>
                {
                    RawSender.Send(lab.SenderSpace, "a1", [Frames.Plain(60, 0)]);
                    return File.Exists(got) && new FileInfo(got).Length > 0;
                },
                "the capture to begin");
            long begun = 0;
            for (long now; (now = new FileInfo(got).Length) > begun; begun = now)
                await Task.Delay(1000, TestContext.Current.CancellationToken);
            RawSender.Send(lab.SenderSpace, "a1", Enumerable.Range(0, 20).Select(i => Frames.Udp("10.2.0.1", "10.2.0.2", 1, 2, 100)));
            Tool.WaitFor(() => new FileInfo(got).Length > begun + (20 * 142), "packets to come through");
        }

        if (how == "reader")
            reader!.Kill();
        else
            Tool.Run("kill", "-" + (how == "no reader" ? "TERM" : how), extcap.Id.ToString(CultureInfo.InvariantCulture));
        Assert.True(extcap.WaitForExit(Tool.LimitSeconds * 1000), "capbox does not end");
        Assert.Equal((0, ""), (extcap.ExitCode, await errors));
        if (how is "TERM" or "INT")
        {
            Assert.True(reader!.WaitForExit(Tool.LimitSeconds * 1000));
            Assert.Equal(20, PcapFile.ReadThroughTcpdump(lab, got, "udp").Count);
        }

        reader?.Dispose();
        capbox.Stop();
    }

    [Fact]
    public void Ports_of_a_range_are_chosen_and_mistakes_are_one_line()
    {
        using var lab = new Lab(pairs: 2);
        Record(lab);
        string output = Path.Combine(lab.Scratch, "out.pcapng");
        File.WriteAllText(output, "");
        Tool.Run(CapboxProcess.Binary, "extcap", "--capture", "--extcap-interface", "capbox-range", "--fifo", output, "--archive", lab.Archive, "--from", "-1h", "--to=now",
            "--ports", "b1", "--filter", "udp", "--extcap-capture-filter", "dst port 7003 or dst port 7005");
        Assert.Equal(2, PcapFile.ReadThroughTcpdump(lab, output).Count);
        string options = Tool.Run(CapboxProcess.Binary, "extcap", "--extcap-interface", "capbox-range", "--extcap-config", "--archive", lab.Archive);
        Assert.Contains("value {arg=4}{value=b0}{display=b0}", options, StringComparison.Ordinal);
        Assert.Equal("", Tool.Run(CapboxProcess.Binary, "extcap", "--extcap-interface", "capbox-live-b0", "--extcap-dlt", "1", "--extcap-capture-filter", "udp port 5"));
        Assert.Contains("syntax error", Tool.Run(CapboxProcess.Binary, "extcap", "--extcap-interface", "capbox-live-b0", "--extcap-capture-filter", "udp port and"), StringComparison.Ordinal);
        foreach (string[] wrong in new string[][]
        {
            ["--extcap-interface", "eth0", "--extcap-config"], ["--capture", "--extcap-interface", "capbox-range"], [],
            ["--capture", "--extcap-interface", "capbox-range", "--fifo", output, "--archive", lab.Archive, "--from", "never"],
            ["--capture", "--extcap-interface", "capbox-range", "--fifo", output, "--archive", lab.Archive, "--filter", "host and"],
            ["--capture", "--extcap-interface", "capbox-live-nosuch", "--fifo", output, "--archive", lab.Archive, "--from", "-1h"],
        })
        {
            (int code, _, string error) = Tool.Try(CapboxProcess.Binary, ["extcap", .. wrong]);
            Assert.Equal(2, code);
            Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }

        string taken = Directory.CreateDirectory(Path.Combine(lab.Scratch, "taken")).FullName;
        File.WriteAllText(Path.Combine(taken, "capbox-extcap"), "somebody else's");
        Assert.Equal(1, Tool.Try(CapboxProcess.Binary, "extcap", "install", taken).Code);
        Assert.Equal("somebody else's", File.ReadAllText(Path.Combine(taken, "capbox-extcap")));
    }
}
