// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Xunit;

namespace Capbox.Testing;

/// <summary>Readers that nobody here wrote.</summary>
internal static class Oracle
{
    /// <summary>Standard output; a tool that complains or fails fails the test.</summary>
    internal static string Run(string tool, params string[] arguments)
    {
        var start = new ProcessStartInfo(tool, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["TZ"] = "UTC";
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        string[] complaints = [.. errors.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(static line =>
            !line.StartsWith("Running as user", StringComparison.Ordinal) && !line.StartsWith("reading from file", StringComparison.Ordinal))];
        Assert.True(process.ExitCode == 0 && complaints.Length == 0, $"{tool}: exit code {process.ExitCode}, {errors.Result}");
        return output;
    }
}
