using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary>How changes of a running box are watched.</summary>
public sealed record ChangeOptions
{
    /// <summary>A change of how the box is reached is taken back unless confirmed within this, if the proposal says nothing. 0: never.</summary>
    public int ConfirmSeconds { get; init; } = 120;

    /// <summary>After a change, loss that starts or a clock that got worse within this takes it back. 0: never.</summary>
    public int WatchSeconds { get; init; } = 60;
}

/// <summary><c>$.change</c>.</summary>
internal static class ChangeSection
{
    /// <summary>The longest trial.</summary>
    public const int MaxSeconds = 3600;

    public static ChangeOptions Read(JsonNodeReader? node)
    {
        if (node is null)
            return new ChangeOptions();
        ChangeOptions options = new()
        {
            ConfirmSeconds = Seconds(node, "confirm", 120),
            WatchSeconds = Seconds(node, "watch", 60),
        };
        node.Finish();
        return options;
    }

    private static int Seconds(JsonNodeReader node, string key, int fallback)
    {
        long milliseconds = node.DurationMs(key, fallback * 1000L, 0, MaxSeconds * 1000L);
        if (milliseconds % 1000 != 0)
            node.Error(key, "whole seconds only");
        return (int)(milliseconds / 1000);
    }
}
