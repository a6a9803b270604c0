// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using System.Text.Json;
using Capbox.Config;
using Capbox.Fleet;
using Capbox.Mqtt;

namespace Capbox.Cli;

/// <summary><c>capbox fleet cmd</c>.</summary>
internal static class FleetAskCommand
{
    private const int MaxAnswerWidth = 100;

    public static int Run(FleetScope scope, string name, string members, int parallel, double timeoutSeconds)
    {
        if (!TopicLevel.IsValid(name))
            return ErrorOutput.BadUse($"\"{FleetReader.Clean(name)}\" cannot be a command");
        if (Problem(members) is { } problem)
            return ErrorOutput.BadUse($"JSON: {problem}");
        if (parallel is < 1 or > 1000)
            return ErrorOutput.BadUse("--parallel: not within 1 to 1000");
        if (timeoutSeconds is not (> 0 and <= 3600))
            return ErrorOutput.BadUse("--timeout: must be more than 0 and at most 3600 seconds");
        byte[] payload = Encoding.UTF8.GetBytes(members);
        return FleetCommand.Run(scope, keepsDocuments: false, async (command, boxes) =>
        {
            string[] ready = [.. boxes.Where(b => b.IsReady).Select(b => b.DeviceId)];
            var round = new CommandFanout(ready, parallel, (long)(timeoutSeconds * 1000));
            List<BoxAnswer> answers = [];
            void Take(BoxAnswer answer)
            {
                if (scope.Json)
                    WriteLine(answer);
                // What a table has no room for is not kept.
                answers.Add(answer.Result is { Length: > MaxAnswerWidth } long_ ? answer with { Result = FleetReader.Clean(long_)[..MaxAnswerWidth] + "..." } : answer);
            }

            foreach (FleetBox away in boxes.Where(b => !b.IsReady))
                Take(new BoxAnswer(away.DeviceId, null, BoxAnswer.NotReady, null));
            await command.Session.AskAsync(name, _ => payload, round, Take, () => command.Draw(round.Done, ready.Length, name), command.Stop);
            command.Clear();
            foreach (FleetBox left in boxes.ExceptBy(answers.Select(a => a.Device), b => b.DeviceId))
                Take(new BoxAnswer(left.DeviceId, null, "not asked: interrupted", null));
            if (!scope.Json)
                WriteTable(answers);
            return answers.TrueForAll(a => a.Error is null) ? ExitCode.Good : ExitCode.Failed;
        });
    }

    /// <summary>Null: an object that may be sent.</summary>
    private static string? Problem(string members)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(members);
            return document.RootElement.ValueKind != JsonValueKind.Object ? "expected an object" : Encoding.UTF8.GetByteCount(members) > CommandTopics.MaxBytes ? $"longer than {CommandTopics.MaxBytes} bytes" : null;
        }
        catch (JsonException e)
        {
            return JsonErrorText.Describe(e);
        }
    }

    private static void WriteLine(BoxAnswer answer)
    {
        string end = answer.Error is { } error ? $"\"ok\":false,\"error\":{JsonSerializer.Serialize(error, FleetJson.Default.String)}" : $"\"ok\":true,\"result\":{answer.Result}";
        string time = answer.Milliseconds?.ToString(CultureInfo.InvariantCulture) ?? "null";
        Console.Out.WriteLine($"{{\"deviceId\":\"{answer.Device}\",\"milliseconds\":{time},{end}}}");
    }

    private static void WriteTable(List<BoxAnswer> answers)
    {
        TextTable table = new("DEVICE", ">MS", "", "ANSWER");
        foreach (BoxAnswer answer in answers.OrderBy(a => a.Device, DeviceOrder.Instance))
            table.Add(answer.Device, answer.Milliseconds?.ToString(CultureInfo.InvariantCulture) ?? "-", answer.Error is null ? "ok" : "FAILED", answer.Error ?? answer.Result ?? "");
        foreach (string line in table.Lines())
            Console.Out.WriteLine(line);
        int failed = answers.Count(a => a.Error is not null);
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{FleetNames.Boxes(answers.Count)}: {answers.Count - failed} answered, {failed} did not or refused"));
    }
}
