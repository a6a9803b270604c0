// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Config;
using Capbox.Packets.Pcapng;

namespace Capbox.Cli;

/// <summary><c>capbox verify FILE...</c>: is each segment whole, and what does its ledger say. A bar on a terminal, silence in a pipe.</summary>
internal static class VerifyCommand
{
    public static int Run(IReadOnlyList<string> files, bool json)
    {
        List<VerifyReport> reports = [];
        var bar = ProgressBar.OnTerminal();
        int code = ExitCode.Good;
        foreach (string file in files)
        {
            try
            {
                VerifyReport report = SegmentVerifier.Verify(file, bar is null ? null : new Reporter<VerifyProgress>(value => Draw(bar, file, value)));
                bar?.Clear();
                reports.Add(report);
                if (!report.Ok)
                    code = ExitCode.Failed;
                if (!json)
                    Write(report);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                bar?.Clear();
                code = ErrorOutput.Failed($"{file}: {FileErrorText.Describe(e, file)}");
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
            ErrorOutput.Write($"{report.Path}: at {finding.Offset.ToString(CultureInfo.InvariantCulture)}: {finding.Severity.ToString().ToLowerInvariant()}: {finding.Message}");
        if (report.FindingsLeftOut > 0)
            ErrorOutput.Write($"{report.Path}: {report.FindingsLeftOut.ToString(CultureInfo.InvariantCulture)} more findings");
    }

    private static void Draw(ProgressBar bar, string file, VerifyProgress value)
    {
        if (bar.IsDue)
            bar.Draw(value.BytesDone, value.BytesTotal, Path.GetFileName(file));
    }
}
