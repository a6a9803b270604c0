// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.metrics</c>.</summary>
internal static class MetricsSection
{
    private static readonly TextKey s_listen = new(
        "listen", "Where `GET /metrics` is answered: on this machine only, since metrics have no access control. A socket gets mode 0660.")
    {
        IsRequired = true,
        MinLength = 1,
        Range = "`127.0.0.1:PORT`, `[::1]:PORT`, or a path of at most 107 bytes",
    };

    public static readonly SectionKey Key = new("metrics", "Where OpenMetrics are served.", s_listen) { Absent = "none are served" };

    /// <summary>Null: none are served.</summary>
    public static MetricsAddress? Read(JsonNodeReader? node)
    {
        if (node is null)
            return null;
        MetricsAddress? address = null;
        if (s_listen.Read(node) is { } text && (address = MetricsAddress.TryParse(text, out string? problem)) is null)
            node.Error(s_listen.Name, problem!);
        node.Finish();
        return address;
    }
}
