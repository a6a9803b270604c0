// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Bench;

/// <summary>Options of the form `--name value`, flags, and plain words. A word that nobody asked for is an error.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string?> _options = [];
    private readonly List<string> _words = [];
    private readonly HashSet<string> _known = [];

    /// <param name="args">The words after the command.</param>
    /// <param name="flags">Options that take no value.</param>
    public Arguments(IEnumerable<string> args, params string[] flags)
    {
        using IEnumerator<string> each = args.GetEnumerator();
        while (each.MoveNext())
        {
            string word = each.Current;
            if (!word.StartsWith("--", StringComparison.Ordinal))
            {
                _words.Add(word);
                continue;
            }

            string name = word[2..];
            if (flags.Contains(name))
                _options[name] = null;
            else if (each.MoveNext())
                _options[name] = each.Current;
            else
                throw new UsageException($"--{name} needs a value");
        }
    }

    public IReadOnlyList<string> Words => _words;

    public bool Flag(string name)
    {
        _known.Add(name);
        return _options.ContainsKey(name);
    }

    public string? Text(string name)
    {
        _known.Add(name);
        return _options.GetValueOrDefault(name);
    }

    public string Required(string name) => Text(name) ?? throw new UsageException($"--{name} is required");

    public long Number(string name, long otherwise, long least, long most)
    {
        string? text = Text(name);
        if (text is null)
            return otherwise;

        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) || value < least || value > most)
            throw new UsageException($"--{name} takes a number from {least} to {most}");

        return value;
    }

    /// <summary>Call after the last read: refuses what was not understood.</summary>
    public void Done(bool wordsAllowed = false)
    {
        foreach (string name in _options.Keys)
        {
            if (!_known.Contains(name))
                throw new UsageException($"unknown option --{name}");
        }

        if (!wordsAllowed && _words.Count > 0)
            throw new UsageException($"unexpected '{_words[0]}'");
    }
}

/// <summary>Bad use: exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
