// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Capbox.Cli;
using Capbox.Commands;
using Capbox.LocalSocket;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Capbox.Tests;

/// <summary>How often <c>capbox top</c> looks, and how it ends: at a control socket that counts.</summary>
public sealed class LiveLoopTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("capbox-live-").FullName;
    private readonly ConcurrentQueue<long> _looks = new();
    private readonly ControlServer _server;

    public LiveLoopTests()
    {
        Directory.CreateDirectory(Path.Combine(_directory, ".capbox"));
        var commands = new CommandTable();
        commands.Add<int>(new("status", "", [], CountJson.Default.Int32), _ =>
        {
            _looks.Enqueue(Stopwatch.GetTimestamp());
            return _looks.Count;
        });
        _server = new ControlServer(_directory, commands, NullLogger.Instance);
    }

    public void Dispose()
    {
        _server.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private Process Top(string interval) => Process.Start(Tool.Info("dotnet", Path.Combine(AppContext.BaseDirectory, "capbox.dll"), "top", "--archive", _directory, "--json", "--interval", interval))!;

    private void WaitForLooks(int count) => Tool.WaitFor(() => _looks.Count >= count, $"{count} looks");

    private static int End(Process top)
    {
        Tool.Run("kill", "-TERM", top.Id.ToString(CultureInfo.InvariantCulture));
        Assert.True(top.WaitForExit(Tool.LimitSeconds * 1000), "it does not end");
        return top.ExitCode;
    }

    /// <summary>The looks are never closer together than was asked for, however slow the machine; how far apart they are at most is the machine's.</summary>
    [Theory]
    [InlineData("300ms", 300)]
    [InlineData("1", 1000)]
    [InlineData("2s", 2000)]
    public void It_waits_between_two_looks_for_as_long_as_was_asked_for(string interval, int milliseconds)
    {
        using Process top = Top(interval);
        WaitForLooks(4);
        Assert.Equal(0, End(top));
        Assert.Equal("1", top.StandardOutput.ReadLine());
        long[] looks = [.. _looks];
        // 20 ms for timers that end early.
        Assert.All(looks.Zip(looks.Skip(1)), pair => Assert.True(Stopwatch.GetElapsedTime(pair.First, pair.Second).TotalMilliseconds >= milliseconds - 20, $"{Stopwatch.GetElapsedTime(pair.First, pair.Second)}"));
    }

    [Fact]
    public void It_ends_well_amid_a_long_wait_when_nobody_reads_the_pipe_any_more()
    {
        (int code, string output, string error) = Tool.Try("bash", "-o", "pipefail", "-c",
            $"dotnet '{Path.Combine(AppContext.BaseDirectory, "capbox.dll")}' top --archive '{_directory}' --json --interval 1h | head -1");
        Assert.Equal((0, "1\n", ""), (code, output, error));
    }

    [Theory]
    [InlineData(0, 0, 80, 24)]
    [InlineData(0, 50, 80, 50)]
    [InlineData(132, 43, 132, 43)]
    public void A_terminal_that_does_not_know_its_size_counts_as_80_by_24(int columns, int lines, int usedColumns, int usedLines) =>
        Assert.Equal(new TerminalSize(usedColumns, usedLines), TerminalSize.Of(columns, lines));

    [Fact]
    public void It_ends_amid_a_long_wait_and_with_an_error_when_the_recorder_is_gone()
    {
        using Process patient = Top("1h");
        WaitForLooks(1);
        Assert.Equal(0, End(patient));
        Assert.Single(_looks);

        using Process left = Top("100ms");
        WaitForLooks(3);
        _server.Dispose();
        Assert.True(left.WaitForExit(Tool.LimitSeconds * 1000), "it does not end");
        Assert.Equal(1, left.ExitCode);
        Assert.NotEmpty(left.StandardError.ReadToEnd());
    }
}
