// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Cli;

/// <summary>What capbox ends with.</summary>
internal static class ExitCode
{
    public const int Good = 0;

    /// <summary>The job failed: a port, the disk or a file is at fault.</summary>
    public const int Failed = 1;

    /// <summary>The command line or the configuration document is at fault; nothing was started.</summary>
    public const int BadUse = 2;
}

/// <summary>Errors go to standard error, each in one line that begins with the program's name.</summary>
internal static class ErrorOutput
{
    public static int Failed(string line) => Write(line, ExitCode.Failed);

    public static int BadUse(string line) => Write(line, ExitCode.BadUse);

    public static void Write(string line)
    {
        try
        {
            Console.Error.WriteLine($"capbox: {line.ReplaceLineEndings(" ")}");
        }
        catch (IOException)
        {
            // Nobody is left to tell; the exit code says it.
        }
    }

    private static int Write(string line, int code)
    {
        Write(line);
        return code;
    }
}
