// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Ptp.Messages;

/// <summary>
/// Writes PTP messages (IEEE 1588-2019 clause 13): Sync, Follow_Up, Delay_Req, Delay_Resp and Announce, without TLVs. A slave sends
/// Delay_Req only; its tests and simulated grandmasters send the others.
/// </summary>
public static class MessageWriter
{
    /// <summary>Length of the longest message written here.</summary>
    public const int MaxBytes = 64;

    /// <summary>
    /// Writes a message and sets <see cref="Header.MessageBytes"/>. Returns its length, or 0 for a type not listed above.
    /// </summary>
    /// <exception cref="ArgumentException">Fewer than <see cref="MaxBytes"/> bytes of room.</exception>
    public static int Write(in PtpMessage message, Span<byte> to)
    {
        if (to.Length < MaxBytes)
            throw new ArgumentException($"{to.Length} bytes of room, needs {MaxBytes}", nameof(to));
        MessageType type = message.Header.Type;
        if (!MessageParser.HasTimestamp(type))
            return 0;
        int bytes = MessageParser.LeastBytes(type);
        to[..bytes].Clear();
        WriteHeader(message.Header, bytes, to);
        WriteTimestamp(message.Timestamp, to[Header.Bytes..]);
        Span<byte> rest = to[(Header.Bytes + MessageParser.TimestampBytes)..];
        if (type == MessageType.DelayResp)
            WritePort(message.Requesting, rest);
        if (type == MessageType.Announce)
            WriteAnnounce(message.Announce, rest);
        return bytes;
    }

    private static void WriteHeader(in Header header, int bytes, Span<byte> to)
    {
        to[0] = (byte)(((header.SdoId >> 4) & 0xF0) | (int)header.Type);
        to[1] = (byte)((header.MinorVersion << 4) | Header.Version);
        BinaryPrimitives.WriteUInt16BigEndian(to[2..], (ushort)bytes);
        to[4] = header.Domain;
        to[5] = (byte)header.SdoId;
        BinaryPrimitives.WriteUInt16BigEndian(to[6..], (ushort)header.Flags);
        BinaryPrimitives.WriteInt64BigEndian(to[8..], header.Correction.Scaled);
        BinaryPrimitives.WriteUInt32BigEndian(to[16..], header.TypeSpecific);
        WritePort(header.Source, to[20..]);
        BinaryPrimitives.WriteUInt16BigEndian(to[30..], header.SequenceId);
        to[32] = ControlField(header.Type);
        to[33] = (byte)header.LogInterval;
    }

    /// <summary>controlField, for receivers of version 1; later ones ignore it (table 41).</summary>
    private static byte ControlField(MessageType type) => type switch
    {
        MessageType.Sync => 0,
        MessageType.DelayReq => 1,
        MessageType.FollowUp => 2,
        MessageType.DelayResp => 3,
        _ => 5,
    };

    private static void WriteTimestamp(PtpTimestamp timestamp, Span<byte> to)
    {
        (ulong seconds, uint nanoseconds) = timestamp.Split();
        BinaryPrimitives.WriteUInt16BigEndian(to, (ushort)(seconds >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(to[2..], (uint)seconds);
        BinaryPrimitives.WriteUInt32BigEndian(to[6..], nanoseconds);
    }

    private static void WritePort(PortIdentity port, Span<byte> to)
    {
        BinaryPrimitives.WriteUInt64BigEndian(to, port.Clock.Value);
        BinaryPrimitives.WriteUInt16BigEndian(to[8..], port.Port);
    }

    private static void WriteAnnounce(in Announce announce, Span<byte> to)
    {
        BinaryPrimitives.WriteInt16BigEndian(to, announce.CurrentUtcOffsetSeconds);
        to[3] = announce.Priority1;
        to[4] = announce.Quality.Class;
        to[5] = announce.Quality.Accuracy;
        BinaryPrimitives.WriteUInt16BigEndian(to[6..], announce.Quality.Variance);
        to[8] = announce.Priority2;
        BinaryPrimitives.WriteUInt64BigEndian(to[9..], announce.Grandmaster.Value);
        BinaryPrimitives.WriteUInt16BigEndian(to[17..], announce.StepsRemoved);
        to[19] = announce.TimeSource;
    }
}
