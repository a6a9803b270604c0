// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Daemons;

/// <summary>portState (IEEE 1588-2019 table 20).</summary>
public enum PtpPortState : byte
{
    None,
    Initializing,
    Faulty,
    Disabled,
    Listening,
    PreMaster,
    Master,
    Passive,

    /// <summary>It has selected a master and does not follow it yet.</summary>
    Uncalibrated,
    Slave,
}

/// <summary>Stamps of a ptp4l port (timestamping of PORT_PROPERTIES_NP).</summary>
public enum StampKindOfPort
{
    /// <summary>Stamps of the kernel: the clock is CLOCK_REALTIME.</summary>
    Software,

    /// <summary>Stamps of the card, in one of several modes: the clock is the card's PHC.</summary>
    Hardware,
}

/// <summary>The members of defaultDS in use.</summary>
public readonly record struct DefaultData(int Ports, ClockIdentity Clock, byte Domain);

/// <summary>currentDS.</summary>
/// <param name="OffsetNs">offsetFromMaster.</param>
/// <param name="PathDelayNs">meanPathDelay; may be negative when stamps are poor.</param>
public readonly record struct CurrentData(int StepsRemoved, double OffsetNs, double PathDelayNs);

/// <summary>The members of parentDS in use.</summary>
public readonly record struct ParentData(PortIdentity Parent, ClockIdentity Grandmaster, ClockQualityField Quality);

/// <summary>TIME_STATUS_NP.</summary>
/// <param name="OffsetNs">The clock minus the master's at the last Sync, ns.</param>
/// <param name="IngressNs">Receive stamp of that Sync, ns: a new value means a new Sync.</param>
/// <param name="IsGrandmasterPresent">False: the clock is its own grandmaster.</param>
public readonly record struct TimeStatus(long OffsetNs, long IngressNs, bool IsGrandmasterPresent, ClockIdentity Grandmaster);

/// <summary>The members of portDS in use.</summary>
/// <param name="LogSync">Logarithm to base 2 of the seconds between Syncs.</param>
public readonly record struct PortData(PortIdentity Port, PtpPortState State, sbyte LogSync);

/// <summary>Reads the data of an answer. A wrong length or an impossible value is rejected.</summary>
public static class ManagementData
{
    private const double TimeIntervalUnits = 65_536;
    private const int MostPorts = 512;

    /// <summary>IFNAMSIZ of linux/if.h, which includes a zero.</summary>
    private const int MostNameBytes = 15;

    public static bool TryReadDefault(ReadOnlySpan<byte> from, out DefaultData data)
    {
        data = default;
        if (from.Length != 20)
            return false;
        data = new(BinaryPrimitives.ReadUInt16BigEndian(from[2..]), new(BinaryPrimitives.ReadUInt64BigEndian(from[10..])), from[18]);
        return data.Ports is > 0 and <= MostPorts && data.Clock.Value != 0;
    }

    public static bool TryReadCurrent(ReadOnlySpan<byte> from, out CurrentData data)
    {
        data = default;
        if (from.Length != 18)
            return false;
        data = new(
            BinaryPrimitives.ReadUInt16BigEndian(from),
            BinaryPrimitives.ReadInt64BigEndian(from[2..]) / TimeIntervalUnits,
            BinaryPrimitives.ReadInt64BigEndian(from[10..]) / TimeIntervalUnits);
        return true;
    }

    public static bool TryReadParent(ReadOnlySpan<byte> from, out ParentData data)
    {
        data = default;
        if (from.Length != 32)
            return false;
        ClockQualityField quality = new(from[19], from[20], BinaryPrimitives.ReadUInt16BigEndian(from[21..]));
        data = new(ManagementMessage.ReadIdentity(from), new(BinaryPrimitives.ReadUInt64BigEndian(from[24..])), quality);
        return true;
    }

    /// <summary>Flags as in the second byte of an Announce's flagField.</summary>
    public static bool TryReadTimeProperties(ReadOnlySpan<byte> from, out TimeProperties data)
    {
        data = default;
        if (from.Length != 4)
            return false;
        var flags = (MessageFlags)from[2];
        data = new(
            flags.HasFlag(MessageFlags.PtpTimescale) ? Timescale.Ptp : Timescale.Arbitrary,
            BinaryPrimitives.ReadInt16BigEndian(from),
            flags.HasFlag(MessageFlags.CurrentUtcOffsetValid),
            flags.HasFlag(MessageFlags.Leap61),
            flags.HasFlag(MessageFlags.Leap59),
            flags.HasFlag(MessageFlags.TimeTraceable),
            flags.HasFlag(MessageFlags.FrequencyTraceable),
            from[3]);
        return true;
    }

    public static bool TryReadTimeStatus(ReadOnlySpan<byte> from, out TimeStatus data)
    {
        data = default;
        if (from.Length != 50)
            return false;
        data = new(
            BinaryPrimitives.ReadInt64BigEndian(from),
            BinaryPrimitives.ReadInt64BigEndian(from[8..]),
            BinaryPrimitives.ReadInt32BigEndian(from[38..]) != 0,
            new(BinaryPrimitives.ReadUInt64BigEndian(from[42..])));
        return true;
    }

    public static bool TryReadPort(ReadOnlySpan<byte> from, out PortData data)
    {
        data = default;
        if (from.Length != 26)
            return false;
        data = new(ManagementMessage.ReadIdentity(from), (PtpPortState)from[10], (sbyte)from[22]);
        return data.State is > PtpPortState.None and <= PtpPortState.Slave && data.LogSync is >= -16 and <= 16;
    }

    /// <param name="name">The interface; part of <paramref name="from"/>.</param>
    public static bool TryReadPortProperties(
        ReadOnlySpan<byte> from, out PortIdentity port, out StampKindOfPort stamps, out ReadOnlySpan<byte> name)
    {
        (port, stamps) = (default, default);
        name = default;
        // The answer is padded to an even length.
        if (from.Length < 13 || from[12] > MostNameBytes || from.Length != ((13 + from[12] + 1) & ~1))
            return false;
        port = ManagementMessage.ReadIdentity(from);
        stamps = from[11] == 0 ? StampKindOfPort.Software : StampKindOfPort.Hardware;
        name = from.Slice(13, from[12]);
        return name.Length > 0 && !name.ContainsAnyExceptInRange((byte)'!', (byte)'~');
    }

    /// <param name="phc">N of /dev/ptpN; -1 without one.</param>
    public static bool TryReadHardwareClock(ReadOnlySpan<byte> from, out PortIdentity port, out int phc)
    {
        (port, phc) = (default, -1);
        if (from.Length != 16)
            return false;
        port = ManagementMessage.ReadIdentity(from);
        phc = BinaryPrimitives.ReadInt32BigEndian(from[10..]);
        return phc >= -1;
    }
}
