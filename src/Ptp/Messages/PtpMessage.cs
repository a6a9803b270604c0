// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Messages;

/// <summary>The body of an Announce (IEEE 1588-2019 table 43), without its timestamp.</summary>
public readonly record struct Announce
{
    /// <summary>TAI - UTC, s; valid only with <see cref="MessageFlags.CurrentUtcOffsetValid"/>.</summary>
    public short CurrentUtcOffsetSeconds { get; init; }

    public byte Priority1 { get; init; }
    public ClockQualityField Quality { get; init; }
    public byte Priority2 { get; init; }
    public ClockIdentity Grandmaster { get; init; }

    /// <summary>Boundary clocks between the grandmaster and the sender.</summary>
    public ushort StepsRemoved { get; init; }

    /// <summary>Table 6: 0x20 GNSS, 0x40 PTP, 0xA0 internal oscillator ...</summary>
    public byte TimeSource { get; init; }
}

/// <summary>clockClass, clockAccuracy and offsetScaledLogVariance of a grandmaster (IEEE 1588-2019 clause 5.3.7).</summary>
/// <param name="Class">
/// Table 4: 6 locked to a primary source, 7 in holdover, 13/14 the same on ARB, 52/187 degraded, 248 default, 255 slave only.
/// </param>
/// <param name="Accuracy">Table 5: 0x20 is within 25 ns, 0x21 100 ns ... 0x31 more than 10 s, 0xFE unknown.</param>
/// <param name="Variance">offsetScaledLogVariance.</param>
public readonly record struct ClockQualityField(byte Class, byte Accuracy, ushort Variance)
{
    /// <summary>The bound of clockAccuracy, ns; null without one (unknown, reserved, or "more than 10 s").</summary>
    public double? AccuracyNs => Accuracy switch
    {
        0x17 => 0.001,
        0x18 => 0.0025,
        0x19 => 0.010,
        0x1A => 0.025,
        0x1B => 0.1,
        0x1C => 0.25,
        0x1D => 1,
        0x1E => 2.5,
        0x1F => 10,
        0x20 => 25,
        0x21 => 100,
        0x22 => 250,
        0x23 => 1e3,
        0x24 => 2.5e3,
        0x25 => 10e3,
        0x26 => 25e3,
        0x27 => 100e3,
        0x28 => 250e3,
        0x29 => 1e6,
        0x2A => 2.5e6,
        0x2B => 10e6,
        0x2C => 25e6,
        0x2D => 100e6,
        0x2E => 250e6,
        0x2F => 1e9,
        0x30 => 10e9,
        _ => null,
    };
}

/// <summary>
/// A parsed message, or one to write. <see cref="Header.Type"/> decides which members are used; the others are zero.
/// </summary>
public readonly record struct PtpMessage
{
    public Header Header { get; init; }

    /// <summary>
    /// originTimestamp of Sync, Delay_Req and Announce, preciseOriginTimestamp of Follow_Up, receiveTimestamp of Delay_Resp.
    /// </summary>
    public PtpTimestamp Timestamp { get; init; }

    /// <summary>requestingPortIdentity of a Delay_Resp: the sender of the Delay_Req it answers.</summary>
    public PortIdentity Requesting { get; init; }

    /// <summary>Body of an Announce.</summary>
    public Announce Announce { get; init; }

    /// <summary>Number of TLVs after the body. Their bounds were checked, their contents ignored.</summary>
    public int Tlvs { get; init; }
}
