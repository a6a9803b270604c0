// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>struct ethtool_value: one number or one set of flags.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct ethtool_value", "linux/ethtool.h")]
internal struct EthtoolValue
{
    [CField("cmd")] public uint Command;
    public uint Data;
}

/// <summary>struct ethtool_drvinfo: 196 bytes, as far as it is read here.</summary>
[StructLayout(LayoutKind.Explicit, Size = 196)]
[CStruct("struct ethtool_drvinfo", "linux/ethtool.h")]
internal unsafe struct EthtoolDriverInfo
{
    [FieldOffset(0), CField("cmd")] public uint Command;
    [FieldOffset(4)] public fixed byte Driver[32];
    [FieldOffset(68), CField("fw_version")] public fixed byte Firmware[32];
    [FieldOffset(100), CField("bus_info")] public fixed byte Bus[32];
    [FieldOffset(176), CField("n_priv_flags")] public uint PrivateFlagCount;
}

/// <summary>struct ethtool_ts_info: 44 bytes, as far as it is read here.</summary>
[StructLayout(LayoutKind.Explicit, Size = 44)]
[CStruct("struct ethtool_ts_info", "linux/ethtool.h")]
internal struct EthtoolStampInfo
{
    [FieldOffset(0), CField("cmd")] public uint Command;

    /// <summary>SOF_TIMESTAMPING_ flags, linux/net_tstamp.h.</summary>
    [FieldOffset(4), CField("so_timestamping")] public uint Flags;

    /// <summary>N of /dev/ptpN, or -1.</summary>
    [FieldOffset(8)] public int PhcIndex;

    /// <summary>Bit n: HWTSTAMP_TX_ type n.</summary>
    [FieldOffset(12)] public uint TxTypes;

    /// <summary>Bit n: HWTSTAMP_FILTER_ type n.</summary>
    [FieldOffset(28)] public uint RxFilters;
}

/// <summary>struct ethtool_link_settings as far as it is read here; three bit maps of link modes follow it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 48)]
[CStruct("struct ethtool_link_settings", "linux/ethtool.h")]
internal struct EthtoolLinkSettings
{
    [FieldOffset(0), CField("cmd")] public uint Command;

    /// <summary>Mb/s; 0 or SPEED_UNKNOWN when there is none.</summary>
    [FieldOffset(4)] public uint Speed;

    /// <summary>DUPLEX_ number.</summary>
    [FieldOffset(8)] public byte Duplex;

    /// <summary>Words of each bit map. The kernel answers a wrong number with the right one, negated, and nothing else.</summary>
    [FieldOffset(15), CField("link_mode_masks_nwords")] public sbyte ModeWords;
}

/// <summary>struct ethtool_gstrings, without the strings of ETH_GSTRING_LEN bytes each that follow.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct ethtool_gstrings", "linux/ethtool.h")]
internal struct EthtoolStrings
{
    [CField("cmd")] public uint Command;
    [CField("string_set")] public uint Set;
    [CField("len")] public uint Count;
}

/// <summary>struct hwtstamp_config: 12 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct hwtstamp_config", "linux/net_tstamp.h")]
internal struct StampConfig
{
    public int Flags;
    public int TxType;
    public int RxFilter;
}
