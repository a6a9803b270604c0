// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Messages;

/// <summary>Message types (IEEE 1588-2019 table 36). Types below 8 are events: they carry a timestamp of their passage.</summary>
public enum MessageType
{
    Sync = 0x0,
    DelayReq = 0x1,
    PdelayReq = 0x2,
    PdelayResp = 0x3,
    FollowUp = 0x8,
    DelayResp = 0x9,
    PdelayRespFollowUp = 0xA,
    Announce = 0xB,
    Signaling = 0xC,
    Management = 0xD,
}

/// <summary>flagField (IEEE 1588-2019 table 37): the first byte on the wire is the upper one here.</summary>
[Flags]
public enum MessageFlags
{
    None = 0,
    Leap61 = 0x0001,
    Leap59 = 0x0002,
    CurrentUtcOffsetValid = 0x0004,
    PtpTimescale = 0x0008,
    TimeTraceable = 0x0010,
    FrequencyTraceable = 0x0020,
    SynchronizationUncertain = 0x0040,
    AlternateMaster = 0x0100,
    TwoStep = 0x0200,
    Unicast = 0x0400,
    ProfileSpecific1 = 0x2000,
    ProfileSpecific2 = 0x4000,
}

/// <summary>The 34 bytes at the start of every message (IEEE 1588-2019 table 35).</summary>
public readonly record struct Header
{
    /// <summary>Bytes of a header on the wire.</summary>
    public const int Bytes = 34;

    /// <summary>versionPTP: the only supported one. minorVersionPTP is 0 (1588-2008) or 1 (1588-2019).</summary>
    public const int Version = 2;

    /// <summary>logMessageInterval of a message without an interval (unicast, table 42).</summary>
    public const sbyte NoInterval = 0x7F;

    public MessageType Type { get; init; }

    /// <summary>
    /// Twelve bits: majorSdoId (once transportSpecific) and minorSdoId. 0 for the default and the Enterprise profile, 0x100 for 802.1AS.
    /// </summary>
    public ushort SdoId { get; init; }

    public byte MinorVersion { get; init; }

    /// <summary>messageLength: header, body and TLVs, without padding. The writer sets it.</summary>
    public ushort MessageBytes { get; init; }

    public byte Domain { get; init; }
    public MessageFlags Flags { get; init; }
    public Correction Correction { get; init; }
    public uint TypeSpecific { get; init; }
    public PortIdentity Source { get; init; }
    public ushort SequenceId { get; init; }

    /// <summary>Logarithm to base 2 of the seconds between messages of this kind, or <see cref="NoInterval"/>.</summary>
    public sbyte LogInterval { get; init; }

    public bool Has(MessageFlags flag) => (Flags & flag) != 0;
}
