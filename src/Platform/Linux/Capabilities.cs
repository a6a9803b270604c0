using System.Globalization;

namespace Capbox.Platform.Linux;

/// <summary>What this process may do, capabilities(7).</summary>
[CHeaders("linux/capability.h")]
internal static class Capabilities
{
    /// <summary>Opens packet sockets.</summary>
    [CConstant("CAP_NET_RAW")] public const int NetRaw = 13;

    /// <summary>Whether a capability is in the effective set (CapEff of /proc/self/status, proc(5)).</summary>
    public static bool Has(int capability)
    {
        const string Key = "CapEff:";
        string? line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal));
        return line is not null
            && ulong.TryParse(line.AsSpan(Key.Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong set)
            && (set & (1ul << capability)) != 0;
    }
}
