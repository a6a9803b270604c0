// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.custody</c>.</summary>
internal static class CustodySection
{
    private static readonly TextKey s_key = new(
        "key", "Private key (ECDSA P-256, PEM) that signs the chain of custody, as `capbox seal keygen` makes it; read at the start.")
    {
        IsRequired = true,
        MinLength = 1,
        Range = "a path",
        Check = PathText.Check,
    };

    public static readonly SectionKey Key = new("custody", "A signed chain over the sealed segments.", s_key) { Absent = "none is kept" };

    /// <summary>Path of the key, or null. The file is read at the start, not here: a document may be checked on another machine.</summary>
    public static string? Read(JsonNodeReader? node)
    {
        string? key = node is null ? null : s_key.Read(node);
        node?.Finish();
        return key;
    }
}

/// <summary>A path in the document.</summary>
internal static class PathText
{
    /// <summary>What is wrong with it, or null.</summary>
    public static string? Check(string path) => path.Length == 0 || path.Contains('\0') ? "not a path" : null;
}
