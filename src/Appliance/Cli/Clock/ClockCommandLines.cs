// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Globalization;

namespace Capbox.Cli;

/// <summary>Commands about clocks.</summary>
internal static class ClockCommandLines
{
    private const string ClockHelp = "/dev/ptpN, ptpN, or system (CLOCK_REALTIME)";

    public static Command Clock() =>
        new("clock", "Clocks of ports and of the machine: what there is, what it shows, how it is set.") { Status(), Watch(), Accept(), Log(), Report(), Ports(), Grant(), Read(), Adjust() };

    public static string[] Examples(string command) => command switch
    {
        "status" => ["sudo capbox clock status", "sudo capbox clock status --json | jq .boundNs"],
        "watch" => ["sudo capbox clock watch", "sudo capbox clock watch --interval 5 | tee clock.log", "sudo capbox clock watch --json | jq -c '[.state, .boundNs]'"],
        "accept" => ["sudo capbox clock accept", "sudo capbox clock accept --json | jq .unresolvedNs"],
        "log" => ["sudo capbox clock log --from -1h", "sudo capbox clock log --events --json | jq -r .event", "sudo capbox clock log --raw --from -10s --json | jq .offsetNs"],
        "report" => ["sudo capbox clock report --day 2026-11-24 --svg clock.svg", "sudo capbox clock report --json | jq .divergence"],
        "ports" => ["sudo capbox clock ports", "sudo capbox clock ports --json | jq '.ports[] | select(.packetStamps == \"Hardware\") | .name'"],
        "grant" => ["sudo capbox clock grant eth2", "sudo capbox clock grant eth2 --every-packet --json | jq -r .granted.rxFilter"],
        "read" => ["sudo capbox clock read ptp0", "sudo capbox clock read ptp0 --against ptp1 --json | jq .reading.offsetNs"],
        "adjust" => ["sudo capbox clock adjust ptp0 --step 37000000000", "sudo capbox clock adjust /dev/ptp0 --ppb -1250.5", "sudo capbox clock adjust ptp0 --virtual 1"],
        _ => ["sudo capbox clock ports", "sudo capbox clock read ptp0"],
    };

    private static Command Status()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<bool> json = CommonOptions.Json();
        Command command = new("status", "Tell how the clock stands that the running recorder keeps. Exit code 1 when none is, or nothing can be claimed of it.") { archive, json };
        command.SetAction(result => ControlCommand.Clock(result.GetRequiredValue(archive), result.GetValue(json)));
        return command;
    }

    private static Command Watch()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<string> interval = new("--interval") { Description = "Time between two looks: seconds, or 500ms, 10s", HelpName = "S", DefaultValueFactory = _ => "1" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("watch", "Draw offset and bound of the clock that the running recorder keeps, live. In a pipe a line for each look.") { archive, interval, json };
        command.SetAction(result => ClockWatch.Run(result.GetRequiredValue(archive), result.GetRequiredValue(interval), result.GetValue(json)));
        return command;
    }

    private static Command Accept()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<bool> json = CommonOptions.Json();
        Command command = new("accept", "Take the steps of path or grandmaster that the clock did not follow for true: it slews to what the messages say. Once somebody has found out why.") { archive, json };
        command.SetAction(result => ControlCommand.AcceptShifts(result.GetRequiredValue(archive), result.GetValue(json)));
        return command;
    }

    private static Command Log()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<string?> from = new("--from") { Description = "Only from here on: a time as of extract", HelpName = "TIME" };
        Option<string?> to = new("--to") { Description = "Only before this: a time, or +1s counted from --from", HelpName = "TIME" };
        Option<bool> events = new("--events") { Description = "Only what happened, not each second" };
        Option<bool> raw = new("--raw") { Description = "t1 to t4 of each exchange with a master instead" };
        Option<bool> json = new("--json") { Description = "A JSON object a line" };
        Command command = new("log", "What the recorder wrote down of its clock: each second and each event. Exit code 1 when there is nothing.") { archive, from, to, events, raw, json };
        command.SetAction(result => (result.GetValue(events), result.GetValue(raw)) switch
        {
            (true, true) => ErrorOutput.BadUse("clock log: one of --events and --raw"),
            (_, true) => ExchangeCommand.Log(result.GetRequiredValue(archive), result.GetValue(from), result.GetValue(to), result.GetValue(json)),
            (bool only, _) => EvidenceCommand.Log(result.GetRequiredValue(archive), result.GetValue(from), result.GetValue(to), only, result.GetValue(json)),
        });
        return command;
    }

    private static Command Report()
    {
        Option<string> archive = CommonOptions.Archive();
        Option<string?> day = new("--day") { Description = "Day of UTC; today if left out", HelpName = "YYYY-MM-DD" };
        Option<long> target = new("--target") { Description = "The user's own bound beside RTS 25's, ns", HelpName = "NS", DefaultValueFactory = _ => (long)Timing.Evidence.EvidenceReport.Rts25Ns };
        Option<string?> svg = new("--svg") { Description = "Draw the day into this file", HelpName = "FILE" };
        Option<string?> csv = new("--csv") { Description = "Write each second and event into this file (RFC 4180)", HelpName = "FILE" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("report", "A day's evidence (RTS 25): divergence from UTC, states, references, gaps, events. Exit code 1 unless every second was within 100 us.") { archive, day, target, svg, csv, json };
        command.SetAction(result => EvidenceCommand.Report(
            result.GetRequiredValue(archive), result.GetValue(day), result.GetValue(target), result.GetValue(svg), result.GetValue(csv), result.GetValue(json)));
        return command;
    }

    private static Command Ports()
    {
        Option<string?> netns = new("--netns") { Description = "Ports of another network namespace, by name (ip netns) or path", HelpName = "NETNS" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("ports", "List ports with their clock and what can stamp packets there, and the clocks of the machine. Changes nothing.") { netns, json };
        command.SetAction(result => ClockPortsCommand.Run(result.GetValue(netns), result.GetValue(json)));
        return command;
    }

    private static Command Grant()
    {
        Argument<string> port = new("PORT") { Description = "Interface of this network namespace" };
        Option<bool> every = new("--every-packet") { Description = "Ask for stamps of every packet, as capture does; otherwise of PTP event messages" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("grant", "Ask a port's driver for hardware stamps, tell what it grants, and put back what was found. Root only.") { port, every, json };
        command.SetAction(result => ClockToolCommand.Grant(result.GetRequiredValue(port), result.GetValue(every), result.GetValue(json)));
        return command;
    }

    private static Command Read()
    {
        Argument<string> clock = new("CLOCK") { Description = ClockHelp };
        Option<string> against = new("--against") { Description = "system, raw (CLOCK_MONOTONIC_RAW), or another clock", HelpName = "CLOCK", DefaultValueFactory = _ => "system" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("read", "Read a clock against another one: the offset, and how wrong it can be.") { clock, against, json };
        command.SetAction(result => ClockToolCommand.Read(result.GetRequiredValue(clock), result.GetRequiredValue(against), result.GetValue(json)));
        return command;
    }

    private static Command Adjust()
    {
        Argument<string> clock = new("CLOCK") { Description = ClockHelp };
        Option<string?> ppb = new("--ppb") { Description = "Dial this frequency; positive is faster", HelpName = "X" };
        Option<string?> step = new("--step") { Description = "Move the clock by so many nanoseconds; negative sets it back", HelpName = "NS" };
        Option<string?> virtualClocks = new("--virtual") { Description = "Have so many virtual clocks of it; with any it cannot be steered itself", HelpName = "N" };
        Option<string?> tai = new("--tai") { Description = "Tell the kernel TAI - UTC; of the system clock only", HelpName = "S" };
        Option<string?> sameAs = new("--same-as") { Description = "Step it by 10 us and back, and tell whether another PHC of the card went along", HelpName = "CLOCK" };
        Option<bool> yes = new("--yes") { Description = "Touch the system clock, too" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("adjust", "Set a clock by hand, for commissioning: nothing else may steer it meanwhile. Root only.") { clock, ppb, step, virtualClocks, tai, sameAs, yes, json };
        command.SetAction(result =>
        {
            (Option<string?> Option, string? Text)[] given = [.. new[] { ppb, step, virtualClocks, tai, sameAs }.Select(option => (option, result.GetValue(option))).Where(pair => pair.Item2 is not null)];
            return given is [var (option, text)]
                ? Adjust(result.GetRequiredValue(clock), option.Name, text!, result.GetValue(yes), result.GetValue(json))
                : ErrorOutput.BadUse("clock adjust: one of --ppb, --step, --virtual, --tai and --same-as");
        });
        return command;
    }

    private static int Adjust(string clock, string option, string text, bool yes, bool json)
    {
        switch (option)
        {
            case "--ppb":
                return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double ppb) && double.IsFinite(ppb)
                    ? ClockToolCommand.Adjust(clock, it => it.SetFrequency(ppb), yes, json)
                    : ErrorOutput.BadUse($"--ppb {text}: not a number of parts per billion");
            case "--step":
                return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long stepNs)
                    ? ClockToolCommand.Adjust(clock, it => it.Step(stepNs), yes, json)
                    : ErrorOutput.BadUse($"--step {text}: not a whole number of nanoseconds");
            case "--tai":
                return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds is >= 10 and <= 100
                    ? ClockToolCommand.Adjust(clock, it => ClockToolCommand.SetTai(it, seconds), yes, json)
                    : ErrorOutput.BadUse($"--tai {text}: not 10 to 100 s");
            case "--same-as":
                return ClockToolCommand.IsSame(clock, text);
            default:
                return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
                    ? ClockToolCommand.SetVirtual(clock, count, json)
                    : ErrorOutput.BadUse($"--virtual {text}: not a number of clocks");
        }
    }
}
