// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Platform.Nic;

/// <summary>The received packets that a NIC stamps: HWTSTAMP_FILTER_ numbers.</summary>
[CHeaders("linux/net_tstamp.h")]
public enum StampFilter
{
    [CConstant("HWTSTAMP_FILTER_NONE")] None = 0,

    /// <summary>Every packet: the only one that makes hardware stamps a packet's time.</summary>
    [CConstant("HWTSTAMP_FILTER_ALL")] All = 1,
    [CConstant("HWTSTAMP_FILTER_SOME")] Some = 2,
    [CConstant("HWTSTAMP_FILTER_PTP_V1_L4_EVENT")] PtpV1L4Event = 3,
    [CConstant("HWTSTAMP_FILTER_PTP_V1_L4_SYNC")] PtpV1L4Sync = 4,
    [CConstant("HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ")] PtpV1L4DelayRequest = 5,
    [CConstant("HWTSTAMP_FILTER_PTP_V2_L4_EVENT")] PtpV2L4Event = 6,
    [CConstant("HWTSTAMP_FILTER_PTP_V2_L4_SYNC")] PtpV2L4Sync = 7,
    [CConstant("HWTSTAMP_FILTER_PTP_V2_L4_DELAY_REQ")] PtpV2L4DelayRequest = 8,
    [CConstant("HWTSTAMP_FILTER_PTP_V2_L2_EVENT")] PtpV2L2Event = 9,
    [CConstant("HWTSTAMP_FILTER_PTP_V2_L2_SYNC")] PtpV2L2Sync = 10,
    [CConstant("HWTSTAMP_FILTER_PTP_V2_L2_DELAY_REQ")] PtpV2L2DelayRequest = 11,
    [CConstant("HWTSTAMP_FILTER_PTP_V2_EVENT")] PtpV2Event = 12,
    [CConstant("HWTSTAMP_FILTER_PTP_V2_SYNC")] PtpV2Sync = 13,
    [CConstant("HWTSTAMP_FILTER_PTP_V2_DELAY_REQ")] PtpV2DelayRequest = 14,
    [CConstant("HWTSTAMP_FILTER_NTP_ALL")] NtpAll = 15,
}
