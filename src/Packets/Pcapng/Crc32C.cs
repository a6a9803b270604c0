// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Numerics;

namespace Capbox.Packets.Pcapng;

/// <summary>CRC-32C (Castagnoli, RFC 3720 section 12.1), with the CPU's own instruction where it has one.</summary>
internal static class Crc32C
{
    public const uint Start = uint.MaxValue;

    public static uint Compute(ReadOnlySpan<byte> data) => ~Update(Start, data);

    /// <summary>
    /// Continues from <paramref name="state"/>; begin with <see cref="Start"/>, and the CRC is the complement of the last state.
    /// </summary>
    public static uint Update(uint state, ReadOnlySpan<byte> data)
    {
        for (; data.Length >= 8; data = data[8..])
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(data));
        foreach (byte value in data)
            state = BitOperations.Crc32C(state, value);
        return state;
    }
}
