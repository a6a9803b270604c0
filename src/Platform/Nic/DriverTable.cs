// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Nic;

/// <summary>Properties of a driver that no interface of the kernel reports, and that a PTP program must know.</summary>
[Flags]
public enum DriverQuirks
{
    None = 0,

    /// <summary>One latch for transmit stamps: a second event packet in flight gets none. One Delay_Req at a time.</summary>
    OneTransmitStamp = 1,

    /// <summary>
    /// A change of the link or a reset puts the hardware back to its nominal frequency, while the kernel reports the old one: set
    /// the frequency adjustment again.
    /// </summary>
    RedialAfterLinkChange = 2,

    /// <summary>Several PHCs may be one physical clock, which two servos would fight over.</summary>
    MayShareClock = 4,

    /// <summary>
    /// Asking for stamps may turn off the compression of completions, at a cost in packets per second: ask once at the start, not
    /// during capture.
    /// </summary>
    FilterStopsCompression = 8,

    /// <summary>Stamps only PTP event packets, whichever filter is set: captured packets never carry its time.</summary>
    EventPacketsOnly = 16,

    /// <summary>No clock and no hardware stamps, by nature.</summary>
    SoftwareOnly = 32,
}

/// <summary>Known properties of a driver beyond its answers.</summary>
/// <param name="Quirks">For programs.</param>
/// <param name="Notes">For people, a line each.</param>
public sealed record DriverEntry(DriverQuirks Quirks, IReadOnlyList<string> Notes);

/// <summary>Network drivers by name, as read in Linux 6.12.</summary>
public static class DriverTable
{
    private static readonly DriverEntry s_unknown = new(DriverQuirks.None, []);

    private static readonly Dictionary<string, DriverEntry> s_drivers = new(StringComparer.Ordinal)
    {
        // drivers/net/ethernet/intel/i40e/i40e_ptp.c
        ["i40e"] = new(DriverQuirks.OneTransmitStamp | DriverQuirks.RedialAfterLinkChange | DriverQuirks.EventPacketsOnly,
        [
            "stamps PTP event packets only: captured packets never carry the NIC's time",
            "one transmit stamp at a time: one Delay_Req in flight (see port.tx_hwtstamp_skipped)",
            "a link change or reset loses the dialled frequency, which the kernel goes on to report: it is dialled again",
            "each port has a clock of its own",
        ]),
        // drivers/net/ethernet/mellanox/mlx5/core: lib/clock.c, en_main.c
        ["mlx5_core"] = new(DriverQuirks.MayShareClock | DriverQuirks.FilterStopsCompression,
        [
            "the functions of one card may share one clock: only one of them may be steered",
            "the clock runs freely in software or is a register that counts UTC (REAL_TIME_CLOCK_ENABLE in the firmware); "
            + "the driver does not say which",
            "every receive filter becomes \"all\"; setting one may turn off the compression of completions (rx_cqe_compress): "
            + "set at the start, not during capture",
            "private flag tx_port_ts: transmit stamps are taken at the port, which is more exact",
        ]),
        // drivers/net/ethernet/intel/ice/ice_ptp.c
        ["ice"] = new(DriverQuirks.MayShareClock,
        [
            "one clock for all ports of a card", "steps beyond 2.1 s are a read and a write, not exact",
        ]),
        // drivers/net/ethernet/intel/igb/igb_ptp.c
        ["igb"] = new(DriverQuirks.OneTransmitStamp,
        [
            "82580 and later stamp all packets, 82576 (QEMU's) PTP event packets only", "one transmit stamp at a time",
        ]),
        ["igc"] = new(DriverQuirks.None, ["four transmit stamps at a time"]),
        ["ixgbe"] = new(DriverQuirks.OneTransmitStamp,
        [
            "X550 stamps all packets, 82599 and X540 PTP event packets only", "one transmit stamp at a time",
        ]),
        ["netdevsim"] = new(DriverQuirks.None, ["a simulated clock that can be steered, without stamps of packets"]),
        ["veth"] = new(DriverQuirks.SoftwareOnly, ["no hardware: software stamps"]),
        ["tun"] = new(DriverQuirks.SoftwareOnly, ["no hardware: software stamps"]),
        ["virtio_net"] = new(DriverQuirks.SoftwareOnly, ["no hardware: software stamps, taken in the guest"]),
        ["bonding"] = new(DriverQuirks.None, ["what it tells is its active port's: run PTP on the ports themselves"]),
    };

    /// <summary>The entry of a driver; an empty one for a driver that is not in the table.</summary>
    public static DriverEntry Find(string? driver) =>
        driver is not null && s_drivers.TryGetValue(driver, out DriverEntry? entry) ? entry : s_unknown;
}
