// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Packets.Pcapng;

namespace Capbox.Health;

/// <summary>
/// One record of a spool file, little endian: magic (u32), bytes of the payload (u32), ordinal (u64), CRC-32C of length, ordinal and
/// payload (u32), payload. Whatever is torn or flipped, the next good record is found by
/// its magic and proved by its CRC, and its ordinal tells how many were lost before it.
/// </summary>
internal static class SpoolRecord
{
    public const int HeaderBytes = 20, MaxPayloadBytes = 64 * 1024;

    /// <summary>"CBEV".</summary>
    private static ReadOnlySpan<byte> Magic => "CBEV"u8;

    public static byte[] Frame(ulong ordinal, ReadOnlySpan<byte> payload)
    {
        byte[] record = new byte[HeaderBytes + payload.Length];
        Magic.CopyTo(record);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(4), payload.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(8), ordinal);
        payload.CopyTo(record.AsSpan(HeaderBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(16), Crc(record));
        return record;
    }

    /// <summary>Whether a whole good record begins here.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out ulong ordinal, out int recordBytes)
    {
        (ordinal, recordBytes) = (0, 0);
        if (bytes.Length < HeaderBytes || !bytes.StartsWith(Magic))
            return false;
        int length = BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]);
        if (length is < 0 or > MaxPayloadBytes || bytes.Length < HeaderBytes + length)
            return false;
        ordinal = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        recordBytes = HeaderBytes + length;
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]) == Crc(bytes[..recordBytes]);
    }

    /// <summary>Where the next good record begins, from an offset on; -1: nowhere.</summary>
    public static int Find(ReadOnlySpan<byte> bytes, int from)
    {
        while (from < bytes.Length && bytes[from..].IndexOf(Magic) is >= 0 and var step)
        {
            from += step;
            if (TryRead(bytes[from..], out _, out _))
                return from;
            from++;
        }

        return -1;
    }

    private static uint Crc(ReadOnlySpan<byte> record) => ~Crc32C.Update(Crc32C.Update(Crc32C.Start, record[4..16]), record[HeaderBytes..]);
}
