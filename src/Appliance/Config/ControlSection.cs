// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.control</c>.</summary>
internal static class ControlSection
{
    private static readonly FlagKey s_reboot = new("reboot", "The command `reboot` may restart the machine, if capbox runs as root.");

    public static readonly SectionKey Key = new("control", "What may be done to the machine over the network.", s_reboot) { Absent = "nothing is allowed" };

    /// <summary>Whether the command reboot is allowed.</summary>
    public static bool Read(JsonNodeReader? node)
    {
        if (node is null)
            return false;
        bool mayReboot = s_reboot.Read(node);
        node.Finish();
        return mayReboot;
    }
}
