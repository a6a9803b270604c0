// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using System.Text.Json;
using Capbox.Commands;
using Capbox.Config;
using Capbox.Fleet;
using Capbox.Platform.Json;

namespace Capbox.Cli;

/// <summary>What is to change, as the command line has it.</summary>
internal sealed record ChangeSource(string? File, bool IsWhole, IReadOnlyList<string> Settings);

/// <summary>Options of <c>fleet apply</c>.</summary>
internal sealed record ApplyArguments(
    bool DryRun, int First, int Batch, double PauseSeconds, double SoakSeconds, double TimeoutSeconds, string StopOn, int? ConfirmSeconds, string? Why);

/// <summary><c>capbox fleet config diff</c> and <c>capbox fleet apply</c>.</summary>
internal static class FleetChangeCommand
{
    private const int DryRunParallel = 16;
    private const int MaxFileBytes = 1 << 20;

    public static int Diff(FleetScope scope, ChangeSource source)
    {
        if (Read(source) is not { } change)
            return ExitCode.BadUse;
        return FleetCommand.Run(scope, keepsDocuments: true, (command, boxes) =>
        {
            (List<BoxChange> changes, List<FleetBox> without) = Make(change, boxes, command);
            WriteGroups(FleetView.Groups(changes), scope.Json);
            foreach (FleetBox box in without)
                ErrorOutput.Write($"{box.DeviceId}: {WithoutDocument(box)}");
            return Task.FromResult(without.Count > 0 || changes.Exists(c => c.Differences.Count + c.Errors.Count > 0) ? ExitCode.Failed : ExitCode.Good);
        });
    }

    public static int Apply(FleetScope scope, ChangeSource source, ApplyArguments arguments)
    {
        List<string> errors = [];
        RolloutOptions options = Options(arguments, errors);
        foreach (string error in errors)
            ErrorOutput.Write(error);
        if (errors.Count > 0 || Read(source) is not { } change)
            return ExitCode.BadUse;
        return FleetCommand.Run(scope, keepsDocuments: true, async (command, boxes) =>
        {
            (List<BoxChange> changes, _) = Make(change, boxes, command);
            if (changes.Exists(c => c.Errors.Count > 0))
            {
                foreach (ChangeGroup group in FleetView.Groups(changes.Where(c => c.Errors.Count > 0)))
                    ErrorOutput.Write($"{FleetNames.Of(group.Devices)}: {string.Join("; ", group.Errors)}");
                return ErrorOutput.BadUse("nothing was sent");
            }

            return arguments.DryRun ? await DryRunAsync(command, changes, boxes) : await RollOutAsync(command, boxes, changes, options, arguments);
        });
    }

    private static FleetChange? Read(ChangeSource source)
    {
        try
        {
            if (source.File is { } file && new FileInfo(file) is { Exists: true, Length: > MaxFileBytes })
                throw new FleetChangeException("larger than 1 MiB");
            if (source.File is null && !source.Settings.Any())
                throw new FleetChangeException("nothing to change: give FILE or --set PATH=VALUE");
            return FleetChange.Parse(source.File is null ? null : File.ReadAllText(source.File), source.IsWhole, source.Settings);
        }
        catch (FleetChangeException e)
        {
            ErrorOutput.Write(e.Field is not null ? $"--{e.Field} {e.Message}" : source.File is null ? e.Message : $"{source.File}: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            ErrorOutput.Write($"{source.File}: {FileErrorText.Describe(e, source.File!)}");
        }

        return null;
    }

    /// <summary>What each box would have; and those of which it is not known.</summary>
    private static (List<BoxChange> Changes, List<FleetBox> Without) Make(FleetChange change, IReadOnlyList<FleetBox> boxes, FleetCommand command)
    {
        List<BoxChange> changes = [];
        List<FleetBox> without = [];
        foreach (FleetBox box in boxes)
        {
            // One that was started with a file may have a report at the broker from before.
            if (box.Info is not { MayConfigure: false } && box.Report?.Config is { } document)
                changes.Add(change.For(box.DeviceId, document));
            else
                without.Add(box);
            command.Draw(changes.Count + without.Count, boxes.Count, "comparing");
        }

        command.Clear();
        return (changes, without);
    }

    private static string WithoutDocument(FleetBox box) => box.Info is { MayConfigure: false } ? "was started with a file and stays with it" : "has not reported a configuration";

    private static RolloutOptions Options(ApplyArguments arguments, List<string> errors)
    {
        void Check(bool isGood, string error)
        {
            if (!isGood)
                errors.Add(error);
        }

        Check(arguments.First is >= 1 and <= FleetInventory.MaxBoxes, "--first: not within 1 to 10000");
        Check(arguments.Batch is >= 1 and <= 500, "--batch: not within 1 to 500");
        Check(arguments.PauseSeconds is >= 0 and <= 86_400, "--pause: not within 0 to 86400 seconds");
        Check(arguments.SoakSeconds is >= 0 and <= 86_400, "--soak: not within 0 to 86400 seconds");
        Check(arguments.TimeoutSeconds is >= 1 and <= 3600, "--timeout: not within 1 to 3600 seconds");
        Check(arguments.ConfirmSeconds is null or (>= 0 and <= ChangeSection.MaxSeconds), $"--confirm: not within 0 to {ChangeSection.MaxSeconds} seconds");
        Check(arguments.Why is null || (arguments.Why.Length <= 200 && !arguments.Why.Any(char.IsControl)), "--why: at most 200 characters, none of them a control character");
        HashSet<RolloutState> stopOn = [];
        RolloutState[] known = [.. RolloutOptions.DefaultStopOn, RolloutState.Worse];
        foreach (string word in arguments.StopOn.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Where(w => w != "none"))
        {
            int at = Array.FindIndex(known, k => Rollout.Word(k) == word);
            Check(at >= 0, $"--stop-on: \"{word}\" is none of {string.Join(", ", known.Select(Rollout.Word))}, none");
            if (at >= 0)
                stopOn.Add(known[at]);
        }

        return new RolloutOptions
        {
            Id = $"fleet-{DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss", CultureInfo.InvariantCulture)}-{Guid.NewGuid().ToString("N")[..6]}",
            First = arguments.First,
            Batch = arguments.Batch,
            PauseMs = (long)(arguments.PauseSeconds * 1000),
            SoakMs = (long)(arguments.SoakSeconds * 1000),
            PatienceMs = (long)(arguments.TimeoutSeconds * 1000),
            StopOn = stopOn,
        };
    }

    /// <summary>The boxes' own word on what they would do: they know their ports.</summary>
    private static async Task<int> DryRunAsync(FleetCommand command, List<BoxChange> changes, IReadOnlyList<FleetBox> boxes)
    {
        Dictionary<string, BoxChange> byDevice = changes.ToDictionary(c => c.Device);
        string[] ready = [.. boxes.Where(b => b.IsReady && byDevice.ContainsKey(b.DeviceId)).Select(b => b.DeviceId)];
        var round = new CommandFanout(ready, DryRunParallel, 10_000);
        List<(string Device, ChangeGroup Plan)> plans = [];
        await command.Session.AskAsync(
            "config-plan", device => Encoding.UTF8.GetBytes($"{{\"config\":{byDevice[device].Document}}}"), round, answer => plans.Add((answer.Device, PlanOf(answer))), () => command.Draw(round.Done, ready.Length, "asking"), command.Stop);
        command.Clear();
        foreach (FleetBox left in boxes.ExceptBy(plans.Select(p => p.Device), b => b.DeviceId))
            plans.Add((left.DeviceId, PlanOf(new BoxAnswer(left.DeviceId, null, left.Report?.Config is null ? WithoutDocument(left) : BoxAnswer.NotReady, null))));
        ChangeGroup[] groups =
        [
            .. plans.GroupBy(p => JsonSerializer.Serialize([p.Plan], FleetJson.Default.IReadOnlyListChangeGroup))
                .Select(g => g.First().Plan with { Devices = [.. g.Select(p => p.Device).Order(DeviceOrder.Instance)] })
                .OrderBy(g => g.Differences.Count + g.Errors.Count == 0).ThenByDescending(g => g.Devices.Count),
        ];
        WriteGroups(groups, command.Scope.Json);
        return groups.Any(g => g.Errors.Count > 0) ? ExitCode.Failed : ExitCode.Good;
    }

    private static ChangeGroup PlanOf(BoxAnswer answer)
    {
        ChangeGroup Problem(string reason) => new([], [], [], "none", false, [new ConfigError("$", reason)]);
        if (answer.Error is { } error)
            return Problem(error);
        try
        {
            ConfigPlanAnswer? plan = JsonSerializer.Deserialize(answer.Result!, ConfigJson.Default.ConfigPlanAnswer);
            return plan is { Errors: not null, Differences: not null, Impacts: not null, Interruption: not null }
                ? new ChangeGroup([], plan.Differences, plan.Impacts, FleetReader.Clean(plan.Interruption), plan.NeedsConfirm, [.. plan.Errors.Select(e => new ConfigError(FleetReader.Clean(e.Path), FleetReader.Clean(e.Reason)))])
                : Problem("its plan is not understood");
        }
        catch (JsonException)
        {
            return Problem("its plan is not understood");
        }
    }

    private static void WriteGroups(IReadOnlyList<ChangeGroup> groups, bool json)
    {
        if (json)
            Json.WriteLine(groups, FleetJson.Default.IReadOnlyListChangeGroup);
        else
            groups.SelectMany(FleetView.Lines).ToList().ForEach(Console.Out.WriteLine);
    }

    private static async Task<int> RollOutAsync(FleetCommand command, IReadOnlyList<FleetBox> boxes, List<BoxChange> changes, RolloutOptions options, ApplyArguments arguments)
    {
        Dictionary<string, BoxChange> byDevice = changes.ToDictionary(c => c.Device);
        // These are the boxes as they were when the changes were made.
        IEnumerable<RolloutBox> going = boxes.Where(b => b is { IsReady: true, Report: not null } && byDevice.TryGetValue(b.DeviceId, out BoxChange? change) && change.Differences.Count > 0)
            .Select(b => new RolloutBox(b.DeviceId, byDevice[b.DeviceId].NeedsNewSession, b.Report!.Revision));
        var rollout = new Rollout(options, going, device => command.Session.FleetInventory[device]);
        string? broken = null;
        try
        {
            await command.Session.RollOutAsync(rollout, action => Desired(action, byDevice[action.Device], arguments), () => Draw(command, rollout), command.Stop, command.Abandon);
        }
        catch (FleetLinkException e)
        {
            broken = e.Message; // What is known is told all the same.
        }

        command.Clear();
        RolloutListing listing = Listing(options.Id, rollout, boxes, byDevice, broken);
        if (command.Scope.Json)
            Json.WriteLine(listing, FleetJson.Default.RolloutListing);
        else
            FleetView.Lines(listing).ToList().ForEach(Console.Out.WriteLine);
        return listing.Good ? ExitCode.Good : ExitCode.Failed;
    }

    private static void Draw(FleetCommand command, Rollout rollout)
    {
        int ended = rollout.Boxes.Count(b => !b.IsUnderWay && b.State != RolloutState.Waiting);
        string[] underWay = [.. rollout.Boxes.Where(b => b.IsUnderWay).Select(b => $"{b.Device} {Rollout.Word(b.State)}")];
        command.Draw(ended, rollout.Boxes.Count, rollout.Stopped is null ? "applying" : "stopping", FleetNames.Of(underWay, 2));
    }

    private static byte[] Desired(RolloutAction action, BoxChange change, ApplyArguments arguments)
    {
        string confirm = arguments.ConfirmSeconds is { } s ? string.Create(CultureInfo.InvariantCulture, $",\"confirmSeconds\":{s}") : "";
        string why = JsonSerializer.Serialize(arguments.Why ?? "fleet apply", FleetJson.Default.String), id = JsonSerializer.Serialize(action.Id, FleetJson.Default.String);
        return Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"{{\"version\":{action.Version},\"id\":{id},\"base\":{action.Base}{confirm},\"why\":{why},\"config\":{change.Document}}}"));
    }

    private static RolloutListing Listing(string id, Rollout rollout, IReadOnlyList<FleetBox> boxes, Dictionary<string, BoxChange> changes, string? broken)
    {
        Dictionary<string, RolloutBox> byDevice = rollout.Boxes.ToDictionary(b => b.Device);
        RolloutBoxListing Of(FleetBox box) =>
            byDevice.TryGetValue(box.DeviceId, out RolloutBox? went) ? new RolloutBoxListing(box.DeviceId, Rollout.Word(went.State), HasIt(went, broken is not null), went.Revision > 0 ? went.Revision : box.Report?.Revision, went.Detail)
            : !changes.TryGetValue(box.DeviceId, out BoxChange? change) ? new RolloutBoxListing(box.DeviceId, "cannot", false, null, WithoutDocument(box))
            : change.Differences.Count == 0 ? new RolloutBoxListing(box.DeviceId, Rollout.Word(RolloutState.Unchanged), true, box.Report?.Revision, "")
            : new RolloutBoxListing(box.DeviceId, Rollout.Word(RolloutState.NotReady), false, box.Report?.Revision, $"its state is {box.State ?? "not known"}");
        RolloutBoxListing[] listings = [.. boxes.Select(Of)];
        return new RolloutListing(id, listings.All(b => b.HasIt == true && b.Outcome != Rollout.Word(RolloutState.Worse)) && rollout.Stopped is null && broken is null, broken ?? rollout.Stopped, listings);
    }

    /// <summary>What has it, has it not, and what nobody can say.</summary>
    private static bool? HasIt(RolloutBox box, bool isBroken) => box.State switch
    {
        RolloutState.Sent or RolloutState.Trial or RolloutState.Silent or RolloutState.Lost or RolloutState.Changed => null,
        RolloutState.Soaking => isBroken ? null : true,
        _ => box.HasIt,
    };
}
