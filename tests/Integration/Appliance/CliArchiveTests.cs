// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Capbox.Packets.Storage;
using Xunit;

namespace Capbox.Tests;

/// <summary>What the commands over an archive refuse, and where they write.</summary>
public sealed class CliArchiveTests : IDisposable
{
    private const string All = "2026-11-23T00:00:00Z", End = "2026-11-24T00:00:00Z";
    private readonly TestDirectory _archive = new();
    private readonly TestDirectory _scratch = new();
    private readonly string _segment;

    public CliArchiveTests() => _segment = _archive.Write(TestSegment.SealedName, TestSegment.Small().Sealed());

    public void Dispose()
    {
        _archive.Dispose();
        _scratch.Dispose();
    }

    private Task<(int Code, string Output, string Error)> Extract(string output) =>
        CliTests.Capbox("extract", "--archive", _archive.Path, "--from", All, "--to", End, "-o", output);

    private static Task<(int Code, string Output, string Error)> Run(string program, params string[] arguments) => Task.Run(() => Tool.Try(program, arguments), TestContext.Current.CancellationToken);

    [Theory]
    [InlineData("segments DIR --from now --to -5m", "--to -5m: not after --from")]
    [InlineData("clock log --archive DIR --from now --to -1h", "--to -1h: not after --from")]
    [InlineData("clock log --raw --archive DIR --from now --to -1h", "--to -1h: not after --from")]
    [InlineData("extract --archive DIR --from now --to -1h -o x", "--to -1h: not after --from")]
    [InlineData("hold add --archive DIR --from now --to -1h --reason r", "--to -1h: not after --from")]
    [InlineData("extract --archive DIR --from now -o x", "--from now: not before --to, which is now unless it is given")]
    [InlineData("segments DIR --port nope", "--port nope: the archive has no such port, but eth0, eth1")]
    [InlineData("extract --archive DIR --from -1h --window 1s -o x", "--window goes with --follow")]
    [InlineData("clock report --archive DIR --target -5", "--target -5: not a number")]
    [InlineData("hold add --archive DIR --from -1h --to now --reason a\nb", "--reason: none of its characters may be a control character")]
    [InlineData("hold add --archive DIR --from -1h --to now --reason r --filter udp\u001B", "--filter: none of its characters may be a control character")]
    [InlineData("hold add --archive DIR --from -1h --to now --reason r --port e\u001B", "--port: none of its characters may be a control character")]
    public async Task Bad_use_is_refused_in_one_line(string line, string expected)
    {
        (int code, string output, string error) = await CliTests.Capbox(line.Replace("DIR", _archive.Path, StringComparison.Ordinal).Split(' '));
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(expected, Assert.Single(error.TrimEnd('\n').Split('\n')), StringComparison.Ordinal);
        Assert.False(File.Exists("x"));
    }

    [Fact]
    public async Task A_segment_in_progress_is_listed_for_the_ports_that_it_has_packets_of()
    {
        string part = "20261123T083001.000000000Z-0000000043.pcapng.part";
        _archive.Write(part, new TestSegment(sequence: 43).Add([TestSegment.Packet(0, 60)]).InProgress());
        foreach ((string port, ulong[] expected) in new[] { ("eth0", new ulong[] { 42, 43 }), ("eth1", [42]) })
        {
            (int code, string output, _) = await CliTests.Capbox("segments", _archive.Path, "--port", port, "--json");
            Assert.Equal(0, code);
            using JsonDocument json = JsonDocument.Parse(output);
            Assert.Equal(expected, json.RootElement.EnumerateArray().Select(s => s.GetProperty("sequence").GetUInt64()));
        }
    }

    [Fact]
    public async Task Control_characters_of_a_hold_are_shown_and_break_no_line()
    {
        ArchiveDirectory.OpenState(_archive.Path);
        await File.WriteAllTextAsync(
            ArchiveDirectory.StatePath(_archive.Path, "holds.json"),
            """{"next":2,"holds":[{"id":"h1","fromUtcNs":0,"toUtcNs":1,"ports":[],"reason":"a\nb\u001b[1m","by":"x","createdUtcNs":0}]}""", TestContext.Current.CancellationToken);
        (int code, string output, string error) = await CliTests.Capbox("hold", "list", "--archive", _archive.Path);
        Assert.True(code == 0, error);
        Assert.EndsWith("""a\nb\u001B[1m""", Assert.Single(output.TrimEnd('\n').Split('\n')[1..]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_that_is_there_is_written_into_and_stays()
    {
        string pipe = Path.Combine(_scratch.Path, "pipe"), read = Path.Combine(_scratch.Path, "read");
        Assert.Equal(0, (await Run("mkfifo", pipe)).Code);
        Task<(int Code, string Output, string Error)> reader = Run("timeout", "60", "cp", pipe, read);
        (int code, _, string error) = await Extract(pipe);
        Assert.True(code == 0, error);
        Assert.Equal(0, (await reader).Code);
        Assert.Equal(0x0A0D0D0A, BitConverter.ToInt32(await File.ReadAllBytesAsync(read, TestContext.Current.CancellationToken)));
        Assert.Equal(0, (await Run("test", "-p", pipe)).Code);
    }

    [Fact]
    public async Task A_device_that_is_there_is_written_into_and_stays()
    {
        string device = Path.Combine(_scratch.Path, "null");
        Assert.Equal(0, (await Run("mknod", device, "c", "1", "3")).Code);
        (int code, _, string error) = await Extract(device);
        Assert.True(code == 0, error);
        Assert.Equal(0, (await Run("test", "-c", device)).Code);
        Assert.False(File.Exists(device + ".part"));
    }

    [Fact]
    public async Task A_link_is_followed_and_a_directory_refused()
    {
        string there = Path.Combine(_scratch.Path, "there"), link = Path.Combine(_scratch.Path, "link");
        await File.WriteAllTextAsync(there, "old", TestContext.Current.CancellationToken);
        File.CreateSymbolicLink(link, "there");
        (int code, _, string error) = await Extract(link);
        Assert.True(code == 0, error);
        Assert.Equal("there", new FileInfo(link).LinkTarget);
        Assert.True(new FileInfo(there).Length > 100);

        (code, _, error) = await Extract(_scratch.Path);
        Assert.Equal(1, code);
        Assert.Equal($"capbox: {_scratch.Path}: it is a directory; name a file\n", error);
    }

    [Theory]
    [InlineData("log")]
    [InlineData("log --raw")]
    [InlineData("report")]
    public async Task An_archive_that_is_not_there_has_no_evidence_to_be_missing(string command)
    {
        (int code, _, string error) = await CliTests.Capbox(["clock", .. command.Split(' '), "--archive", "/nope"]);
        Assert.Equal((1, "capbox: /nope: no such directory\n"), (code, error));
    }

    [Fact]
    public async Task What_may_not_be_read_is_neither_damaged_nor_missing()
    {
        ArchiveDirectory.OpenState(_archive.Path);
        File.SetUnixFileMode(_archive.Path, (UnixFileMode)0x1ED); // 0755
        File.SetUnixFileMode(_segment, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        (int made, _, string why) = await CliTests.Capbox("catalog", "rebuild", _archive.Path);
        Assert.True(made == 0, why);
        string catalog = Directory.GetFiles(_archive.Path, "*.db", SearchOption.AllDirectories).Single();
        byte[] before = await File.ReadAllBytesAsync(catalog, TestContext.Current.CancellationToken);
        // Root without the right to read what is others', who may not be able to run this program.
        Assert.Equal(0, (await Run("chown", "-R", "65534", _archive.Path)).Code);
        string[] restricted = ["--bounding-set=-dac_override,-dac_read_search", "dotnet", CliTests.Program];
        foreach ((string line, string named) in new[]
        {
            ($"segments {_archive.Path}", _segment), ($"hold list --archive {_archive.Path}", "holds.json"), ($"clock log --archive {_archive.Path}", ".capbox/clock"),
            ($"clock log --raw --archive {_archive.Path}", ".capbox/clock/exchanges"), ($"clock report --archive {_archive.Path}", ".capbox/clock"),
        })
        {
            (int code, string output, string error) = await Run("setpriv", [.. restricted, .. line.Split(' ')]);
            Assert.True((code, output) == (1, ""), $"{line}: {code}: {output}{error}");
            Assert.Contains(named, Assert.Single(error.TrimEnd('\n').Split('\n')), StringComparison.Ordinal);
            Assert.Contains("denied", error, StringComparison.Ordinal);
        }

        // A new catalog cannot be made: the old one stays.
        Assert.Equal(0, (await Run("chown", "-R", "0", Path.GetDirectoryName(catalog)!)).Code);
        Assert.Equal(1, (await Run("setpriv", [.. restricted, "catalog", "rebuild", _archive.Path])).Code);
        Assert.Equal(before, await File.ReadAllBytesAsync(catalog, TestContext.Current.CancellationToken));
    }
}
