// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Platform.Nic;

/// <summary>Numbers of linux/net_tstamp.h by the names that ethtool(8) prints.</summary>
public static class StampNames
{
    public const uint TransmitHardware = SocketNumbers.SOF_TIMESTAMPING_TX_HARDWARE;
    public const uint TransmitSoftware = SocketNumbers.SOF_TIMESTAMPING_TX_SOFTWARE;
    public const uint ReceiveHardware = SocketNumbers.SOF_TIMESTAMPING_RX_HARDWARE;
    public const uint ReceiveSoftware = SocketNumbers.SOF_TIMESTAMPING_RX_SOFTWARE;
    public const uint RawHardware = SocketNumbers.SOF_TIMESTAMPING_RAW_HARDWARE;

    /// <summary>SOF_TIMESTAMPING_ flags by bit.</summary>
    private static readonly string[] s_flags =
    [
        "hardware-transmit", "software-transmit", "hardware-receive", "software-receive", "software-system-clock",
        "hardware-legacy-clock", "hardware-raw-clock", "option-id", "sched-transmit", "ack-transmit", "option-cmsg", "option-tsonly",
        "option-stats", "option-pktinfo", "option-tx-swhw", "bind-phc", "option-id-tcp", "option-rx-filter",
    ];

    /// <summary>HWTSTAMP_TX_ types by number.</summary>
    private static readonly string[] s_transmit = ["off", "on", "onestep-sync", "onestep-p2p"];

    /// <summary>HWTSTAMP_FILTER_ types by number.</summary>
    private static readonly string[] s_filters =
    [
        "none", "all", "some", "ptpv1-l4-event", "ptpv1-l4-sync", "ptpv1-l4-delay-req", "ptpv2-l4-event", "ptpv2-l4-sync",
        "ptpv2-l4-delay-req", "ptpv2-l2-event", "ptpv2-l2-sync", "ptpv2-l2-delay-req", "ptpv2-event", "ptpv2-sync",
        "ptpv2-delay-req", "ntp-all",
    ];

    public static IReadOnlyList<string> Flags(uint mask) => Names(mask, s_flags);

    public static IReadOnlyList<string> TransmitTypes(uint mask) => Names(mask, s_transmit);

    public static IReadOnlyList<string> Filters(uint mask) => Names(mask, s_filters);

    public static string TransmitType(int number) => Name(number, s_transmit);

    public static string Filter(int number) => Name(number, s_filters);

    private static List<string> Names(uint mask, string[] names)
    {
        List<string> found = [];
        for (int bit = 0; bit < 32; bit++)
        {
            if ((mask & (1u << bit)) != 0)
                found.Add(Name(bit, names));
        }

        return found;
    }

    /// <summary>What a newer kernel has more is shown by its number.</summary>
    private static string Name(int number, string[] names) =>
        number >= 0 && number < names.Length ? names[number] : number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
