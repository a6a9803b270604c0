using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>The machine as a whole. Nothing in the tests of this machine comes here.</summary>
internal static partial class Machine
{
    /// <summary>reboot(2).</summary>
    private const int LINUX_REBOOT_CMD_RESTART = 0x01234567;

    /// <summary>This directory tells a machine that systemd has started (sd_booted(3)).</summary>
    private const string SystemdRuntime = "/run/systemd/system";

    [LibraryImport("libc", SetLastError = true)]
    private static partial int reboot(int command);

    [LibraryImport("libc")]
    private static partial void sync();

    /// <summary>Starts the machine again: through systemd, which ends the other services in order, else at once with the disks in sync.</summary>
    /// <exception cref="IOException">It goes on running.</exception>
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

        sync();
        if (reboot(LINUX_REBOOT_CMD_RESTART) != 0)
            throw new IOException($"reboot: {Marshal.GetLastPInvokeErrorMessage()}");
    }
}
