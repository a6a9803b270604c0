// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.InteropServices;
using Capbox.Packets.Custody;

namespace Capbox.Cli;

/// <summary><c>capbox verify --chain</c>: order, completeness and integrity of an archive, by its chain. Reads only.</summary>
internal static class ChainCommand
{
    private const int HashLength = 64;

    public static int Run(string archive, string keyFile, string? head, bool json)
    {
        if (head is not null && (head.Length != HashLength || !head.All(char.IsAsciiHexDigit)))
            return ErrorOutput.BadUse($"--head {head}: not a SHA-256 in hex, 64 digits");
        ChainKey key;
        try
        {
            key = ChainKey.LoadPublic(keyFile);
        }
        catch (CustodyException e)
        {
            return ErrorOutput.BadUse($"--key {e.Message}");
        }

        var bar = ProgressBar.OnTerminal();
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => SealCommand.Cancel(context, stop));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => SealCommand.Cancel(context, stop));
        using (key)
        {
            try
            {
                var report = ChainVerifier.Verify(archive, key, head?.ToLowerInvariant(), SealCommand.ChainProgressOn(bar), stop.Token);
                bar?.Clear();
                if (json)
                    Json.WriteLine(report, Json.Default.ChainReport);
                else
                    Write(report);
                return report.Good ? ExitCode.Good : ExitCode.Failed;
            }
            catch (OperationCanceledException)
            {
                bar?.Clear();
                return ErrorOutput.Failed("interrupted");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                bar?.Clear();
                return ErrorOutput.Failed(e.Message.Contains(archive, StringComparison.Ordinal) ? e.Message : $"{archive}: {e.Message}");
            }
        }
    }

    private static void Write(ChainReport report)
    {
        Console.Out.WriteLine(
            $"{report.Archive}: {(report.Good ? "ok" : "BROKEN")}, {Humanize.Count(report.Entries)} entries from {report.FirstTime} to {report.LastTime}, "
            + $"{Humanize.Count(report.Segments)} segments ({Humanize.Bytes(report.Bytes)}) compared, {Humanize.Count(report.Deleted)} deleted in order");
        foreach (string key in report.Keys)
            Console.Out.WriteLine($"  key {key}");
        if (report.Gaps.Count > 0)
            Console.Out.WriteLine($"  numbers without a sealed segment: {string.Join(", ", report.Gaps.Select(Text))}");
        Console.Out.WriteLine($"  head {report.Head}");
        foreach (string warning in report.Warnings)
            ErrorOutput.Write($"{report.Archive}: warning: {warning}");
        for (int i = 0; i < report.Breaks.Count; i++)
        {
            ChainBreak at = report.Breaks[i];
            string entry = at.Entry == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"entry {at.Entry}: ");
            ErrorOutput.Write($"{report.Archive}: {(i == 0 ? "first break: " : "")}{entry}{at.File}: {at.Reason}");
        }

        if (report.BreaksLeftOut > 0)
            ErrorOutput.Write($"{report.Archive}: {Humanize.Count(report.BreaksLeftOut)} more breaks");
    }

    private static string Text(ChainGap gap) =>
        gap.First == gap.Last ? gap.First.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{gap.First}-{gap.Last}");
}
