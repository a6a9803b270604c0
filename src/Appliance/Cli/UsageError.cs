// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Capbox.Platform.Json;

namespace Capbox.Cli;

/// <summary>What is wrong with a command line that does not parse: one line in capbox's words.</summary>
internal static class UsageError
{
    /// <summary>What options and arguments that name a file are called in the help; A and B are those of <c>config diff</c>.</summary>
    private static readonly HashSet<string> s_paths = ["DIR", "FILE", "FILE|-", "PUBFILE", "NETNS", "CLOCK", "A", "B"];

    /// <returns>Null: nothing.</returns>
    public static string? Find(ParseResult result)
    {
        if (EmptyPath(result.CommandResult) is { } empty)
            return empty;
        return result.Errors.Count == 0 ? null : UnknownCommand(result) ?? BadValue(result.Errors[0]) ?? result.Errors[0].Message.TrimEnd('.');
    }

    /// <summary>The command with those above it: "capbox clock status".</summary>
    public static string PathOf(ParseResult result)
    {
        List<string> names = [];
        for (SymbolResult? at = result.CommandResult; at is not null; at = at.Parent)
        {
            if (at is CommandResult { Command: { } command })
                names.Insert(0, command is RootCommand ? "capbox" : command.Name);
        }

        return string.Join(' ', names);
    }

    /// <summary>An empty string, as of a variable that is not set, is no file.</summary>
    private static string? EmptyPath(CommandResult command)
    {
        for (CommandResult? at = command; at is not null; at = at.Parent as CommandResult)
        {
            foreach (SymbolResult child in at.Children)
            {
                (string? name, string? kind) = child switch
                {
                    OptionResult { Option: { } option } => (option.Name, option.HelpName),
                    ArgumentResult { Argument: { } argument } => (argument.Name, argument.HelpName ?? argument.Name),
                    _ => (null, null),
                };
                if (kind is not null && s_paths.Contains(kind) && child.Tokens.Any(t => t.Value.Length == 0))
                    return $"{name}: an empty string";
            }
        }

        return null;
    }

    /// <summary>A word where a subcommand belongs.</summary>
    private static string? UnknownCommand(ParseResult result)
    {
        Command command = result.CommandResult.Command;
        if (command.Subcommands.Count == 0)
            return null;
        string? word = command.Arguments.Count == 0 ? (result.UnmatchedTokens is [{ } unmatched, ..] ? unmatched : null)
            : result.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens).Select(t => t.Value).FirstOrDefault(w => !Path.Exists(w));
        if (string.IsNullOrEmpty(word))
            return null;
        if (word[0] == '-')
            return $"{word}: no such option";
        string? near = command.Subcommands.Select(c => c.Name).FirstOrDefault(name => JsonNodeReader.IsNear(name, word));
        string what = command.Arguments.Count == 0 ? "no such command" : "neither a command nor a directory";
        return $"{word}: {what}{(near is null ? "" : $" (did you mean \"{near}\"?)")}";
    }

    /// <summary>A value that cannot be read as what it must be: System.CommandLine names .NET's type.</summary>
    private static string? BadValue(ParseError error)
    {
        if (!error.Message.StartsWith("Cannot parse argument", StringComparison.Ordinal))
            return null;
        (string name, Type type) = error.SymbolResult switch
        {
            OptionResult { Option: { } option } => (option.Name, option.ValueType),
            ArgumentResult { Parent: OptionResult { Option: { } option } } => (option.Name, option.ValueType),
            ArgumentResult { Argument: { } argument } => (argument.Name, argument.ValueType),
            _ => ("", typeof(object)),
        };
        if (name.Length == 0)
            return null;
        string value = error.SymbolResult!.Tokens is [.., { } last] ? last.Value : "";
        type = Nullable.GetUnderlyingType(type) ?? type;
        string wrong = type == typeof(double) ? "not a number"
            : type != typeof(int) && type != typeof(long) ? "not possible here"
            : double.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _) ? "too large" : "not a whole number";
        return $"{name}: \"{value}\" is {wrong}";
    }
}
