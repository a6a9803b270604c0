// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.InteropServices;
using Capbox.Packets.Custody;

namespace Capbox.Cli;

/// <summary>A key pair as <c>seal keygen --json</c> tells it.</summary>
/// <param name="Id">SHA-256 of the public key in DER.</param>
internal sealed record KeyReport(string PrivateKey, string PublicKey, string Id);

/// <summary><c>capbox seal</c>, <c>capbox seal keygen</c>, <c>capbox seal rotate</c>: the chain of custody from the operator's side. docs/internals/custody.md.</summary>
internal static class SealCommand
{
    public static int Keygen(string file, bool json)
    {
        try
        {
            using var key = ChainKey.Create(file);
            var report = new KeyReport(file, file + ChainKey.PublicSuffix, key.Id);
            if (json)
                Json.WriteLine(report, Json.Default.KeyReport);
            else
                Console.Out.WriteLine($"{report.PrivateKey}: private key, for its owner alone\n{report.PublicKey}: public key\nid {report.Id}");
            return ExitCode.Good;
        }
        catch (CustodyException e)
        {
            return ErrorOutput.Failed($"--out {e.Message}");
        }
    }

    public static int Seal(string archive, string keyFile, bool json)
    {
        if (TryLoad("--key", keyFile) is not { } key)
            return ExitCode.BadUse;
        var bar = ProgressBar.OnTerminal();
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Cancel(context, stop));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Cancel(context, stop));
        using (key)
            return Judge(() => OfflineSealer.Seal(archive, key, ChainProgressOn(bar), stop.Token), bar, archive, json);
    }

    public static int Rotate(string archive, string keyFile, string nextFile, bool json)
    {
        if (TryLoad("--key", keyFile) is not { } key)
            return ExitCode.BadUse;
        using (key)
        {
            if (TryLoad("--to", nextFile) is not { } next)
                return ExitCode.BadUse;
            using (next)
                return Judge(() => OfflineSealer.Rotate(archive, key, next), null, archive, json);
        }
    }

    /// <summary>A bar of bytes, drawn where there is a terminal.</summary>
    public static Action<ChainProgress>? ChainProgressOn(ProgressBar? bar) => bar is null ? null : progress =>
    {
        if (bar.IsDue)
            bar.Draw(progress.BytesDone, progress.BytesTotal, progress.What, $"{Humanize.Bytes(progress.BytesDone)} of {Humanize.Bytes(progress.BytesTotal)}");
    };

    public static void Cancel(PosixSignalContext context, CancellationTokenSource stop)
    {
        context.Cancel = true;
        stop.Cancel();
    }

    private static ChainKey? TryLoad(string option, string file)
    {
        try
        {
            return ChainKey.LoadPrivate(file);
        }
        catch (CustodyException e)
        {
            ErrorOutput.Write($"{option} {e.Message}");
            return null;
        }
    }

    private static int Judge(Func<SealReport> work, ProgressBar? bar, string archive, bool json)
    {
        try
        {
            SealReport report = work();
            bar?.Clear();
            Write(report, json);
            return ExitCode.Good;
        }
        catch (OperationCanceledException)
        {
            bar?.Clear();
            return ErrorOutput.Failed("interrupted; what was sealed so far stays, and the next time goes on from there");
        }
        catch (CustodyException e)
        {
            bar?.Clear();
            return ErrorOutput.Failed(e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            bar?.Clear();
            return ErrorOutput.Failed(e.Message.Contains(archive, StringComparison.Ordinal) ? e.Message : $"{archive}: {e.Message}");
        }
    }

    private static void Write(SealReport report, bool json)
    {
        if (report.TornBytes > 0)
            ErrorOutput.Write(string.Create(CultureInfo.InvariantCulture, $"{report.Archive}: {report.TornBytes} bytes of an unfinished last entry were cut off the chain"));
        if (json)
            Json.WriteLine(report, Json.Default.SealReport);
        else
            Console.Out.WriteLine($"{report.Archive}: {Humanize.Count(report.Sealed)} segments sealed now, {Humanize.Count(report.Entries)} entries, kept by key {report.Key}\nhead {report.Head}");
    }
}
