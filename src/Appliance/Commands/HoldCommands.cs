// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using Capbox.Packets.Archive;
using Capbox.Packets.Extract;
using Capbox.Platform.Time;

namespace Capbox.Commands;

/// <summary>One hold and what it keeps.</summary>
/// <param name="Segments">Sealed ones that it covers now.</param>
/// <param name="Bytes">Of them.</param>
internal sealed record HoldListing(
    string Id, string From, string To, IReadOnlyList<string> Ports, string? Filter, string Reason, string By, string Created, string? Expires, long Segments, long Bytes)
{
    public static HoldListing Make(Hold hold, IReadOnlyList<SegmentEntry> covered) => new(
        hold.Id, new UtcTime(hold.FromUtcNs).ToString(), new UtcTime(hold.ToUtcNs).ToString(), hold.Ports, hold.Filter, hold.Reason, hold.By, new UtcTime(hold.CreatedUtcNs).ToString(),
        hold.ExpiresUtcNs is { } expires ? new UtcTime(expires).ToString() : null, covered.Count, covered.Sum(s => s.Bytes));
}

/// <summary>Result of <c>hold-add</c>.</summary>
/// <param name="HeldBytes">Of all holds together, each segment once.</param>
/// <param name="QuotaBytes">What they may be.</param>
internal sealed record HoldAdded(HoldListing Hold, long HeldBytes, long QuotaBytes);

/// <summary>Result of <c>hold-remove</c>.</summary>
internal sealed record HoldRemoved(string Id);

/// <summary>Result of <c>holds</c>.</summary>
/// <param name="IsCut">There are more: ask again after the last.</param>
internal sealed record HoldPage(IReadOnlyList<HoldListing> Holds, bool IsCut, long QuotaBytes);

/// <summary>
/// Commands about holds, with the rules of <c>capbox hold</c>. They work on the archive's thread, so that retention does not delete
/// meanwhile. docs/reference/control.md is their manual.
/// </summary>
internal static class HoldCommands
{
    /// <summary>Holds in one answer.</summary>
    public const int MaxHolds = 200;
    public const int MaxReasonLength = 1000;
    private const int MaxIdLength = 24;

    /// <summary>Less than <see cref="ArchiveCommands.Await"/> waits: nothing is granted to somebody who was told that it is not.</summary>
    private static readonly TimeSpan s_workLimit = TimeSpan.FromSeconds(8);

    private static readonly CommandSpec<HoldAdded> s_add = new(
        "hold-add", "Keeps the segments of a range from being deleted by retention.",
        [
            ArchiveCommands.From, ArchiveCommands.To, ArchiveCommands.Ports, ArchiveCommands.Filter, CommandMember.Text("reason", MaxReasonLength, "Why.", required: true),
            CommandMember.Text("expires", 64, "When it ends by itself: 30d, or a time (default: never)."),
        ],
        HoldJson.Default.HoldAdded);

    private static readonly CommandSpec<HoldRemoved> s_remove = new(
        "hold-remove", "Gives the segments of a hold back to retention.", [CommandMember.Text("id", MaxIdLength, "Of the hold.", required: true)], HoldJson.Default.HoldRemoved);

    private static readonly CommandSpec<HoldPage> s_list = new(
        "holds", "Holds and what they keep, oldest first.", [CommandMember.Text("after", MaxIdLength, "Only those made after this one, an id.")], HoldJson.Default.HoldPage);

    public static CommandSpec[] Specs => [s_add, s_remove, s_list];

    public static void AddTo(CommandTable commands, Archivist archivist, string archive)
    {
        commands.Add(s_add, request =>
        {
            Hold hold = Read(request, UtcTime.Now);
            using var limit = new CancellationTokenSource(s_workLimit);
            HoldPlan plan = ArchiveCommands.Await(archivist.WithIndex(index => HoldPlanner.Add(archive, hold, index, progress: null, limit.Token)));
            return new HoldAdded(HoldListing.Make(plan.Hold, plan.Covered), plan.HeldBytes, plan.QuotaBytes);
        });
        commands.Add(s_remove, request => ArchiveCommands.Await(archivist.WithIndex(_ =>
        {
            string id = request.Text("id")!;
            return HoldStore.Remove(archive, id) ? new HoldRemoved(id) : throw new HoldException($"there is no hold \"{id}\"") { Field = "id" };
        })));
        commands.Add(s_list, request => ArchiveCommands.Await(archivist.WithIndex(index => List(archive, request.Text("after"), index))));
    }

    /// <summary>The hold that a request asks for; its id comes later.</summary>
    private static Hold Read(CommandRequest request, UtcTime now)
    {
        (UtcTime from, UtcTime to) = ArchiveCommands.Range(request, now);
        string reason = request.Text("reason")!.Trim();
        if (reason.Length == 0)
            throw new RequestRefusedException("it must say why") { Field = "reason" };
        return new Hold
        {
            Id = "",
            FromUtcNs = from.Nanoseconds,
            ToUtcNs = to.Nanoseconds,
            Ports = request.Texts("ports"),
            Filter = request.Text("filter"),
            Reason = reason,
            By = request.Requester,
            CreatedUtcNs = now.Nanoseconds,
            ExpiresUtcNs = request.Text("expires") is { } text ? Expiry(text, now) : null,
        };
    }

    private static long Expiry(string text, UtcTime now)
    {
        string end = char.IsAsciiDigit(text.FirstOrDefault()) && TimeArgument.TryParseDuration(text, out _) ? "+" + text : text;
        return TimeArgument.TryParseEnd(end, now, now, out UtcTime time, TimeZoneInfo.Utc) && time > now
            ? time.Nanoseconds
            : throw new RequestRefusedException($"{text}: not a time to come (30d, or a time as from)") { Field = "expires" };
    }

    private static HoldPage List(string archive, string? after, Func<string, UtcTime, UtcTime, IndexAnswer> index)
    {
        HoldSet set = HoldStore.Peek(archive);
        Hold[] left = [.. set.Holds.SkipWhile(h => after is not null && h.Id != after).Skip(after is null ? 0 : 1)];
        if (after is not null && left.Length == 0 && set.Holds.All(h => h.Id != after))
            throw new HoldException($"there is no hold \"{after}\"") { Field = "after" };
        return new HoldPage([.. left.Take(MaxHolds).Select(h => HoldListing.Make(h, HoldPlanner.Covered(archive, [h], index)))], left.Length > MaxHolds, HoldPlanner.QuotaBytes(archive, set));
    }
}

/// <summary>What the commands about holds give; generated code.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HoldAdded))]
[JsonSerializable(typeof(HoldRemoved))]
[JsonSerializable(typeof(HoldPage))]
[JsonSerializable(typeof(IReadOnlyList<HoldListing>))]
internal sealed partial class HoldJson : JsonSerializerContext;
