// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;

namespace Capbox.Config;

/// <summary>
/// Filters by name. <c>@name</c> inside an expression stands for the named filter in parentheses; a named filter may use others. The
/// expansion is bounded, since filters that use each other twice grow without end.
/// </summary>
public sealed class NamedFilters
{
    /// <summary>Longest expression after expansion, characters.</summary>
    public const int MaxExpressionLength = 65536;
    private const int MaxNameLength = 64;
    private readonly IReadOnlyDictionary<string, string> _filters;

    /// <param name="filters">Expressions, not expanded, by name.</param>
    public NamedFilters(IReadOnlyDictionary<string, string> filters) => _filters = filters;

    public static NamedFilters None { get; } = new(new Dictionary<string, string>());

    /// <summary>
    /// Of a document that was accepted before: expressions are not compiled again, which may take long or fail while names cannot be looked
    /// up.
    /// </summary>
    public bool AreProved { get; init; }

    /// <summary>A letter, then letters, digits, '_' and '-'.</summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= MaxNameLength && char.IsAsciiLetter(name[0]) && name.All(IsNameCharacter);

    /// <summary>Expands every <c>@name</c>.</summary>
    /// <param name="expression">A tcpdump expression with names.</param>
    /// <param name="expanded">The expression for libpcap; undefined on failure.</param>
    /// <returns>Null, or why it cannot be expanded: one line.</returns>
    public string? TryExpand(string expression, out string expanded)
    {
        StringBuilder output = new();
        string? error = Expand(expression, output, []);
        expanded = output.ToString();
        return error;
    }

    /// <summary>The names an expression uses itself, without those its filters use in turn.</summary>
    public static IEnumerable<string> NamesIn(string expression)
    {
        for (int at = expression.IndexOf('@'); at >= 0; at = expression.IndexOf('@', at + 1))
        {
            int end = NameEnd(expression, at + 1);
            if (end > at + 1)
                yield return expression[(at + 1)..end];
        }
    }

    private string? Expand(string expression, StringBuilder output, List<string> chain)
    {
        int from = 0;
        while (from < expression.Length)
        {
            int at = expression.IndexOf('@', from);
            output.Append(expression, from, (at < 0 ? expression.Length : at) - from);
            if (output.Length > MaxExpressionLength)
                return $"longer than {MaxExpressionLength} characters when its named filters are expanded";
            if (at < 0)
                return null;

            from = NameEnd(expression, at + 1);
            if (Use(expression[(at + 1)..from], output, chain) is { } error)
                return error;
        }

        return null;
    }

    private string? Use(string name, StringBuilder output, List<string> chain)
    {
        if (name.Length == 0)
            return "'@' without the name of a filter";
        if (chain.Contains(name))
            return $"named filters use each other in a circle: {string.Join(" -> ", chain.Append(name).Select(n => "@" + n))}";
        if (!_filters.TryGetValue(name, out string? filter))
            return $"there is no filter named @{name}";

        chain.Add(name);
        output.Append('(');
        string? error = Expand(filter, output, chain);
        output.Append(')');
        chain.RemoveAt(chain.Count - 1);
        return error;
    }

    private static int NameEnd(string expression, int from)
    {
        while (from < expression.Length && IsNameCharacter(expression[from]))
            from++;
        return from;
    }

    private static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-';
}
