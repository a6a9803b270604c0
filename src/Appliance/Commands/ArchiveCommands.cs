// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Archive;
using Capbox.Packets.Extract;
using Capbox.Platform.Time;

namespace Capbox.Commands;

/// <summary>Commands about the archive that is recorded into. docs/reference/control.md is their manual.</summary>
internal static class ArchiveCommands
{
    /// <summary>Segments in one answer: more are asked for after the last of them.</summary>
    public const int MaxSegments = 5000;

    /// <summary>Longest filter, as text.</summary>
    public const int MaxFilterLength = 10_000;
    public const int MaxPortLength = 128;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    public static readonly CommandMember From = CommandMember.Text("from", 64, "First moment: RFC 3339 to the nanosecond (without a zone: UTC), seconds since 1970, or -5m.", required: true);
    public static readonly CommandMember To = CommandMember.Text("to", 64, "First moment after the range: as from, or +1s counted from it.", required: true);
    public static readonly CommandMember Ports = CommandMember.Texts("ports", Packets.Capture.RecordingPlan.MaxPorts, MaxPortLength, "Only these ports; default all.");
    public static readonly CommandMember Filter = CommandMember.Text("filter", MaxFilterLength, "tcpdump expression.");

    private static readonly CommandSpec<IndexAnswer> s_segments = new(
        "segments", "The catalog's index of segments with packets in a range.",
        [
            CommandMember.Number("from", long.MinValue, long.MaxValue, "First moment, UTC nanoseconds."), CommandMember.Number("to", long.MinValue, long.MaxValue, "First moment after it."),
            CommandMember.Number("after", 0, long.MaxValue, "Only segments with a higher sequence."),
        ],
        ArchiveJson.Default.IndexAnswer);

    private static readonly CommandSpec<ExtractInfo> s_extractInfo = new(
        "extract-info", "What an extraction would return, as far as the index tells; never packets.", [From, To, Ports, Filter], ControlJson.Default.ExtractInfo);

    public static CommandSpec[] Specs => [s_segments, s_extractInfo];

    public static void AddTo(CommandTable commands, Archivist archivist, string archive)
    {
        commands.Add(s_segments, request => Await(archivist.Index(
            request.Number("from") ?? long.MinValue, request.Number("to") ?? long.MaxValue, (ulong)(request.Number("after") ?? 0), MaxSegments)));
        commands.Add(s_extractInfo, request =>
        {
            (UtcTime from, UtcTime to) = Range(request, UtcTime.Now);
            IndexAnswer index = Await(archivist.Index(from.Nanoseconds, to.Nanoseconds, 0, ExtractEstimate.MaxSegments));
            try
            {
                var wanted = new ExtractRequest
                {
                    Archive = archive,
                    From = from,
                    To = to,
                    Ports = request.Texts("ports"),
                    Filter = request.Text("filter"),
                    Candidates = index.Candidates(archive),
                    KnownPorts = index.Ports,
                };
                return ExtractEstimate.Make(wanted, index.IsCut);
            }
            catch (ExtractException e)
            {
                throw new RequestRefusedException(e.Message, e) { Field = e.Field };
            }
        });
    }

    /// <summary>The range that a request names.</summary>
    /// <exception cref="RequestRefusedException">It is none.</exception>
    public static (UtcTime From, UtcTime To) Range(CommandRequest request, UtcTime now)
    {
        if (!TimeArgument.TryParse(request.Text("from")!, now, out UtcTime from, TimeZoneInfo.Utc))
            throw new RequestRefusedException($"{request.Text("from")}: not a time (RFC 3339, seconds since 1970, or -5m)") { Field = "from" };
        if (!TimeArgument.TryParseEnd(request.Text("to")!, from, now, out UtcTime to, TimeZoneInfo.Utc))
            throw new RequestRefusedException($"{request.Text("to")}: not a time (as from, or +1s counted from it)") { Field = "to" };
        if (to <= from)
            throw new RequestRefusedException("not after from") { Field = "to" };
        return (from, to);
    }

    /// <summary>What the archive's thread gives.</summary>
    /// <exception cref="RequestRefusedException">It has no catalog now, or other work.</exception>
    public static T Await<T>(Task<T> answer)
    {
        try
        {
            if (!answer.Wait(s_patience))
                throw new RequestRefusedException("the archive is busy; try again");
            return answer.Result;
        }
        catch (AggregateException e) when (e.InnerException is CatalogException or HoldException or ExtractException)
        {
            string? field = (e.InnerException as HoldException)?.Field ?? (e.InnerException as ExtractException)?.Field;
            throw new RequestRefusedException(e.InnerException.Message, e.InnerException) { Field = field };
        }
        catch (AggregateException e) when (e.InnerException is OperationCanceledException)
        {
            throw new RequestRefusedException("it took too long; choose a shorter range, or no filter", e.InnerException);
        }
    }
}
