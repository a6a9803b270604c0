// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Platform.Linux;

/// <summary>Capabilities of this process, capabilities(7).</summary>
[CHeaders("linux/capability.h")]
internal static class Capabilities
{
    /// <summary>The right to open packet sockets.</summary>
    public const int CAP_NET_RAW = 13;

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
