// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Capbox.Packets.Capture;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Ports in other network namespaces, as those of containers and pods.</summary>
[Collection("Integration")]
public class NamespaceTests
{
    private static IEnumerable<(long, long, string)> Keys(IEnumerable<Packet> packets) => packets.Select(p => (p.Seconds, p.Fraction, p.Hex));

    private static IEnumerable<byte[]> Some(int count, int size) =>
        Enumerable.Range(0, count).Select(i => i % 3 == 0 ? Frames.Tagged(Frames.Plain(size, i), 0x8100, 77) : Frames.Plain(size, i));

    private static string Name(int pid) => pid.ToString(CultureInfo.InvariantCulture);

    /// <summary>A process that does nothing in a namespace, as a container's first one.</summary>
    private static Process Holder(Lab lab, string space)
    {
        Process holder = Process.Start(Tool.Info("ip", "netns", "exec", space, "sleep", "1000"))!;
        lab.OnDispose(() =>
        {
            if (!holder.HasExited)
                holder.Kill();
        });
        return holder;
    }

    private static JsonElement[] PortsOf(string netns)
    {
        using JsonDocument json = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "ports", "--json", "--netns", netns));
        return [.. json.RootElement.EnumerateArray().Select(p => p.Clone())];
    }

    private static bool GroOf(string netns, string name) =>
        PortsOf(netns).Single(p => p.GetProperty("name").GetString() == $"{netns}/{name}").GetProperty("offloads").GetProperty("gro").GetBoolean();

    [Fact]
    public void Two_namespaces_with_the_same_interface_name_are_recorded_apart_as_tcpdump_saw_them()
    {
        using var lab = new Lab();
        string[] spaces = [lab.AddSpace("x"), lab.AddSpace("y")];
        for (int i = 0; i < 2; i++)
            lab.AddPairTo(spaces[i], $"x{i}", "eth0");
        lab.AddPairTo(lab.RecorderSpace, "x2", "eth0");
        // The second one by path, and a filter that only compiles rightly for a live interface.
        string[] ports = [$"{spaces[0]}/eth0", $"/run/netns/{spaces[1]}/eth0", "eth0"];
        using var first = new TcpdumpBeside(lab, spaces[0], "eth0");
        using var second = new TcpdumpBeside(lab, spaces[1], "eth0");
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", string.Join(',', ports), "--archive", lab.Archive, "--filter", "ether proto 0x88b5 or vlan 77");
        for (int i = 0; i < 3; i++)
            RawSender.Send(lab.SenderSpace, $"x{i}", Some(300 * (i + 1), 100 + i).Append(Frames.Plain(60, 0, 0x0BAD)));
        capbox.WaitUntilSeen(1803);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal(ports, last.Ports.Select(p => p.Port));
        Assert.Equal(ports, last.Ports.Select(p => p.CurrentName));
        Assert.Equal([300ul, 600ul, 900ul], last.Ports.Select(p => p.StoredPackets));
        Assert.Equal([1ul, 1ul, 1ul], last.Ports.Select(p => p.FilteredPackets));
        // rx_dropped of the interface of each namespace: tagged packets that nobody wanted.
        Assert.Equal([100ul, 200ul, 300ul], last.Ports.Select(p => p.InterfaceDrops));
        AssertSameAsTcpdump(lab, ports[0], first.Seen(301));
        AssertSameAsTcpdump(lab, ports[1], second.Seen(601));
        AssertNamesInTheArchive(lab, ports, Assert.Single(last.Storage.RecentlySealed));
    }

    private static void AssertSameAsTcpdump(Lab lab, string port, List<Packet> beside)
    {
        string extracted = Path.Combine(lab.Scratch, $"extracted{Random.Shared.Next()}.pcap");
        Tool.Run(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", "-1h", "--port", port, "--format", "pcap-ns", "-o", extracted);
        IEnumerable<Packet> seen = beside.Where(p => !(p.Data[12] == 0x0B && p.Data[13] == 0xAD));
        Assert.Equal(Keys(seen), Keys(PcapFile.Read(extracted)));
    }

    private static void AssertNamesInTheArchive(Lab lab, string[] ports, string segment)
    {
        string[] names = Tool.Run("tshark", "-r", segment, "-T", "fields", "-e", "frame.interface_name").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(ports.Select((p, i) => (p, 300 * (i + 1))), names.CountBy(n => n).OrderBy(n => n.Value).Select(n => (n.Key, n.Value)));
        string all = Path.Combine(lab.Scratch, "all.pcapng");
        Tool.Run(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", "-1h", "-o", all);
        string[] again = Tool.Run("tshark", "-r", all, "-T", "fields", "-e", "frame.interface_name").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(names.Order(StringComparer.Ordinal), again.Order(StringComparer.Ordinal));
        Assert.Contains($"  {ports[1]}: stored 600, filtered 1,", Tool.Run(CapboxProcess.Binary, "verify", segment), StringComparison.Ordinal);
        using JsonDocument segments = JsonDocument.Parse(Tool.Run(CapboxProcess.Binary, "segments", lab.Archive, "--port", ports[0], "--json"));
        Assert.Equal(ports, segments.RootElement[0].GetProperty("ports").EnumerateArray().Select(p => p.GetProperty("name").GetString()));
        (int code, _, string error) = Tool.Try(CapboxProcess.Binary, "extract", "--archive", lab.Archive, "--from", "-1h", "--port", "red/eth0", "-o", "-");
        Assert.Equal(2, code);
        Assert.Contains("--port red/eth0: the archive has no such port", error, StringComparison.Ordinal);
        Assert.Contains("h1", Tool.Run(CapboxProcess.Binary, "hold", "add", "--archive", lab.Archive, "--from", "-1h", "--to", "now", "--port", ports[1], "--reason", "test"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deleted_under_traffic_it_is_let_go_of_and_taken_up_again_when_it_is_made_again()
    {
        using var lab = new Lab();
        string space = lab.AddSpace("x");
        lab.AddPairTo(space, "x0", "eth0");
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}"}, "ports": [{"name": "eth0", "netns": "{{space}}", "rings": 2, "ringSize": "8MiB", "filter": "ether proto 0x88b5", "offloads": "off"}]}
            """);
        Task traffic = Task.Run(() => RawSender.Send(lab.SenderSpace, "x0", Enumerable.Range(0, 1_000_000).Select(i => Frames.Plain(100, i)), pauseEvery: 8), TestContext.Current.CancellationToken);
        capbox.WaitUntilSeen(1000);
        Tool.Run("ip", "netns", "del", space);
        capbox.WaitFor(s => s.Ports[0].State == PortState.Missing, "the port to be missing");
        // The pair goes with the namespace: so nothing keeps it any more, and the sender's side is gone.
        await Assert.ThrowsAsync<InvalidOperationException>(() => traffic);
        Tool.WaitFor(() => Tool.Try("ip", "-n", lab.SenderSpace, "link", "show", "x0").Code != 0, "the pair to go with its namespace");
        ulong before = capbox.WaitFor(s => s.Ports[0].PendingPackets == 0, "all to be written").Ports[0].StoredPackets;
        Assert.InRange(before, 1000ul, 1_000_000ul);

        Lab.MakeSpace(space);
        lab.AddPairTo(space, "x0", "eth0");
        capbox.WaitFor(s => s.Ports[0].State == PortState.Capturing, "the port to be back");
        RawSender.Send(lab.SenderSpace, "x0", Enumerable.Range(0, 700).Select(i => Frames.Plain(100, i)));
        capbox.WaitUntilSeen((long)before + 700);
        PortLedger port = capbox.Stop().Ports[0];
        Assert.Equal((before + 700, 0ul), (port.StoredPackets, port.LostPackets));
        Assert.InRange(port.Gap.TotalSeconds, 0.05, 30);
        Assert.Contains($"port {space}/eth0: network namespace disappeared; waiting for it", capbox.Errors, StringComparison.Ordinal);
        (int code, string said, string error) = Tool.Try(CapboxProcess.Binary, ["verify", .. Directory.GetFiles(lab.Archive, "*.pcapng")]);
        Assert.True(code == 0, said + error);
        Assert.Contains("gapNs", Tool.Run(CapboxProcess.Binary, "segments", lab.Archive, "--json"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_process_names_its_namespace_until_it_ends()
    {
        using var lab = new Lab();
        string space = lab.AddSpace("x");
        lab.AddPairTo(space, "x0", "eth0");
        Process holder = Holder(lab, space);
        string netns = $"/proc/{Name(holder.Id)}/ns/net";
        Tool.WaitFor(() => new FileInfo(netns).LinkTarget != new FileInfo("/proc/self/ns/net").LinkTarget, "the process to be in its namespace");
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", $"{netns}/eth0", "--archive", lab.Archive);
        RawSender.Send(lab.SenderSpace, "x0", Enumerable.Range(0, 50).Select(i => Frames.Plain(100, i)));
        capbox.WaitUntilSeen(50);
        holder.Kill();
        capbox.WaitFor(s => s.Ports[0].State == PortState.Missing, "the port to be missing");
        PortLedger port = capbox.Stop().Ports[0];
        Assert.Equal(($"{netns}/eth0", 50ul), (port.Port, port.StoredPackets));
    }

    [Fact]
    public void A_path_of_a_process_that_led_elsewhere_once_is_not_believed_again()
    {
        using var lab = new Lab();
        string space = lab.AddSpace("x");
        lab.AddPairTo(space, "x0", "eth0");
        // Not a number that is used again, which cannot be had to order: the same below /proc.
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", $"/proc/{Name(Environment.ProcessId)}/root/run/netns/{space}/eth0", "--archive", lab.Archive);
        Tool.Run("ip", "netns", "del", space);
        capbox.WaitFor(s => s.Ports[0].State == PortState.Missing, "the port to be missing");
        Lab.MakeSpace(space);
        lab.AddPairTo(space, "x0", "eth0");
        Thread.Sleep(1500);
        Assert.Equal(PortState.Missing, capbox.Last!.Ports[0].State);
        Assert.Contains("network namespace disappeared; it was named by a process and is not waited for", capbox.Errors, StringComparison.Ordinal);
        capbox.Stop();
    }

    [Fact]
    public void Not_there_at_the_start_it_is_waited_for_and_down_gone_and_renamed_are_seen_inside()
    {
        using var lab = new Lab();
        string space = lab.AddSpace("x");
        Tool.Run("ip", "netns", "del", space);
        string config = Path.Combine(lab.Scratch, "netns.json");
        File.WriteAllText(config, $$"""{"storage": {"directory": "{{lab.Archive}}"}, "ports": [{"name": "eth0", "netns": "{{space}}"}] }""");
        (int code, string said, string error) = Tool.Try(CapboxProcess.Binary, "config", "check", config);
        Assert.Equal((0, $"{config}: good, {space}/eth0 to {lab.Archive}\n"), (code, said));
        Assert.Equal($"capbox: {config}: $.ports[0].netns: there is no network namespace at /run/netns/{space} now; capbox run waits for it\n", error);

        using CapboxProcess capbox = CapboxProcess.StartOnly(lab, "--config", config);
        void WaitForState(PortState state) => capbox.WaitFor(s => s.Ports[0].State == state, $"state {state}");
        WaitForState(PortState.Missing);
        int before = OpenFiles(capbox.Id);
        Lab.MakeSpace(space);
        Thread.Sleep(700);
        WaitForState(PortState.Missing);
        lab.AddPairTo(space, "x0", "eth0");
        WaitForState(PortState.Capturing);
        Tool.Run("ip", "-n", space, "link", "set", "eth0", "name", "renamed0");
        capbox.WaitFor(s => s.Ports[0].CurrentName == $"{space}/renamed0", "the new name");
        Tool.Run("ip", "-n", space, "link", "set", "renamed0", "down");
        WaitForState(PortState.Down);
        Tool.Run("ip", "-n", space, "link", "set", "renamed0", "up");
        WaitForState(PortState.Capturing);
        RawSender.Send(lab.SenderSpace, "x0", [Frames.Plain(60, 1)]);
        capbox.WaitUntilSeen(1);
        Tool.Run("ip", "netns", "del", space);
        WaitForState(PortState.Missing);
        Thread.Sleep(700);
        // What is left open more than before: the segment and its directory.
        Assert.InRange(OpenFiles(capbox.Id) - before, 0, 4);
        Assert.Equal(1ul, capbox.Stop().Ports[0].StoredPackets);
    }

    private static int OpenFiles(int pid) => Directory.GetFiles($"/proc/{Name(pid)}/fd").Length;

    [Fact]
    public void Offloads_are_changed_and_restored_in_the_namespace_and_nowhere_else()
    {
        using var lab = new Lab();
        string space = lab.AddSpace("x");
        lab.AddPairTo(space, "x0", "eth0");
        lab.AddPairTo(lab.RecorderSpace, "x1", "eth0");
        foreach (string at in new[] { space, lab.RecorderSpace })
            Tool.Run("ip", "netns", "exec", at, "ethtool", "-K", "eth0", "gro", "on");
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}"}, "ports": [{"name": "eth0", "netns": "{{space}}", "offloads": "off"}]}
            """);
        Assert.Equal((false, true), (GroOf(space, "eth0"), GroOf(lab.RecorderSpace, "eth0")));
        capbox.Stop();
        Assert.Equal((true, true), (GroOf(space, "eth0"), GroOf(lab.RecorderSpace, "eth0")));
    }

    [Fact]
    public void Without_the_right_to_enter_it_one_line_names_port_and_path()
    {
        using var lab = new Lab();
        (int code, _, string error) = Tool.Try("setpriv", "--bounding-set=-sys_admin", CapboxProcess.Binary, "run", "--port", $"{lab.RecorderSpace}/b0", "--archive", lab.Archive);
        Assert.Equal(1, code);
        Assert.Equal(
            $"capbox: port {lab.RecorderSpace}/b0: network namespace /run/netns/{lab.RecorderSpace}: Operation not permitted; entering it needs root or CAP_SYS_ADMIN\n", error);
        (code, _, error) = Tool.Try("setpriv", "--bounding-set=-sys_admin", CapboxProcess.Binary, "ports", "--netns", lab.RecorderSpace);
        Assert.Equal(1, code);
        Assert.StartsWith($"capbox: --netns {lab.RecorderSpace}: network namespace /run/netns/", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Ports_are_listed_per_namespace_and_named_as_run_takes_them()
    {
        using var lab = new Lab(pairs: 2);
        Assert.Equal(
            [$"{lab.RecorderSpace}/lo", $"{lab.RecorderSpace}/b0", $"{lab.RecorderSpace}/b1"], PortsOf(lab.RecorderSpace).Select(p => p.GetProperty("name").GetString()));
        Assert.Equal($"/run/netns/{lab.SenderSpace}", PortsOf($"/run/netns/{lab.SenderSpace}")[0].GetProperty("netns").GetString());
        Assert.Contains($"{lab.RecorderSpace}/b1  up", Tool.Run(CapboxProcess.Binary, "ports", "--netns", lab.RecorderSpace), StringComparison.Ordinal);
        (int code, _, string error) = Tool.Try(CapboxProcess.Binary, "ports", "--netns", "no-such");
        Assert.Equal((1, "capbox: --netns no-such: there is no network namespace at /run/netns/no-such now\n"), (code, error));
        (code, _, error) = Tool.Try(CapboxProcess.Binary, "ports", "--netns", "/dev/null");
        Assert.Equal((1, "capbox: --netns /dev/null: /dev/null is no network namespace\n"), (code, error));
    }

    [Fact]
    public void A_packet_in_the_namespace_triggers()
    {
        using var lab = new Lab();
        string space = lab.AddSpace("x");
        lab.AddPairTo(space, "x0", "eth0");
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}", "mode": "trigger", "trigger": {"before": "5s", "after": "100ms", "filter": "ether proto 0x0bad"} },
             "ports": [{"name": "eth0", "netns": "{{space}}"}]}
            """);
        RawSender.Send(lab.SenderSpace, "x0", Enumerable.Range(0, 100).Select(i => Frames.Plain(100, i)).Append(Frames.Plain(60, 0, 0x0BAD)));
        capbox.WaitFor(s => s.Ports[0].StoredPackets == 101, "the window to be written");
        Assert.Contains($"{space}/eth0", capbox.Errors, StringComparison.Ordinal);
        capbox.Stop();
    }
}
