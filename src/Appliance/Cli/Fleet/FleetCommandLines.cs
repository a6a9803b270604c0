// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;

namespace Capbox.Cli;

/// <summary>Parsing of <c>capbox fleet</c>.</summary>
internal static class FleetCommandLines
{
    public static readonly string[] Examples =
    [
        "export CAPBOX_FLEET=/etc/capbox/fleet.json        # broker, ca, clientCertificate, clientKey",
        "capbox fleet status --select 'health!=ok or state!=ready'",
        "capbox fleet config diff --set 'ports[eth2].filter=udp and net 239.0.0.0/8'",
        "capbox fleet apply feed-b.json --select 'id=LD4-*' --dry-run",
        "capbox fleet apply feed-b.json --select 'id=LD4-*' --first 1 --batch 20 --soak 60 --why 'feed B moves'",
        "capbox fleet cmd rotate --select 'port=eth2'",
        "capbox fleet cmd status --all --json | jq -r 'select(.ok) | [.deviceId, .result.storage.freeBytes] | @tsv'",
    ];

    private static readonly Option<string?> s_profile = Text("--profile", "FILE", "Broker, ca, clientCertificate, clientKey, username, passwordFile, requester in a file (default: what CAPBOX_FLEET names)");
    private static readonly Option<string?> s_broker = Text("--broker", "HOST[:PORT]", "The broker: TLS, port 8883; mqtt:// is for this machine alone unless --plaintext");
    private static readonly Option<string?> s_ca = Text("--ca", "FILE", "PEM: the only authorities that are trusted (default: those of the system)");
    private static readonly Option<string?> s_certificate = Text("--cert", "FILE", "PEM: own certificate, with --key");
    private static readonly Option<string?> s_key = Text("--key", "FILE", "PEM: its key");
    private static readonly Option<string?> s_username = Text("--username", "NAME", "At the broker, with --password-file");
    private static readonly Option<string?> s_password = Text("--password-file", "FILE", "The password in its first line, readable by its owner alone");
    private static readonly Option<bool> s_plaintext = new("--plaintext") { Description = "Without TLS, though everybody on the way may read and change what is said", Recursive = true };
    private static readonly Option<string?> s_requester = Text("--requester", "NAME", "Who asks, in topics of answers and in the boxes' history (default fleet-USER)");
    private static readonly Option<string?> s_select = Text("--select", "EXPR", "Only these boxes: id=CB-* and health!=ok (docs/guide/fleet.md)");
    private static readonly Option<bool> s_all = new("--all") { Description = "Every box, where one has to be named: apply, cmd" };
    private static readonly Option<double> s_wait = new("--wait") { Description = "Collect what boxes published for at most so many seconds", HelpName = "S", DefaultValueFactory = _ => 30, Recursive = true };
    private static readonly Option<bool> s_json = CommonOptions.Json();

    public static Command Fleet() => new("fleet", "Many boxes at once, over their broker: how they are, what they would change, a change from box to box, commands.")
    {
        s_profile, s_broker, s_ca, s_certificate, s_key, s_username, s_password, s_plaintext, s_requester, s_select, s_wait,
        Status(), new Command("config", "The boxes' configurations.") { Diff() }, Apply(), Ask(),
    };

    private static Option<string?> Text(string name, string value, string description) => new(name) { Description = description, HelpName = value, Recursive = true };

    private static FleetScope Scope(ParseResult result, bool all) => new(
        new FleetConnection
        {
            Profile = result.GetValue(s_profile),
            Broker = result.GetValue(s_broker),
            Ca = result.GetValue(s_ca),
            Certificate = result.GetValue(s_certificate),
            Key = result.GetValue(s_key),
            Username = result.GetValue(s_username),
            PasswordFile = result.GetValue(s_password),
            Plaintext = result.GetValue(s_plaintext),
            Requester = result.GetValue(s_requester),
        },
        result.GetValue(s_select), all, result.GetValue(s_wait), result.GetValue(s_json));

    private static Command Status()
    {
        Option<double> live = new("--live") { Description = "Listen so many seconds more, so that HEARD tells when each box last spoke", HelpName = "S" };
        Command command = new("status", "List the boxes: state, version, configuration, health, worst alarm.") { live, s_json };
        command.SetAction(result => FleetStatusCommand.Run(Scope(result, all: true), result.GetValue(live)));
        return command;
    }

    private static (Argument<string?> File, Option<bool> Whole, Option<string[]> Set) Change() => (
        new Argument<string?>("FILE") { Description = "JSON merge patch (RFC 7396) for each box's own document", Arity = ArgumentArity.ZeroOrOne },
        new Option<bool>("--whole") { Description = "FILE is a whole document; each box keeps its serial and mqtt unless FILE has them" },
        new Option<string[]>("--set") { Description = "One value, as config set takes it: 'ports[eth2].filter=udp'. Repeat it", HelpName = "PATH=VALUE" });

    private static ChangeSource Source(ParseResult result, (Argument<string?> File, Option<bool> Whole, Option<string[]> Set) change) =>
        new(result.GetValue(change.File), result.GetValue(change.Whole), result.GetValue(change.Set) ?? []);

    private static Command Diff()
    {
        (Argument<string?> File, Option<bool> Whole, Option<string[]> Set) change = Change();
        Command command = new("diff", "Tell what a change would change where; boxes with the same differences together.") { change.File, change.Whole, change.Set, s_json };
        command.SetAction(result => FleetChangeCommand.Diff(Scope(result, all: true), Source(result, change)));
        return command;
    }

    private static Command Apply()
    {
        (Argument<string?> File, Option<bool> Whole, Option<string[]> Set) change = Change();
        Option<bool> dryRun = new("--dry-run") { Description = "Ask each box what it would do; nothing changes" };
        Option<int> first = Number("--first", "N", "Boxes that go before all others", 1);
        Option<int> batch = Number("--batch", "N", "Boxes at once afterwards", 10);
        Option<double> pause = Seconds("--pause", "Between one stage and the next", 0);
        Option<double> soak = Seconds("--soak", "Watch each box so long after it has the change; the boxes' own watch is change.watch, 60 s", 0);
        Option<double> timeout = Seconds("--timeout", "A box has so long to answer, and to come back", 60);
        Option<string> stopOn = new("--stop-on")
        {
            Description = "What ends the rollout: rejected, rolled-back, changed, silent, lost, worse; or none",
            HelpName = "WORD[,...]",
            DefaultValueFactory = _ => "rejected,rolled-back,changed,silent,lost",
        };
        Option<int?> confirm = new("--confirm") { Description = "Each box takes it back by itself unless this program confirms it within so many seconds (default: as the box does, 120 for mqtt)", HelpName = "S" };
        Option<string?> why = Text("--why", "TEXT", "Why: kept with the revision, at most 200 characters");
        Command command = new("apply", "Take a change from box to box: one first, then some at a time, no further once one refuses it or takes it back.")
        {
            change.File, change.Whole, change.Set, s_all, dryRun, first, batch, pause, soak, timeout, stopOn, confirm, why, s_json,
        };
        command.SetAction(result => FleetChangeCommand.Apply(
            Scope(result, result.GetValue(s_all)), Source(result, change),
            new ApplyArguments(
                result.GetValue(dryRun), result.GetValue(first), result.GetValue(batch), result.GetValue(pause), result.GetValue(soak), result.GetValue(timeout), result.GetRequiredValue(stopOn), result.GetValue(confirm),
                result.GetValue(why))));
        return command;
    }

    private static Command Ask()
    {
        Argument<string> name = new("NAME") { Description = "As docs/reference/control.md lists them" };
        Argument<string> members = new("JSON") { Description = "Its members", DefaultValueFactory = _ => "{}" };
        Option<int> parallel = Number("--parallel", "N", "Boxes that are asked at once", 32);
        Option<double> timeout = Seconds("--timeout", "A box has so long to answer", 10);
        Command command = new("cmd", "Ask each box a command of docs/reference/control.md and collect the answers. --json: a line a box, as they come.") { name, members, s_all, parallel, timeout, s_json };
        command.SetAction(result => FleetAskCommand.Run(
            Scope(result, result.GetValue(s_all)), result.GetRequiredValue(name), result.GetRequiredValue(members), result.GetValue(parallel), result.GetValue(timeout)));
        return command;
    }

    private static Option<int> Number(string name, string value, string description, int otherwise) => new(name) { Description = description, HelpName = value, DefaultValueFactory = _ => otherwise };

    private static Option<double> Seconds(string name, string description, double otherwise) => new(name) { Description = description, HelpName = "S", DefaultValueFactory = _ => otherwise };
}
