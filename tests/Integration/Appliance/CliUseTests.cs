// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography.X509Certificates;
using Xunit;

namespace Capbox.Tests;

/// <summary>What is told of a command line that cannot be followed: capbox's words, the option by its name, one line.</summary>
public sealed class CliUseTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("capbox-use-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static (int Code, string Output, string Error) Capbox(params string[] arguments) => Tool.Try("dotnet", [CliTests.Program, .. arguments]);

    private string Write(string name, string text)
    {
        string path = Path.Combine(_directory, name);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>The last word is an empty string, as of a variable that is not set.</summary>
    [Theory]
    [InlineData("verify", "FILE")]
    [InlineData("segments", "DIR")]
    [InlineData("config check", "FILE")]
    [InlineData("config diff", "A")]
    [InlineData("extcap install", "DIR")]
    [InlineData("extract -o", "--output")]
    [InlineData("extract -o x --archive", "--archive")]
    [InlineData("status --archive", "--archive")]
    [InlineData("top --archive", "--archive")]
    [InlineData("control ask status --archive", "--archive")]
    [InlineData("config show --state", "--state")]
    [InlineData("run --state", "--state")]
    [InlineData("run --port lo --archive", "--archive")]
    [InlineData("seal keygen --out", "--out")]
    [InlineData("clock report --svg", "--svg")]
    [InlineData("clock report --csv", "--csv")]
    [InlineData("fleet status --profile", "--profile")]
    public void An_empty_string_is_no_file(string arguments, string name)
    {
        (int code, string output, string error) = Capbox([.. arguments.Split(' '), ""]);
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith($"capbox: {name}: an empty string; see capbox ", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    [Theory]
    [InlineData("bogus", "bogus: no such command; see capbox --help")]
    [InlineData("statsu", "statsu: no such command (did you mean \"status\"?); see capbox --help")]
    [InlineData("clock bogus", "bogus: no such command; see capbox clock --help")]
    [InlineData("config chek", "chek: no such command (did you mean \"check\"?); see capbox config --help")]
    [InlineData("seal bogus", "bogus: neither a command nor a directory; see capbox seal --help")]
    [InlineData("identify --seconds x", "--seconds: \"x\" is not a whole number; see capbox identify --help")]
    [InlineData("identify --seconds 5000", "--seconds: 5000 is not within 0 to 3600; see capbox identify --help")]
    [InlineData("config set a 1 --confirm x", "--confirm: \"x\" is not a whole number; see capbox config set --help")]
    [InlineData("config set a 1 --confirm 4000", "--confirm: 4000 is not within 0 to 3600; see capbox config set --help")]
    [InlineData("config show --revision -1", "--revision: -1 is less than 0; see capbox config show --help")]
    [InlineData("config rollback x", "N: \"x\" is not a whole number; see capbox config rollback --help")]
    [InlineData("config rollback -1", "N: -1 is less than 0; see capbox config rollback --help")]
    [InlineData("clock report --target 99999999999999999999", "--target: \"99999999999999999999\" is too large; see capbox clock report --help")]
    [InlineData("fleet status --wait x", "--wait: \"x\" is not a number; see capbox fleet status --help")]
    [InlineData("fleet cmd status --all --timeout 0 --broker localhost", "--timeout: must be more than 0 and at most 3600 seconds")]
    [InlineData("fleet cmd status {bad --all --broker localhost", "JSON: line 1, column 2: 'b' is an invalid start of a property name. Expected a '\"'.")]
    [InlineData("fleet status --broker 127.0.0.1 --username u --password-file /nonexistent", "--password-file: /nonexistent: no such file")]
    [InlineData("fleet status --broker 127.0.0.1 --ca /nonexistent", "--ca: /nonexistent: no such file")]
    [InlineData("config check /tmp", "/tmp: $: a directory, not a file")]
    public void Bad_use_is_told_in_words_of_the_command_line(string arguments, string told) => Assert.Equal((2, "", $"capbox: {told}\n"), Capbox(arguments.Split(' ')));

    [Theory]
    [InlineData("trigger", "--reason")]
    [InlineData("config set a 1", "--why")]
    public void A_text_that_is_too_long_is_refused_by_its_option(string arguments, string option)
    {
        (int code, _, string error) = Capbox([.. arguments.Split(' '), option, new string('x', 201)]);
        Assert.Equal(2, code);
        Assert.StartsWith($"capbox: {option}: longer than 200 characters; see ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_is_a_command_too_and_each_has_its_own_examples()
    {
        Assert.Equal(Capbox("--help"), Capbox("help"));
        Assert.Equal(Capbox("clock", "watch", "--help"), Capbox("help", "clock", "watch"));
        Assert.Contains("capbox seal rotate --key old.key", Capbox("seal", "rotate", "--help").Output, StringComparison.Ordinal);
        string rotate = Capbox("rotate", "--help").Output;
        Assert.Contains("sudo capbox rotate\n", rotate, StringComparison.Ordinal);
        Assert.DoesNotContain("seal", rotate, StringComparison.Ordinal);
    }

    [Fact]
    public void Config_diff_ends_as_diff_does()
    {
        string state = Path.Combine(_directory, "state"), first = Write("first.json", """{ "ports": [ { "name": "lo" } ] }"""), other = Write("other.json", """{ "ports": [ { "name": "lo", "rings": 2 } ] }""");
        Assert.Equal(0, Capbox("config", "apply", first, "--state", state).Code);
        int Diff(params string[] of) => Capbox(["config", "diff", .. of, "--state", state]).Code;
        Assert.Equal((0, 1), (Diff(first, first), Diff(first, other)));
        Assert.Equal([2, 2, 2, 2], [Diff("99"), Diff("/nonexistent", "1"), Diff(Write("bad.json", "{"), first), Capbox("config", "diff", first, "--state", "/nonexistent").Code]);
        Assert.Contains("0 the same, 1 they differ, 2 trouble", Capbox("config", "diff", "--help").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_are_something_else_are_told_so()
    {
        Assert.Equal((1, $"capbox: {_directory}: a directory, not a file\n"), Fault("verify", _directory));
        Assert.Equal((1, "capbox: /nonexistent: no such file\n"), Fault("verify", "/nonexistent"));
        string file = Write("file", "");
        Assert.Equal((1, $"capbox: {file}: not a directory\n"), Last(Fault("run", "--port", "lo", "--archive", file, "--duration", "1")));
        Assert.Equal((2, $"capbox: {file}: line 1, column 1: no JSON in it\n"), Fault("fleet", "status", "--profile", file));
        File.WriteAllText(file, """{"broker":"a","broker":"b"}""");
        Assert.StartsWith($"capbox: {file}: $: Duplicate property 'broker'", Fault("fleet", "status", "--profile", file).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_port_without_a_broker_is_told_in_one_clause() =>
        Assert.Equal((1, "capbox: 127.0.0.1:1: Connection refused\n"), Fault("fleet", "status", "--broker", "127.0.0.1:1"));

    /// <summary>A pipe, as of the shell's &lt;(...), can be read but once.</summary>
    [Fact]
    public void What_can_be_read_but_once_is_read_once()
    {
        using var key = System.Security.Cryptography.ECDsa.Create();
        using X509Certificate2 authority = new CertificateRequest("CN=a", key, System.Security.Cryptography.HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
        string file = Write("ca.pem", authority.ExportCertificatePem());
        Assert.Equal((1, "", "capbox: 127.0.0.1:1: Connection refused\n"), Tool.Try("bash", "-c", $"dotnet '{CliTests.Program}' fleet status --broker mqtts://127.0.0.1:1 --ca <(cat '{file}')"));
    }

    private static (int Code, string Error) Fault(params string[] arguments)
    {
        (int code, _, string error) = Capbox(arguments);
        return (code, error);
    }

    private static (int Code, string Error) Last((int Code, string Error) fault) => (fault.Code, fault.Error.TrimEnd('\n').Split('\n')[^1] + "\n");
}
