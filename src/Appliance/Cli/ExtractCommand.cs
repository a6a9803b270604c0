using System.Globalization;
using System.Runtime.InteropServices;
using Capbox.Extract;
using Capbox.Ptp;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Cli;

/// <summary>What <c>capbox extract</c> was given.</summary>
internal sealed record ExtractArguments(string Archive, string From, string To, string[] Ports, string? Filter, string Output, string Format, bool Json);

/// <summary>
/// <c>capbox extract</c>. A file appears under its name only when it is complete; Ctrl-C or a full disk leaves none. The report goes to standard error, so that
/// <c>-o -</c> can be piped into tshark or Wireshark.
/// </summary>
internal static class ExtractCommand
{
    public static int Run(ExtractArguments arguments)
    {
        UtcTime now = UtcTime.Now;
        if (!TimeArgument.TryParse(arguments.From, now, out UtcTime from))
            return Errors.BadUse($"--from {arguments.From}: not a time (RFC 3339, local time, seconds since 1970, or -5m)");
        if (!TimeArgument.TryParseEnd(arguments.To, from, now, out UtcTime to))
            return Errors.BadUse($"--to {arguments.To}: not a time (as --from, or +1s counted from it)");
        if (!TryFormat(arguments.Format, out ExtractFormat format))
            return Errors.BadUse($"--format {arguments.Format}: not pcapng, pcap or pcap-ns");
        if (arguments.Output == "-" && !Console.IsOutputRedirected)
            return Errors.BadUse("-o -: standard output is a terminal; pipe it, or name a file");
        if (arguments.Output == "-" && arguments.Json)
            return Errors.BadUse("--json and -o - both want standard output; name a file");
        Archive.IndexAnswer? index = ArchiveAccess.FastIndex(arguments.Archive, from, to);
        var request = new ExtractRequest
        {
            Archive = arguments.Archive,
            From = from,
            To = to,
            Ports = arguments.Ports,
            Filter = arguments.Filter,
            Candidates = index?.Candidates(arguments.Archive),
            KnownPorts = index?.Ports ?? [],
        };
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Cancel(context, stop));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Cancel(context, stop));
        var bar = ProgressBar.OnTerminal();
        IProgress<ExtractProgress>? progress = bar is null ? null : new Reporter<ExtractProgress>(value => Draw(bar, value));
        try
        {
            ExtractReport report = arguments.Output == "-" ? ToStandardOutput(request, format, progress, stop.Token) : ToFile(request, format, arguments.Output, progress, stop.Token);
            bar?.Clear();
            Report(report, arguments, request);
            return ExitCode.Good;
        }
        catch (ExtractException e)
        {
            return e.Message.StartsWith("--", StringComparison.Ordinal) ? Errors.BadUse(e.Message) : Errors.Failed(e.Message);
        }
        catch (OperationCanceledException)
        {
            return Errors.Failed("interrupted; nothing was left behind");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Errors.Failed(arguments.Output == "-" ? $"standard output: {e.Message}" : $"{arguments.Output}: {e.Message}");
        }
        finally
        {
            bar?.Clear();
        }
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

    private static ExtractReport ToStandardOutput(ExtractRequest request, ExtractFormat format, IProgress<ExtractProgress>? progress, CancellationToken stop)
    {
        using var output = new SafeFileHandle(1, ownsHandle: false);
        return Extraction.Run(request, format, output, progress, stop);
    }

    private static ExtractReport ToFile(ExtractRequest request, ExtractFormat format, string path, IProgress<ExtractProgress>? progress, CancellationToken stop)
    {
        string temporary = path + ".part";
        try
        {
            ExtractReport report;
            using (SafeFileHandle file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write, FileShare.Read))
                report = Extraction.Run(request, format, file, progress, stop);
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
            $"{Human.Count(report.Packets)} packets, {Human.Bytes(report.PacketBytes)}, of {Human.Count(report.PacketsRead)} in {request.From} .. {request.To}; {report.Segments} segments, {report.ChunksRead} chunks read"));
        foreach (ExtractLoss loss in report.Losses)
        {
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{loss.Port}: lost ring {loss.Ring} disk {loss.Disk} nic {loss.Nic} host {loss.Host}, port down for {loss.GapNs / 1e9:F3} s"));
        }

        foreach (string warning in report.Warnings)
            Errors.Write(warning);
        Console.Error.WriteLine(report.Complete ? "complete: the ledger has no loss in this range" : "NOT complete: see above");
    }

    private static void Draw(ProgressBar bar, ExtractProgress value)
    {
        if (bar.IsDue)
            bar.Draw(value.BytesDone, value.BytesTotal, after: $"{Human.Bytes(value.BytesDone)}  {Human.Count(value.Packets)} packets");
    }
}
