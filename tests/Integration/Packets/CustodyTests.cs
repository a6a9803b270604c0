// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using Capbox.Packets.Custody;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>The chain as the published binary keeps it, judged by openssl and sha256sum as well.</summary>
[Collection("Integration")]
public class CustodyTests
{
    private const int SendPps = 30_000;

    private static string NewKey(Lab lab, string name = "custody.key")
    {
        string path = Path.Combine(lab.Scratch, name);
        Tool.Run(CapboxProcess.Binary, "seal", "keygen", "--out", path);
        return path;
    }

    private static string Document(string archive, string key) => $$"""
        {"storage": {"directory": "{{archive}}", "segmentSize": "16MiB"}, "custody": {"key": "{{key}}"}, "ports": [{"name": "b0"}]}
        """;

    private static JsonElement VerifyGood(string archive, string key, params string[] more)
    {
        (int code, string output, string error) = Tool.Try(CapboxProcess.Binary, ["verify", "--chain", archive, "--key", key + ".pub", "--json", .. more]);
        Assert.True(code == 0, output + error);
        Assert.Empty(error);
        using var document = JsonDocument.Parse(output);
        return document.RootElement.Clone();
    }

    [Fact]
    public void Every_recorded_segment_is_in_the_chain_and_openssl_and_sha256sum_agree()
    {
        using var lab = new Lab();
        string key = NewKey(lab);
        using (CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab.Archive, key)))
        {
            long sent = lab.Generate("--packets", "60000", "--size", "1500", "--pps", SendPps.ToString(CultureInfo.InvariantCulture));
            capbox.WaitUntilSeen(sent);
            AssertStandsBack(capbox.Id);
            capbox.Stop();
        }

        string[] files = [.. Directory.GetFiles(lab.Archive, "*.pcapng").Order(StringComparer.Ordinal)];
        Assert.True(files.Length >= 5, $"{files.Length} segments");
        JsonElement report = VerifyGood(lab.Archive, key);
        Assert.Equal(files.Length, report.GetProperty("segments").GetInt32());
        Assert.Equal(0, report.GetProperty("gaps").GetArrayLength());

        string chain = ChainFile.PathIn(lab.Archive);
        string[] lines = File.ReadAllLines(chain);
        Assert.Equal(files.Length + 1, lines.Length);
        for (int i = 1; i < lines.Length; i++)
        {
            using var entry = JsonDocument.Parse(lines[i]);
            string file = Path.Combine(lab.Archive, entry.RootElement.GetProperty("file").GetString()!);
            Assert.Equal(entry.RootElement.GetProperty("sha256").GetString(), Tool.Run("sha256sum", file).Split(' ')[0]);
        }

        // As docs/internals/custody.md tells it.
        string script = """
            set -e; cd "$1"
            line=$(sed -n 3p "$2"); printf '%s' "${line%%,\"signature\":*}" >body
            printf '%s' "$line" | jq -r .signature | base64 -d >sig
            openssl dgst -sha256 -verify "$3" -signature sig body
            openssl pkey -pubin -in "$3" -outform DER | sha256sum | cut -d' ' -f1
            sed -n 2p "$2" | sha256sum | cut -d' ' -f1
            tail -n 1 "$2" | sha256sum | cut -d' ' -f1
            printf x >>body; if openssl dgst -sha256 -verify "$3" -signature sig body; then exit 9; fi
            """;
        string[] said = Tool.Run("bash", "-c", script, "bash", lab.Scratch, chain, key + ".pub").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        using var third = JsonDocument.Parse(lines[2]);
        Assert.Equal(
            ["Verified OK", third.RootElement.GetProperty("key").GetString()!, third.RootElement.GetProperty("previous").GetString()!, report.GetProperty("head").GetString()!, "Verification failure"],
            said);
    }

    /// <summary>SCHED_IDLE is 5 in the policy field of /proc/PID/stat, the 41st (proc(5)).</summary>
    private static void AssertStandsBack(int id)
    {
        string task = Directory.GetDirectories($"/proc/{id}/task").Single(t => File.ReadAllText(t + "/comm") == "capbox-custody\n");
        Assert.Equal("5", File.ReadAllText(task + "/stat").Split(") ")[1].Split(' ')[41 - 3]);
        Assert.Equal("idle", Tool.Run("ionice", "-p", Path.GetFileName(task)).Trim());
    }

    [Fact]
    public async Task Killed_again_and_again_the_chain_goes_on_whole()
    {
        using var lab = new Lab();
        string key = NewKey(lab);
        int seed = Environment.TickCount;
        var random = new Random(seed);
        for (int round = 0; round < 6; round++)
        {
            using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(lab.Archive, key));
            Task<long> traffic = Task.Run(
                () => lab.Generate("--milliseconds", "1500", "--pps", "40000", "--size", "1500", "--stream", round.ToString(CultureInfo.InvariantCulture)), TestContext.Current.CancellationToken);
            Thread.Sleep(700 + random.Next(700));
            capbox.KillHard();
            await traffic;
            if (round == 3)
                File.AppendAllText(ChainFile.PathIn(lab.Archive), "{\"number\":"); // a torn entry, which a kill seldom hits
        }

        using (CapboxProcess last = CapboxProcess.StartWith(lab, Document(lab.Archive, key)))
        {
            Tool.WaitFor(() => last.Errors.Contains("custody: ", StringComparison.Ordinal), "the chain to be opened");
            last.WaitFor(_ => Directory.GetFiles(lab.Archive, "*.part").Length <= 2, "the repair");
            last.Stop();
        }

        JsonElement report = VerifyGood(lab.Archive, key);
        int files = Directory.GetFiles(lab.Archive, "*.pcapng").Length;
        Assert.True(files >= 6, $"seed {seed}: {files} segments");
        Assert.Equal(files, report.GetProperty("segments").GetInt32());
        string head = report.GetProperty("head").GetString()!;

        // Sealing offline finds nothing left to do, and the head stays.
        Assert.Contains("0 segments sealed now", Tool.Run(CapboxProcess.Binary, "seal", "--key", key, lab.Archive), StringComparison.Ordinal);
        Assert.Equal(head, VerifyGood(lab.Archive, key, "--head", head).GetProperty("head").GetString());
    }

    [Fact]
    public void Retention_leaves_tombstones_and_the_chain_stays_good()
    {
        using var lab = new Lab();
        string key = NewKey(lab);
        string document = $$"""
            {"storage": {"directory": "{{lab.Archive}}", "segmentSize": "16MiB", "retention": {"maxTotal": "80MiB"} }, "custody": {"key": "{{key}}"}, "ports": [{"name": "b0"}]}
            """;
        using (CapboxProcess capbox = CapboxProcess.StartWith(lab, document))
        {
            long sent = lab.Generate("--packets", "120000", "--size", "1500", "--pps", SendPps.ToString(CultureInfo.InvariantCulture));
            capbox.WaitUntilSeen(sent);
            Tool.WaitFor(() => Directory.GetFiles(lab.Archive, "*.pcapng").Length <= 6, "retention");
            capbox.Stop();
        }

        JsonElement report = VerifyGood(lab.Archive, key);
        Assert.True(report.GetProperty("deleted").GetInt32() >= 3, report.ToString());
        Assert.Equal(Directory.GetFiles(lab.Archive, "*.pcapng").Length, report.GetProperty("segments").GetInt32());
        Assert.Contains("\"kind\":\"deletion\"", File.ReadAllText(ChainFile.PathIn(lab.Archive)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_copy_in_a_read_only_directory_verifies_and_the_first_break_is_named()
    {
        using var lab = new Lab();
        string key = NewKey(lab);
        using (CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive, "--seal-key", key))
        {
            long sent = lab.Generate("--packets", "1000");
            capbox.WaitFor(s => s.Ports[0].StoredPackets == (ulong)sent, "all to be stored: with nothing stored there is nothing to rotate");
            capbox.Signal("HUP");
            capbox.WaitFor(s => s.Storage.SegmentsSealed >= 1, "the rotation");
            sent += lab.Generate("--packets", "1000", "--first", "1000");
            capbox.WaitUntilSeen(sent);
            capbox.Stop();
        }

        string copy = Path.Combine(lab.Scratch, "copy");
        Tool.Run("cp", "-a", lab.Archive, copy);
        string damaged = Directory.GetFiles(copy, "*-0000000002.pcapng").Single();
        Tool.Run("mount", "--bind", copy, copy);
        lab.OnDispose(() => Tool.Try("umount", "-l", copy));
        Tool.Run("mount", "-o", "remount,bind,ro", copy);
        VerifyGood(copy, key);
        Tool.Run("mount", "-o", "remount,bind,rw", copy);
        using (FileStream file = File.OpenWrite(damaged))
        {
            file.Position = file.Length / 2;
            file.WriteByte(0x5a);
            file.WriteByte(0xa5);
        }

        (int code, string output, string error) = Tool.Try(CapboxProcess.Binary, "verify", "--chain", copy, "--key", key + ".pub");
        Assert.Equal(1, code);
        Assert.StartsWith($"{copy}: BROKEN, 3 entries", output, StringComparison.Ordinal);
        string line = Assert.Single(error.TrimEnd('\n').Split('\n'));
        Assert.StartsWith($"capbox: {copy}: first break: entry 3: {Path.GetFileName(damaged)}: was changed: its SHA-256 is ", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_key_and_a_broken_chain_are_told_at_start()
    {
        using var lab = new Lab();
        string key = NewKey(lab), other = NewKey(lab, "other.key");
        string[] Run(string with) => ["--port", "b0", "--archive", lab.Archive, "--seal-key", with];
        using (CapboxProcess first = CapboxProcess.Start(lab, Run(key)))
            first.Stop();
        using (CapboxProcess refused = CapboxProcess.StartOnly(lab, Run(other)))
        {
            Assert.Equal(1, refused.WaitForExit());
            Assert.Contains("belongs to key", refused.Errors, StringComparison.Ordinal);
        }

        string chain = ChainFile.PathIn(lab.Archive);
        File.WriteAllText(chain, File.ReadAllText(chain).Replace("\"archive\":\"", "\"archive\":\"0", StringComparison.Ordinal));
        using CapboxProcess recording = CapboxProcess.Start(lab, Run(key));
        Tool.WaitFor(() => recording.Errors.Contains("no segment is sealed from here on, recording continues", StringComparison.Ordinal), "the error");
        long sent = lab.Generate("--packets", "100");
        recording.WaitUntilSeen(sent);
        Assert.Equal(100ul, recording.Stop().Ports[0].StoredPackets);
    }

    [Fact]
    public void On_a_full_disk_there_is_room_for_tombstones()
    {
        using var lab = new Lab();
        string disk = lab.MountSmallDisk(60);
        string key = NewKey(lab);
        for (int i = 1; i <= 3; i++)
            File.WriteAllBytes(Path.Combine(disk, CustodyArchive.NameOf(i)), new byte[10_000]);
        using (var custodian = new ChainSigner(disk, key, NullLogger.Instance))
        {
            Assert.True(custodian.Drain(TimeSpan.FromSeconds(20)));
            Assert.NotEqual(0, Tool.Try("dd", "if=/dev/zero", $"of={disk}/ballast", "bs=64k").Code);
            Assert.NotEqual(0, Tool.Try("dd", "if=/dev/zero", $"of={disk}/ballast2", "bs=1k").Code);
            // Enough entries that they need blocks beyond the one that the chain has already.
            for (int i = 1; i <= 3; i++)
                custodian.OnDeleting(Path.Combine(disk, CustodyArchive.NameOf(i)), (ulong)i, new string('r', 250));
            for (int i = 10; i < 40; i++)
                custodian.OnSealed(Path.Combine(disk, CustodyArchive.NameOf(i)));
            Assert.True(custodian.Drain(TimeSpan.FromSeconds(20)));
            Assert.Null(custodian.State.Fault);
            Assert.Equal(37ul, custodian.State.Entries);
        }

        Assert.True(new FileInfo(ChainFile.PathIn(disk)).Length > 3 * 4096);
    }
}
