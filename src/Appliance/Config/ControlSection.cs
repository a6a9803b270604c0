using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.control</c>.</summary>
internal static class ControlSection
{
    /// <summary>Whether the command reboot is allowed.</summary>
    public static bool Read(JsonNodeReader? node)
    {
        if (node is null)
            return false;
        bool mayReboot = node.Flag("reboot", fallback: false);
        node.Finish();
        return mayReboot;
    }
}
