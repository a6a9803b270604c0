// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Capbox.Cli;

/// <summary>The commands of capbox; docs/reference/cli.md is their manual. Parsing is here, the work is in one file per command.</summary>
internal static class CommandLine
{
    private static readonly Option<bool> s_json = CommonOptions.Json();

    public static int Run(IReadOnlyList<string> args)
    {
        try
        {
            // Wireshark's options are its own, and may grow: they are not parsed here.
            return ExtcapCommand.IsCalled(args) ? ExtcapCommand.Run(args) : Invoke(args is ["help", ..] ? [.. args.Skip(1), "--help"] : args);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or StandardOutputException)
        {
            return ErrorOutput.Failed(e.Message);
        }
        catch (Exception e)
        {
            // A fault of this program; a user is told in one line all the same.
            return ErrorOutput.Failed($"unexpected: {e.GetType().Name}: {e.Message}");
        }
    }

    private static int Invoke(IReadOnlyList<string> args)
    {
        // No response files: @name is a named filter here.
        ParseResult result = Build().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (result.Action is not ExampleHelpAction && UsageError.Find(result) is { } complaint)
            return ErrorOutput.BadUse($"{complaint}; see {UsageError.PathOf(result)} --help");
        return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    private static RootCommand Build()
    {
        RootCommand root = new("capbox records network ports to PCAPNG segments and accounts for every packet.")
        {
            RunCommandLine(), ControlCommandLines.Status(), ControlCommandLines.Top(), ControlCommandLines.Trigger(), ControlCommandLines.Rotate(), ControlCommandLines.Identify(), ControlCommandLines.Control(), PortsCommandLine(), ClockCommandLines.Clock(), ArchiveCommandLines.Segments(), ExtractCommandLine(),
            ExtcapCommandLine(), ArchiveCommandLines.Hold(), ArchiveCommandLines.Catalog(), VerifyCommandLine(), SealCommandLine(), ConfigCommandLines.Config(),
            FleetCommandLines.Fleet(),
        };
        foreach (HelpOption help in root.Options.OfType<HelpOption>())
            help.Action = new ExampleHelpAction((HelpAction)help.Action!);
        return root;
    }

    private static Command RunCommandLine()
    {
        Option<string?> config = new("--config") { Description = "Configuration document (docs/reference/config.md)", HelpName = "FILE" };
        Option<string[]> port = new("--port")
        {
            Description = "Port to record; of a document's ports only these. Repeat it or separate names with commas. NETNS/NAME: in another network namespace, by name or path",
            HelpName = "[NETNS/]NAME[,...]",
        };
        Option<string?> archive = new("--archive") { Description = "Directory for the segments (default /var/lib/capbox)", HelpName = "DIR" };
        Option<string?> filter = new("--filter") { Description = "tcpdump expression for every port; @name of the document may be used", HelpName = "EXPR" };
        Option<string?> duration = new("--duration") { Description = "End after this many seconds, or 10m, 2h", HelpName = "S" };
        Option<string?> sealKey = new("--seal-key") { Description = "Private key: keep a signed chain over the sealed segments (docs/internals/custody.md)", HelpName = "FILE" };
        Option<string?> state = new("--state") { Description = "Keep the configuration here, where capbox config and others change it (docs/reference/control.md); --config is only its first", HelpName = "DIR" };
        Option<string?> backend = new("--backend") { Description = "For every port: auto, packet (packet sockets) or kmod (the kernel module)", HelpName = "NAME" };
        Command command = new("run", "Record ports until Ctrl-C, SIGTERM or the end of --duration. SIGHUP begins new segments.")
        {
            config, state, port, archive, filter, backend, duration, sealKey, s_json,
        };
        command.SetAction(result => RunCommand.Run(
            new RunArguments(
                result.GetValue(config), result.GetValue(port) ?? [], result.GetValue(archive), result.GetValue(filter), result.GetValue(duration))
            {
                SealKey = result.GetValue(sealKey),
                State = result.GetValue(state),
                Backend = result.GetValue(backend),
            },
            result.GetValue(s_json)));
        return command;
    }

    private static Command PortsCommandLine()
    {
        Option<string?> netns = new("--netns") { Description = "Of another network namespace, by name (ip netns) or path", HelpName = "NETNS" };
        Command command = new("ports", "List the ports of this machine: driver, speed, link, offloads, timestamping.") { netns, s_json };
        command.SetAction(result => PortsCommand.Run(result.GetValue(netns), result.GetValue(s_json)));
        return command;
    }

    private static Command ExtractCommandLine()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<string?> from = new("--from") { Description = "First moment: RFC 3339 to the nanosecond, local time, seconds since 1970, or -5m; with --follow by default now", HelpName = "TIME" };
        Option<string?> to = new("--to") { Description = "First moment after the range: as --from, or +1s counted from it (default now; with --follow no end)", HelpName = "TIME" };
        Option<string[]> port = new("--port") { Description = "Only these ports. Repeat it or separate names with commas", HelpName = "NAME[,NAME]" };
        Option<string?> filter = new("--filter") { Description = "tcpdump expression", HelpName = "EXPR" };
        Option<string> output = new("--output", "-o") { Description = "File to write, or - for standard output", HelpName = "FILE|-", Required = true };
        Option<string> format = new("--format") { Description = "pcapng, pcap (microseconds) or pcap-ns", HelpName = "FORMAT", DefaultValueFactory = _ => "pcapng" };
        Option<bool> follow = new("--follow") { Description = "Go on with what is being recorded until --to, Ctrl-C or the end of the pipe" };
        Option<string?> window = new("--window")
        {
            Description = $"With --follow: how long a chunk waits for earlier packets of other rings; at least the handover time (default {Packets.Extract.LiveExtraction.DefaultWindowMs}ms)",
            HelpName = "DURATION",
        };
        Command command = new("extract", "Take a time range out of an archive, in time order; says whether it is complete.")
        {
            from, to, port, filter, output, format, archive, follow, window, s_json,
        };
        command.SetAction(result => ExtractCommand.Run(new ExtractArguments(
            result.GetRequiredValue(archive), result.GetValue(from), result.GetValue(to),
            CommonOptions.Names(result.GetValue(port)),
            result.GetValue(filter), result.GetRequiredValue(output), result.GetRequiredValue(format), result.GetValue(follow), result.GetValue(window),
            result.GetValue(s_json))));
        return command;
    }

    private static Command ExtcapCommandLine()
    {
        Argument<string?> directory = new("DIR") { Description = "Where to (default: Wireshark's personal extcap path)", Arity = ArgumentArity.ZeroOrOne };
        Command install = new("install", "Put a link to capbox where Wireshark looks for extcap programs.") { directory };
        install.SetAction(result => ExtcapInstall.Run(result.GetValue(directory)));
        Command command = new("extcap", "Offer the ports and the archive as interfaces inside Wireshark, which calls this (docs/guide/extcap.md).") { install };
        command.SetAction(_ => ExtcapCommand.Run([]));
        return command;
    }

    private static Command VerifyCommandLine()
    {
        Argument<string[]> files = new("FILE") { Description = "Segments; with --chain an archive", Arity = ArgumentArity.ZeroOrMore };
        Option<bool> chain = new("--chain") { Description = "Verify the chain of an archive: order, completeness, integrity (docs/internals/custody.md)" };
        Option<string?> key = new("--key") { Description = "With --chain: public key of the chain", HelpName = "PUBFILE" };
        Option<string?> head = new("--head") { Description = "With --chain: hash of an entry that was noted down and must be there", HelpName = "HASH" };
        Command command = new("verify", "Check segments: structure, chunk chain, footer, ledger, stamps; or with --chain an archive. Says what is wrong where.")
        {
            files, chain, key, head, s_json,
        };
        command.Validators.Add(result =>
        {
            int given = result.GetValue(files)?.Length ?? 0;
            bool isChain = result.GetValue(chain);
            string? wrong = !isChain && given == 0 ? "Required argument missing for command: 'verify'"
                : !isChain && (result.GetValue(key) ?? result.GetValue(head)) is not null ? "--key and --head go with --chain"
                : isChain && given > 1 ? "--chain takes one archive"
                : isChain && result.GetValue(key) is null ? "--chain needs --key PUBFILE" : null;
            if (wrong is not null)
                result.AddError(wrong);
        });
        command.SetAction(result => result.GetValue(chain)
            ? ChainCommand.Run(
                result.GetValue(files) is [string archive] ? archive : Config.ConfigDocument.DefaultDirectory, result.GetValue(key)!, result.GetValue(head), result.GetValue(s_json))
            : VerifyCommand.Run(result.GetRequiredValue(files), result.GetValue(s_json)));
        return command;
    }

    private static Command SealCommandLine()
    {
        Option<string> output = new("--out") { Description = "File for the private key; the public one goes to FILE.pub", HelpName = "FILE", Required = true };
        Command keygen = new("keygen", "Make a key pair (ECDSA P-256, PEM). Overwrites nothing.") { output, s_json };
        keygen.SetAction(result => SealCommand.Keygen(result.GetRequiredValue(output), result.GetValue(s_json)));

        Argument<string> directory = new("DIR") { Description = "The archive", DefaultValueFactory = _ => Config.ConfigDocument.DefaultDirectory };
        Option<string> key = new("--key") { Description = "Private key that keeps the chain", HelpName = "FILE", Required = true };
        Option<string> next = new("--to") { Description = "Private key that takes over", HelpName = "FILE", Required = true };
        Command rotate = new("rotate", "Hand the chain of an archive over to another key.") { directory, key, next, s_json };
        rotate.SetAction(result => SealCommand.Rotate(
            result.GetRequiredValue(directory), result.GetRequiredValue(key), result.GetRequiredValue(next), result.GetValue(s_json)));

        Command command = new("seal", "Enter the sealed segments of an archive that have no entry into its chain of custody.") { directory, key, s_json, keygen, rotate };
        command.SetAction(result => SealCommand.Seal(result.GetRequiredValue(directory), result.GetRequiredValue(key), result.GetValue(s_json)));
        return command;
    }

    /// <summary>The usual help, then examples and exit codes.</summary>
    private sealed class ExampleHelpAction(HelpAction usual) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            int code = usual.Invoke(parseResult);
            Command command = parseResult.CommandResult.Command;
            TextWriter output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            string path = UsageError.PathOf(parseResult);
            bool isOfClock = command.Name == "clock" || command.Parents.Any(parent => parent.Name == "clock");
            bool isOfFleet = path.StartsWith("capbox fleet", StringComparison.Ordinal);
            bool isOfControl = command.Parents.Any(parent => parent.Name == "control");
            string word = command is RootCommand ? "" : path.StartsWith("capbox seal", StringComparison.Ordinal) ? "seal" : command.Name;
            foreach (string line in isOfFleet ? FleetCommandLines.Examples : isOfClock ? ClockCommandLines.Examples(command.Name) : isOfControl ? ControlCommandLines.Examples : ExamplesOf(word))
                output.WriteLine("  " + line);
            output.WriteLine();
            output.WriteLine(path == "capbox config diff" ? "Exit codes: 0 the same, 1 they differ, 2 trouble or bad use." : "Exit codes: 0 good, 1 the job failed, 2 bad use.");
            return code;
        }

        private static string[] ExamplesOf(string command) => command switch
        {
            "run" =>
            [
                "sudo capbox run --port eth2 --archive ./var",
                "sudo capbox run --port eth2,eth3 --filter 'udp and net 239.0.0.0/8' --duration 60",
                "sudo capbox run --port blue/eth0,/proc/4711/ns/net/eth0        # in network namespaces",
                "sudo capbox run --config /etc/capbox.json --json | jq '.ports[].lostPackets'",
                "sudo capbox run --state /var/lib/capbox-state        # capbox config changes it while it runs",
                "sudo kill -HUP $(pidof capbox)        # begin new segments",
            ],
            "status" => ["sudo capbox status --archive ./var", "sudo capbox status --json | jq '.ports[].lostPackets'"],
            "top" => ["sudo capbox top", "sudo capbox top --interval 10 | tee rates.log", "sudo capbox top --json | jq -c '[.at, .ports[].lostPackets]'"],
            "trigger" => ["sudo capbox trigger --reason 'order 4711 late'", "sudo capbox trigger --archive ./var --json | jq -r .reached"],
            "rotate" => ["sudo capbox rotate"],
            "identify" => ["sudo capbox identify", "sudo capbox identify --seconds 300 --led unit:blue:identify", "sudo capbox identify --seconds 0"],
            "control" => ControlCommandLines.Examples,
            "ports" => ["capbox ports", "sudo capbox ports --netns blue", "capbox ports --json | jq -r '.[] | select(.carrier) | .name'"],
            "segments" => ["capbox segments ./var", "capbox segments --from -1h --port eth2", "capbox segments ./var --json | jq 'map(.bytes) | add'"],
            "hold" or "add" or "list" or "remove" =>
            [
                "capbox hold add --from 09:30 --to +10m --reason 'trade 4711'",
                "capbox hold add --from -1h --to now --port eth2 --filter 'host 10.1.0.9' --reason 'case 12' --expires 90d",
                "capbox hold list --json | jq -r '.[].id'",
                "capbox hold remove h7",
            ],
            "catalog" or "rebuild" => ["capbox catalog rebuild ./var"],
            "extract" =>
            [
                "capbox extract --archive ./var --from 09:30:00.000 --to +250ms -o open.pcapng",
                "capbox extract --from 2026-11-23T09:30:00.000000250Z --to +1s --port eth2 --filter 'host 10.1.0.9' -o - | tshark -r -",
                "capbox extract --from -5m -o - | wireshark -k -i -",
                "capbox extract --follow --port eth2 -o - | tshark -r -",
            ],
            "verify" =>
            [
                "capbox verify ./var/*.pcapng",
                "capbox verify --json FILE | jq '.[].ports'",
                "capbox verify --chain /mnt/copy --key custody.key.pub --head 5f0c...",
            ],
            "seal" =>
            [
                "capbox seal keygen --out /etc/capbox/custody.key",
                "capbox seal --key /etc/capbox/custody.key ./var",
                "capbox seal rotate --key old.key --to new.key ./var",
            ],
            "extcap" or "install" =>
            [
                "capbox extcap install",
                "CAPBOX_ARCHIVE=./var tshark -D | grep capbox",
                "CAPBOX_ARCHIVE=./var tshark -i capbox-live-eth2 -f 'udp port 319'",
                "capbox extcap --extcap-interfaces",
            ],
            "config" or "check" or "schema" or "show" or "history" or "diff" or "plan" or "apply" or "set" or "rollback" or "confirm" => ConfigCommandLines.Examples,
            _ => ["capbox ports", "sudo capbox run --port eth2 --archive ./var", "capbox segments ./var", "capbox verify ./var/*.pcapng"],
        };
    }
}
