// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Packets.Pcapng;

/// <summary>
/// Empty room inside a block: custom options of zero bytes. PCAPNG Custom Blocks would do as well, but Wireshark lists each as a packet.
/// </summary>
internal static class Padding
{
    /// <summary>Largest padding option: its head and 65,532 bytes, the longest option that needs no pad bytes itself.</summary>
    private const int MaxPaddingBytes = 65536;

    /// <summary>
    /// Fills the room between the end of a block's options and its total length: 0 bytes stay empty, 4 are opt_endofopt, 8 one bare padding
    /// option (options may end with the block), more are padding options and opt_endofopt.
    /// </summary>
    /// <param name="room">Multiple of 4, at most 16 MiB or so; all of it is written.</param>
    public static void Fill(Span<byte> room)
    {
        if ((room.Length & 3) != 0)
            throw new ArgumentException("room in a block is a multiple of 4", nameof(room));
        room.Clear();
        int remaining = room.Length <= 8 ? room.Length & 8 : room.Length - 4;
        int at = 0;
        while (remaining > 0)
        {
            int bytes = Math.Min(remaining, MaxPaddingBytes);
            if (remaining - bytes == 4)
                bytes -= 8; // No option fits into 4 bytes.
            BinaryPrimitives.WriteUInt16LittleEndian(room[at..], Format.OptCustomBinaryNoCopy);
            BinaryPrimitives.WriteUInt16LittleEndian(room[(at + 2)..], (ushort)(bytes - 4));
            BinaryPrimitives.WriteUInt32LittleEndian(room[(at + 4)..], Format.EnterpriseNumber);
            at += bytes;
            remaining -= bytes;
        }
    }
}
