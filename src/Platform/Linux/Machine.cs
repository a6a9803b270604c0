// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;

namespace Capbox.Platform.Linux;

/// <summary>The machine as a whole. No test calls this.</summary>
[CHeaders("linux/reboot.h")]
internal static class Machine
{
    /// <summary>reboot(2).</summary>
    private const int LINUX_REBOOT_CMD_RESTART = 0x01234567;

    /// <summary>This directory exists on a machine that systemd has started (sd_booted(3)).</summary>
    private const string SystemdRuntime = "/run/systemd/system";

    /// <summary>Reboots the machine: through systemd, which ends the other services in order, else at once after sync(2).</summary>
    /// <exception cref="IOException">The machine continues to run.</exception>
    public static void Reboot()
    {
        if (Directory.Exists(SystemdRuntime))
        {
            using Process? systemctl = Process.Start("systemctl", "reboot");
            systemctl?.WaitForExit();
            if (systemctl is not { ExitCode: 0 })
                throw new IOException("systemctl reboot failed");
            return;
        }

        LibC.sync();
        if (LibC.reboot(LINUX_REBOOT_CMD_RESTART) != 0)
            throw new IOException($"reboot: {Errno.LastText()}");
    }
}
