// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Box;
using Capbox.Config;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Packets.Storage;
using Capbox.Platform.Json;

namespace Capbox.Cli;

/// <summary>What <c>capbox run</c> was given, as text.</summary>
internal sealed record RunArguments(string? Config, IReadOnlyList<string> Ports, string? Archive, string? Filter, string? Duration)
{
    private const long MaxDurationMs = 366L * 86_400_000;

    /// <summary><c>--state</c>: the configuration is kept there, and <c>--config</c> is only its first.</summary>
    public string? State { get; init; }

    /// <summary><c>--seal-key</c>, which wins over the document's <c>$.custody.key</c>.</summary>
    public string? SealKey { get; init; }

    /// <summary><c>--backend</c>, which wins over the document's ports.</summary>
    public string? Backend { get; init; }

    /// <summary>Makes options of document and command line; the latter wins.</summary>
    /// <param name="errors">One line each, naming the file and key, or the option at fault.</param>
    /// <returns>Null if there are errors.</returns>
    public BoxOptions? Build(List<string> errors)
    {
        BoxOptions options = new(
            new RecorderOptions { Ports = [], Storage = new StorageOptions { Directory = ConfigDocument.DefaultDirectory } }, new ArchivistOptions { Directory = ConfigDocument.DefaultDirectory });
        NamedFilters filters = NamedFilters.None;
        string keyName = $"{Config}: $.custody.key:";
        if (Config is not null)
        {
            ConfigResult result = ConfigDocument.Load(Config);
            errors.AddRange(result.Errors.Select(e => $"{Config}: {e}"));
            if (result.Options is null)
                return null;
            (options, filters) = (BoxOptions.From(result), result.Filters);
        }

        if (SealKey is not null)
            (options, keyName) = (options with { CustodyKey = SealKey }, "--seal-key");
        RecorderOptions recorder = options.Recorder with { Ports = ChoosePorts(options.Recorder.Ports, errors) };
        if (Archive is not null)
            recorder = recorder with { Storage = recorder.Storage with { Directory = CheckArchive(Archive, errors) } };
        if (Filter is not null)
            recorder = recorder with { Ports = [.. recorder.Ports.Select(p => p with { Filter = CheckFilter(Filter, filters, p, errors) })] };
        if (Backend is not null)
            recorder = recorder with { Ports = [.. recorder.Ports.Select(p => p with { Backend = CheckBackend(Backend, p, errors) })] };
        if (options.CustodyKey is not null)
            CheckKey(options.CustodyKey, keyName, errors);
        return errors.Count == 0 ? options with { Recorder = recorder, Archive = options.Archive with { Directory = recorder.Storage.Directory } } : null;
    }

    /// <summary>With <c>--state</c>: the first document, if one is given. Adds an error for what does not go with it.</summary>
    public byte[]? ReadSeed(List<string> errors)
    {
        if (Ports.Count > 0 || Archive is not null || Filter is not null || Backend is not null || SealKey is not null)
            errors.Add("--state: the document kept there says what is recorded; --port, --archive, --filter, --backend and --seal-key do not go with it");
        if (Config is null)
            return null;
        ConfigResult result = ConfigDocument.Load(Config);
        errors.AddRange(result.Errors.Select(e => $"{Config}: {e}"));
        return result.Options is null ? null : File.ReadAllBytes(Config);
    }

    /// <summary>The duration, or null to run until a signal; adds an error if it is none.</summary>
    public TimeSpan? TryDuration(List<string> errors)
    {
        if (Duration is null)
            return null;
        string text = Duration.Length > 0 && char.IsAsciiDigit(Duration[^1]) ? Duration + "s" : Duration;
        if (Units.TryParseDuration(text, out long milliseconds) && milliseconds is > 0 and <= MaxDurationMs)
            return TimeSpan.FromMilliseconds(milliseconds);
        errors.Add($"--duration: \"{Duration}\" is not a number of seconds, or a whole number with ms, s, m, h or d, up to 366d");
        return null;
    }

    private static void CheckKey(string file, string name, List<string> errors)
    {
        try
        {
            Packets.Custody.ChainKey.LoadPrivate(file).Dispose();
        }
        catch (Packets.Custody.CustodyException e)
        {
            errors.Add($"{name} {e.Message}");
        }
    }

    private List<PortOptions> ChoosePorts(IReadOnlyList<PortOptions> configured, List<string> errors)
    {
        string[] names = [.. Ports.SelectMany(p => p.Split(','))];
        if (names.Length == 0)
        {
            if (configured.Count == 0)
                errors.Add("run: no port; give --port NAME or --config FILE (capbox ports lists the ports)");
            return [.. configured];
        }

        if (names.Length > ConfigDocument.MaxPorts)
            errors.Add(string.Create(CultureInfo.InvariantCulture, $"--port: {names.Length} ports, at most {ConfigDocument.MaxPorts} are possible"));
        List<PortOptions> chosen = [];
        foreach (string name in names)
        {
            if (CheckPort(name) is { } problem)
                errors.Add($"--port: {problem}");
            else if (chosen.Any(p => p.Name == name))
                errors.Add($"--port: {name} is given twice");
            else
                chosen.Add(configured.FirstOrDefault(p => p.Name == name) ?? new PortOptions { Name = name });
        }

        return chosen;
    }

    /// <summary>Null, or why there will never be such a port. One that is not there now is waited for.</summary>
    private static string? CheckPort(string name)
    {
        if (PortName.Check(name) is { } problem)
            return problem;
        return PortName.NetnsOf(name) is { } netns && PortName.FindNetns(netns, out bool isWrong) is { } found && isWrong ? found : null;
    }

    private static string CheckArchive(string directory, List<string> errors)
    {
        if (directory.Length == 0 || directory.Contains('\0'))
            errors.Add("--archive: not a path");
        return directory;
    }

    private static Backend CheckBackend(string name, PortOptions port, List<string> errors)
    {
        string? problem = null;
        Backend backend = name switch
        {
            "auto" => Packets.Capture.Backend.Auto,
            "packet" => Packets.Capture.Backend.Packet,
            "kmod" => Packets.Capture.Backend.Kmod,
            _ => (Backend)(-1),
        };
        if (backend < 0)
            problem = $"--backend: \"{name}\" is none of auto, packet, kmod";
        else if (backend == Packets.Capture.Backend.Packet && port.NeedsModule)
            problem = $"--backend: port {port.Name} is configured for the kernel module (hooks, consume or overflow)";
        if (problem is not null && !errors.Contains(problem))
            errors.Add(problem);
        return backend;
    }

    private static string? CheckFilter(string expression, NamedFilters filters, PortOptions port, List<string> errors)
    {
        string? problem = PortSection.CheckFilter(expression, filters, new HashSet<string>(), port.SnapLength, out string? expanded);
        if (problem is not null && !errors.Contains($"--filter: {problem}"))
            errors.Add($"--filter: {problem}");
        return expanded;
    }
}
