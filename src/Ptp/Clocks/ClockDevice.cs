// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Clocks;

/// <summary>A PTP hardware clock of the machine: /dev/ptpN.</summary>
public sealed record ClockDevice
{
    public required int Index { get; init; }

    /// <summary>Path of the device file.</summary>
    public required string Device { get; init; }

    /// <summary>Name given by the driver, or null.</summary>
    public string? Name { get; init; }

    /// <summary>Null if the clock cannot be opened; <see cref="Problem"/> has the reason.</summary>
    public PhcCapabilities? Capabilities { get; init; }

    /// <summary>Current frequency adjustment, ppb.</summary>
    public double? FrequencyPpb { get; init; }

    /// <summary>Reading against CLOCK_REALTIME. A PHC that counts TAI is 37 s ahead.</summary>
    public ClockReading? Reading { get; init; }

    /// <summary>The physical clock of a virtual one.</summary>
    public int? VirtualOf { get; init; }

    /// <summary>Virtual clocks of this one; with any of them it runs freely and cannot be steered.</summary>
    public IReadOnlyList<int> VirtualClocks { get; init; } = [];

    /// <summary>Limit of virtual clocks; null for a virtual clock.</summary>
    public int? MaxVirtualClocks { get; init; }

    /// <summary>Interfaces of the namespace that use it.</summary>
    public IReadOnlyList<string> Ports { get; init; } = [];

    /// <summary>Other clocks of the same card that may be aliases of it.</summary>
    public IReadOnlyList<int> MayBeSameAs { get; init; } = [];

    /// <summary>Why it could not be read; null if it could.</summary>
    public string? Problem { get; init; }
}
