using Capbox.Archive;
using Capbox.Ptp;

namespace Capbox.Cli;

/// <summary>How commands find the segments of an archive: the catalog if it is current, else the segments.</summary>
internal static class ArchiveAccess
{
    /// <summary>An index that answers without reading every segment; null if there is none.</summary>
    public static IndexAnswer? FastIndex(string archive, UtcTime from, UtcTime to) => ArchiveIndex.FromCatalog(archive, from.Nanoseconds, to.Nanoseconds);

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

    /// <summary>Segments read, on a bar.</summary>
    public static IProgress<CatalogProgress>? Progress(ProgressBar? bar) => bar is null ? null : new Reporter<CatalogProgress>(p =>
    {
        if (bar.IsDue)
            bar.Draw(p.Done, p.Total, "", $"{Human.Count((ulong)p.Done)} of {Human.Count((ulong)p.Total)} segments");
    });
}
