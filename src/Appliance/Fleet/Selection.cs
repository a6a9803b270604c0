// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.IO.Enumeration;

namespace Capbox.Fleet;

/// <summary>An expression that is none; the message is one line and names the column.</summary>
internal sealed class SelectionException(int column, string reason) : Exception(string.Create(CultureInfo.InvariantCulture, $"column {column}: {reason}"));

/// <summary>
/// Which boxes: an expression over what they publish. Pure. docs/guide/fleet.md is its manual.
/// <code>
/// any        = all { "or" all }
/// all        = one { "and" one }
/// one        = "not" one | "(" any ")" | FIELD OPERATOR VALUE { "," VALUE }
/// OPERATOR   = "=" | "!=" | "&lt;" | "&lt;=" | "&gt;" | "&gt;="
/// </code>
/// </summary>
internal sealed class Selection
{
    public const int MaxLength = 2000;
    private const int MaxDepth = 50;

    private readonly Func<FleetBox, bool> _matches;

    private Selection(Func<FleetBox, bool> matches) => _matches = matches;

    /// <summary>Every box.</summary>
    public static Selection All { get; } = new(_ => true);

    public bool Matches(FleetBox box) => _matches(box);

    /// <exception cref="SelectionException">It is no expression.</exception>
    public static Selection Parse(string text) => new(new Parser(text).Whole());

    /// <summary>What a box has in a field: none or more texts. What was not heard is one empty text.</summary>
    private static IReadOnlyList<string> Values(string field, FleetBox box) => field switch
    {
        "id" => [box.DeviceId],
        "state" => [box.State ?? ""],
        "model" => [box.Info?.Model ?? ""],
        "serial" => [box.Info?.Serial ?? ""],
        "version" => [box.Info?.Version ?? ""],
        "os" => [box.Info?.Os ?? ""],
        "configurable" => [box.Info is null ? "" : box.Info.MayConfigure ? "yes" : "no"],
        "health" => [box.Health?.Word ?? ""],
        "alarm" => [.. box.Health?.Alarms.Select(a => a.Id) ?? []],
        "port" => box.Report?.Ports ?? [],
        "config" => [box.Report?.Status ?? ""],
        "revision" => [box.Report?.Revision.ToString(CultureInfo.InvariantCulture) ?? ""],
        _ => throw new ArgumentOutOfRangeException(nameof(field)),
    };

    private static readonly string[] s_fields = ["id", "state", "model", "serial", "version", "os", "configurable", "health", "alarm", "port", "config", "revision"];
    private static readonly string[] s_ordered = ["version", "revision", "health"];
    private static readonly string[] s_levels = ["ok", "warning", "error"];

    /// <summary>Piece by piece, numbers as numbers: 0.9 &lt; 0.10 &lt; 0.10.1.</summary>
    private static int CompareVersions(string a, string b)
    {
        string[] left = a.Split('.', '-', '+', ' '), right = b.Split('.', '-', '+', ' ');
        for (int i = 0; i < Math.Max(left.Length, right.Length); i++)
        {
            string x = i < left.Length ? left[i] : "", y = i < right.Length ? right[i] : "";
            bool bothNumbers = long.TryParse(x, NumberStyles.None, CultureInfo.InvariantCulture, out long m) & long.TryParse(y, NumberStyles.None, CultureInfo.InvariantCulture, out long n);
            int order = bothNumbers ? m.CompareTo(n) : string.CompareOrdinal(x, y);
            if (order != 0)
                return order;
        }

        return 0;
    }

    /// <summary>Null: one of them cannot be put in order, as what was not heard.</summary>
    private static int? Compare(string field, string has, string wanted)
    {
        if (has.Length == 0)
            return null;
        if (field == "health")
            return Array.IndexOf(s_levels, has).CompareTo(Array.IndexOf(s_levels, wanted));
        return CompareVersions(has, wanted);
    }

    private enum Kind
    {
        Word, Quoted, Operator, Open, Close, Comma, End,
    }

    private readonly record struct Token(Kind Kind, string Text, int Column)
    {
        public string Told => Kind == Kind.End ? "the end" : $"\"{Text}\"";

        public bool Is(string keyword) => Kind == Kind.Word && Text == keyword;
    }

    private sealed class Parser
    {
        private readonly List<Token> _tokens;
        private int _at, _depth;

        public Parser(string text)
        {
            if (text.Length > MaxLength)
                throw new SelectionException(MaxLength + 1, $"longer than {MaxLength} characters");
            _tokens = [.. Tokens(text)];
        }

        private Token Next => _tokens[_at];

        public Func<FleetBox, bool> Whole()
        {
            Func<FleetBox, bool> whole = Any();
            return Next.Kind == Kind.End ? whole : throw Expected("\"and\", \"or\" or the end");
        }

        private Func<FleetBox, bool> Any()
        {
            List<Func<FleetBox, bool>> parts = [AllOf()];
            while (Next.Is("or"))
            {
                _at++;
                parts.Add(AllOf());
            }

            return parts.Count == 1 ? parts[0] : box => parts.Exists(p => p(box));
        }

        private Func<FleetBox, bool> AllOf()
        {
            List<Func<FleetBox, bool>> parts = [One()];
            while (Next.Is("and"))
            {
                _at++;
                parts.Add(One());
            }

            return parts.Count == 1 ? parts[0] : box => parts.TrueForAll(p => p(box));
        }

        private Func<FleetBox, bool> One()
        {
            if (++_depth > MaxDepth)
                throw new SelectionException(Next.Column, $"more than {MaxDepth} deep");
            try
            {
                if (Next.Is("not"))
                {
                    _at++;
                    Func<FleetBox, bool> inner = One();
                    return box => !inner(box);
                }

                if (Next.Kind != Kind.Open)
                    return Comparison();
                _at++;
                Func<FleetBox, bool> group = Any();
                if (Next.Kind != Kind.Close)
                    throw Expected("\")\"");
                _at++;
                return group;
            }
            finally
            {
                _depth--;
            }
        }

        private Func<FleetBox, bool> Comparison()
        {
            Token field = Next;
            if (field.Kind != Kind.Word || !s_fields.Contains(field.Text))
                throw Expected($"one of {string.Join(", ", s_fields)}");
            _at++;
            Token op = Next;
            if (op.Kind != Kind.Operator)
                throw Expected("= != < <= > or >=");
            _at++;
            List<string> values = [Value()];
            while (Next.Kind == Kind.Comma)
            {
                _at++;
                values.Add(Value());
            }

            if (op.Text is "=" or "!=")
            {
                bool Has(FleetBox box) => Values(field.Text, box).Any(has => values.Exists(v => v.Length == 0 ? has.Length == 0 : FileSystemName.MatchesSimpleExpression(v, has, ignoreCase: false)));
                return op.Text == "=" ? Has : box => !Has(box);
            }

            return Ordered(field, op, values);
        }

        private static Func<FleetBox, bool> Ordered(Token field, Token op, List<string> values)
        {
            if (!s_ordered.Contains(field.Text))
                throw new SelectionException(op.Column, $"{field.Text} has no order; {string.Join(", ", s_ordered)} have");
            if (values.Count > 1)
                throw new SelectionException(op.Column, $"{op.Text} takes one value");
            string wanted = values[0];
            if (field.Text == "health" && !s_levels.Contains(wanted))
                throw new SelectionException(op.Column, $"\"{wanted}\" is none of {string.Join(", ", s_levels)}");
            return box => Values(field.Text, box).Any(has => Compare(field.Text, has, wanted) is { } order && op.Text switch
            {
                "<" => order < 0,
                "<=" => order <= 0,
                ">" => order > 0,
                _ => order >= 0,
            });
        }

        private string Value()
        {
            Token value = Next;
            if (value.Kind is not (Kind.Word or Kind.Quoted) || value.Is("and") || value.Is("or") || value.Is("not"))
                throw Expected("a value");
            _at++;
            // A backslash is the quote of MatchesSimpleExpression, and no name has one.
            return value.Text.Replace("\\", "\\\\", StringComparison.Ordinal);
        }

        private SelectionException Expected(string what) => new(Next.Column, $"expected {what}, found {Next.Told}");

        private static IEnumerable<Token> Tokens(string text)
        {
            int at = 0;
            while (true)
            {
                while (at < text.Length && char.IsWhiteSpace(text[at]))
                    at++;
                if (at == text.Length)
                    break;
                Token token = Read(text, at, out int length);
                yield return token;
                at += length;
            }

            yield return new Token(Kind.End, "", text.Length + 1);
        }

        private static Token Read(string text, int at, out int length)
        {
            length = 1;
            switch (text[at])
            {
                case '(':
                    return new Token(Kind.Open, "(", at + 1);
                case ')':
                    return new Token(Kind.Close, ")", at + 1);
                case ',':
                    return new Token(Kind.Comma, ",", at + 1);
                case '"' or '\'':
                    int end = text.IndexOf(text[at], at + 1);
                    if (end < 0)
                        throw new SelectionException(at + 1, "this quotation has no end");
                    length = end - at + 1;
                    return new Token(Kind.Quoted, text[(at + 1)..end], at + 1);
                case '=':
                    return new Token(Kind.Operator, "=", at + 1);
                case '!' or '<' or '>':
                    length = at + 1 < text.Length && text[at + 1] == '=' ? 2 : 1;
                    return text[at] == '!' && length == 1 ? throw new SelectionException(at + 1, "\"!\" alone is nothing: != or not") : new Token(Kind.Operator, text.Substring(at, length), at + 1);
            }

            while (at + length < text.Length && IsOfWord(text[at + length]))
                length++;
            return IsOfWord(text[at]) ? new Token(Kind.Word, text.Substring(at, length), at + 1) : throw new SelectionException(at + 1, $"\"{FleetReader.Clean(text.Substring(at, 1))}\" belongs in quotation marks");
        }

        private static bool IsOfWord(char c) => char.IsLetterOrDigit(c) || c is '_' or '-' or '.' or '*' or '?' or '/' or ':' or '+' or '@' or '~' or '%';
    }
}
