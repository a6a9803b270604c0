// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Packets.Pcapng;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;

namespace Capbox.Timing.Raw;

/// <summary>An exchange with a master as measured, before any filter: t1 to t4 with their corrections.</summary>
/// <param name="UtcNs">CLOCK_REALTIME when the exchange was complete.</param>
/// <param name="Source">The master.</param>
/// <param name="Exchange">t1 to t4.</param>
/// <param name="LeftOut">Exchanges lost right before this one, because the ring was full.</param>
internal readonly record struct ExchangeRecord(long UtcNs, MeasurementSource Source, DelayExchange Exchange, uint LeftOut);

/// <summary>The record on disk, little-endian, <see cref="Bytes"/> each (docs/internals/time.md, Exchanges).</summary>
internal static class ExchangeFormat
{
    public const int Bytes = 96;
    private const uint Magic = 0x5845_4243; // CBEX
    private const byte Version = 1, IsReference = 1, IsTai = 2;
    private const int CrcAt = 92;

    public static void Write(in ExchangeRecord record, Span<byte> to)
    {
        to = to[..Bytes];
        to.Clear();
        (MeasurementSource source, DelayExchange exchange) = (record.Source, record.Exchange);
        BinaryPrimitives.WriteUInt32LittleEndian(to, Magic);
        byte flags = (byte)((source.IsReference ? IsReference : 0) | (source.Timescale == Timescale.Ptp ? IsTai : 0));
        (to[4], to[5], to[6]) = (Version, flags, source.Domain);
        BinaryPrimitives.WriteInt64LittleEndian(to[8..], record.UtcNs);
        BinaryPrimitives.WriteUInt64LittleEndian(to[16..], source.Grandmaster.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(to[24..], source.Port.Clock.Value);
        BinaryPrimitives.WriteUInt16LittleEndian(to[32..], source.Port.Port);
        BinaryPrimitives.WriteUInt16LittleEndian(to[34..], exchange.Sync.SequenceId);
        BinaryPrimitives.WriteUInt16LittleEndian(to[36..], exchange.Delay.SequenceId);
        BinaryPrimitives.WriteUInt32LittleEndian(to[40..], record.LeftOut);
        WritePath(exchange.Sync, to[44..]);
        WritePath(exchange.Delay, to[68..]);
        BinaryPrimitives.WriteUInt32LittleEndian(to[CrcAt..], Crc32C.Compute(to[..CrcAt]));
    }

    /// <summary>Reads a record; false if it is damaged or of another version.</summary>
    public static bool TryRead(ReadOnlySpan<byte> from, out ExchangeRecord record)
    {
        record = default;
        if (BinaryPrimitives.ReadUInt32LittleEndian(from) != Magic || from[4] != Version
            || BinaryPrimitives.ReadUInt32LittleEndian(from[CrcAt..]) != Crc32C.Compute(from[..CrcAt]))
            return false;
        MeasurementSource source = new(
            from[6],
            new(new(BinaryPrimitives.ReadUInt64LittleEndian(from[24..])), BinaryPrimitives.ReadUInt16LittleEndian(from[32..])),
            new(BinaryPrimitives.ReadUInt64LittleEndian(from[16..])),
            (from[5] & IsReference) != 0,
            (from[5] & IsTai) != 0 ? Timescale.Ptp : Timescale.Arbitrary);
        DelayExchange exchange = new(
            ReadPath(from[44..], isFromMaster: true, BinaryPrimitives.ReadUInt16LittleEndian(from[34..])),
            ReadPath(from[68..], isFromMaster: false, BinaryPrimitives.ReadUInt16LittleEndian(from[36..])));
        long utcNs = BinaryPrimitives.ReadInt64LittleEndian(from[8..]);
        uint leftOut = BinaryPrimitives.ReadUInt32LittleEndian(from[40..]);
        record = new(utcNs, source, exchange, leftOut);
        return true;
    }

    private static void WritePath(in PathSample path, Span<byte> to)
    {
        BinaryPrimitives.WriteInt64LittleEndian(to, path.Sent.Nanoseconds);
        BinaryPrimitives.WriteInt64LittleEndian(to[8..], path.Received.Nanoseconds);
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], path.Correction.Scaled);
    }

    private static PathSample ReadPath(ReadOnlySpan<byte> from, bool isFromMaster, ushort sequenceId) => new(
        isFromMaster,
        new(BinaryPrimitives.ReadInt64LittleEndian(from)),
        new(BinaryPrimitives.ReadInt64LittleEndian(from[8..])),
        new(BinaryPrimitives.ReadInt64LittleEndian(from[16..])),
        sequenceId);
}
