// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Archive;
using Capbox.Platform.Time;

namespace Capbox.Cli;

/// <summary><c>capbox catalog rebuild [DIR]</c>.</summary>
internal static class CatalogCommand
{
    public static int Rebuild(string directory, bool json)
    {
        if (!Directory.Exists(directory))
            return ErrorOutput.Failed($"{directory}: no such directory");
        ProgressBar? bar = ProgressBar.OnTerminal();
        try
        {
            ArchiveClock clock = ArchiveClock.Open(directory, new SystemClocks());
            CatalogReport report = CatalogSync.Rebuild(directory, clock.StoredAtNs, ArchiveAccess.Progress(bar), CancellationToken.None);
            bar?.Clear();
            if (json)
                Json.WriteLine(report, Json.Default.CatalogReport);
            else
                Console.Out.WriteLine($"{Humanize.Count((ulong)report.Segments)} segments{(report.Damaged > 0 ? $", {Humanize.Count((ulong)report.Damaged)} of them damaged (capbox verify tells why)" : "")}");
            return ExitCode.Good;
        }
        catch (CatalogException e)
        {
            return ErrorOutput.Failed(e.InnerException is IOException ? $"{e.Message} (a recorder of this archive keeps its catalog itself)" : e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ErrorOutput.Failed($"{directory}: {e.Message}");
        }
        finally
        {
            bar?.Clear();
        }
    }
}
