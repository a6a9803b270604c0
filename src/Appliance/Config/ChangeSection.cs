// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary>How changes of a running box are watched.</summary>
public sealed record ChangeOptions
{
    /// <summary>Confirmation timeout of a change of the access where the proposal names none. 0 disables it.</summary>
    public int ConfirmSeconds { get; init; } = 120;

    /// <summary>A change is rolled back if loss starts or the clock gets worse within this time. 0 disables it.</summary>
    public int WatchSeconds { get; init; } = 60;
}

/// <summary><c>$.change</c>.</summary>
internal static class ChangeSection
{
    /// <summary>Longest confirmation timeout.</summary>
    public const int MaxSeconds = 3600;

    private static readonly DurationKey s_confirm = new(
        "confirm", "120s", "0s", "1h",
        "Default confirmation timeout for changes to the broker or the device's name there; the change is rolled back when it expires. `0s` disables it.")
    { IsWholeSeconds = true };

    private static readonly DurationKey s_watch = new(
        "watch", "60s", "0s", "1h", "A change is rolled back if loss starts or the clock gets worse within this time. `0s` disables it.")
    { IsWholeSeconds = true };

    public static readonly SectionKey Key = new("change", "How a change of a running box is watched; used with `--state`.", s_confirm, s_watch)
    {
        Absent = "see below",
    };

    public static ChangeOptions Read(JsonNodeReader? node)
    {
        if (node is null)
            return new ChangeOptions();
        ChangeOptions options = new() { ConfirmSeconds = (int)s_confirm.Read(node).TotalSeconds, WatchSeconds = (int)s_watch.Read(node).TotalSeconds };
        node.Finish();
        return options;
    }
}
