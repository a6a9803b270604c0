// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Health;

/// <summary>Identity of one start of capbox: it heads every message, whatever becomes of the connections.</summary>
/// <param name="bootId">Boot of the machine.</param>
/// <param name="run">Start of capbox.</param>
internal sealed class BoxRun(string bootId, string run)
{
    public string BootId => bootId;
    public string Run => run;

    public static BoxRun Begin() => new(File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim(), Guid.NewGuid().ToString("N"));

    public MessageHead Head(DateTimeOffset at, ulong sequence) =>
        new(at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture), bootId, run, sequence);
}

/// <summary>First member of every message of telemetry and every event.</summary>
/// <param name="Time">RFC 3339, UTC by the system clock.</param>
/// <param name="BootId">Boot of the machine.</param>
/// <param name="Run">Start of capbox: counters begin at 0 with it.</param>
/// <param name="Sequence">Count of such messages, from 1 at each start.</param>
internal sealed record MessageHead(string Time, string BootId, string Run, ulong Sequence);
