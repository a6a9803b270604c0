namespace Capbox.Platform.Nic;

/// <summary>What stamps packets.</summary>
public enum StampKind
{
    /// <summary>Nothing does, on one of the two ways at least.</summary>
    None,

    /// <summary>The kernel, by the system clock.</summary>
    Software,

    /// <summary>The NIC, by its own clock.</summary>
    Hardware,
}

/// <summary>The stamping that is in force, read back from the driver.</summary>
/// <param name="TxType">HWTSTAMP_TX_ by name.</param>
/// <param name="RxFilter">HWTSTAMP_FILTER_ by name.</param>
public sealed record StampGrant(string TxType, string RxFilter);

/// <summary>A private flag of a driver (ethtool --show-priv-flags).</summary>
public sealed record DriverFlag(string Name, bool IsOn);

/// <summary>A network interface and what it can do for time.</summary>
public sealed record ClockPort
{
    public required string Name { get; init; }

    /// <summary>The network namespace that was asked about, by name or path; null for our own.</summary>
    public string? Netns { get; init; }
    public required int Index { get; init; }

    /// <summary>Null for a device that tells none.</summary>
    public string? Driver { get; init; }
    public string? Firmware { get; init; }

    /// <summary>PCI address or the like.</summary>
    public string? Bus { get; init; }

    /// <summary>N of /dev/ptpN, or null without a hardware clock.</summary>
    public int? Clock { get; init; }

    /// <summary>SOF_TIMESTAMPING_ flags that it offers.</summary>
    public IReadOnlyList<string> Stamping { get; init; } = [];
    public IReadOnlyList<string> TxTypes { get; init; } = [];
    public IReadOnlyList<string> RxFilters { get; init; } = [];

    /// <summary>Null when the driver does not say, which is usual without hardware stamps.</summary>
    public StampGrant? Granted { get; init; }

    /// <summary>The best that PTP can have here: it needs stamps of what is received and of what is sent.</summary>
    public required StampKind PtpStamps { get; init; }

    /// <summary>The best that captured packets can have here: hardware only if the NIC stamps every packet.</summary>
    public required StampKind PacketStamps { get; init; }

    /// <summary>Private flags that matter here: tx_port_ts, rx_cqe_compress.</summary>
    public IReadOnlyList<DriverFlag> DriverFlags { get; init; } = [];

    /// <summary>What is known of the driver beyond its answers.</summary>
    public required DriverQuirks Quirks { get; init; }

    /// <summary>The same for people, a line each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
