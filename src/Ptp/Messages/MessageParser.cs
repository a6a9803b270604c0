// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Ptp.Messages;

/// <summary>Why bytes are not a message.</summary>
public enum ParseError
{
    /// <summary>They are a message.</summary>
    None,

    /// <summary>Fewer bytes than a header.</summary>
    ShorterThanHeader,

    /// <summary>versionPTP is not 2.</summary>
    WrongVersion,

    /// <summary>A message type that is reserved.</summary>
    UnknownType,

    /// <summary>messageLength is less than header and body of the type.</summary>
    LengthBelowBody,

    /// <summary>messageLength exceeds the bytes.</summary>
    LengthBeyondEnd,

    /// <summary>A timestamp of a billion nanoseconds or more.</summary>
    BadNanoseconds,

    /// <summary>A timestamp after the year 2262.</summary>
    BadSeconds,

    /// <summary>A TLV does not end where the message ends or another TLV begins.</summary>
    TlvBeyondEnd,

    /// <summary>A TLV of odd length (IEEE 1588-2019 clause 14.1.2).</summary>
    TlvOddLength,
}

/// <summary>
/// Parses a PTP message from the bytes after the EtherType or the UDP header. Bytes after messageLength are padding (Ethernet's to 60
/// bytes, IPv6's two, IEEE 1588-2019 annex D) and ignored. It throws nothing, allocates nothing and never reads outside the span.
/// </summary>
public static class MessageParser
{
    /// <summary>Bytes of a timestamp on the wire.</summary>
    internal const int TimestampBytes = 10;

    /// <summary>Bytes of a port identity on the wire.</summary>
    internal const int PortIdentityBytes = 10;

    private const int TlvHeadBytes = 4;

    /// <summary>Header and body of a type, without TLVs; 0 for a reserved type.</summary>
    public static int LeastBytes(MessageType type) => type switch
    {
        MessageType.Sync or MessageType.DelayReq or MessageType.FollowUp or MessageType.Signaling => 44,
        MessageType.PdelayReq or MessageType.PdelayResp or MessageType.PdelayRespFollowUp or MessageType.DelayResp => 54,
        MessageType.Announce => 64,
        MessageType.Management => 48,
        _ => 0,
    };

    public static ParseError Parse(ReadOnlySpan<byte> bytes, out PtpMessage message)
    {
        message = default;
        ParseError error = ParseHeader(bytes, out Header header);
        if (error != ParseError.None)
            return error;
        ReadOnlySpan<byte> whole = bytes[..header.MessageBytes];
        int bodyEnd = LeastBytes(header.Type);
        error = CountTlvs(whole[bodyEnd..], out int tlvs);
        if (error != ParseError.None)
            return error;
        PtpTimestamp timestamp = default;
        if (HasTimestamp(header.Type))
            error = ReadTimestamp(whole[Header.Bytes..], out timestamp);
        if (error != ParseError.None)
            return error;
        message = new PtpMessage
        {
            Header = header,
            Timestamp = timestamp,
            Tlvs = tlvs,
            Requesting = header.Type == MessageType.DelayResp ? ReadPort(whole[(Header.Bytes + TimestampBytes)..]) : default,
            Announce = header.Type == MessageType.Announce ? ReadAnnounce(whole[(Header.Bytes + TimestampBytes)..]) : default,
        };
        return ParseError.None;
    }

    /// <summary>The types whose body begins with a timestamp that the engine uses.</summary>
    internal static bool HasTimestamp(MessageType type) =>
        type is MessageType.Sync or MessageType.DelayReq or MessageType.FollowUp or MessageType.DelayResp or MessageType.Announce;

    private static ParseError ParseHeader(ReadOnlySpan<byte> bytes, out Header header)
    {
        header = default;
        if (bytes.Length < Header.Bytes)
            return ParseError.ShorterThanHeader;
        if ((bytes[1] & 0x0F) != Header.Version)
            return ParseError.WrongVersion;
        var type = (MessageType)(bytes[0] & 0x0F);
        int least = LeastBytes(type);
        if (least == 0)
            return ParseError.UnknownType;
        ushort messageBytes = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        if (messageBytes < least)
            return ParseError.LengthBelowBody;
        if (messageBytes > bytes.Length)
            return ParseError.LengthBeyondEnd;
        header = new Header
        {
            Type = type,
            SdoId = (ushort)(((bytes[0] & 0xF0) << 4) | bytes[5]),
            MinorVersion = (byte)(bytes[1] >> 4),
            MessageBytes = messageBytes,
            Domain = bytes[4],
            Flags = (MessageFlags)BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]),
            Correction = new(BinaryPrimitives.ReadInt64BigEndian(bytes[8..])),
            TypeSpecific = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]),
            Source = ReadPort(bytes[20..]),
            SequenceId = BinaryPrimitives.ReadUInt16BigEndian(bytes[30..]),
            LogInterval = (sbyte)bytes[33],
        };
        return ParseError.None;
    }

    /// <summary>A TLV is a type, a length and as many bytes; the message must end with the last byte of one.</summary>
    private static ParseError CountTlvs(ReadOnlySpan<byte> rest, out int count)
    {
        for (count = 0; rest.Length > 0; count++)
        {
            if (rest.Length < TlvHeadBytes)
                return ParseError.TlvBeyondEnd;
            int valueBytes = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            if (valueBytes % 2 != 0)
                return ParseError.TlvOddLength;
            if (valueBytes > rest.Length - TlvHeadBytes)
                return ParseError.TlvBeyondEnd;
            rest = rest[(TlvHeadBytes + valueBytes)..];
        }

        return ParseError.None;
    }

    private static ParseError ReadTimestamp(ReadOnlySpan<byte> at, out PtpTimestamp timestamp)
    {
        timestamp = default;
        long seconds = ((long)BinaryPrimitives.ReadUInt16BigEndian(at) << 32) | BinaryPrimitives.ReadUInt32BigEndian(at[2..]);
        uint nanoseconds = BinaryPrimitives.ReadUInt32BigEndian(at[6..]);
        if (nanoseconds >= 1_000_000_000)
            return ParseError.BadNanoseconds;
        if (seconds > PtpTimestamp.MaxSeconds)
            return ParseError.BadSeconds;
        timestamp = new((seconds * 1_000_000_000) + nanoseconds);
        return ParseError.None;
    }

    private static PortIdentity ReadPort(ReadOnlySpan<byte> at) =>
        new(new(BinaryPrimitives.ReadUInt64BigEndian(at)), BinaryPrimitives.ReadUInt16BigEndian(at[8..]));

    private static Announce ReadAnnounce(ReadOnlySpan<byte> at) => new()
    {
        CurrentUtcOffsetSeconds = BinaryPrimitives.ReadInt16BigEndian(at),
        Priority1 = at[3],
        Quality = new(at[4], at[5], BinaryPrimitives.ReadUInt16BigEndian(at[6..])),
        Priority2 = at[8],
        Grandmaster = new(BinaryPrimitives.ReadUInt64BigEndian(at[9..])),
        StepsRemoved = BinaryPrimitives.ReadUInt16BigEndian(at[17..]),
        TimeSource = at[19],
    };
}
