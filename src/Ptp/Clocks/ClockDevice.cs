namespace Capbox.Ptp.Clocks;

/// <summary>A clock of the machine: /dev/ptpN.</summary>
public sealed record ClockDevice
{
    public required int Index { get; init; }

    /// <summary>Its file.</summary>
    public required string Device { get; init; }

    /// <summary>What the driver calls it, or null.</summary>
    public string? Name { get; init; }

    /// <summary>Null when it may not be opened; <see cref="Problem"/> says why.</summary>
    public PhcCapabilities? Capabilities { get; init; }

    /// <summary>What is dialled in, ppb.</summary>
    public double? FrequencyPpb { get; init; }

    /// <summary>Against CLOCK_REALTIME, now. A PHC that counts TAI is 37 s ahead.</summary>
    public ClockReading? Reading { get; init; }

    /// <summary>The clock that this virtual one is made of.</summary>
    public int? VirtualOf { get; init; }

    /// <summary>Virtual clocks made of this one; with any it runs freely and cannot be steered.</summary>
    public IReadOnlyList<int> VirtualClocks { get; init; } = [];

    /// <summary>Null for a virtual one.</summary>
    public int? MaxVirtualClocks { get; init; }

    /// <summary>Interfaces of the namespace that have it.</summary>
    public IReadOnlyList<string> Ports { get; init; } = [];

    /// <summary>Other clocks of the same card that may be the same physical clock.</summary>
    public IReadOnlyList<int> MayBeSameAs { get; init; } = [];

    /// <summary>Why it could not be read; null when it could.</summary>
    public string? Problem { get; init; }
}
