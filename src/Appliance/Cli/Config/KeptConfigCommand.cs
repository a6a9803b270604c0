// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using System.Text.Json;
using Capbox.Changes;
using Capbox.Commands;
using Capbox.Config;
using Capbox.Platform.Json;

namespace Capbox.Cli;

/// <summary>Of commands that change the configuration.</summary>
/// <param name="Why">For the revision.</param>
/// <param name="Confirm">Seconds; null: as the change asks for.</param>
/// <param name="Json">The answer as it came.</param>
internal sealed record ChangeArguments(string? Why, int? Confirm, bool Json);

/// <summary><c>capbox config show</c>, <c>history</c>, <c>diff</c>, <c>plan</c>, <c>apply</c>, <c>set</c>, <c>rollback</c>, <c>confirm</c>: the documents of a box that keeps them itself.</summary>
internal static class KeptConfigCommand
{
    public static int Show(string state, string? path, long revision, bool json) => Guarded(state, mayBegin: false, desk =>
    {
        string answer = Ask(desk, revision);
        if (json)
        {
            Console.Out.WriteLine(answer);
            return ExitCode.Good;
        }

        string document = DocumentOf(answer);
        Console.Out.WriteLine(path is null ? ConfigText.ToText(Encoding.UTF8.GetBytes(document)) : ConfigText.Get(document, path));
        return ExitCode.Good;
    });

    public static int History(string state, bool json) => Guarded(state, mayBegin: false, desk =>
    {
        string answer = desk.Ask("""{"command":"config-history"}""");
        if (json)
        {
            Console.Out.WriteLine(answer);
            return ExitCode.Good;
        }

        IReadOnlyList<ConfigHistoryEntry> entries = JsonSerializer.Deserialize(answer, ConfigJson.Default.IReadOnlyListConfigHistoryEntry)!;
        TextTable table = new("", ">REVISION", "WHEN", "WHO", "WHY");
        foreach (ConfigHistoryEntry e in entries)
            table.Add(e.InForce ? "*" : "", e.Revision.ToString(CultureInfo.InvariantCulture), e.When, e.Who, e.Problem ?? e.Why);
        foreach (string line in table.Lines())
            Console.Out.WriteLine(line);
        return ExitCode.Good;
    });

    /// <summary>Exit codes as diff(1): 0 the same, 1 they differ, 2 trouble.</summary>
    public static int Diff(string state, string from, string? to, bool json)
    {
        bool differs = false;
        int code = Guarded(state, mayBegin: false, desk =>
        {
            IReadOnlyList<ConfigDifference> differences = ConfigDifference.Between(RevisionOrFile(desk, from), to is null ? DocumentOf(Ask(desk, 0)) : RevisionOrFile(desk, to));
            if (json)
                Json.WriteLine(differences, Json.Default.IReadOnlyListConfigDifference);
            else
                WriteDifferences(differences);
            differs = differences.Count > 0;
            return ExitCode.Good;
        });
        return code != ExitCode.Good ? ExitCode.BadUse : differs ? ExitCode.Failed : ExitCode.Good;
    }

    public static int Plan(string state, string file, bool json) => Guarded(state, mayBegin: false, desk =>
    {
        if (Read(file) is not { } document)
            return ExitCode.BadUse;
        string answer = desk.Ask($$"""{"command":"config-plan","config":{{document}}}""");
        if (json)
        {
            Console.Out.WriteLine(answer);
            return ExitCode.Good;
        }

        ConfigPlanAnswer plan = JsonSerializer.Deserialize(answer, ConfigJson.Default.ConfigPlanAnswer)!;
        WriteDifferences(plan.Differences);
        foreach (ConfigImpact impact in plan.Impacts)
            Console.Out.WriteLine($"  {impact.Text}");
        Console.Out.WriteLine(plan.Differences.Count == 0 ? "nothing changes" : $"interrupted: {plan.Interruption}{(plan.NeedsConfirm ? "; taken back unless confirmed" : "")}");
        return ExitCode.Good;
    });

    public static int Apply(string state, string file, ChangeArguments arguments) => Guarded(state, mayBegin: true, desk =>
        Read(file) is { } document ? Propose(desk, document, 0, arguments.Why ?? "", arguments) : ExitCode.BadUse);

    public static int Set(string state, string path, string value, ChangeArguments arguments) => Guarded(state, mayBegin: true, desk =>
    {
        string answer = Ask(desk, 0);
        string document = ConfigText.Set(DocumentOf(answer), path, value);
        return Propose(desk, document, RevisionOf(answer), arguments.Why ?? $"set {path} {value}", arguments);
    });

    public static int Rollback(string state, long revision, ChangeArguments arguments) => Guarded(state, mayBegin: false, desk =>
    {
        string document = DocumentOf(Ask(desk, revision));
        return Propose(desk, document, RevisionOf(Ask(desk, 0)), arguments.Why ?? string.Create(CultureInfo.InvariantCulture, $"back to revision {revision}"), arguments);
    });

    public static int Confirm(string state, string? id, bool json) => Guarded(state, mayBegin: false, desk =>
    {
        string which = id is null ? "" : $",\"id\":{Quoted(id)}";
        return Report(desk, desk.Ask($$"""{"command":"config-confirm","who":{{Quoted(Who())}}{{which}}}"""), json);
    });

    private static int Propose(ConfigAccess desk, string document, long baseRevision, string why, ChangeArguments arguments)
    {
        // With nobody to confirm it before the next start, only who asks for that gets a trial.
        int? confirm = arguments.Confirm ?? (desk.IsRunning ? null : 0);
        string options = (confirm is { } s ? string.Create(CultureInfo.InvariantCulture, $",\"confirmSeconds\":{s}") : "")
            + (baseRevision > 0 ? string.Create(CultureInfo.InvariantCulture, $",\"base\":{baseRevision}") : "");
        string text = why.Length > 200 ? why[..200] : why;
        string answer = desk.Ask($$"""{"command":"config-apply","config":{{document}},"who":{{Quoted(Who())}},"why":{{Quoted(text)}}{{options}}}""");
        return Report(desk, answer, arguments.Json);
    }

    private static int Report(ConfigAccess desk, string answer, bool json)
    {
        ConfigReport status = JsonSerializer.Deserialize(answer, ConfigJson.Default.ConfigReport)!;
        if (json)
        {
            Console.Out.WriteLine(answer);
        }
        else
        {
            foreach (ConfigError fault in status.Errors)
                ErrorOutput.Write($"{fault.Path}: {fault.Reason}");
            string when = desk.IsRunning ? "" : " at the next start";
            Console.Out.WriteLine(status switch
            {
                { Status: ConfigStatus.Rejected } => $"rejected; revision {status.Revision} stays in force",
                // Only a recorder rolls back.
                { ConfirmBy: { } by } when !desk.IsRunning => $"revision {status.Revision} is pending confirmation: a start after {by} rolls it back unless confirmed: capbox config confirm {status.Id}",
                { ConfirmBy: { } by } => $"revision {status.Revision} is in force until {by} unless confirmed: capbox config confirm {status.Id}",
                _ => $"revision {status.Revision} is in force{when}",
            });
        }

        return status.Status == ConfigStatus.Rejected ? ExitCode.BadUse : ExitCode.Good;
    }

    /// <summary>A document as one line, or null after its errors were told.</summary>
    private static string? Read(string file)
    {
        ConfigResult result = ConfigDocument.Load(file);
        ConfigCommand.WriteErrors(file, result.Errors);
        return result.Options is null ? null : ConfigText.ToLine(File.ReadAllBytes(file));
    }

    private static string RevisionOrFile(ConfigAccess desk, string which)
    {
        if (long.TryParse(which, NumberStyles.None, CultureInfo.InvariantCulture, out long revision))
            return DocumentOf(Ask(desk, revision));
        return Read(which) ?? throw new RequestRefusedException($"{which}: not a good document");
    }

    private static string Ask(ConfigAccess desk, long revision) =>
        desk.Ask(string.Create(CultureInfo.InvariantCulture, $$"""{"command":"config-show","revision":{{revision}}}"""));

    private static string DocumentOf(string answer)
    {
        using JsonDocument document = JsonDocument.Parse(answer);
        return document.RootElement.GetProperty("config").GetRawText();
    }

    private static long RevisionOf(string answer)
    {
        using JsonDocument document = JsonDocument.Parse(answer);
        return document.RootElement.GetProperty("revision").GetInt64();
    }

    private static void WriteDifferences(IReadOnlyList<ConfigDifference> differences)
    {
        foreach (ConfigDifference difference in differences)
            Console.Out.WriteLine(difference);
    }

    private static string Who() => "cli:" + (Environment.GetEnvironmentVariable("SUDO_USER") ?? Environment.UserName);

    private static string Quoted(string text) => JsonSerializer.Serialize(text, Json.Default.String);

    private static int Guarded(string state, bool mayBegin, Func<ConfigAccess, int> work)
    {
        try
        {
            using ConfigAccess desk = ConfigAccess.Open(state, mayBegin);
            return work(desk);
        }
        catch (Exception e) when (e is RequestRefusedException or IOException or UnauthorizedAccessException or StandardOutputException)
        {
            return ErrorOutput.Failed(e.Message);
        }
        catch (ConfigPathException e)
        {
            return ErrorOutput.BadUse($"{e.Path}: {e.Message}");
        }
    }
}
