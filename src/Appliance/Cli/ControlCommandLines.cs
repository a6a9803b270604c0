// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Capbox.Platform.Linux;

namespace Capbox.Cli;

/// <summary>Commands that ask a running recorder.</summary>
internal static class ControlCommandLines
{
    public static Command Status()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<bool> json = CommonOptions.Json();
        Command command = new("status", "Show the state of the recorder that records into an archive.") { archive, json };
        command.SetAction(result => ControlCommand.Status(result.GetRequiredValue(archive), result.GetValue(json)));
        return command;
    }

    public static Command Top()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<string> interval = new("--interval") { Description = "Time between two looks: seconds, or 500ms, 10s", HelpName = "S", DefaultValueFactory = _ => "1" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("top", "Watch a running recorder live: rates, losses, disk, clock. In a pipe a line for each look.") { archive, interval, json };
        command.SetAction(result => TopCommand.Run(result.GetRequiredValue(archive), result.GetRequiredValue(interval), result.GetValue(json)));
        return command;
    }

    public static Command Rotate()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<bool> json = CommonOptions.Json();
        Command command = new("rotate", "Seal the current segments and go on in new ones, without losing a packet.") { archive, json };
        command.SetAction(result => ControlCommand.Rotate(result.GetRequiredValue(archive), result.GetValue(json)));
        return command;
    }

    public static Command Trigger()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<string?> reason = CommonOptions.AtMost(new("--reason") { Description = "Why: for the log and the hold, at most 200 characters", HelpName = "TEXT" }, 200);
        Option<bool> json = CommonOptions.Json();
        Command command = new("trigger", "Flight recorder (storage.mode trigger): write what the rings keep, and go on for a while.") { archive, reason, json };
        command.SetAction(result => ControlCommand.Trigger(result.GetRequiredValue(archive), result.GetValue(reason), result.GetValue(json)));
        return command;
    }

    public static Command Identify()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<int?> seconds = CommonOptions.Within(new Option<int?>("--seconds") { Description = "For so long, at most an hour; 0 ends it (default 30)", HelpName = "S" }, 0, Leds.MaxSeconds);
        Option<string?> led = new("--led") { Description = "Only this one, by its name below /sys/class/leds", HelpName = "NAME" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("identify", "Blink the LEDs of the box, to find it in a rack.") { seconds, led, archive, json };
        command.SetAction(result => ControlCommand.Identify(result.GetRequiredValue(archive), result.GetValue(seconds), result.GetValue(led), result.GetValue(json)));
        return command;
    }

    public static Command Control()
    {
        Argument<string?> name = new("NAME") { Description = "Of a command; default all", Arity = ArgumentArity.ZeroOrOne };
        Command schema = new("schema", "Print the JSON Schemas of what commands take and give.") { name };
        schema.SetAction(result => ControlCommand.Schema(result.GetValue(name)));
        Command asyncapi = new("asyncapi", "Print the AsyncAPI document of all MQTT topics.");
        asyncapi.SetAction(_ => ControlCommand.AsyncApi());
        Argument<string> command = new("NAME") { Description = "Of a command" };
        Argument<string?> members = new("MEMBERS") { Description = "A JSON object (default {})", Arity = ArgumentArity.ZeroOrOne };
        Option<string> archive = CommonOptions.Archive();
        Command ask = new("ask", "Ask the running recorder a command; prints the result as JSON.") { command, members, archive };
        ask.SetAction(result => ControlCommand.Ask(result.GetRequiredValue(archive), result.GetRequiredValue(command), result.GetValue(members)));
        return new Command("control", "The commands that socket and MQTT share (docs/reference/control.md).") { ask, schema, asyncapi };
    }

    public static readonly string[] Examples =
    [
        "sudo capbox control ask extract-info '{\"from\":\"-1h\",\"to\":\"now\"}'",
        "sudo capbox control ask reboot        # gives a token; again with it: reboots",
        "capbox control schema hold-add | jq '.[].request'",
        "capbox control asyncapi > asyncapi.yaml",
    ];
}
