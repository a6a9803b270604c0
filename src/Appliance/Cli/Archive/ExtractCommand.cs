// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.InteropServices;
using Capbox.Packets.Extract;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Cli;

/// <summary>What <c>capbox extract</c> was given.</summary>
/// <param name="Archive">Directory.</param>
/// <param name="From">Null with --follow: now.</param>
/// <param name="To">Null: now; with --follow: no end.</param>
/// <param name="Ports">Empty: all.</param>
/// <param name="Filter">Expression or null.</param>
/// <param name="Output">File, pipe, device or -.</param>
/// <param name="Format">Name of it.</param>
/// <param name="Follow">Go on with what is being recorded.</param>
/// <param name="Window">With --follow: how long a chunk waits for earlier ones; null: the default.</param>
/// <param name="Json">Report as JSON.</param>
internal sealed record ExtractArguments(
    string Archive, string? From, string? To, string[] Ports, string? Filter, string Output, string Format, bool Follow, string? Window, bool Json);

/// <summary>
/// <c>capbox extract</c>. A file appears under its name only when it is complete; Ctrl-C or a full disk leaves none. The report goes to standard error, so that
/// <c>-o -</c> can be piped into tshark or Wireshark.
/// </summary>
internal static class ExtractCommand
{
    private const long MaxWindowNs = 60_000_000_000;

    public static int Run(ExtractArguments arguments)
    {
        if (arguments.From is null && !arguments.Follow)
            return ErrorOutput.BadUse("--from is required without --follow; see capbox extract --help");
        UtcTime now = UtcTime.Now;
        string? toText = arguments.Follow ? arguments.To : arguments.To ?? "now";
        if (CommonOptions.ReadRange(arguments.From ?? "now", toText, now, out UtcTime from, out UtcTime to) is { } wrong)
            return ErrorOutput.BadUse(wrong);
        if (!TryFormat(arguments.Format, out ExtractFormat format))
            return ErrorOutput.BadUse($"--format {arguments.Format}: not pcapng, pcap or pcap-ns");
        if (arguments.Window is not null && !arguments.Follow)
            return ErrorOutput.BadUse("--window goes with --follow");
        if (!TimeArgument.TryParseDuration(arguments.Window ?? $"{LiveExtraction.DefaultWindowMs}ms", out long windowNs) || windowNs > MaxWindowNs)
            return ErrorOutput.BadUse($"--window {arguments.Window}: not a duration of at most 60s");
        if (arguments.Output == "-" && !Console.IsOutputRedirected)
            return ErrorOutput.BadUse("-o -: standard output is a terminal; pipe it, or name a file");
        if (arguments.Output == "-" && arguments.Json)
            return ErrorOutput.BadUse("--json and -o - both want standard output; name a file");
        ExtractRequest request = arguments.From is null
            ? LiveRequest(arguments.Archive, from, to, arguments.Ports, arguments.Filter)
            : Request(arguments.Archive, from, to, arguments.Ports, arguments.Filter);
        return Run(arguments, new Job(request, format, arguments.Follow, (int)(windowNs / 1_000_000)));
    }

    /// <summary>A request for what is recorded from now on: what is sealed already is not even looked at, but for the newest: it may have been sealed just now.</summary>
    public static ExtractRequest LiveRequest(string archive, UtcTime now, UtcTime to, IReadOnlyList<string> ports, string? filter) =>
        new() { Archive = archive, From = now, To = to, Ports = ports, Filter = filter, Candidates = ArchivePorts.NewestFirst(archive).Take(4).ToArray() };

    /// <summary>A request with what the index of the archive knows of it.</summary>
    public static ExtractRequest Request(string archive, UtcTime from, UtcTime to, IReadOnlyList<string> ports, string? filter)
    {
        Packets.Archive.IndexAnswer? index = ArchiveAccess.FastIndex(archive, from, to);
        return new ExtractRequest
        {
            Archive = archive,
            From = from,
            To = to,
            Ports = ports,
            Filter = filter,
            Candidates = index?.Candidates(archive),
            KnownPorts = index?.Ports ?? [],
        };
    }

    private static int Run(ExtractArguments arguments, Job job)
    {
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Cancel(context, stop));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Cancel(context, stop));
        var bar = ProgressBar.OnTerminal();
        IProgress<ExtractProgress>? progress = bar is null ? null : new Reporter<ExtractProgress>(value => Draw(bar, value));
        try
        {
            ExtractReport report = arguments.Output == "-" ? ToStandardOutput(job, progress, stop.Token) : ToFile(job, arguments.Output, progress, stop.Token);
            bar?.Clear();
            Report(report, arguments, job.Request);
            return ExitCode.Good;
        }
        catch (ExtractException e)
        {
            return e.Field is null ? ErrorOutput.Failed(e.Message) : ErrorOutput.BadUse(CommonOptions.Name(e.Field, e.Message));
        }
        catch (OperationCanceledException)
        {
            return ErrorOutput.Failed("interrupted; nothing was left behind");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ErrorOutput.Failed(arguments.Output == "-" ? $"standard output: {e.Message}" : e.Message.StartsWith(arguments.Output + ": ", StringComparison.Ordinal) ? e.Message : $"{arguments.Output}: {e.Message}");
        }
        finally
        {
            bar?.Clear();
        }
    }

    /// <summary>What is to be done.</summary>
    private sealed record Job(ExtractRequest Request, ExtractFormat Format, bool Follow, int WindowMs)
    {
        public ExtractReport Run(SafeFileHandle target, IProgress<ExtractProgress>? progress, CancellationToken stop) =>
            Follow ? LiveExtraction.Run(Request, Format, target, WindowMs, progress, stop) : Extraction.Run(Request, Format, target, progress, stop);
    }

    private static void Cancel(PosixSignalContext context, CancellationTokenSource stop)
    {
        context.Cancel = true;
        stop.Cancel();
    }

    private static bool TryFormat(string text, out ExtractFormat format)
    {
        format = text switch
        {
            "pcap" => ExtractFormat.Pcap,
            "pcap-ns" => ExtractFormat.PcapNs,
            _ => ExtractFormat.Pcapng,
        };
        return text is "pcapng" or "pcap" or "pcap-ns";
    }

    private static ExtractReport ToStandardOutput(Job job, IProgress<ExtractProgress>? progress, CancellationToken stop)
    {
        using var output = new SafeFileHandle(1, ownsHandle: false);
        return job.Run(output, progress, stop);
    }

    /// <summary>Into what lies at the path if that is a pipe or a device; else a file under this name, or in the place that a link there leads to.</summary>
    private static ExtractReport ToFile(Job job, string path, IProgress<ExtractProgress>? progress, CancellationToken stop)
    {
        switch (FileSystem.TypeOf(path))
        {
            case FileNumbers.S_IFDIR:
                throw new IOException("it is a directory; name a file");
            case FileNumbers.S_IFSOCK:
                throw new IOException("it is a socket, which cannot be opened for writing; name a file, a pipe, or -");
            case FileNumbers.S_IFIFO:
                using (SafeFileHandle pipe = FileSystem.OpenPipe(path, stop))
                    return job.Run(pipe, progress, stop);
            case FileNumbers.S_IFCHR or FileNumbers.S_IFBLK:
                using (SafeFileHandle device = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
                    return job.Run(device, progress, stop);
        }

        FileInfo file = new(path);
        return ToNewFile(job, file.LinkTarget is null ? path : file.ResolveLinkTarget(returnFinalTarget: true)!.FullName, progress, stop);
    }

    private static ExtractReport ToNewFile(Job job, string path, IProgress<ExtractProgress>? progress, CancellationToken stop)
    {
        string temporary = path + ".part";
        try
        {
            ExtractReport report;
            using (SafeFileHandle file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write, FileShare.Read))
                report = job.Run(file, progress, stop);
            File.Move(temporary, path, overwrite: true);
            return report;
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private static void Report(ExtractReport report, ExtractArguments arguments, ExtractRequest request)
    {
        if (arguments.Json)
        {
            Json.WriteLine(report, Json.Default.ExtractReport);
            return;
        }

        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Humanize.Count(report.Packets)} packets, {Humanize.Bytes(report.PacketBytes)}, of {Humanize.Count(report.PacketsRead)} in {request.From} .. {(request.To.Nanoseconds == long.MaxValue ? "" : request.To)}; {report.Segments} segments, {report.ChunksRead} chunks read"));
        if (report.LatePackets > 0)
            Console.Error.WriteLine($"{Humanize.Count(report.LatePackets)} packets came later than --window and stand behind later ones");
        foreach (ExtractLoss loss in report.Losses)
            Console.Error.WriteLine(loss.ToText());

        foreach (string warning in report.Warnings)
            ErrorOutput.Write(warning);
        Console.Error.WriteLine(report.Complete ? "complete: the ledger has no loss in this range" : "NOT complete: see above");
    }

    private static void Draw(ProgressBar bar, ExtractProgress value)
    {
        if (!bar.IsDue)
            return;
        string done = $"{Humanize.Bytes(value.BytesDone)}  {Humanize.Count(value.Packets)} packets";
        if (value.BytesTotal == 0)
            bar.DrawEndless("following  " + done);
        else
            bar.Draw(value.BytesDone, value.BytesTotal, after: done);
    }
}
