// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Fleet;

namespace Capbox.Cli;

/// <summary><c>capbox fleet status</c>.</summary>
internal static class FleetStatusCommand
{
    public static int Run(FleetScope scope, double liveSeconds)
    {
        if (liveSeconds is not (>= 0 and <= 3600))
            return ErrorOutput.BadUse("--live: not within 0 to 3600 seconds");
        return FleetCommand.Run(scope, keepsDocuments: false, async (command, boxes) =>
        {
            if (liveSeconds > 0)
            {
                long sinceMs = FleetSession.NowMs;
                await command.Session.ListenAsync((long)(liveSeconds * 1000), () => command.Draw(FleetSession.NowMs - sinceMs, liveSeconds * 1000, "listening"), command.Stop);
                command.Clear();
                boxes = [.. boxes.Select(b => command.Session.FleetInventory[b.DeviceId]!)];
            }

            if (scope.Json)
                Write(boxes, command);
            else
                FleetView.Status(boxes, DateTimeOffset.UtcNow).ForEach(Console.Out.WriteLine);
            return ExitCode.Good;
        });
    }

    private static void Write(IReadOnlyList<FleetBox> boxes, FleetCommand command) =>
        Json.WriteLine(new FleetListing([.. boxes.Select(FleetView.Listing)], command.IsComplete, command.Session.FleetInventory.Counts), FleetJson.Default.FleetListing);
}

/// <summary>What <c>capbox fleet</c> shows: pure functions.</summary>
internal static class FleetView
{
    private const int MaxAlarmWidth = 60, MaxDifferenceWidth = 2000;

    public static List<string> Status(IReadOnlyList<FleetBox> boxes, DateTimeOffset now)
    {
        TextTable table = new("DEVICE", "STATE", "VERSION", ">REVISION", "CONFIG", "HEALTH", ">HEARD", "WORST ALARM");
        foreach (FleetBox box in boxes)
        {
            BoxAlarm? alarm = box.Health is { Alarms: [var worst, ..] } ? worst : null;
            string text = alarm is null ? "" : $"{alarm.Id}: {alarm.Text}";
            table.Add(
                box.DeviceId, box.State ?? "-", box.Info?.Version ?? "-", box.Report?.Revision.ToString(CultureInfo.InvariantCulture) ?? "-", ConfigOf(box), box.Health?.Word ?? "-", Age(box.Heard, now),
                text.Length > MaxAlarmWidth ? text[..MaxAlarmWidth] + "..." : text);
        }

        return [.. table.Lines(), Summary(boxes)];
    }

    public static BoxListing Listing(FleetBox box) => new(
        box.DeviceId, box.State, box.Info?.Model, box.Info?.Serial, box.Info?.Version, box.Info?.Os, box.Info?.MayConfigure, box.Report?.Revision, box.Report?.Version, box.Report?.Id, box.Report?.Status, box.Report?.Ports,
        box.Health?.Word, box.Health is { } health ? [.. health.Alarms.Select(a => new AlarmListing(a.Id, new BoxHealth(a.Severity, []).Word, a.Since, a.Text))] : null,
        box.Heard?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));

    /// <summary>Boxes for which a change is the same, the largest group first; those that have it already last.</summary>
    public static IReadOnlyList<ChangeGroup> Groups(IEnumerable<BoxChange> changes) =>
    [
        .. changes
            .GroupBy(c => string.Join('\n', [.. c.Differences.Select(d => d.ToString()), .. c.Errors.Select(e => "! " + e), c.Plan?.Interruption ?? ""]))
            .Select(g => Group([.. g.Select(c => c.Device)], g.First()))
            .OrderBy(g => g.Differences.Count + g.Errors.Count == 0).ThenByDescending(g => g.Devices.Count),
    ];

    public static IEnumerable<string> Lines(ChangeGroup group)
    {
        yield return $"{FleetNames.Boxes(group.Devices.Count)}: {FleetNames.Of(group.Devices)}";
        foreach (Config.ConfigDifference difference in group.Differences)
            yield return $"  {FleetReader.Clean(difference.ToString(), MaxDifferenceWidth)}";
        foreach (Platform.Json.ConfigError error in group.Errors)
            yield return $"  cannot: {FleetReader.Clean(error.ToString())}";
        if (group.Differences.Count + group.Errors.Count == 0)
            yield return "  no difference";
        else if (group.Errors.Count == 0)
            yield return $"  interrupted: {group.Interruption}{(group.NeedsConfirm ? "; on trial until confirmed" : "")}";
    }

    public static IEnumerable<string> Lines(RolloutListing rollout)
    {
        TextTable table = new("DEVICE", "OUTCOME", "HAS IT", ">REVISION", "WHY");
        foreach (RolloutBoxListing box in rollout.Boxes)
            table.Add(box.DeviceId, box.Outcome, box.HasIt switch { true => "yes", false => "no", null => "not known" }, box.Revision?.ToString(CultureInfo.InvariantCulture) ?? "-", box.Detail);
        int have = rollout.Boxes.Count(b => b.HasIt == true), unknown = rollout.Boxes.Count(b => b.HasIt is null);
        string notKnown = unknown > 0 ? string.Create(CultureInfo.InvariantCulture, $", {unknown} not known") : "";
        string stopped = rollout.Stopped is { } why ? $"; stopped: {why}" : "";
        string sum = string.Create(CultureInfo.InvariantCulture, $"{have} of {rollout.Boxes.Count} have it{notKnown}{stopped}");
        return [.. table.Lines(), sum];
    }

    private static ChangeGroup Group(IReadOnlyList<string> devices, BoxChange change) =>
        new(devices, change.Differences, change.Plan?.Impacts ?? [], change.Plan?.Interruption ?? "none", change.Plan?.TouchesAccess ?? false, change.Errors);

    private static string ConfigOf(FleetBox box) => box.Info is { MayConfigure: false } ? "file" : box.Report?.Status ?? "-";

    private static string Age(DateTimeOffset? heard, DateTimeOffset now) =>
        heard is { } at ? string.Create(CultureInfo.InvariantCulture, $"{Math.Max((now - at).TotalSeconds, 0):0} s ago") : "-";

    private static string Summary(IReadOnlyList<FleetBox> boxes)
    {
        string states = Counted(boxes.Select(b => b.State ?? "of unknown state"));
        string health = Counted(boxes.Select(b => b.Health?.Word ?? "unknown"));
        int silent = boxes.Count(b => b.Info is null && b.Report is null && b.Health is null);
        return $"{FleetNames.Boxes(boxes.Count)}: {states}; health: {health}{(silent > 0 ? string.Create(CultureInfo.InvariantCulture, $"; {silent} published nothing but a state") : "")}";
    }
    /// <summary>How often each word, the most frequent first.</summary>
    private static string Counted(IEnumerable<string> words) =>
        string.Join(", ", words.GroupBy(w => w).OrderByDescending(g => g.Count()).Select(g => string.Create(CultureInfo.InvariantCulture, $"{g.Count()} {g.Key}")));
}
