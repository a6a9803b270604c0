// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Rotation, the sequence, and crashes.</summary>
[Collection("Integration")]
public class SegmentTests
{
    private static ulong[] Sequences(string directory) =>
        [.. Directory.GetFiles(directory, "*.pcapng").Select(f => SegmentName.TryParse(Path.GetFileName(f), out SegmentName name) ? name.Sequence : 0).Order()];

    private static void AssertComplete(string directory, long sent)
    {
        string[] files = Directory.GetFiles(directory, "*.pcapng");
        (int code, string said, string error) = Tool.Try("dotnet", [Path.Combine(AppContext.BaseDirectory, "Bench.dll"), "missing", "--packets", sent.ToString(CultureInfo.InvariantCulture), .. files]);
        Assert.True(code == 0, said + error);
    }

    [Fact]
    public async Task Rotation_by_signal_and_size_loses_nothing()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}", "segmentSize": "16MiB"}, "ports": [{"name": "b0"}]}
            """);
        Task<long> traffic = Task.Run(() => lab.Generate("--packets", "100000", "--size", "594", "--pps", "30000"), TestContext.Current.CancellationToken);
        for (int i = 0; i < 5; i++)
        {
            Thread.Sleep(500);
            capbox.Signal("HUP");
        }

        long sent = await traffic;
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal((ulong)sent, last.Ports[0].StoredPackets);
        Assert.True(last.Storage.SegmentsSealed >= 6, $"{last.Storage.SegmentsSealed} segments");
        Assert.Equal(Enumerable.Range(1, (int)last.Storage.SegmentsSealed).Select(i => (ulong)i), Sequences(lab.Archive));
        AssertComplete(lab.Archive, sent);
        string[] parts = Directory.GetFiles(lab.Archive, "*.part");
        Assert.Empty(parts);
    }

    [Fact]
    public void Rotation_by_time_is_aligned_to_the_clock()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, $$"""
            {"storage": {"directory": "{{lab.Archive}}", "segmentSize": "64MiB", "rotate": "2s"}, "ports": [{"name": "b0"}]}
            """);
        long sent = lab.Generate("--packets", "7000", "--pps", "1000");
        capbox.WaitUntilSeen(sent);
        capbox.Stop();
        string[] files = [.. Directory.GetFiles(lab.Archive, "*.pcapng").Order(StringComparer.Ordinal)];
        Assert.True(files.Length >= 4, $"{files.Length} segments in 7 s");
        // 20261123T083000.123456789Z: seconds and the fraction after a boundary of 2 s. Each is at the keeper's next tick, on a busy machine one may be late.
        IEnumerable<double> late = files.Skip(1).Select(f => double.Parse(Path.GetFileName(f).AsSpan(13, 12), CultureInfo.InvariantCulture) % 2);
        Assert.InRange(late.Min(), 0, 0.3);
        AssertComplete(lab.Archive, sent);
    }

    [Fact]
    public void The_sequence_grows_over_restarts_and_deletions()
    {
        using var lab = new Lab();
        for (ulong run = 1; run <= 3; run++)
        {
            using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
            lab.Generate("--packets", "10");
            capbox.WaitUntilSeen(10);
            capbox.Stop();
            Assert.Equal([run], Sequences(lab.Archive));
            File.Delete(Directory.GetFiles(lab.Archive, "*.pcapng").Single());
        }
    }

    [Fact]
    public void A_second_recorder_in_the_same_archive_is_refused()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        using CapboxProcess second = CapboxProcess.StartOnly(lab, "--port", "lo", "--archive", lab.Archive);
        Assert.Equal(1, second.WaitForExit());
        Assert.Contains("another capbox", second.Errors, StringComparison.Ordinal);
        capbox.Stop();
    }

    /// <summary>Every whole chunk that was on disk at the moment of the kill is readable after the next start. The seed of the moments is printed on failure.</summary>
    [Fact]
    public async Task Killed_twenty_times_it_keeps_every_chunk_that_was_written()
    {
        using var lab = new Lab();
        int seed = Environment.TickCount;
        var random = new Random(seed);
        string document = $$"""
            {"storage": {"directory": "{{lab.Archive}}", "segmentSize": "32MiB"}, "ports": [{"name": "b0", "blockSize": "128KiB", "ringSize": "8MiB", "handover": "20ms"}]}
            """;
        for (int round = 0; round < 20; round++)
        {
            using CapboxProcess capbox = CapboxProcess.StartWith(lab, document);
            Task<long> traffic = Task.Run(() => lab.Generate("--milliseconds", "1200", "--pps", "40000", "--size", "imix", "--stream", round.ToString(CultureInfo.InvariantCulture)), TestContext.Current.CancellationToken);
            Thread.Sleep(400 + random.Next(900));
            capbox.KillHard();
            await traffic;
            foreach (string part in Directory.GetFiles(lab.Archive, "*.part"))
                File.Copy(part, Path.Combine(lab.Scratch, $"{round}-{Path.GetFileName(part)}"));
        }

        using CapboxProcess last = CapboxProcess.StartWith(lab, document);
        last.WaitFor(_ => Directory.GetFiles(lab.Archive, "*.part").Length <= 2, "the repair");
        last.Stop();
        Assert.Empty(Directory.GetFiles(lab.Archive, "*.part*"));
        string[] sealedFiles = Directory.GetFiles(lab.Archive, "*.pcapng");
        (int code, string said, string error) = Tool.Try(CapboxProcess.Binary, ["verify", .. sealedFiles]);
        Assert.True(code == 0, $"seed {seed}: {said}{error}");
        AssertChunksSurvived(lab, sealedFiles, seed);
    }

    /// <summary>An own scan of the parts as they were left: each page that starts an ISB with a chunk record whose blocks walk to its end must be in the repaired file, byte for byte.</summary>
    private static void AssertChunksSurvived(Lab lab, string[] sealedFiles, int seed)
    {
        int chunks = 0;
        foreach (string copy in Directory.GetFiles(lab.Scratch, "*.part"))
        {
            byte[] left = File.ReadAllBytes(copy);
            string name = Path.GetFileName(copy)[(Path.GetFileName(copy).IndexOf('-', StringComparison.Ordinal) + 1)..^".part".Length];
            string? repaired = sealedFiles.FirstOrDefault(f => Path.GetFileName(f) == name);
            byte[] now = repaired is null ? [] : File.ReadAllBytes(repaired);
            for (int at = 4096; at + 4096 <= left.Length; at += 4096)
            {
                if (!IsWholeChunk(left, at, out int bytes))
                    continue;
                chunks++;
                Assert.True(at + bytes <= now.Length && left.AsSpan(at, bytes).SequenceEqual(now.AsSpan(at, bytes)), $"seed {seed}: {name} lost its chunk at {at}");
            }
        }

        Assert.True(chunks > 100, $"seed {seed}: only {chunks} chunks were left behind");
    }

    private static bool IsWholeChunk(byte[] file, int at, out int bytes)
    {
        uint U32(int offset) => BitConverter.ToUInt32(file, offset);
        bytes = 0;
        if (U32(at) != 5 || U32(at + 104) != (19373 | (148 << 16)) || U32(at + 112) != 0x58425043)
            return false;
        bytes = (int)U32(at + 120);
        long packets = -1;
        int end = at + bytes;
        if (end > file.Length)
            return false;
        int walk = at;
        while (walk < end)
        {
            int length = (int)U32(walk + 4);
            if (length < 12 || walk + length > end || U32(walk + length - 4) != length)
                return false;
            packets++;
            walk += length;
        }

        return walk == end && packets == U32(at + 124);
    }
}
