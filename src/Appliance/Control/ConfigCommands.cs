using System.Text.Json;
using System.Text.Json.Serialization;
using Capbox.Config;

namespace Capbox.Control;

/// <summary>A revision as <c>config-history</c> lists it.</summary>
/// <param name="InForce">The one that is.</param>
/// <param name="Problem">Why it cannot be read; the rest is empty then.</param>
internal sealed record ConfigHistoryEntry(long Revision, long Version, string Id, string Who, string When, string Why, bool InForce, string? Problem);

/// <summary>Result of <c>config-plan</c>.</summary>
/// <param name="Errors">What is wrong with the document; the rest is empty then.</param>
/// <param name="Differences">From what is in force.</param>
/// <param name="Impacts">What they do.</param>
/// <param name="Interruption">The ports that do not record for a moment, or "none".</param>
/// <param name="NeedsConfirm">It will be taken back unless confirmed, if the proposal says nothing.</param>
internal sealed record ConfigPlanAnswer(
    IReadOnlyList<ConfigError> Errors, IReadOnlyList<ConfigDifference> Differences, IReadOnlyList<ConfigImpact> Impacts, string Interruption, bool NeedsConfirm);

/// <summary>Result of <c>config-show</c>: a revision.</summary>
internal sealed record ConfigShowAnswer(long Revision, long Version, string Id, string Who, string When, string Why, JsonElement Config);

/// <summary>Result of <c>config-status</c>, <c>config-apply</c> and <c>config-confirm</c>.</summary>
/// <param name="Status"><c>applied</c>, <c>pending-confirm</c>, <c>rejected</c>, <c>rolled-back</c>.</param>
/// <param name="ConfirmBy">RFC 3339: when it is taken back.</param>
internal sealed record ConfigStatusAnswer(long Version, string Id, string Status, IReadOnlyList<ConfigFault> Errors, long Revision, string? ConfirmBy)
{
    public static ConfigStatusAnswer Of(ConfigReport report) => new(
        report.Version, report.Id, Word(report.Status), report.Errors, report.Revision,
        report.ConfirmBy?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>As topics and files tell it.</summary>
    public static string Word(ConfigStatus status) => status switch
    {
        ConfigStatus.PendingConfirm => "pending-confirm",
        ConfigStatus.Rejected => "rejected",
        ConfigStatus.RolledBack => "rolled-back",
        _ => "applied",
    };
}

/// <summary>Commands about the configuration of a box that keeps its documents itself. docs/CONTROL.md is their manual.</summary>
internal static class ConfigCommands
{
    private const int MaxWordLength = 200;

    public static void AddTo(ControlCommands commands, Configurator configurator)
    {
        commands.Add("config-status", request =>
        {
            request.Done();
            return Status(configurator.Report);
        });
        commands.Add("config-show", request =>
        {
            long number = request.Number("revision", 0, 0, long.MaxValue);
            request.Done();
            return Show(configurator, number);
        });
        commands.Add("config-history", request =>
        {
            request.Done();
            return JsonSerializer.Serialize(configurator.Read(History), ConfigJson.Default.IReadOnlyListConfigHistoryEntry);
        });
        commands.Add("config-plan", request =>
        {
            ReadOnlyMemory<byte> document = request.Document("config");
            request.Done();
            (IReadOnlyList<ConfigError> errors, ConfigPlan? plan) = configurator.Plan(document);
            return JsonSerializer.Serialize(Answer(errors, plan), ConfigJson.Default.ConfigPlanAnswer);
        });
        commands.Add("config-apply", request =>
        {
            var proposal = new ConfigProposal(request.Document("config"), request.Text("who", MaxWordLength) ?? "socket")
            {
                Why = request.Text("why", MaxWordLength) ?? "",
                BaseRevision = request.Number("base", 0, 0, long.MaxValue) is > 0 and var number ? number : null,
                ConfirmSeconds = request.Number("confirmSeconds", -1, 0, ChangeSection.MaxSeconds) is >= 0 and var seconds ? (int)seconds : null,
            };
            request.Done();
            return Status(configurator.Apply(proposal));
        });
        commands.Add("config-confirm", request =>
        {
            string id = request.Text("id", MaxWordLength) ?? configurator.Report.Id;
            string who = request.Text("who", MaxWordLength) ?? "socket";
            request.Done();
            return Status(configurator.Confirm(id, who));
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

    private static string Show(Configurator configurator, long number)
    {
        string? problem = null;
        ConfigRevision revision = configurator.Read(store => number == 0 ? store.Current : store.TryRead(number, out problem))
            ?? throw new ControlException($"$.revision: {problem}");
        return JsonSerializer.Serialize(Shown(revision), ConfigJson.Default.ConfigShowAnswer);
    }

    private static string Status(ConfigReport report) => JsonSerializer.Serialize(ConfigStatusAnswer.Of(report), ConfigJson.Default.ConfigStatusAnswer);
}

/// <summary>What the commands about the configuration take and give; generated code, one line each.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ConfigStatusAnswer))]
[JsonSerializable(typeof(ConfigPlanAnswer))]
[JsonSerializable(typeof(ConfigShowAnswer))]
[JsonSerializable(typeof(IReadOnlyList<ConfigHistoryEntry>))]
internal sealed partial class ConfigJson : JsonSerializerContext;
