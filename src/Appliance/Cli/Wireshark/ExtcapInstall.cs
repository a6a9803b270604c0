// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.ComponentModel;
using System.Diagnostics;

namespace Capbox.Cli;

/// <summary><c>capbox extcap install</c>: a link to this program where Wireshark looks for extcap programs.</summary>
internal static class ExtcapInstall
{
    private const int AskMs = 10_000;

    public static int Run(string? directory)
    {
        string target = Environment.ProcessPath ?? "/proc/self/exe";
        directory ??= DefaultDirectory();
        string link = Path.Combine(directory, ExtcapCommand.LinkName);
        try
        {
            Directory.CreateDirectory(directory);
            var existing = new FileInfo(link);
            if (existing.LinkTarget is null && existing.Exists)
                return ErrorOutput.Failed($"{link}: is there and not a link");
            if (existing.LinkTarget is not null)
                existing.Delete();
            File.CreateSymbolicLink(link, target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ErrorOutput.Failed(e.Message);
        }

        Console.Out.WriteLine($"{link} -> {target}");
        return ExitCode.Good;
    }

    /// <summary>The personal path (Wireshark 4.2 and newer have one); of an older Wireshark the only one that it reads; without a Wireshark the personal path too.</summary>
    private static string DefaultDirectory()
    {
        Dictionary<string, string> folders = Folders();
        return folders.GetValueOrDefault("Personal Extcap path") ?? folders.GetValueOrDefault("Extcap path")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local/lib/wireshark/extcap");
    }

    /// <summary>What <c>tshark -G folders</c> says, a name, a colon, tabs and a path on each line; empty if there is no tshark.</summary>
    private static Dictionary<string, string> Folders()
    {
        var folders = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        try
        {
            var info = new ProcessStartInfo("tshark", ["-G", "folders"]) { RedirectStandardOutput = true, RedirectStandardError = true };
            using Process process = Process.Start(info)!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            foreach (string line in process.StandardOutput.ReadToEnd().Split('\n'))
            {
                int colon = line.IndexOf(':', StringComparison.Ordinal);
                if (colon > 0)
                    folders.TryAdd(line[..colon].Trim(), line[(colon + 1)..].Trim());
            }

            process.WaitForExit(AskMs);
        }
        catch (Exception e) when (e is Win32Exception or IOException)
        {
            // No tshark here.
        }

        return folders;
    }
}
