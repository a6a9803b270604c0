// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;

namespace Capbox.Config;

/// <summary>Why a file cannot be used, in words of the system and not of .NET.</summary>
internal static class FileErrorText
{
    /// <returns>Without the path, which the caller names.</returns>
    public static string Describe(Exception e, string path) => e switch
    {
        _ when Directory.Exists(path) => "a directory, not a file",
        FileNotFoundException or DirectoryNotFoundException => "no such file",
        UnauthorizedAccessException => "permission denied",
        _ when e.Message.StartsWith(path + ": ", StringComparison.Ordinal) => e.Message[(path.Length + 2)..].ReplaceLineEndings(" "),
        _ => e.Message.ReplaceLineEndings(" "),
    };
}

/// <summary>What is wrong with JSON, and where, counted from 1 as an editor counts.</summary>
internal static class JsonErrorText
{
    public static string Describe(JsonException e) => e.LineNumber is null ? Reason(e) : $"{Position(e)}: {Reason(e)}";

    /// <summary>The document as a whole where it is not told.</summary>
    public static string Position(JsonException e) => e.LineNumber is null ? "$" : string.Create(CultureInfo.InvariantCulture, $"line {e.LineNumber + 1}, column {e.BytePositionInLine + 1}");

    /// <summary>Without the position that ends the message, counted from 0.</summary>
    public static string Reason(JsonException e)
    {
        // From a reader of values, which names types of .NET.
        if (e.Path is { } path && e.Message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal))
            return $"{path} is not what it must be";
        if (e.Message.Contains("does not contain any JSON tokens", StringComparison.Ordinal))
            return "no JSON in it";
        int end = e.Message.IndexOf(" Path:", StringComparison.Ordinal);
        if (end < 0)
            end = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return end < 0 ? e.Message : e.Message[..end];
    }
}
