// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Daemons;

/// <summary>managementId of the queries to ptp4l (IEEE 1588-2019 table 59; from 0xC000 on linuxptp's own).</summary>
public enum ManagementId : ushort
{
    DefaultDataSet = 0x2000,
    CurrentDataSet = 0x2001,
    ParentDataSet = 0x2002,
    TimePropertiesDataSet = 0x2003,
    PortDataSet = 0x2004,
    TimeStatus = 0xC000,

    /// <summary>Interface and stamps of a port; linuxptp 3 and newer.</summary>
    PortProperties = 0xC004,

    /// <summary>/dev/ptpN of a port; linuxptp 4 and newer, older ones return an error.</summary>
    PortHardwareClock = 0xC009,
}

/// <summary>Classification of a datagram.</summary>
public enum ReplyVerdict
{
    /// <summary>An answer with data.</summary>
    Good,

    /// <summary>An answer with an error instead of data (MANAGEMENT_ERROR_STATUS).</summary>
    Rejected,

    /// <summary>Well-formed, but not an answer to us: another target, domain or action.</summary>
    NotOurs,
    Malformed,
}

/// <summary>A response of IEEE 1588 management over ptp4l's local socket. Valid as long as the bytes it was read from.</summary>
public readonly ref struct ManagementReply
{
    public PortIdentity Source { get; init; }
    public ushort SequenceId { get; init; }
    public ManagementId Id { get; init; }

    /// <summary>managementErrorId (IEEE 1588-2019 table 109); 0: none.</summary>
    public int ErrorId { get; init; }
    public ReadOnlySpan<byte> Data { get; init; }
}

/// <summary>Requests and their answers (IEEE 1588-2019 clause 15). No I/O.</summary>
public static class ManagementMessage
{
    /// <summary>Bytes of a GET: header, body, and a TLV without data.</summary>
    public const int RequestBytes = TlvAt + 6;

    /// <summary>More than the longest expected answer, which contains an interface's name.</summary>
    public const int MostReplyBytes = 1_500;

    private const int TargetAt = Header.Bytes, ActionAt = 46, TlvAt = 48, DataAt = 54, ErrorDataAt = 60;
    private const byte Get = 0, Response = 2;
    private const ushort ManagementTlv = 1, ErrorTlv = 2;
    private const ulong EveryClock = ulong.MaxValue;
    private const ushort EveryPort = ushort.MaxValue;

    /// <summary>Writes a GET to the clock at the other end and all its ports. Its hops are 0, so it is not forwarded.</summary>
    /// <param name="sdo">majorSdoId, once transportSpecific: ptp4l ignores other values than its own.</param>
    public static void WriteGet(Span<byte> to, ManagementId id, PortIdentity own, byte domain, byte sdo, ushort sequence)
    {
        to = to[..RequestBytes];
        to.Clear();
        to[0] = (byte)((sdo << 4) | (int)MessageType.Management);
        to[1] = Header.Version;
        BinaryPrimitives.WriteUInt16BigEndian(to[2..], RequestBytes);
        to[4] = domain;
        WriteIdentity(to[20..], own);
        BinaryPrimitives.WriteUInt16BigEndian(to[30..], sequence);
        to[32] = 4; // controlField of 1588-2002
        to[33] = 0x7F;
        WriteIdentity(to[TargetAt..], new(new(EveryClock), EveryPort));
        to[ActionAt] = Get;
        BinaryPrimitives.WriteUInt16BigEndian(to[TlvAt..], ManagementTlv);
        BinaryPrimitives.WriteUInt16BigEndian(to[(TlvAt + 2)..], 2);
        BinaryPrimitives.WriteUInt16BigEndian(to[(TlvAt + 4)..], (ushort)id);
    }

    /// <summary>Reads an answer: one TLV that ends where the message and the datagram end.</summary>
    public static ReplyVerdict Read(ReadOnlySpan<byte> from, PortIdentity own, byte domain, out ManagementReply reply)
    {
        reply = default;
        if (from.Length < DataAt || (from[0] & 0xF) != (int)MessageType.Management || (from[1] & 0xF) != Header.Version
            || BinaryPrimitives.ReadUInt16BigEndian(from[2..]) != from.Length)
        {
            return ReplyVerdict.Malformed;
        }

        if (4 + BinaryPrimitives.ReadUInt16BigEndian(from[(TlvAt + 2)..]) != from.Length - TlvAt)
            return ReplyVerdict.Malformed;
        if (from[4] != domain || (from[ActionAt] & 0xF) != Response || ReadIdentity(from[TargetAt..]) != own)
            return ReplyVerdict.NotOurs;
        PortIdentity source = ReadIdentity(from[20..]);
        ushort sequence = BinaryPrimitives.ReadUInt16BigEndian(from[30..]);
        ushort first = BinaryPrimitives.ReadUInt16BigEndian(from[(TlvAt + 4)..]);
        switch (BinaryPrimitives.ReadUInt16BigEndian(from[TlvAt..]))
        {
            case ManagementTlv:
                reply = new() { Source = source, SequenceId = sequence, Id = (ManagementId)first, Data = from[DataAt..] };
                return ReplyVerdict.Good;
            case ErrorTlv when from.Length >= ErrorDataAt && first != 0:
                reply = new()
                {
                    Source = source,
                    SequenceId = sequence,
                    Id = (ManagementId)BinaryPrimitives.ReadUInt16BigEndian(from[(TlvAt + 6)..]),
                    ErrorId = first,
                };
                return ReplyVerdict.Rejected;
            default:
                return ReplyVerdict.Malformed;
        }
    }

    /// <summary>Ten bytes.</summary>
    internal static PortIdentity ReadIdentity(ReadOnlySpan<byte> from) =>
        new(new(BinaryPrimitives.ReadUInt64BigEndian(from)), BinaryPrimitives.ReadUInt16BigEndian(from[8..]));

    private static void WriteIdentity(Span<byte> to, PortIdentity identity)
    {
        BinaryPrimitives.WriteUInt64BigEndian(to, identity.Clock.Value);
        BinaryPrimitives.WriteUInt16BigEndian(to[8..], identity.Port);
    }
}
