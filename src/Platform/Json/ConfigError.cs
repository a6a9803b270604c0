// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Json;

/// <summary>One error in a document.</summary>
/// <param name="Path">A JSON path as <c>$.ports[0].filter</c>, or line and column where the text is no JSON at all.</param>
/// <param name="Reason">The error in one line.</param>
public sealed record ConfigError(string Path, string Reason)
{
    public override string ToString() => $"{Path}: {Reason}";
}

/// <summary>All errors, in the order of the document. Bounded: a document of garbage does not fill the log.</summary>
internal sealed class ConfigErrors
{
    private const int Max = 50;
    private readonly List<ConfigError> _errors = [];

    public IReadOnlyList<ConfigError> All => _errors;

    public int Count => _errors.Count;

    public void Add(string path, string reason)
    {
        if (_errors.Count < Max)
            _errors.Add(new ConfigError(OneLine(path), OneLine(reason)));
        else if (_errors.Count == Max)
            _errors.Add(new ConfigError("$", $"more than {Max} errors; the rest is not shown"));
    }

    private static string OneLine(string text) => string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)).Trim();
}
