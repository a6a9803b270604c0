// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization;
using Capbox.Changes;
using Capbox.Config;
using Capbox.Platform.Json;

namespace Capbox.Commands;

/// <summary>A revision as <c>config-history</c> lists it.</summary>
/// <param name="InForce">The one that is.</param>
/// <param name="Problem">Why it cannot be read; the rest is empty then.</param>
internal sealed record ConfigHistoryEntry(long Revision, long Version, string Id, string Who, string When, string Why, bool InForce, string? Problem);

/// <summary>Result of <c>config-plan</c>.</summary>
/// <param name="Errors">What is wrong with the document; the rest is empty then.</param>
/// <param name="Differences">From what is in force.</param>
/// <param name="Impacts">What they do.</param>
/// <param name="Interruption">The ports that do not record for a moment, or "none".</param>
/// <param name="NeedsConfirm">It will be rolled back unless confirmed, where the proposal names no timeout.</param>
internal sealed record ConfigPlanAnswer(
    IReadOnlyList<ConfigError> Errors, IReadOnlyList<ConfigDifference> Differences, IReadOnlyList<ConfigImpact> Impacts, string Interruption, bool NeedsConfirm);

/// <summary>Result of <c>config-show</c>: a revision.</summary>
internal sealed record ConfigShowAnswer(long Revision, long Version, string Id, string Who, string When, string Why, JsonElement Config);

/// <summary>Commands about the configuration of a box that keeps its documents itself. docs/reference/control.md is their manual.</summary>
internal static class ConfigCommands
{
    private const int MaxWordLength = 200;
    private static readonly CommandMember s_config = CommandMember.Document("config", "The configuration document (docs/reference/capbox.schema.json).");
    private static readonly CommandMember s_who = CommandMember.Text("who", MaxWordLength, "For the revision.");

    private static readonly CommandSpec<ConfigReport> s_status = new("config-status", "How the configuration stands.", [], ConfigJson.Default.ConfigReport);
    private static readonly CommandSpec<ConfigShowAnswer> s_show = new(
        "config-show", "A revision with its document.", [CommandMember.Number("revision", 0, long.MaxValue, "Default, and 0: that in force.")], ConfigJson.Default.ConfigShowAnswer);

    private static readonly CommandSpec<IReadOnlyList<ConfigHistoryEntry>> s_history = new(
        "config-history", "The revisions that are kept, newest first, without their documents.", [], ConfigJson.Default.IReadOnlyListConfigHistoryEntry);

    private static readonly CommandSpec<ConfigPlanAnswer> s_plan = new("config-plan", "What a document would change, and what that interrupts.", [s_config], ConfigJson.Default.ConfigPlanAnswer);
    private static readonly CommandMember[] s_applyMembers =
    [
        s_config, s_who, CommandMember.Text("why", MaxWordLength, "For the revision."), CommandMember.Number("base", 0, long.MaxValue, "Revision it was made from: refused if another is in force. 0: not told."),
        CommandMember.Number("confirmSeconds", 0, ChangeSection.MaxSeconds, "Rolled back unless confirmed within this."),
    ];

    private static readonly CommandMember[] s_confirmMembers = [CommandMember.Text("id", MaxWordLength, "Default: what waits."), s_who];
    private static readonly CommandSpec<ConfigReport> s_apply = new("config-apply", "Puts a document into force.", s_applyMembers, ConfigJson.Default.ConfigReport) { IsSocketOnly = true };
    private static readonly CommandSpec<ConfigReport> s_confirm = new("config-confirm", "Confirms the pending configuration.", s_confirmMembers, ConfigJson.Default.ConfigReport) { IsSocketOnly = true };

    public static CommandSpec[] Specs => [s_status, s_show, s_history, s_plan, s_apply, s_confirm];

    public static void AddTo(CommandTable commands, Configurator configurator)
    {
        commands.Add(s_status, _ => configurator.Report);
        commands.Add(s_show, request => Show(configurator, request.Number("revision") ?? 0));
        commands.Add(s_history, _ => configurator.Read(History));
        commands.Add(s_plan, request =>
        {
            (IReadOnlyList<ConfigError> errors, ConfigPlan? plan) = configurator.Plan(ConfigDocument.Read(request.Document("config")));
            return Answer(errors, plan);
        });
        commands.Add(s_apply, request =>
        {
            var proposal = new ConfigProposal(ConfigDocument.Read(request.Document("config")), request.Text("who") ?? request.Requester)
            {
                Why = request.Text("why") ?? "",
                BaseRevision = request.Number("base") is > 0 and var number ? number : null,
                ConfirmSeconds = (int?)request.Number("confirmSeconds"),
            };
            return configurator.Apply(proposal);
        });
        commands.Add(s_confirm, request =>
        {
            try
            {
                return configurator.Confirm(request.Text("id") ?? configurator.Report.Id, request.Text("who") ?? request.Requester);
            }
            catch (ConfigRefusedException e)
            {
                throw new RequestRefusedException(e.Message, e) { Field = e.Field };
            }
        });
    }

    public static IReadOnlyList<ConfigHistoryEntry> History(ConfigStore store)
    {
        List<ConfigHistoryEntry> entries = [];
        foreach (long number in store.Numbers())
        {
            ConfigRevision? r = store.TryRead(number, out string? problem);
            entries.Add(r is null
                ? new ConfigHistoryEntry(number, 0, "", "", "", "", number == store.State.Revision, problem)
                : new ConfigHistoryEntry(number, r.Version, r.Id, r.Who, r.When, r.Why, number == store.State.Revision, null));
        }

        return entries;
    }

    public static ConfigPlanAnswer Answer(IReadOnlyList<ConfigError> errors, ConfigPlan? plan) =>
        new(errors, plan?.Differences ?? [], plan?.Impacts ?? [], plan?.Interruption ?? "none", plan?.TouchesAccess ?? false);

    public static ConfigShowAnswer Shown(ConfigRevision r) => new(r.Revision, r.Version, r.Id, r.Who, r.When, r.Why, r.Config);

    private static ConfigShowAnswer Show(Configurator configurator, long number)
    {
        string? problem = null;
        return Shown(configurator.Read(store => number == 0 ? store.Current : store.TryRead(number, out problem)) ?? throw new RequestRefusedException($"{problem}") { Field = "revision" });
    }
}

/// <summary>What the commands about the configuration take and give; generated code, one line each.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ConfigReport))]
[JsonSerializable(typeof(ConfigPlanAnswer))]
[JsonSerializable(typeof(ConfigShowAnswer))]
[JsonSerializable(typeof(IReadOnlyList<ConfigHistoryEntry>))]
internal sealed partial class ConfigJson : JsonSerializerContext;
