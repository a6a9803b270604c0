// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using Capbox.Packets.Capture;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Generator count = stored + filtered + lost, exactly, whatever is too small or too slow; and the files hold what the ledger says.</summary>
[Collection("Integration")]
public class LedgerTests
{
    private static void AssertFilesHold(RecorderSnapshot last, long sent, bool complete)
    {
        PortLedger port = last.Ports[0];
        Assert.Equal((ulong)sent, port.SeenPackets);
        Assert.Equal(0ul, port.PendingPackets);
        string[] files = [.. Directory.GetFiles(Path.GetDirectoryName(last.Storage.RecentlySealed[0])!, "*.pcapng")];
        (int code, string json, _) = Tool.Try("dotnet", [Path.Combine(AppContext.BaseDirectory, "Bench.dll"), "missing", "--json", "--packets", sent.ToString(CultureInfo.InvariantCulture), .. files]);
        using JsonDocument report = JsonDocument.Parse(json);
        JsonElement stream = report.RootElement.GetProperty("streams")[0];
        Assert.Equal((long)port.StoredPackets, stream.GetProperty("unique").GetInt64());
        Assert.Equal(0, stream.GetProperty("duplicates").GetInt64());
        Assert.Equal(complete, code == 0);
        (int verified, string said, string error) = Tool.Try(CapboxProcess.Binary, ["verify", .. files]);
        Assert.True(verified == 0, said + error);
    }

    [Fact]
    public void Four_rings_by_flow_hash_lose_and_double_nothing()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}", "segmentSize": "16MiB"}, "ports": [{"name": "b0", "rings": 4, "ringSize": "16MiB"}]}
            """);
        long sent = lab.Generate("--packets", "200000", "--flows", "64", "--size", "64,594,1500", "--pps", "100000");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal(0ul, last.Ports[0].LostPackets);
        Assert.True(last.Storage.SegmentsSealed > 2, "several segments");
        AssertFilesHold(last, sent, complete: true);
    }

    [Fact]
    public void A_tiny_ring_loses_and_says_exactly_how_much()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}", "writesInFlight": 1}, "ports": [{"name": "b0", "ringSize": "192KiB", "blockSize": "64KiB"}]}
            """);
        long sent = lab.Generate("--packets", "300000", "--size", "1500");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        Assert.True(last.Ports[0].LostPackets > 0, "a ring of three small blocks cannot take full speed");
        AssertFilesHold(last, sent, complete: false);
    }

    [Fact]
    public void Packets_that_no_protocol_wants_are_stored_and_not_called_lost()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        RawSender.Send(lab.SenderSpace, "a0", Enumerable.Range(0, 500).Select(i => Frames.Tagged(Frames.Plain(100, i), 0x8100, 77)));
        capbox.WaitUntilSeen(500);
        PortLedger port = capbox.Stop().Ports[0];
        Assert.Equal(500ul, port.StoredPackets);
        Assert.Equal(0ul, port.LostPackets);
        // The kernel counts them as dropped after the ring had them; if it stops doing so, this case has lost its point.
        Assert.Equal(500ul, port.InterfaceDrops);
    }

    [Fact]
    public void A_filtered_feed_is_stored_whole_and_the_rest_is_counted()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive, "--filter", "udp src port 10000 or udp src port 10001");
        long sent = lab.Generate("--packets", "100000", "--flows", "10", "--size", "200");
        capbox.WaitUntilSeen(sent);
        PortLedger port = capbox.Stop().Ports[0];
        Assert.Equal((ulong)sent / 5, port.StoredPackets);
        Assert.Equal((ulong)sent * 4 / 5, port.FilteredPackets);
        Assert.Equal(0ul, port.LostPackets);
    }

    [Theory]
    [InlineData("io_uring")]
    [InlineData("threads")]
    public void Both_write_engines_store_everything(string engine)
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}", "engine": "{{engine}}", "segmentSize": "32MiB"}, "ports": [{"name": "b0"}]}
            """);
        long sent = lab.Generate("--packets", "100000", "--size", "imix", "--pps", "80000");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal(engine, last.Storage.Engine);
        AssertFilesHold(last, sent, complete: true);
    }

    [Fact]
    public void A_file_system_without_direct_writes_is_said_once_and_used()
    {
        using var lab = new Lab();
        string point = Path.Combine(lab.Scratch, "tmpfs");
        Directory.CreateDirectory(point);
        Tool.Run("mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", point);
        lab.OnDispose(() => Tool.Try("umount", "-l", point));
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{point}}", "segmentSize": "64MiB"}, "ports": [{"name": "b0"}]}
            """);
        long sent = lab.Generate("--packets", "20000", "--size", "1000", "--pps", "50000");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        AssertFilesHold(last, sent, complete: true);
        // Since kernel 6.6 tmpfs takes O_DIRECT; whichever it is, the log and the snapshot agree.
        Assert.Equal(last.Storage.Direct ? 0 : 1, capbox.Errors.Split("no O_DIRECT").Length - 1);
    }
}
