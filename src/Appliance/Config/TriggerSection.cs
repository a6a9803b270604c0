using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.storage.mode</c> and <c>$.storage.trigger</c>.</summary>
internal static class TriggerSection
{
    private const long MaxMs = 3_600_000, LeastBeforeMs = 100;

    /// <summary>The flight recorder's settings; null in mode continuous, where the section is checked all the same: the mode is switched by one word.</summary>
    public static TriggerOptions? Read(JsonNodeReader storage, NamedFilters filters, IReadOnlySet<string> broken)
    {
        bool isTrigger = storage.Choice("mode", false, ("continuous", false), ("trigger", true));
        TriggerOptions options = new();
        if (storage.Object("trigger") is { } node)
        {
            options = new TriggerOptions
            {
                Before = Duration(node, "before", options.Before, LeastBeforeMs),
                After = Duration(node, "after", options.After, 0),
                Holdoff = Duration(node, "holdoff", options.Holdoff, 0),
                Filter = ReadFilter(node, filters, broken),
            };
            node.Finish();
        }

        return isTrigger ? options : null;
    }

    private static TimeSpan Duration(JsonNodeReader node, string key, TimeSpan fallback, long leastMs) =>
        TimeSpan.FromMilliseconds(node.DurationMs(key, (long)fallback.TotalMilliseconds, leastMs, MaxMs));

    private static string? ReadFilter(JsonNodeReader node, NamedFilters filters, IReadOnlySet<string> broken)
    {
        if (node.Text("filter") is not { } expression)
            return null;
        if (PortSection.CheckFilter(expression, filters, broken, Format.MaxSnapLength, out string? expanded) is { } problem)
            node.Error("filter", problem);
        return expanded;
    }
}
