using System.Text.Json;
using Capbox.Archive;

namespace Capbox.Control;

/// <summary>Commands about the archive that is recorded into. docs/CONTROL.md is their manual.</summary>
internal static class ArchiveCommands
{
    /// <summary>Segments in one answer: more are asked for after the last of them.</summary>
    public const int MaxSegments = 5000;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    public static void AddTo(ControlCommands commands, Archivist archivist) => commands.Add("segments", request =>
    {
        long fromNs = request.Number("from", long.MinValue, long.MinValue, long.MaxValue);
        long toNs = request.Number("to", long.MaxValue, long.MinValue, long.MaxValue);
        long after = request.Number("after", 0, 0, long.MaxValue);
        request.Done();
        try
        {
            Task<IndexAnswer> answer = archivist.Index(fromNs, toNs, (ulong)after, MaxSegments);
            if (!answer.Wait(s_patience))
                throw new ControlException("the archive is busy; try again");
            return JsonSerializer.Serialize(answer.Result, ArchiveJson.Default.IndexAnswer);
        }
        catch (AggregateException e) when (e.InnerException is CatalogException inner)
        {
            throw new ControlException(inner.Message, inner);
        }
    });
}
