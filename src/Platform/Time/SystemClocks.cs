// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Platform.Time;

/// <summary>The machine's clocks.</summary>
public sealed class SystemClocks : IClockSource
{
    public long WallNs => UtcTime.Now.Nanoseconds;

    public long BootNs => KernelClock.ReadNs(KernelClock.CLOCK_BOOTTIME);

    public string BootId { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    public bool IsSynchronised => KernelClock.IsSynchronised;
}
