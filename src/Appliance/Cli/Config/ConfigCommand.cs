// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Config;
using Capbox.Packets.Capture;
using Capbox.Platform.Json;

namespace Capbox.Cli;

/// <summary><c>capbox config check FILE</c>.</summary>
internal static class ConfigCommand
{
    public static int Check(string file, bool json)
    {
        ConfigResult result = ConfigDocument.Load(file);
        bool isGood = result.Options is not null;
        List<ConfigError> warnings = [.. Warnings(result.Options?.Ports ?? [])];
        if (json)
        {
            Json.WriteLine(new ConfigCheckReport(file, isGood, result.Errors, warnings), Json.Default.ConfigCheckReport);
        }
        else
        {
            if (isGood)
                Console.Out.WriteLine(result.Options!.Ports.Count == 0 ? $"{file}: good, records no port" : $"{file}: good, {string.Join(", ", result.Options.Ports.Select(p => p.Name))} to {result.Options.Storage.Directory}");
            WriteErrors(file, [.. result.Errors, .. warnings]);
        }

        return isGood ? ExitCode.Good : ExitCode.BadUse;
    }

    /// <summary>A document may be checked on another machine, or before its containers run: that a namespace is not there is no error.</summary>
    private static IEnumerable<ConfigError> Warnings(IReadOnlyList<PortOptions> ports)
    {
        for (int i = 0; i < ports.Count; i++)
        {
            if (ports[i].Netns is { } netns && PortName.FindNetns(netns, out _) is { } missing)
                yield return new ConfigError(string.Create(CultureInfo.InvariantCulture, $"$.ports[{i}].netns"), $"{missing}; capbox run waits for it");
        }
    }

    public static void WriteErrors(string file, IReadOnlyList<ConfigError> errors)
    {
        foreach (ConfigError error in errors)
            ErrorOutput.Write($"{file}: {error}");
    }
}
