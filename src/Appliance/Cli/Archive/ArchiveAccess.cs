// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using Capbox.Commands;
using Capbox.LocalSocket;
using Capbox.Packets.Archive;
using Capbox.Platform.Time;

namespace Capbox.Cli;

/// <summary>How commands find the segments of an archive: the recorder's index, the catalog if it is current, else the segments.</summary>
internal static class ArchiveAccess
{
    /// <summary>An index that answers without reading every segment: the recorder's, or the catalog; null if there is neither.</summary>
    public static IndexAnswer? FastIndex(string archive, UtcTime from, UtcTime to) =>
        FromRecorder(archive, from, to) ?? ArchiveIndex.FromCatalog(archive, from.Nanoseconds, to.Nanoseconds);

    private static IndexAnswer? FromRecorder(string archive, UtcTime from, UtcTime to)
    {
        if (!File.Exists(Packets.Storage.ArchiveDirectory.StatePath(archive, ControlAddress.Name)))
            return null;
        try
        {
            using ControlClient client = ControlClient.Connect(archive);
            IndexAnswer? whole = null;
            while (whole is null or { IsCut: true })
            {
                ulong after = whole?.Segments[^1].Sequence ?? 0;
                string request = string.Create(
                    CultureInfo.InvariantCulture, $$"""{"command":"segments","from":{{from.Nanoseconds}},"to":{{to.Nanoseconds}},"after":{{after}}}""");
                IndexAnswer page = JsonSerializer.Deserialize(client.Ask(request), ArchiveJson.Default.IndexAnswer)!;
                whole = whole is null ? page : page with { Segments = [.. whole.Segments, .. page.Segments] };
            }

            return whole;
        }
        catch (Exception e) when (e is RequestRefusedException or JsonException)
        {
            // Nobody there, not for us, or without a catalog now: the segments tell.
            return null;
        }
    }

    /// <summary>An index at any price, with a bar on a terminal.</summary>
    /// <exception cref="IOException">The directory cannot be read.</exception>
    public static IndexAnswer Index(string archive, UtcTime from, UtcTime to)
    {
        if (FastIndex(archive, from, to) is { } index)
            return index;
        ProgressBar? bar = ProgressBar.OnTerminal();
        try
        {
            return ArchiveIndex.FromSegments(archive, from.Nanoseconds, to.Nanoseconds, Progress(bar), CancellationToken.None);
        }
        finally
        {
            bar?.Clear();
        }
    }

    /// <summary>Null, or in one line why an archive is not there.</summary>
    public static string? WhyNot(string archive)
    {
        try
        {
            return (File.GetAttributes(archive) & FileAttributes.Directory) != 0 ? null : $"{archive}: not a directory";
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return $"{archive}: no such directory";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{archive}: {e.Message}";
        }
    }

    /// <summary>Segments read, on a bar.</summary>
    public static IProgress<CatalogProgress>? Progress(ProgressBar? bar) => bar is null ? null : new Reporter<CatalogProgress>(p =>
    {
        if (bar.IsDue)
            bar.Draw(p.Done, p.Total, "", $"{Humanize.Count((ulong)p.Done)} of {Humanize.Count((ulong)p.Total)} segments");
    });
}
