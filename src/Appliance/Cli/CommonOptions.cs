using System.CommandLine;
using Capbox.Config;
using Capbox.Extract;
using Capbox.Ptp;

namespace Capbox.Cli;

/// <summary>Options and arguments that several commands have.</summary>
internal static class CommonOptions
{
    public static Option<bool> Json() => new("--json") { Description = "Write JSON to standard output" };

    public static Option<string> Archive() => new("--archive") { Description = "The archive", HelpName = "DIR", DefaultValueFactory = _ => ConfigDocument.DefaultDirectory };

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
        return to <= from ? $"--to {toText}: not after --from" : null;
    }
}
