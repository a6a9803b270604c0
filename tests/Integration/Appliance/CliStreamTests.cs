// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Xunit;

namespace Capbox.Tests;

/// <summary>Standard streams that are closed, or take nothing.</summary>
public sealed class CliStreamTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("capbox-stream-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static (int Code, string Output, string Error) Shell(string arguments) =>
        Tool.Try("sh", "-c", $"dotnet '{CliTests.Program}' {arguments}");

    [Theory]
    [InlineData("verify /nonexistent 2>&-", 1)]
    [InlineData("verify /nonexistent 0<&- 1>&- 2>&-", 1)]
    [InlineData("status --archive /nonexistent 2>&-", 1)]
    [InlineData("bogus 2>&-", 2)]
    [InlineData("ports 1>&-", 0)]
    [InlineData("ports 0<&- 2>&-", 0)]
    public void A_closed_stream_ends_no_command(string arguments, int code)
    {
        (int ended, _, string error) = Shell(arguments);
        Assert.Equal((code, ""), (ended, error));
    }

    [Fact]
    public void A_recording_goes_on_without_standard_error_and_no_segment_gets_its_number()
    {
        (int code, string output, _) = Shell($"run --port lo --archive '{_directory}' --duration 1 2>&-");
        Assert.Equal(0, code);
        Assert.StartsWith("lo: seen ", output, StringComparison.Ordinal);
        Assert.All(Directory.GetFiles(_directory, "*.pcapng"), file => Assert.Equal(0, Shell($"verify '{file}'").Code));
    }

    [Theory]
    [InlineData("ports")]
    [InlineData("config schema")]
    [InlineData("segments DIR --json")]
    public void Standard_output_that_is_full_is_named_and_no_file_is_blamed(string arguments)
    {
        (int code, _, string error) = Shell($"{arguments.Replace("DIR", _directory, StringComparison.Ordinal)} >/dev/full");
        Assert.Equal((1, "capbox: standard output: No space left on device\n"), (code, error));
    }

    [Fact]
    public void A_recording_whose_output_takes_nothing_has_failed()
    {
        (int code, _, string error) = Shell($"run --port lo --archive '{_directory}' --duration 3 --json >/dev/full");
        Assert.Equal(1, code);
        Assert.EndsWith("capbox: standard output: No space left on device\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reader_that_has_gone_is_no_fault() => Assert.Equal((0, "", ""), Tool.Try("bash", "-o", "pipefail", "-c", $"dotnet '{CliTests.Program}' config schema | true"));
}
