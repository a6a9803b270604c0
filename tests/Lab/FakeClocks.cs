// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Time;

namespace Capbox.Testing;

/// <summary>FAKE: the machine's clocks, set by hand. Real ones cannot be stepped to 2099 on a machine that others use.</summary>
internal sealed class FakeClocks : IClockSource
{
    public const long Second = 1_000_000_000, Day = 86_400 * Second;

    public long WallNs { get; set; } = 1_795_422_600 * Second;

    public long BootNs { get; set; } = 1000 * Second;

    public string BootId { get; set; } = "boot-1";

    public bool IsSynchronised { get; set; } = true;

    /// <summary>Time passes for both clocks.</summary>
    public void Pass(long ns)
    {
        WallNs += ns;
        BootNs += ns;
    }

    /// <summary>The machine is off for a while, and boots.</summary>
    public void Reboot(long offNs, bool synchronised = true)
    {
        WallNs += offNs;
        BootNs = 5 * Second;
        BootId += "+";
        IsSynchronised = synchronised;
    }
}
