// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.storage.mode</c> and <c>$.storage.trigger</c>.</summary>
internal static class TriggerSection
{
    public static readonly ChoiceKey<bool> Mode = new(
        "mode", "continuous",
        "`continuous`: every packet is written. `trigger`: rings keep the newest packets in memory, and a trigger writes them.",
        ("continuous", false), ("trigger", true));

    private static readonly DurationKey s_before = new(
        "before", "30s", "100ms", "1h", "How long packets are kept, and how far back a trigger reaches.");

    private static readonly DurationKey s_after = new(
        "after", "10s", "0s", "1h", "How long a trigger goes on writing; another one meanwhile prolongs it.");

    private static readonly TextKey s_filter = new(
        "filter", "tcpdump expression with `@name` for named filters: a packet on any port that matches is a trigger.")
    {
        Range = PortSection.FilterRange,
    };

    private static readonly DurationKey s_holdoff = new(
        "holdoff", "1s", "0s", "1h", "After a match, further matches do not trigger for this time.");

    public static readonly SectionKey Key = new(
        "trigger", "The flight recorder; checked in both modes, used in mode `trigger`.", s_before, s_after, s_filter, s_holdoff)
    { Absent = "see below" };

    /// <summary>
    /// The flight recorder's settings; null in mode continuous, where the section is checked all the same: the mode is switched by one
    /// word.
    /// </summary>
    public static TriggerOptions? Read(JsonNodeReader storage, NamedFilters filters, IReadOnlySet<string> broken)
    {
        bool isTrigger = Mode.Read(storage);
        TriggerOptions options = new();
        if (Key.Read(storage) is { } node)
        {
            options = new TriggerOptions
            {
                Before = s_before.Read(node),
                After = s_after.Read(node),
                Filter = ReadFilter(node, filters, broken),
                Holdoff = s_holdoff.Read(node),
            };
            node.Finish();
        }

        return isTrigger ? options : null;
    }

    private static string? ReadFilter(JsonNodeReader node, NamedFilters filters, IReadOnlySet<string> broken)
    {
        if (s_filter.Read(node) is not { } expression)
            return null;
        if (PortSection.CheckFilter(expression, filters, broken, Format.MaxSnapLength, out string? expanded) is { } problem)
            node.Error(s_filter.Name, problem);
        return expanded;
    }
}
