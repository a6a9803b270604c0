// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Capbox.Config;

namespace Capbox.Cli;

/// <summary>Options of the commands that look after an archive.</summary>
internal static class ArchiveCommandLines
{
    public static Command Segments()
    {
        Argument<string> directory = ArchiveArgument();
        Option<string?> from = new("--from") { Description = "Only segments with packets from here on: a time as of extract", HelpName = "TIME" };
        Option<string?> to = new("--to") { Description = "Only segments with packets before this: a time, or +1s counted from --from", HelpName = "TIME" };
        Option<string[]> port = new("--port") { Description = "Only segments with packets of these ports. Repeat it or separate names with commas", HelpName = "NAME[,NAME]" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("segments", "List the segments of an archive, oldest first.") { directory, from, to, port, json };
        command.SetAction(result => SegmentsCommand.Run(new SegmentsArguments(
            result.GetRequiredValue(directory), result.GetValue(from), result.GetValue(to), CommonOptions.Names(result.GetValue(port)), result.GetValue(json))));
        return command;
    }

    public static Command Hold() => new("hold", "Keep segments of a time range from being deleted by retention.") { HoldAdd(), HoldList(), HoldRemove() };

    public static Command Catalog()
    {
        Argument<string> directory = ArchiveArgument();
        Option<bool> json = CommonOptions.Json();
        Command rebuild = new("rebuild", "Make the catalog anew from the segments. A recorder does this by itself when it must.") { directory, json };
        rebuild.SetAction(result => CatalogCommand.Rebuild(result.GetRequiredValue(directory), result.GetValue(json)));
        return new Command("catalog", "Work on the index of an archive.") { rebuild };
    }

    private static Command HoldAdd()
    {
        Option<string> from = new("--from") { Description = "First moment: a time as of extract", HelpName = "TIME", Required = true };
        Option<string> to = new("--to") { Description = "First moment after the range; may be in the future", HelpName = "TIME", Required = true };
        Option<string[]> port = new("--port") { Description = "Only segments with packets of these ports", HelpName = "NAME[,NAME]" };
        Option<string?> filter = new("--filter") { Description = "Of what is recorded already only segments with such a packet: a tcpdump expression", HelpName = "EXPR" };
        Option<string> reason = new("--reason") { Description = "Why; shown by hold list", HelpName = "TEXT", Required = true };
        Option<string?> expires = new("--expires") { Description = "When it ends by itself: 30d, or a time (default: never)", HelpName = "TIME" };
        Option<string> archive = CommonOptions.Archive();
        Option<bool> json = CommonOptions.Json();
        Command command = new("add", "Hold the segments of a range.") { from, to, port, filter, reason, expires, archive, json };
        command.SetAction(result => HoldCommand.Add(new HoldArguments(
            result.GetRequiredValue(archive), result.GetRequiredValue(from), result.GetRequiredValue(to), CommonOptions.Names(result.GetValue(port)), result.GetValue(filter),
            result.GetRequiredValue(reason), result.GetValue(expires), result.GetValue(json))));
        return command;
    }

    private static Command HoldList()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<bool> json = CommonOptions.Json();
        Command command = new("list", "List holds and what they keep.") { archive, json };
        command.SetAction(result => HoldCommand.List(result.GetRequiredValue(archive), result.GetValue(json)));
        return command;
    }

    private static Command HoldRemove()
    {
        Argument<string> id = new("ID") { Description = "As hold list shows it" };
        Option<string> archive = CommonOptions.Archive();
        Command command = new("remove", "Give the segments of a hold back to retention.") { id, archive };
        command.SetAction(result => HoldCommand.Remove(result.GetRequiredValue(archive), result.GetRequiredValue(id)));
        return command;
    }

    private static Argument<string> ArchiveArgument() => new("DIR") { Description = "The archive", DefaultValueFactory = _ => ConfigDocument.DefaultDirectory };
}
