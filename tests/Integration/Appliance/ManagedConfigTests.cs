// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Capbox.Config;
using Capbox.Packets.Capture;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>A box that keeps its configuration itself, by the published binary: changed while it records, confirmed, taken back, killed.</summary>
[Collection("Remote")]
public class ManagedConfigTests
{
    private static string State(Lab lab) => Path.Combine(lab.Scratch, "state");

    private static string Write(Lab lab, string name, string document)
    {
        string path = Path.Combine(lab.Scratch, name);
        File.WriteAllText(path, document);
        return path;
    }

    private static string Document(Lab lab, string ports, string more = "") =>
        $$"""{"storage":{"directory":"{{lab.Archive}}"{{more}}},"change":{"watch":"2s"},"ports":[{{ports}}]}""";

    private static string Port(string name, string more = "") => $$"""{"name":"{{name}}","ringSize":"4MiB","blockSize":"256KiB","handover":"20ms"{{more}}}""";

    private static CapboxProcess Start(Lab lab, string document) => CapboxProcess.StartOnly(lab, "--state", State(lab), "--config", Write(lab, "first.json", document));

    private static void WaitCapturing(CapboxProcess capbox, int ports) =>
        capbox.WaitFor(s => s.Ports.Count == ports && s.Ports.All(p => p.State == PortState.Capturing), $"{ports} ports to capture");

    private static (int Code, string Output, string Error) Config(Lab lab, params string[] arguments) => Tool.Try(CapboxProcess.Binary, ["config", .. arguments, "--state", State(lab)]);

    private static string Good(Lab lab, params string[] arguments)
    {
        (int code, string output, string error) = Config(lab, arguments);
        Assert.True(code == 0, $"{string.Join(' ', arguments)}: {code}: {error}{output}");
        return output;
    }

    private static JsonElement Status(Lab lab)
    {
        using JsonDocument document = JsonDocument.Parse(Good(lab, "show", "--json"));
        return document.RootElement.Clone();
    }

    private static long Revision(Lab lab) => Status(lab).GetProperty("revision").GetInt64();

    private static IEnumerable<byte[]> Some(int count, ushort type = 0x88B5) => Enumerable.Range(0, count).Select(i => Frames.Plain(60, i, type));

    [Fact]
    public void Ports_and_filters_change_while_it_records_and_every_segment_tells_its_revision()
    {
        using var lab = new Lab(pairs: 2);
        using CapboxProcess capbox = Start(lab, Document(lab, Port("b0")));
        WaitCapturing(capbox, 1);
        RawSender.Send(lab.SenderSpace, "a0", Some(10));
        capbox.WaitFor(s => s.Ports[0].StoredPackets == 10, "10 packets");

        Assert.Contains("revision 2 is in force", Good(lab, "set", "ports[b0].filter", "ether proto 0x88b6", "--why", "feed B"));
        RawSender.Send(lab.SenderSpace, "a0", [.. Some(7, 0x88B6), .. Some(5)]);
        capbox.WaitFor(s => s.Ports[0].StoredPackets == 17 && s.Ports[0].FilteredPackets == 5, "7 of 12 packets");

        string both = Write(lab, "both.json", Document(lab, Port("b1") + "," + Port("b0", ",\"filter\":\"ether proto 0x88b6\"")));
        string plan = Good(lab, "plan", both);
        Assert.Contains("port b1 is recorded", plan);
        Assert.Contains("interrupted: none", plan);
        Good(lab, "apply", both);
        WaitCapturing(capbox, 2);
        RawSender.Send(lab.SenderSpace, "a1", Some(20));
        capbox.WaitFor(s => s.Ports.Sum(p => (long)p.StoredPackets) == 37, "20 packets of the other port");

        string history = Good(lab, "history");
        Assert.Contains("feed B", history);
        Assert.Contains("factory", history);
        Assert.Equal((1, ""), (Config(lab, "diff", "2", "3").Code, Config(lab, "diff", "3").Output));
        Assert.Contains("+ $.ports[b1]", Config(lab, "diff", "2").Output);

        RecorderSnapshot end = capbox.Stop();
        Assert.All(end.Ports, p => Assert.Equal(0ul, p.LostPackets));
        using JsonDocument segments = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "segments", lab.Archive, "--json"));
        var packets = segments.RootElement.EnumerateArray().GroupBy(s => s.GetProperty("configRevision").GetInt64()).ToDictionary(g => g.Key, g => g.Sum(s => s.GetProperty("packets").GetInt64()));
        Assert.Equal(new Dictionary<long, long> { [1] = 10, [2] = 7, [3] = 20 }, packets);
        Tool.Run(CapboxProcess.Binary, ["verify", .. Directory.GetFiles(lab.Archive, "*.pcapng")]);
    }

    [Fact]
    public void What_is_wrong_is_told_at_once_and_nothing_changes()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = Start(lab, Document(lab, Port("b0")));
        WaitCapturing(capbox, 1);
        (int code, _, string error) = Config(lab, "apply", Write(lab, "bad.json", """{"ports":[{"name":"b0","filter":"tcp prot 5"},{"name":"b0"}],"storag":{}}"""));
        Assert.Equal(2, code);
        Assert.Contains("$.ports[0].filter", error);
        Assert.Contains("$.ports[1].name: b0 is a port already", error);
        Assert.Contains("$.storag: unknown key; did you mean \"storage\"?", error);
        Assert.Equal(2, Config(lab, "set", "ports[b9].filter", "tcp").Code);
        Assert.Equal(2, Config(lab, "set", "ports[b0].snapLength", "3").Code);
        Assert.Equal(1, Config(lab, "rollback", "77").Code);
        Assert.Equal(1, Config(lab, "confirm").Code);
        Assert.Equal(1, Revision(lab));
        capbox.Stop();
    }

    [Fact]
    public void A_trial_is_confirmed_or_taken_back()
    {
        using var lab = new Lab(pairs: 2);
        using CapboxProcess capbox = Start(lab, Document(lab, Port("b0")));
        WaitCapturing(capbox, 1);
        string two = Write(lab, "two.json", Document(lab, Port("b0") + "," + Port("b1")));
        Assert.Contains("unless confirmed", Good(lab, "apply", two, "--confirm", "15"));
        WaitCapturing(capbox, 2);
        capbox.WaitFor(s => s.Ports.Count == 1, "the one before to be back");
        Assert.Equal(1, Revision(lab));

        Good(lab, "apply", two, "--confirm", "60");
        Good(lab, "confirm");
        WaitCapturing(capbox, 2);
        Tool.WaitFor(() => capbox.Errors.Contains("nothing got worse", StringComparison.Ordinal), "the trial to end");
        Assert.Equal(3, Revision(lab));
        Good(lab, "rollback", "1");
        capbox.WaitFor(s => s.Ports.Count == 1, "one port");
        Assert.Equal(4, Revision(lab));
        capbox.Stop();
    }

    /// <summary>As after a power failure that took the name server too. What the kept document wants is recorded as soon as it can be, and until then everything else is.</summary>
    [Fact]
    public void A_port_whose_filter_names_a_host_that_is_not_known_yet_waits_for_it_and_no_older_document_comes_back()
    {
        using var lab = new Lab(pairs: 2);
        using (ConfigStore store = ConfigStore.Open(State(lab), Encoding.UTF8.GetBytes(Document(lab, Port("b1")))))
        {
            ConfigRevision second = store.Add(ConfigDocument.Parse(System.Text.Encoding.UTF8.GetBytes(Document(lab, Port("b0", ",\"filter\":\"host feed.capbox.invalid\"") + "," + Port("b1")))).Document, 2, "two", "cli:me", "", DateTimeOffset.UtcNow);
            store.Save(second, new ConfigState(2, 2, 2, new ConfigOutcome(2, "two", ConfigStatus.Applied, []), null));
        }

        string hosts = Write(lab, "hosts", "127.0.0.1 localhost\n");
        using var capbox = CapboxProcess.StartWithHosts(lab, hosts, "--state", State(lab));
        capbox.WaitFor(s => s.Ports is [{ State: PortState.Down, Fault: { } fault }, { State: PortState.Capturing }] && fault.Contains("feed.capbox.invalid", StringComparison.Ordinal), "one port to wait and one to capture");
        Assert.Equal(2, Revision(lab));
        File.AppendAllText(hosts, "192.0.2.7 feed.capbox.invalid\n");
        WaitCapturing(capbox, 2);
        Assert.Equal(2, Revision(lab));
        capbox.Stop();
    }

    [Fact]
    public void Another_archive_is_a_start_of_the_recorder_and_one_that_cannot_be_is_taken_back()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = Start(lab, Document(lab, Port("b0")));
        WaitCapturing(capbox, 1);
        Good(lab, "set", "storage.directory", "/proc/none");
        Tool.WaitFor(() => capbox.Errors.Contains("revision 2 does not start", StringComparison.Ordinal), "the start to fail");
        Tool.WaitFor(() => Config(lab, "show").Code == 0 && Revision(lab) == 1, "the one before");
        WaitCapturing(capbox, 1);
        string other = Path.Combine(lab.Scratch, "other");
        Good(lab, "set", "storage.directory", other);
        Tool.WaitFor(() => Directory.Exists(other) && Config(lab, "show").Code == 0, "the other archive");
        Tool.WaitFor(() => Tool.Try(CapboxProcess.Binary, "status", "--archive", other).Output.Contains("capturing", StringComparison.Ordinal), "the port to capture");
        RawSender.Send(lab.SenderSpace, "a0", Some(10));
        capbox.WaitFor(s => s.Ports.Count == 1 && s.Ports[0].StoredPackets == 10, "10 packets");
        capbox.Stop();
        Assert.Single(Directory.GetFiles(other, "*.pcapng"));
    }

    /// <summary>Whenever it comes: while the old recorder ends, between the two, while the new one starts.</summary>
    [Fact]
    public async Task A_signal_amid_a_start_for_another_document_ends_the_box_in_order()
    {
        using var lab = new Lab();
        string state = Path.Combine(State(lab), "state.json");
        for (int round = 0; round < 12; round++)
        {
            using CapboxProcess capbox = round == 0 ? Start(lab, Document(lab, Port("b0"))) : CapboxProcess.StartOnly(lab, "--state", State(lab));
            WaitCapturing(capbox, 1);
            // Started before, so that it is quick.
            using Process killer = Process.Start(new ProcessStartInfo("sh", ["-c", $"read go; kill -TERM {capbox.Id.ToString(CultureInfo.InvariantCulture)}"]) { RedirectStandardInput = true })!;
            Task<string> set = Task.Run(() => Good(lab, "set", "storage.directory", Path.Combine(lab.Scratch, $"archive-{round}")), TestContext.Current.CancellationToken);
            // The document is kept while the old recorder runs, its start noted right between the two; then later and later.
            string moment = round % 2 == 0 ? $"\"revision\": {round + 2}," : "\"starts\": 1";
            Tool.SpinFor(() => File.ReadAllText(state) is { } text && text.Contains($"\"revision\": {round + 2},", StringComparison.Ordinal) && text.Contains(moment, StringComparison.Ordinal), $"{moment} in round {round}");
            Thread.Sleep(round / 4 * 5);
            killer.StandardInput.WriteLine();
            Assert.True(capbox.WaitForExit() == 0, $"round {round}: {capbox.Errors}");
            await Task.WhenAny(set); // its answer may be gone with the box
            Assert.Equal(round + 2, Revision(lab));
        }
    }

    [Fact]
    public void Metrics_are_served_where_the_document_says_as_soon_as_it_does_and_top_watches()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = Start(lab, Document(lab, Port("b0")));
        WaitCapturing(capbox, 1);
        string socket = Path.Combine(lab.Scratch, "metrics");
        Good(lab, "set", "metrics.listen", socket);
        RawSender.Send(lab.SenderSpace, "a0", Some(10));
        capbox.WaitFor(s => s.Ports[0].StoredPackets == 10, "10 packets");
        Assert.Contains("capbox_port_stored_packets_total{port=\"b0\"} 10\n", MetricsClient.Scrape(socket));
        Good(lab, "set", "metrics", "null");
        Assert.False(File.Exists(socket));
        (int code, string output, _) = Tool.Try("timeout", "--preserve-status", "-s", "INT", "5", CapboxProcess.Binary, "top", "--archive", lab.Archive, "--interval", "500ms", "--json");
        Assert.Equal(0, code);
        string[] looks = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.InRange(looks.Length, 2, 11);
        Assert.All(looks, look => Assert.Equal(10, JsonDocument.Parse(look).RootElement.GetProperty("ports")[0].GetProperty("storedPackets").GetInt32()));
        Assert.Contains("b0 capturing", Tool.Try("timeout", "--preserve-status", "-s", "INT", "3", CapboxProcess.Binary, "top", "--archive", lab.Archive).Output);
        capbox.Stop();
    }

    [Fact]
    public void A_new_box_records_nothing_until_it_is_told_what()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartOnly(lab, "--state", State(lab));
        capbox.WaitFor(s => s.Ports.Count == 0, "a box without ports");
        Assert.Equal("""{"ports":[]}""", string.Concat(Good(lab, "show").Where(c => !char.IsWhiteSpace(c))));
        Good(lab, "apply", Write(lab, "one.json", Document(lab, Port("b0"))));
        WaitCapturing(capbox, 1);
        capbox.Stop();
    }

    [Fact]
    public void Without_a_box_the_documents_are_changed_for_the_next_start()
    {
        using var lab = new Lab();
        Assert.Contains("no configuration is kept there", Config(lab, "show").Error);
        Assert.Contains("at the next start", Good(lab, "apply", Write(lab, "one.json", Document(lab, Port("b0")))));
        Assert.Contains("at the next start", Good(lab, "set", "ports[b0].snapLength", "128"));
        using CapboxProcess capbox = CapboxProcess.StartOnly(lab, "--state", State(lab));
        WaitCapturing(capbox, 1);
        Assert.Equal("128", Good(lab, "show", "ports[b0].snapLength").Trim());
        capbox.Stop();
    }

    [Fact]
    public async Task Killed_at_any_moment_of_a_change_it_starts_with_the_old_or_the_new_document_and_keeps_none_unconfirmed()
    {
        using var lab = new Lab();
        string first = Document(lab, Port("b0"));
        for (int round = 0; round < 12; round++)
        {
            long before;
            using (CapboxProcess capbox = Start(lab, first))
            {
                WaitCapturing(capbox, 1);
                before = Revision(lab);
                string snap = (100 + round).ToString(CultureInfo.InvariantCulture);
                var change = Task.Run(() => Config(lab, "set", "ports[b0].snapLength", snap, "--confirm", "1"), TestContext.Current.CancellationToken);
                await Task.Delay(round * 15, TestContext.Current.CancellationToken);
                capbox.KillHard();
                await change;
            }

            using CapboxProcess again = Start(lab, first);
            WaitCapturing(again, 1);
            Tool.WaitFor(() => Revision(lab) == before, $"revision {before} after a trial that nobody confirmed");
            Assert.DoesNotContain("damaged", again.Errors);
            again.Stop();
        }
    }
}
