// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Capbox.Cli;
using Capbox.Packets.Capture;
using Capbox.Packets.Storage;
using Xunit;

namespace Capbox.Tests;

/// <summary>The program as its user meets it: exit codes, one-line errors, JSON, and the texts made of snapshots.</summary>
public sealed class CliTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("capbox-cli-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("bogus", "see capbox --help")]
    [InlineData("run --port", "--port")]
    [InlineData("run", "--port")]
    [InlineData("run --port lo,lo", "--port: lo is given twice")]
    [InlineData("run --port a:b", "--port: \"a:b\" cannot be")]
    [InlineData("run --port a/b/c", "--port: \"a/b\" is neither the name of a network namespace (ip netns) nor an absolute path of one")]
    [InlineData("run --port blue/", "--port: the name of a port is empty")]
    [InlineData("run --port /eth0", "--port: the name of a network namespace is empty")]
    [InlineData("run --port /etc/passwd/eth0", "--port: /etc/passwd is no network namespace")]
    [InlineData("run --port /proc/self/ns/uts/eth0", "--port: /proc/self/ns/uts is no network namespace")]
    [InlineData("ports --netns a/b", "--netns: \"a/b\" is neither")]
    [InlineData("run --port lo --duration never", "--duration: \"never\"")]
    [InlineData("run --port lo --duration 0", "--duration: \"0\"")]
    [InlineData("run --port lo --filter @nothing", "--filter: there is no filter named @nothing")]
    [InlineData("run --port lo --bogus", "--bogus")]
    [InlineData("run --config /nonexistent.json", "/nonexistent.json: $: no such file")]
    [InlineData("config check", "see capbox config check --help")]
    [InlineData("config check /nonexistent.json", "/nonexistent.json: $: no such file")]
    [InlineData("config", "see capbox config --help")]
    [InlineData("verify", "see capbox verify --help")]
    [InlineData("verify --chain /tmp", "--chain needs --key PUBFILE; see capbox verify --help")]
    [InlineData("verify --chain --key k a b", "--chain takes one archive")]
    [InlineData("verify --key k FILE", "--key and --head go with --chain")]
    [InlineData("verify --chain --key k --head 12", "--head 12: not a SHA-256 in hex")]
    [InlineData("verify --chain --key /nonexistent.pub", "--key /nonexistent.pub: no such file")]
    [InlineData("seal", "'--key' is required; see capbox seal --help")]
    [InlineData("seal --key /nonexistent.key", "--key /nonexistent.key: no such file")]
    [InlineData("seal keygen", "'--out' is required; see capbox seal keygen --help")]
    [InlineData("seal rotate --key /nonexistent.key --to b", "--key /nonexistent.key: no such file")]
    [InlineData("run --port lo --seal-key /nonexistent.key", "--seal-key /nonexistent.key: no such file")]
    [InlineData("clock", "see capbox clock --help")]
    [InlineData("clock ports --netns a/b", "--netns: \"a/b\" is neither")]
    [InlineData("clock grant a/b", "\"a/b\" cannot be the name of an interface")]
    [InlineData("clock read eth0", "clock read eth0: not a clock: /dev/ptpN, ptpN or system")]
    [InlineData("clock read system --against nothing", "--against nothing: not a clock")]
    [InlineData("clock adjust ptp4711", "one of --ppb, --step, --virtual, --tai and --same-as")]
    [InlineData("clock adjust ptp4711 --step 0 --ppb 0", "one of --ppb, --step, --virtual, --tai and --same-as")]
    [InlineData("clock adjust ptp4711 --ppb fast", "--ppb fast: not a number of parts per billion")]
    [InlineData("clock adjust ptp4711 --ppb Infinity", "--ppb Infinity: not a number of parts per billion")]
    [InlineData("clock adjust ptp4711 --step 0.5", "--step 0.5: not a whole number of nanoseconds")]
    [InlineData("clock adjust ptp4711 --virtual -1", "--virtual -1: not a number of clocks")]
    [InlineData("clock adjust ptp4711 --tai 3", "--tai 3: not 10 to 100 s")]
    [InlineData("clock adjust ptp4711 --same-as system", "both must be PHCs")]
    [InlineData("clock adjust system --virtual 1", "only a PHC, /dev/ptpN, can have virtual clocks")]
    [InlineData("clock adjust system --step 0", "CLOCK_REALTIME: every program and every recording has its time from it; --yes")]
    [InlineData("fleet", "see capbox fleet --help")]
    [InlineData("fleet status", "--broker: HOST[:PORT] is required")]
    [InlineData("fleet status --broker mqtt://broker.example", "--broker: broker.example is not this machine: use mqtts://, or --plaintext if")]
    [InlineData("fleet status --broker localhost --cert a.pem", "--cert: clientCertificate and clientKey go together")]
    [InlineData("fleet status --broker localhost --password-file p", "--password-file: a password needs a username")]
    [InlineData("fleet status --broker localhost --requester a/b", "--requester: 1 to 64 letters")]
    [InlineData("fleet status --profile /nonexistent.json", "/nonexistent.json: $: no such file")]
    [InlineData("fleet status --broker localhost --select id", "--select: column 3: expected = !=")]
    [InlineData("fleet apply --broker localhost --set a=1", "which boxes? --select EXPR, or --all")]
    [InlineData("fleet apply --broker localhost --all", "nothing to change: give FILE or --set PATH=VALUE")]
    [InlineData("fleet apply /nonexistent.json --broker localhost --all", "/nonexistent.json: no such file")]
    [InlineData("fleet apply --broker localhost --all --set a=1 --stop-on bad", "--stop-on: \"bad\" is none of rejected, rolled-back")]
    [InlineData("fleet apply --broker localhost --all --set a=1 --first 0", "--first: not within 1 to 10000")]
    [InlineData("fleet cmd a/b --broker localhost --all", "\"a/b\" cannot be a command")]
    [InlineData("fleet cmd rotate [] --broker localhost --all", "JSON: expected an object")]
    public async Task Bad_use_ends_with_2_and_one_line_that_names_the_fault(string arguments, string fault)
    {
        (int code, string output, string error) = await Capbox(arguments.Split(' '));
        Assert.Equal(2, code);
        Assert.Empty(output);
        string line = Assert.Single(error.TrimEnd('\n').Split('\n'));
        Assert.StartsWith("capbox: ", line, StringComparison.Ordinal);
        Assert.Contains(fault, line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("run --help")]
    [InlineData("status --help")]
    [InlineData("trigger --help")]
    [InlineData("rotate --help")]
    [InlineData("clock accept --help")]
    [InlineData("identify --help")]
    [InlineData("control ask --help")]
    [InlineData("ports --help")]
    [InlineData("clock ports --help")]
    [InlineData("clock adjust --help")]
    [InlineData("segments --help")]
    [InlineData("verify --help")]
    [InlineData("seal --help")]
    [InlineData("seal keygen --help")]
    [InlineData("seal rotate --help")]
    [InlineData("config check --help")]
    [InlineData("fleet apply --help")]
    [InlineData("fleet config diff --help")]
    public async Task Help_has_examples_and_exit_codes(string arguments)
    {
        (int code, string output, string error) = await Capbox(arguments.Split(' '));
        Assert.Equal(0, code);
        Assert.Empty(error);
        Assert.Contains("Examples:\n  ", output, StringComparison.Ordinal);
        Assert.Contains("Exit codes: 0 good, 1 the job failed, 2 bad use.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_is_one_line()
    {
        (int code, string output, string error) = await Capbox("--version");
        Assert.Equal((0, ""), (code, error));
        Assert.Matches("^[0-9]+\\.[0-9]+\\.[0-9]+[^\n]*\n$", output);
    }

    [Fact]
    public async Task Clocks_of_ports_are_listed_as_json_and_as_a_table()
    {
        (int code, string output, _) = await Capbox("clock", "ports", "--json");
        Assert.Equal(0, code);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement lo = json.RootElement.GetProperty("ports").EnumerateArray().Single(p => p.GetProperty("name").GetString() == "lo");
        Assert.Equal(("Software", "Software", JsonValueKind.Null), (lo.GetProperty("ptpStamps").GetString(), lo.GetProperty("packetStamps").GetString(), lo.GetProperty("clock").ValueKind));

        (code, output, _) = await Capbox("clock", "ports");
        Assert.Equal(0, code);
        Assert.Matches("(?m)^PORT +DRIVER +CLOCK +PTP STAMPS", output);
        Assert.Matches("(?m)^lo +- +- +software +software", output);
    }

    [Fact]
    public async Task The_system_clock_is_read_against_the_raw_one()
    {
        (int code, string output, _) = await Capbox("clock", "read", "system", "--against", "raw", "--json");
        Assert.Equal(0, code);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement reading = json.RootElement.GetProperty("reading");
        Assert.Equal(reading.GetProperty("nanoseconds").GetInt64() - reading.GetProperty("referenceNs").GetInt64(), reading.GetProperty("offsetNs").GetInt64());
        Assert.InRange(reading.GetProperty("boundNs").GetInt64(), 1, 1_000_000);
        Assert.Equal(JsonValueKind.Object, json.RootElement.GetProperty("system").ValueKind);
    }

    [Fact]
    public async Task A_clock_that_is_not_there_ends_with_1_and_its_name()
    {
        (int code, _, string error) = await Capbox("clock", "adjust", "ptp4711", "--step", "0");
        Assert.Equal(1, code);
        Assert.StartsWith("capbox: /dev/ptp4711: open: No such file or directory", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ports_are_listed_as_json_and_as_a_table()
    {
        (int code, string output, _) = await Capbox("ports", "--json");
        Assert.Equal(0, code);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement lo = json.RootElement.EnumerateArray().Single(p => p.GetProperty("name").GetString() == "lo");
        Assert.Equal(772, lo.GetProperty("hardwareType").GetInt32());
        Assert.False(lo.GetProperty("timestamping").GetProperty("hardwareAll").GetBoolean());

        (code, output, _) = await Capbox("ports");
        Assert.Equal(0, code);
        Assert.Matches("(?m)^PORT +LINK +SPEED", output);
        Assert.Matches("(?m)^lo +up ", output);
    }

    [Fact]
    public async Task A_bad_document_is_told_line_by_line_and_as_json()
    {
        string file = Path.Combine(_directory, "bad.json");
        await File.WriteAllTextAsync(file, """{ "ports": [ { "name": "eth2", "rings": 0, "fliter": "arp" } ] }""", TestContext.Current.CancellationToken);
        (int code, string output, string error) = await Capbox("config", "check", file);
        Assert.Equal((2, ""), (code, output));
        Assert.Equal(
            [$"capbox: {file}: $.ports[0].rings: 0 is not within 1 to 64", $"capbox: {file}: $.ports[0].fliter: unknown key; did you mean \"filter\"?"],
            error.TrimEnd('\n').Split('\n'));

        (code, output, _) = await Capbox("config", "check", "--json", file);
        Assert.Equal(2, code);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.False(json.RootElement.GetProperty("good").GetBoolean());
        Assert.Equal("$.ports[0].rings", json.RootElement.GetProperty("errors")[0].GetProperty("path").GetString());
    }

    [Fact]
    public async Task Segments_are_listed_by_sequence_and_foreign_files_are_not()
    {
        string[] names =
        [
            "20261123T083000.000000000Z-0000000010.pcapng", "20261123T090000.000000000Z-0000000009.pcapng",
            "20261123T100000.000000000Z-0000000011.pcapng.part", "notes.txt", "other.pcapng",
        ];
        foreach (string name in names)
            await File.WriteAllBytesAsync(Path.Combine(_directory, name), new byte[4096], TestContext.Current.CancellationToken);
        (int code, string output, _) = await Capbox("segments", "--json", _directory);
        Assert.Equal(0, code);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal([9, 10, 11], json.RootElement.EnumerateArray().Select(s => s.GetProperty("sequence").GetInt32()));
        Assert.Equal([false, false, true], json.RootElement.EnumerateArray().Select(s => s.GetProperty("inProgress").GetBoolean()));
        Assert.All(json.RootElement.EnumerateArray(), s => Assert.Equal(4096, s.GetProperty("bytes").GetInt64()));
    }

    [Fact]
    public async Task A_missing_archive_is_a_failed_job()
    {
        (int code, _, string error) = await Capbox("segments", Path.Combine(_directory, "none"));
        Assert.Equal(1, code);
        Assert.Contains($"{_directory}/none: no such directory", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_goes_on_after_a_missing_file_and_judges_each_of_the_others()
    {
        (int code, _, string error) = await RecordLoopback();
        Assert.True(code == 0, error);
        string good = Assert.Single(Directory.GetFiles(_directory, "*.pcapng"));
        (code, string output, error) = await Capbox("verify", good);
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith($"{good}: ok, sealed, ", output, StringComparison.Ordinal);

        string bad = Path.Combine(_directory, "bad.pcapng");
        byte[] bytes = await File.ReadAllBytesAsync(good, TestContext.Current.CancellationToken);
        bytes[4] ^= 0x10;
        await File.WriteAllBytesAsync(bad, bytes, TestContext.Current.CancellationToken);
        (code, output, error) = await Capbox("verify", "--json", Path.Combine(_directory, "none"), bad, good);
        Assert.Equal(1, code);
        Assert.Contains($"{_directory}/none", Assert.Single(error.TrimEnd('\n').Split('\n')), StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal([false, true], json.RootElement.EnumerateArray().Select(r => r.GetProperty("ok").GetBoolean()));
    }

    [Fact]
    public async Task A_port_that_never_came_is_a_failed_job()
    {
        (int code, _, string error) = await Capbox("run", "--port", "no-such-port0", "--archive", _directory, "--duration", "300ms");
        Assert.Equal(1, code);
        Assert.Contains("capbox: port no-such-port0 was never there or up", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_on_loopback_ends_with_its_ledger_and_its_files()
    {
        (int code, string output, string error) = await RecordLoopback("--json");
        Assert.True(code == 0, error);
        string[] lines = output.TrimEnd('\n').Split('\n');
        Assert.True(lines.Length >= 2, "a snapshot while it runs and a final one");
        using JsonDocument last = JsonDocument.Parse(lines[^1]);
        JsonElement port = last.RootElement.GetProperty("ports")[0];
        Assert.Equal("Stopped", port.GetProperty("state").GetString());
        Assert.True(port.GetProperty("storedPackets").GetInt64() > 0, output);
        string named = Assert.Single(last.RootElement.GetProperty("storage").GetProperty("recentlySealed").EnumerateArray()).GetString()!;
        Assert.Equal(Assert.Single(Directory.GetFiles(_directory, "*.pcapng")), named);
    }

    [Fact]
    public void Command_line_wins_over_the_document()
    {
        string file = Path.Combine(_directory, "good.json");
        File.WriteAllText(file, """
            { "filters": { "web": "tcp port 80" }, "storage": { "directory": "/a", "rotate": "1m" },
              "ports": [ { "name": "eth2", "snapLength": 96, "filter": "arp" }, { "name": "eth3" } ] }
            """);
        List<string> errors = [];
        RecorderOptions? options = new RunArguments(file, ["eth2,eth9"], "/b", "@web or icmp", "2m").Build(errors)?.Recorder;
        Assert.Empty(errors);
        Assert.NotNull(options);
        Assert.Equal(["eth2", "eth9"], options.Ports.Select(p => p.Name));
        Assert.Equal([96, 262144], options.Ports.Select(p => p.SnapLength));
        Assert.All(options.Ports, p => Assert.Equal("(tcp port 80) or icmp", p.Filter));
        Assert.Equal(new StorageOptions { Directory = "/b", RotateSeconds = 60 }, options.Storage);
    }

    [Theory]
    [InlineData(0, "0 ")]
    [InlineData(999, "999 ")]
    [InlineData(999.6, "1.00 k")]
    [InlineData(1250, "1.25 k")]
    [InlineData(99_950, "100 k")]
    [InlineData(12_345_678, "12.3 M")]
    [InlineData(4.5e9, "4.50 G")]
    public void Rates_have_three_digits(double value, string text) => Assert.Equal(text, Humanize.Scaled(value));

    [Fact]
    public void The_live_view_shows_rates_losses_and_faults_within_the_width()
    {
        RecorderSnapshot before = Snapshot(seconds: 10, stored: 1000, lostRing: 0, fault: null);
        RecorderSnapshot now = Snapshot(seconds: 12, stored: 5000, lostRing: 7, fault: "/a: No space left on device");
        IReadOnlyList<string> lines = StatusView.Live(before, now, widthColumns: 200);
        string port = Assert.Single(lines, l => l.StartsWith("eth2 ", StringComparison.Ordinal));
        Assert.Contains("2.00 k", port, StringComparison.Ordinal);
        Assert.Contains("7/0/0/0", port, StringComparison.Ordinal);
        Assert.Contains(lines, l => l.StartsWith("FAULT /a: No space left on device", StringComparison.Ordinal));
        Assert.All(StatusView.Live(before, now, widthColumns: 40), l => Assert.InRange(l.Length, 0, 40));
    }

    [Fact]
    public void The_final_ledger_adds_up_in_its_own_words_and_names_the_files()
    {
        RecorderSnapshot final = Snapshot(seconds: 12, stored: 5000, lostRing: 7, fault: null);
        final = final with { Storage = final.Storage with { SegmentsSealed = 40 } };
        IReadOnlyList<string> lines = StatusView.Ledger(final, "/archive");
        Assert.Equal(
            "eth2: seen 5,010 = stored 5,000 (500 kB) + filtered 3 + lost 7 (ring 7, disk 0, nic 0, host 0); down or missing for 1.5 s", lines[0]);
        Assert.Equal(["/archive/s.pcapng", "and 39 earlier segments in /archive"], lines.Skip(1));
    }

    [Fact]
    public void A_flight_recorder_shows_what_it_keeps_and_what_it_let_go()
    {
        RecorderSnapshot now = Snapshot(seconds: 12, stored: 5000, lostRing: 7, fault: null);
        now = now with
        {
            Ports = [now.Ports[0] with { DiscardedPackets = 1234 }],
            Trigger = new TriggerSnapshot { Writing = false, Windows = 2, Triggers = 3, ReachSeconds = 12.34, BeforeSeconds = 30, LastReason = "test" },
        };
        IReadOnlyList<string> lines = StatusView.Live(now, now, widthColumns: 200);
        Assert.Contains("DISCARDED", lines[1], StringComparison.Ordinal);
        Assert.Contains(" 1,234 ", lines[2], StringComparison.Ordinal);
        Assert.Contains("trigger  keeping; a trigger reaches back 12.3 s of 30.0 s, 2 windows so far, last: test", lines);
        Assert.StartsWith("eth2: seen 6,244 = stored 5,000 (500 kB) + filtered 3 + discarded 1,234 + lost 7 ", StatusView.Ledger(now, "/archive")[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_line_clears_the_status_block_and_draws_it_again()
    {
        using StringWriter output = new();
        StatusScreen screen = new(output, isTerminal: true);
        screen.Status(["a", "b"]);
        screen.Line("event");
        Assert.Equal("a\nb\n\e[2A\r\e[Jevent\na\nb\n", output.ToString());
    }

    private static RecorderSnapshot Snapshot(int seconds, ulong stored, ulong lostRing, string? fault) => new()
    {
        At = DateTimeOffset.UnixEpoch,
        Uptime = TimeSpan.FromSeconds(seconds),
        Ports =
        [
            new PortLedger
            {
                Port = "eth2",
                CurrentName = "eth2",
                State = PortState.Capturing,
                HardwareStamps = false,
                StoredPackets = stored,
                StoredBytes = stored * 100,
                FilteredPackets = 3,
                PendingPackets = 0,
                LostRing = lostRing,
                LostDisk = 0,
                LostNic = 0,
                LostHost = 0,
                TruncatedPackets = 0,
                RingFreezes = 0,
                Gap = TimeSpan.FromSeconds(1.5),
            },
        ],
        Storage = new StorageSnapshot
        {
            SegmentsSealed = 1,
            BytesWritten = stored * 100,
            WriteErrors = 0,
            Fault = fault,
            Engine = "io_uring",
            Direct = true,
            FreeBytes = 1,
            RecentlySealed = ["/archive/s.pcapng"],
        },
    };

    /// <summary>Records one second of datagrams that this test sends to itself, and nothing else of the loopback traffic.</summary>
    private async Task<(int Code, string Output, string Error)> RecordLoopback(params string[] options)
    {
        using UdpClient receiver = new(new IPEndPoint(IPAddress.Loopback, 0));
        var target = (IPEndPoint)receiver.Client.LocalEndPoint!;
        using UdpClient sender = new();
        Task<(int Code, string Output, string Error)> run = Capbox(
            ["run", "--port", "lo", "--archive", _directory, "--filter", $"udp dst port {target.Port}", "--duration", "1200ms", .. options]);
        while (!run.IsCompleted)
        {
            await sender.SendAsync(new byte[100], target, TestContext.Current.CancellationToken);
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        return await run;
    }

    /// <summary>The program beside the tests, as the compiler made it; the published binary is tried by the demo.</summary>
    internal static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "capbox.dll");

    internal static Task<(int Code, string Output, string Error)> Capbox(params string[] arguments) => Task.Run(() => Tool.Try("dotnet", [Program, .. arguments]), TestContext.Current.CancellationToken);
}
