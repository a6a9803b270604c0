using System.CommandLine;

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
        Option<string?> reason = new("--reason") { Description = "Why: for the log and the hold, at most 200 characters", HelpName = "TEXT" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("trigger", "Flight recorder (storage.mode trigger): write what the rings keep, and go on for a while.") { archive, reason, json };
        command.SetAction(result => ControlCommand.Trigger(result.GetRequiredValue(archive), result.GetValue(reason), result.GetValue(json)));
        return command;
    }
}
