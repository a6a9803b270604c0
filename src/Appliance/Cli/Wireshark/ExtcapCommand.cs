// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using Capbox.Packets.Extract;
using Capbox.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Cli;

/// <summary>
/// <c>capbox extcap</c>, or a link named <c>capbox-extcap</c>: capbox as an external capture program of Wireshark. Each port of the archive is an interface that shows what is
/// being recorded; one more takes a range of time out of the archive. docs/guide/extcap.md is its manual.
/// </summary>
internal static class ExtcapCommand
{
    /// <summary>Called by this name, the program is an extcap program.</summary>
    public const string LinkName = "capbox-extcap";
    private const string ArchiveVariable = "CAPBOX_ARCHIVE";
    private const string RangeInterface = "capbox-range", LivePrefix = "capbox-live-";

    /// <summary>Whether the program was called as an extcap program by name, or by the command.</summary>
    public static bool IsCalled(IReadOnlyList<string> args) =>
        Path.GetFileName(Environment.GetCommandLineArgs()[0]) == LinkName || (args.Count > 1 && args[0] == "extcap" && args[1] != "install" && args[1] is not ("--help" or "-h" or "-?"));

    public static int Run(IReadOnlyList<string> args)
    {
        try
        {
            ExtcapArguments arguments = ExtcapArguments.Parse(args.Count > 0 && args[0] == "extcap" ? [.. args.Skip(1)] : args);
            return Run(arguments);
        }
        catch (ExtractException e)
        {
            return ErrorOutput.BadUse(CommonOptions.Name(e.Field, e.Message));
        }
        catch (FormatException e)
        {
            return ErrorOutput.BadUse(e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ErrorOutput.Failed(e.Message);
        }
    }

    private static int Run(ExtcapArguments arguments)
    {
        if (arguments.Interfaces)
            return ListInterfaces(ArchiveOf(arguments));
        if (arguments.Interface is not { } name)
            return ErrorOutput.BadUse("extcap: --extcap-interfaces or --extcap-interface NAME is required; Wireshark gives these, see docs/guide/extcap.md");
        if (name != RangeInterface && !name.StartsWith(LivePrefix, StringComparison.Ordinal))
            return ErrorOutput.BadUse($"--extcap-interface {name}: not one of --extcap-interfaces");
        if (arguments.Capture)
            return Capture(arguments, name);
        if (arguments.LinkTypes)
            return ListLinkTypes(ArchiveOf(arguments), name);
        if (arguments.Config)
            return ListOptions(ArchiveOf(arguments), name);
        return CheckFilter(arguments);
    }

    private static string ArchiveOf(ExtcapArguments arguments) =>
        arguments.Own.TryGetValue(ExtcapArguments.Archive, out string? given) && given.Length > 0 ? given
        : Environment.GetEnvironmentVariable(ArchiveVariable) is { Length: > 0 } variable ? variable
        : Config.ConfigDocument.DefaultDirectory;

    private static int ListInterfaces(string archive)
    {
        string version = typeof(ExtcapCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";
        Console.Out.WriteLine($"extcap {{version={version}}}{{display=capbox}}");
        foreach (string port in ArchivePorts.Read(archive).Names.Where(IsSayable))
            Console.Out.WriteLine($"interface {{value={LivePrefix}{port}}}{{display=capbox: {port} (live)}}");
        Console.Out.WriteLine($"interface {{value={RangeInterface}}}{{display=capbox: archive range}}");
        return ExitCode.Good;
    }

    private static int ListLinkTypes(string archive, string name)
    {
        ArchivePorts ports = ArchivePorts.Read(archive);
        ushort[] types = name == RangeInterface ? ports.LinkTypes : [ports.LinkTypeOf(name[LivePrefix.Length..])];
        foreach (ushort type in types)
        {
            string dlt = type switch
            {
                1 => "{number=1}{name=EN10MB}{display=Ethernet}",
                101 => "{number=12}{name=RAW}{display=Raw IP}", // LINKTYPE_RAW is DLT_RAW, 12 on Linux
                _ => string.Create(CultureInfo.InvariantCulture, $"{{number={type}}}{{name=LINKTYPE_{type}}}{{display=link type {type}}}"),
            };
            Console.Out.WriteLine("dlt " + dlt);
        }

        return ExitCode.Good;
    }

    private static int ListOptions(string archive, string name)
    {
        int number = 0;
        void Argument(string call, string display, string value, string tooltip, string more = "") => Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"arg {{number={number++}}}{{call=--{call}}}{{display={display}}}{{type=string}}{{default={value}}}{{tooltip={tooltip}}}{more}"));

        Argument(ExtcapArguments.Archive, "Archive", archive, "Directory that capbox records into", "{required=true}");
        if (name != RangeInterface)
        {
            Argument(ExtcapArguments.From, "From", "now", "Begin in the past: -30s, -5m, or a time; now begins with what is recorded next");
            Argument(ExtcapArguments.Window, "Window", $"{LiveExtraction.DefaultWindowMs}ms", "How long a chunk waits for earlier packets of other rings");
            return ExitCode.Good;
        }

        Argument(ExtcapArguments.From, "From", "-5m", "2026-11-23T09:30:00.000000250Z, 09:30 (today, local), seconds since 1970, -5m", "{required=true}");
        Argument(ExtcapArguments.To, "To", "now", "As From, or +250ms counted from it", "{required=true}");
        Argument(ExtcapArguments.Filter, "Filter", "", "A tcpdump expression, together with the capture filter");
        string[] ports = [.. ArchivePorts.Read(archive).Names.Where(IsSayable)];
        if (ports.Length == 0)
            return ExitCode.Good;
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"arg {{number={number}}}{{call=--{ExtcapArguments.Ports}}}{{display=Ports}}{{type=multicheck}}{{tooltip=None checked: all}}"));
        foreach (string port in ports)
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"value {{arg={number}}}{{value={port}}}{{display={port}}}{{default=false}}"));
        return ExitCode.Good;
    }

    /// <summary>Names that the line protocol cannot carry, or that the list of ports would cut, are left out.</summary>
    private static bool IsSayable(string port) => port.Length > 0 && !port.AsSpan().ContainsAny("{},");

    /// <summary>Wireshark reads standard output: nothing means that the filter is good, a line says what is wrong with it.</summary>
    private static int CheckFilter(ExtcapArguments arguments)
    {
        if (arguments.CaptureFilter is not { Length: > 0 } expression)
            return ExitCode.Good;
        try
        {
            using var filter = new OfflineFilter(expression, Packets.Pcapng.Format.MaxSnapLength, 1);
        }
        catch (FormatException e)
        {
            Console.Out.WriteLine(e.Message.ReplaceLineEndings(" "));
        }

        return ExitCode.Good;
    }

    private static int Capture(ExtcapArguments arguments, string name)
    {
        if (arguments.Fifo is not { } fifo)
            return ErrorOutput.BadUse("--capture without --fifo");
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
        void Cancel(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }

        try
        {
            ExtcapJob job = ExtcapJob.Create(arguments, ArchiveOf(arguments), name == RangeInterface ? null : name[LivePrefix.Length..]);
            using SafeFileHandle pipe = FileSystem.OpenPipe(fifo, stop.Token);
            Tell(job.Run(pipe, stop.Token));
            return ExitCode.Good;
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Good;
        }
    }

    /// <summary>Wireshark shows what stands on standard error when the capture ends: only what the user must know.</summary>
    private static void Tell(ExtractReport? report)
    {
        if (report is null || report.Complete)
            return;
        foreach (ExtractLoss loss in report.Losses)
            ErrorOutput.Write(loss.ToText());
        foreach (string warning in report.Warnings)
            ErrorOutput.Write(warning);
    }
}
