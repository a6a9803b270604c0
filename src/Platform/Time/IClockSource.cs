// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Time;

/// <summary>The clocks of the machine. Tests replace this alone.</summary>
public interface IClockSource
{
    /// <summary>CLOCK_REALTIME, UTC nanoseconds: may be stepped to anything.</summary>
    long WallNs { get; }

    /// <summary>CLOCK_BOOTTIME: never stepped, counts in suspend, starts anew at each boot.</summary>
    long BootNs { get; }

    /// <summary>The boot that it counts from (/proc/sys/kernel/random/boot_id).</summary>
    string BootId { get; }

    /// <summary>Whether the kernel reports the wall clock as synchronised (adjtimex(2), STA_UNSYNC clear).</summary>
    bool IsSynchronised { get; }
}
