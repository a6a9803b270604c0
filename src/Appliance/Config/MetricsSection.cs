using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.metrics</c>.</summary>
internal static class MetricsSection
{
    /// <summary>Null: none are served.</summary>
    public static MetricsAddress? Read(JsonNodeReader? node)
    {
        if (node is null)
            return null;
        MetricsAddress? address = null;
        if (node.Text("listen", required: true) is { } text && (address = MetricsAddress.TryParse(text, out string? problem)) is null)
            node.Error("listen", problem!);
        node.Finish();
        return address;
    }
}
