// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Capbox.Config;

namespace Capbox.Cli;

/// <summary>Parsing of <c>capbox config</c>.</summary>
internal static class ConfigCommandLines
{
    public static readonly string[] Examples =
    [
        "capbox config check /etc/capbox.json",
        "capbox config schema > capbox.schema.json",
        "sudo capbox config plan new.json && sudo capbox config apply new.json --why 'feed B moves to eth3'",
        "sudo capbox config set 'ports[eth2].filter' 'udp and net 239.0.0.0/8'",
        "sudo capbox config history",
        "sudo capbox config diff 17",
        "sudo capbox config rollback 17",
    ];

    public static Command Config() => new("config", "Work on configuration documents, and on those of a box that keeps them itself (run --state).")
    {
        Check(), Schema(), Show(), History(), Diff(), Plan(), Apply(), Set(), Rollback(), Confirm(),
    };

    private static Option<string> State() => new("--state")
    {
        Description = "Where the box keeps its configuration",
        HelpName = "DIR",
        DefaultValueFactory = _ => ConfigStore.DefaultDirectory,
    };

    private static Option<string?> Why() => CommonOptions.AtMost(new("--why") { Description = "Why: kept with the revision, at most 200 characters", HelpName = "TEXT" }, 200);

    private static Option<int?> ConfirmWithin() => CommonOptions.Within(
        new Option<int?>("--confirm")
        {
            Description = "Roll it back unless capbox config confirm comes within so many seconds (default: 120 where it touches how the box is reached, else 0)",
            HelpName = "S",
        },
        0, ChangeSection.MaxSeconds);

    private static Command Check()
    {
        Argument<string> file = new("FILE") { Description = "Configuration document" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("check", "Validate a configuration document; every error is said, one line each.") { file, json };
        command.SetAction(result => ConfigCommand.Check(result.GetRequiredValue(file), result.GetValue(json)));
        return command;
    }

    private static Command Schema()
    {
        Command command = new("schema", "Print the JSON Schema of configuration documents, for editors and generators.");
        command.SetAction(_ =>
        {
            Console.Out.Write(ConfigSchema.Text());
            return ExitCode.Good;
        });
        return command;
    }

    private static Command Show()
    {
        Argument<string?> path = new("PATH") { Description = "Only this part: ports[eth2].filter", Arity = ArgumentArity.ZeroOrOne };
        Option<long> revision = CommonOptions.Within(new Option<long>("--revision") { Description = "This one instead of that in force", HelpName = "N" }, 0, long.MaxValue);
        Option<string> state = State();
        Option<bool> json = CommonOptions.Json();
        Command command = new("show", "Print the document in force. With --json: with its origin.") { path, revision, state, json };
        command.SetAction(result => KeptConfigCommand.Show(result.GetRequiredValue(state), result.GetValue(path), result.GetValue(revision), result.GetValue(json)));
        return command;
    }

    private static Command History()
    {
        Option<string> state = State();
        Option<bool> json = CommonOptions.Json();
        Command command = new("history", "List the revisions that are kept: who, when, why.") { state, json };
        command.SetAction(result => KeptConfigCommand.History(result.GetRequiredValue(state), result.GetValue(json)));
        return command;
    }

    private static Command Diff()
    {
        Argument<string> from = new("A") { Description = "A revision, or a file" };
        Argument<string?> to = new("B") { Description = "The same (default: the document in force)", Arity = ArgumentArity.ZeroOrOne };
        Option<string> state = State();
        Option<bool> json = CommonOptions.Json();
        Command command = new("diff", "Tell where two documents differ, by path. Exit code 1 if they do, 2 if that cannot be told.") { from, to, state, json };
        command.SetAction(result => KeptConfigCommand.Diff(result.GetRequiredValue(state), result.GetRequiredValue(from), result.GetValue(to), result.GetValue(json)));
        return command;
    }

    private static Command Plan()
    {
        Argument<string> file = new("FILE") { Description = "Configuration document" };
        Option<string> state = State();
        Option<bool> json = CommonOptions.Json();
        Command command = new("plan", "Tell what applying a document would change and interrupt. Changes nothing.") { file, state, json };
        command.SetAction(result => KeptConfigCommand.Plan(result.GetRequiredValue(state), result.GetRequiredValue(file), result.GetValue(json)));
        return command;
    }

    private static Command Apply()
    {
        Argument<string> file = new("FILE") { Description = "Configuration document" };
        (Option<string> state, Option<string?> why, Option<int?> confirm, Option<bool> json) = (State(), Why(), ConfirmWithin(), CommonOptions.Json());
        Command command = new("apply", "Put a document in force.") { file, why, confirm, state, json };
        command.SetAction(result => KeptConfigCommand.Apply(
            result.GetRequiredValue(state), result.GetRequiredValue(file), new ChangeArguments(result.GetValue(why), result.GetValue(confirm), result.GetValue(json))));
        return command;
    }

    private static Command Set()
    {
        Argument<string> path = new("PATH") { Description = "ports[eth2].filter, storage.retention.minFree" };
        Argument<string> value = new("VALUE") { Description = "JSON, or a string without quotes; null takes the key away" };
        (Option<string> state, Option<string?> why, Option<int?> confirm, Option<bool> json) = (State(), Why(), ConfirmWithin(), CommonOptions.Json());
        Command command = new("set", "Put the document in force with one value changed.") { path, value, why, confirm, state, json };
        command.SetAction(result => KeptConfigCommand.Set(
            result.GetRequiredValue(state), result.GetRequiredValue(path), result.GetRequiredValue(value), new ChangeArguments(result.GetValue(why), result.GetValue(confirm), result.GetValue(json))));
        return command;
    }

    private static Command Rollback()
    {
        Argument<long> revision = new("N") { Description = "The revision to go back to" };
        revision.Validators.Add(result => CommonOptions.CheckBounds(result, revision.Name, 0, long.MaxValue));
        (Option<string> state, Option<string?> why, Option<int?> confirm, Option<bool> json) = (State(), Why(), ConfirmWithin(), CommonOptions.Json());
        Command command = new("rollback", "Put the document of an earlier revision in force, as a new one.") { revision, why, confirm, state, json };
        command.SetAction(result => KeptConfigCommand.Rollback(
            result.GetRequiredValue(state), result.GetRequiredValue(revision), new ChangeArguments(result.GetValue(why), result.GetValue(confirm), result.GetValue(json))));
        return command;
    }

    private static Command Confirm()
    {
        Argument<string?> id = new("ID") { Description = "As apply told it (default: what waits)", Arity = ArgumentArity.ZeroOrOne };
        Option<string> state = State();
        Option<bool> json = CommonOptions.Json();
        Command command = new("confirm", "Confirm a document that is rolled back otherwise.") { id, state, json };
        command.SetAction(result => KeptConfigCommand.Confirm(result.GetRequiredValue(state), result.GetValue(id), result.GetValue(json)));
        return command;
    }
}
