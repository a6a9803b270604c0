// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Capbox.Cli;
using Capbox.Config;
using Capbox.Health;
using Capbox.Metrics;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Timing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Capbox.Tests;

/// <summary>OpenMetrics: the text by a strict reader of the format, and the server by good and bad clients.</summary>
public sealed partial class MetricsTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("capbox-metrics-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static BoxSnapshot Box(string port = "eth2", ulong lost = 3, int second = 100, ulong written = 1000) => new(new RecorderSnapshot
    {
        At = DateTimeOffset.UnixEpoch.AddSeconds(second),
        Uptime = TimeSpan.FromSeconds(second),
        Ports =
        [
            new PortLedger
            {
                Port = port, CurrentName = port, State = PortState.Capturing, HardwareStamps = true, StoredPackets = 5, StoredBytes = 500, FilteredPackets = 2, PendingPackets = 1, LostRing = lost, LostDisk = 0, LostNic = 0,
                LostHost = 7, TruncatedPackets = 1, RingFreezes = 2, Gap = TimeSpan.FromSeconds(1.5),
                Rings = [new RingLedger(0, 64, 3, 12, 6, 5, lost, 0, 0, 2)],
            },
        ],
        Storage = new StorageSnapshot { SegmentsSealed = 4, BytesWritten = written, WriteErrors = 0, Engine = "io_uring", Direct = true, FreeBytes = 1 << 30, RecentlySealed = [] },
    })
    {
        Archive = new ArchiveSnapshot { Ready = true, Segments = 9, Bytes = 99, Oldest = 1, OldestAgeSeconds = 60, Holds = 0, HeldSegments = 0, HeldBytes = 0, Deleted = 1, DeletedBytes = 10 },
        Clock = new ClockSnapshot { Interface = "eth0", Steered = true, State = ClockState.Locked, OffsetNs = -12, BoundNs = 100, Steps = 2 },
        Mqtt = new MqttSnapshot("b:1", true, null, new MqttCounts { Connects = 3 }),
    };

    [GeneratedRegex("^(?<name>[a-z_]+)(?:\\{(?<labels>(?:[a-z_]+=\"(?:[^\"\\\\\\n]|\\\\[\\\\\"n])*\",?)*)\\})? (?<value>-?[0-9][-+0-9.E]*)$")]
    private static partial Regex Sample();

    /// <summary>Reads the text as the specification has it, and throws where it does not keep to it.</summary>
    private static Dictionary<string, double> Read(string text)
    {
        string[] lines = text.Split('\n');
        Assert.Equal(["# EOF", ""], lines[^2..]);
        Dictionary<string, double> samples = [];
        HashSet<string> families = [];
        string family = "", type = "";
        foreach (string line in lines[..^2])
        {
            if (line.StartsWith("# ", StringComparison.Ordinal))
            {
                string[] words = line.Split(' ', 4);
                if (words[1] == "TYPE")
                {
                    Assert.True(families.Add(words[2]), $"{words[2]} twice");
                    (family, type) = (words[2], words[3]);
                }

                Assert.Equal(family, words[2]);
                if (words[1] == "UNIT")
                    Assert.EndsWith("_" + words[3], family, StringComparison.Ordinal);
                continue;
            }

            Match match = Sample().Match(line);
            Assert.True(match.Success, line);
            string suffix = type switch { "counter" => "_total", "info" => "_info", _ => "" };
            Assert.Equal(family + suffix, match.Groups["name"].Value);
            string labels = match.Groups["labels"].Value;
            if (type == "stateset")
                Assert.Contains($"{family}=\"", labels);
            Assert.True(samples.TryAdd($"{match.Groups["name"].Value}{{{labels}}}", double.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture)), $"{line} twice");
        }

        return samples;
    }

    [Fact]
    public void The_text_keeps_to_the_format_and_tells_the_counters()
    {
        Dictionary<string, double> samples = Read(MetricsText.Format(Box()));
        Assert.Equal(5, samples["capbox_port_stored_packets_total{port=\"eth2\"}"]);
        Assert.Equal((3, 7, 0), (samples["capbox_port_lost_packets_total{port=\"eth2\",cause=\"ring\"}"], samples["capbox_port_lost_packets_total{port=\"eth2\",cause=\"host\"}"], samples["capbox_port_lost_packets_total{port=\"eth2\",cause=\"disk\"}"]));
        Assert.Equal(18, samples["capbox_port_seen_packets_total{port=\"eth2\"}"]);
        Assert.Equal(1, samples["capbox_port_state{port=\"eth2\",capbox_port_state=\"capturing\"}"]);
        Assert.Equal(1, samples.Where(s => s.Key.StartsWith("capbox_clock_state{", StringComparison.Ordinal)).Sum(s => s.Value));
        Assert.Equal((-12e-9, 1e-7, 2), (samples["capbox_clock_offset_seconds{}"], samples["capbox_clock_bound_seconds{}"], samples["capbox_clock_steps_total{}"]));
        Assert.Equal((64, 3, 12), (samples["capbox_ring_blocks{port=\"eth2\",ring=\"0\"}"], samples["capbox_ring_filled_blocks{port=\"eth2\",ring=\"0\"}"], samples["capbox_ring_filled_high_blocks{port=\"eth2\",ring=\"0\"}"]));
        Assert.Equal((1.5, 9, 1), (samples["capbox_port_gap_seconds_total{port=\"eth2\"}"], samples["capbox_archive_segments{}"], samples["capbox_mqtt_connected{}"]));
    }

    [Fact]
    public void Names_are_escaped_and_what_is_not_there_is_not_told()
    {
        Assert.Contains(Read(MetricsText.Format(Box("a\"b\\c\nd"))).Keys, k => k == "capbox_port_stored_packets_total{port=\"a\\\"b\\\\c\\nd\"}");
        Dictionary<string, double> bare = Read(MetricsText.Format(Box() with { Ports = [], Clock = null, Archive = null, Mqtt = null }));
        Assert.DoesNotContain(bare.Keys, k => k.Contains("clock", StringComparison.Ordinal) || k.Contains("archive", StringComparison.Ordinal) || k.Contains("mqtt", StringComparison.Ordinal));
        Assert.DoesNotContain(Read(MetricsText.Format(Box() with { Clock = Box().Clock! with { BoundNs = double.PositiveInfinity } })).Keys, k => k.Contains("bound", StringComparison.Ordinal));
    }

    [Fact]
    public void The_manual_lists_every_metric()
    {
        string manual = File.ReadAllText(Path.Combine(Repository.Root, "docs", "reference", "metrics.md"));
        string[] told = [.. Regex.Matches(manual, "`(capbox_[a-z_]+)`").Select(m => m.Groups[1].Value).Distinct()];
        string[] made = [.. Read(MetricsText.Format(Box())).Keys.Select(k => k[..k.IndexOf('{', StringComparison.Ordinal)]).Distinct()];
        Assert.Equal(made.Order(), told.Order());
    }

    [Theory]
    [InlineData("127.0.0.1", "is none of 127.0.0.1:PORT")]
    [InlineData("localhost:9464", "is none of 127.0.0.1:PORT")]
    [InlineData("0.0.0.0:9464", "0.0.0.0 is not of this machine alone")]
    [InlineData("10.0.0.1:9464", "10.0.0.1 is not of this machine alone")]
    [InlineData("[::]:9464", ":: is not of this machine alone")]
    [InlineData("metrics.sock", "is none of")]
    public void Only_this_machine_is_served(string listen, string expected)
    {
        ConfigResult result = ConfigDocument.Parse(Encoding.UTF8.GetBytes($$$"""{"ports":[],"metrics":{"listen":"{{{listen}}}"}}"""));
        Assert.Contains(result.Errors, e => e.Path == "$.metrics.listen" && e.Reason.Contains(expected, StringComparison.Ordinal));
    }

    private static MetricsAddress Address(string text) => MetricsAddress.TryParse(text, out _)!;

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    [Fact]
    public void A_port_is_one_servers_and_had_again_at_once_by_the_next()
    {
        int port = FreePort();
        MetricsAddress address = Address($"127.0.0.1:{port}");
        for (int start = 0; start < 3; start++)
        {
            using var server = new MetricsServer(address.EndPoint, () => MetricsText.Format(Box()), NullLogger.Instance);
            Assert.Contains("in use", Assert.Throws<IOException>(() => new MetricsServer(address.EndPoint, () => "", NullLogger.Instance)).Message, StringComparison.Ordinal);
            // The server closes first: its side of the connection stays for a minute (TIME_WAIT).
            Assert.Contains("# EOF", MetricsClient.Talk(new IPEndPoint(IPAddress.Loopback, port), "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_collector_gets_it_over_tcp_and_over_a_socket()
    {
        int port = FreePort();
        using (new MetricsServer(Address($"127.0.0.1:{port}").EndPoint, () => MetricsText.Format(Box()), NullLogger.Instance))
        {
            using var client = new HttpClient();
            using HttpResponseMessage answer = await client.GetAsync(new Uri($"http://127.0.0.1:{port}/metrics"), TestContext.Current.CancellationToken);
            Assert.Equal((HttpStatusCode.OK, "application/openmetrics-text"), (answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
            Read(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }

        string path = Path.Combine(_directory, "metrics");
        for (int start = 0; start < 2; start++)
        {
            using var server = new MetricsServer(Address(path).EndPoint, () => MetricsText.Format(Box()), NullLogger.Instance);
            string text = MetricsClient.Talk(new UnixDomainSocketEndPoint(path), "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
            Read(text[(text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
            Assert.Throws<IOException>(() => new MetricsServer(Address(path).EndPoint, () => "", NullLogger.Instance));
        }

        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_file_that_is_no_socket_stays()
    {
        string path = Path.Combine(_directory, "precious");
        File.WriteAllText(path, "");
        Assert.Contains("no socket", Assert.Throws<IOException>(() => new MetricsServer(Address(path).EndPoint, () => "", NullLogger.Instance)).Message);
        Assert.True(File.Exists(path));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n", "404")]
    [InlineData("GET /metrics/../etc HTTP/1.1\r\n\r\n", "404")]
    [InlineData("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405")]
    [InlineData("nonsense\r\n\r\n", "400")]
    [InlineData("GET /metrics SPDY/3\r\n\r\n", "400")]
    [InlineData("GET /metrics?x=1 HTTP/1.0\r\n\r\n", "200")]
    public void Whatever_is_asked_there_is_an_answer(string request, string expected)
    {
        string path = Path.Combine(_directory, "m");
        using var server = new MetricsServer(Address(path).EndPoint, () => MetricsText.Format(Box()), NullLogger.Instance);
        Assert.StartsWith($"HTTP/1.1 {expected} ", MetricsClient.Talk(new UnixDomainSocketEndPoint(path), request), StringComparison.Ordinal);
    }

    [Fact]
    public void A_request_that_is_too_long_is_refused()
    {
        string path = Path.Combine(_directory, "m");
        using var server = new MetricsServer(Address(path).EndPoint, () => MetricsText.Format(Box()), NullLogger.Instance);
        string request = "GET /metrics HTTP/1.1\r\nX: " + new string('x', MetricsServer.MaxRequestBytes - 26);
        Assert.StartsWith("HTTP/1.1 400 ", MetricsClient.Talk(new UnixDomainSocketEndPoint(path), request), StringComparison.Ordinal);
    }

    [Fact]
    public void Clients_that_are_slow_or_too_many_are_left_and_a_thousand_leave_nothing()
    {
        string path = Path.Combine(_directory, "m");
        using var server = new MetricsServer(Address(path).EndPoint, () => MetricsText.Format(Box()), NullLogger.Instance);
        var address = new UnixDomainSocketEndPoint(path);
        Socket[] silent = [.. Enumerable.Range(0, MetricsServer.MaxClients).Select(_ =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(address);
            socket.Send("GET /m"u8);
            return socket;
        })];
        Tool.WaitFor(() => Try(address) == "", "one more to be turned away");
        // After 5 s the silent ones are left, and others are served.
        Tool.WaitFor(() => Try(address).Contains("# EOF", StringComparison.Ordinal), "others to be served");
        Array.ForEach(silent, s => s.Dispose());

        for (int i = 0; i < 50; i++)
            MetricsClient.Talk(address, "GET /metrics HTTP/1.1\r\n\r\n");
        // Other tests open and close theirs; a leak would be 60 in every round.
        static int Handles() => Directory.GetFiles("/proc/self/fd").Length;
        int leastLeft = int.MaxValue;
        long grown = Allocation.LeastHeapGrowth(6, _ =>
        {
            int handles = Handles();
            for (int i = 0; i < Seed.Cases(60, 200); i++)
                MetricsClient.Talk(address, "GET /metrics HTTP/1.1\r\n\r\n");
            leastLeft = Math.Min(leastLeft, Handles() - handles);
        });
        Assert.InRange(grown, long.MinValue, 100 * 1024);
        Assert.InRange(leastLeft, int.MinValue, 20);
    }

    private static string Try(EndPoint address)
    {
        try
        {
            return MetricsClient.Talk(address, "GET /metrics HTTP/1.1\r\n\r\n");
        }
        catch (SocketException)
        {
            return "";
        }
    }

    [Fact]
    public void Top_shows_what_run_shows_and_the_losses_since_it_began()
    {
        IReadOnlyList<string> lines = TopView.Lines(Box(lost: 3), Box(lost: 3, second: 109), Box(lost: 20, second: 110, written: 2000 + (1 << 20)), 200, 40);
        Assert.StartsWith("capbox recording for 00:01:50; seen here for 00:00:10;", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, l => l.StartsWith("eth2", StringComparison.Ordinal) && l.Contains("capturing", StringComparison.Ordinal));
        Assert.Contains("LOSS  eth2 lost 17 packets since this view began", lines);
        Assert.Contains(lines, l => l.StartsWith("full  at this rate in 2.8 hours", StringComparison.Ordinal));
        Assert.Contains(lines, l => l == "mqtt  connected to b:1");
        Assert.All(TopView.Lines(Box(), Box(), Box(), 40, 6), l => Assert.InRange(l.Length, 0, 40));
        Assert.Equal(5, TopView.Lines(Box(), Box(), Box(), 40, 6).Count);
        // Nothing lost, nothing written: nothing of both is said. And no size breaks it.
        Assert.DoesNotContain(TopView.Lines(Box(), Box(), Box(), 200, 40), l => l.StartsWith("LOSS", StringComparison.Ordinal) || l.StartsWith("full", StringComparison.Ordinal));
        Assert.Single(TopView.Lines(Box(), Box(), Box(), 0, 0));
    }
}
