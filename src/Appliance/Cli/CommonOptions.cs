// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Capbox.Config;
using Capbox.Packets.Extract;
using Capbox.Platform.Time;

namespace Capbox.Cli;

/// <summary>Options and arguments that several commands have.</summary>
internal static class CommonOptions
{
    public static Option<bool> Json() => new("--json") { Description = "Write JSON to standard output" };

    public static Option<string> Archive() => new("--archive") { Description = "The archive", HelpName = "DIR", DefaultValueFactory = _ => ConfigDocument.DefaultDirectory };

    /// <summary>A message about a member of a request begins with the option that sets it.</summary>
    /// <param name="field">Member of the request; null if the message is about none.</param>
    /// <param name="message">Begins with the value.</param>
    public static string Name(string? field, string message) => field is null ? message : $"--{(field == "ports" ? "port" : field)} {message}";

    /// <summary>Refuses a whole number that is out of bounds; what is no number is refused anyway.</summary>
    public static T Within<T>(T option, long least, long most)
        where T : Option
    {
        option.Validators.Add(result => CheckBounds(result, option.Name, least, most));
        return option;
    }

    public static void CheckBounds(SymbolResult result, string name, long least, long most)
    {
        foreach (Token token in result.Tokens)
        {
            if (long.TryParse(token.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && (value < least || value > most))
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name}: {value} is {(most == long.MaxValue ? $"less than {least}" : $"not within {least} to {most}")}"));
        }
    }

    /// <summary>Refuses a text that would not be kept whole, or not be taken.</summary>
    public static Option<string?> AtMost(Option<string?> option, int characters)
    {
        option.Validators.Add(result =>
        {
            if (result.Tokens.Any(t => t.Value.Length > characters))
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option.Name}: longer than {characters} characters"));
        });
        return option;
    }

    /// <summary>Ports as names in a list, or the option again and again.</summary>
    public static string[] Names(string[]? given) => [.. (given ?? []).SelectMany(p => p.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];

    /// <summary>Reads <c>--from</c> and <c>--to</c>; what is not given is without end.</summary>
    /// <param name="fromText">A moment, or null.</param>
    /// <param name="toText">A moment or +1s, or null.</param>
    /// <param name="now">What "now" and "-5m" mean.</param>
    /// <param name="from">First moment.</param>
    /// <param name="to">First moment after it.</param>
    /// <returns>Null, or what is wrong: one line that names the option.</returns>
    public static string? ReadRange(string? fromText, string? toText, UtcTime now, out UtcTime from, out UtcTime to)
    {
        from = new UtcTime(long.MinValue);
        to = new UtcTime(long.MaxValue);
        if (fromText is not null && !TimeArgument.TryParse(fromText, now, out from))
            return $"--from {fromText}: not a time (RFC 3339, local time, seconds since 1970, or -5m)";
        if (toText is not null && !TimeArgument.TryParseEnd(toText, from, now, out to))
            return $"--to {toText}: not a time (as --from, or +1s counted from it)";
        return to > from ? null : toText is null or "now" ? $"--from {fromText}: not before --to, which is now unless it is given" : $"--to {toText}: not after --from";
    }
}
