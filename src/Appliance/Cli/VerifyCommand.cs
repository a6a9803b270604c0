using System.Globalization;
using Capbox.Pcapng;

namespace Capbox.Cli;

/// <summary><c>capbox verify FILE...</c>: is each segment whole, and what does its ledger say. A bar on a terminal, silence in a pipe.</summary>
internal static class VerifyCommand
{
    private const int BarWidth = 30;

    public static int Run(IReadOnlyList<string> files, bool json)
    {
        List<VerifyReport> reports = [];
        int code = ExitCode.Good;
        foreach (string file in files)
        {
            try
            {
                VerifyReport report = SegmentVerifier.Verify(file, Console.IsErrorRedirected ? null : new Bar(file));
                reports.Add(report);
                if (!report.Ok)
                    code = ExitCode.Failed;
                if (!json)
                    Write(report);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                code = Errors.Failed(e.Message.Contains(file, StringComparison.Ordinal) ? e.Message : $"{file}: {e.Message}");
            }
        }

        if (json)
            Json.WriteLine(reports, Json.Default.IReadOnlyListVerifyReport);
        return code;
    }

    private static void Write(VerifyReport report)
    {
        string state = !report.MadeByCapbox ? "not made by capbox" : report.Repaired ? "sealed by repair" : report.Sealed ? "sealed" : "in progress";
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Path}: {(report.Ok ? "ok" : "DAMAGED")}, {state}, {report.Chunks} chunks, {report.Packets} packets{(report.Fillers > 0 ? $", {report.Fillers} fillers" : "")}"));
        foreach (VerifyPort port in report.Ports)
        {
            Console.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {port.Name}: stored {port.Packets}, filtered {port.FilteredPackets}, lost ring {port.LostRing} disk {port.LostDisk} nic {port.LostNic} host {port.LostHost}"));
        }

        foreach (VerifyFinding finding in report.Findings.Where(f => f.Severity != VerifySeverity.Info))
            Errors.Write($"{report.Path}: at {finding.Offset.ToString(CultureInfo.InvariantCulture)}: {finding.Severity.ToString().ToLowerInvariant()}: {finding.Message}");
        if (report.FindingsLeftOut > 0)
            Errors.Write($"{report.Path}: {report.FindingsLeftOut.ToString(CultureInfo.InvariantCulture)} more findings");
    }

    /// <summary>Redraws one line on standard error, at most ten times a second, and clears it at the end.</summary>
    private sealed class Bar(string file) : IProgress<VerifyProgress>
    {
        private long _nextMs;

        public void Report(VerifyProgress value)
        {
            bool done = value.BytesDone >= value.BytesTotal;
            if (!done && Environment.TickCount64 < _nextMs)
                return;
            _nextMs = Environment.TickCount64 + 100;
            double part = value.BytesTotal == 0 ? 1 : (double)value.BytesDone / value.BytesTotal;
            int full = (int)(part * BarWidth);
            Console.Error.Write(done
                ? "\r\u001b[K"
                : string.Create(CultureInfo.InvariantCulture, $"\r\u001b[K{Path.GetFileName(file)} [{new string('#', full)}{new string('.', BarWidth - full)}] {part:P0}"));
        }
    }
}
