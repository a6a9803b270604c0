// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Capbox.Packets.Pcapng;

/// <summary>
/// Writes PCAPNG blocks into a growing array: for headers and footers, a few times per segment. The packets' own blocks are made in place
/// by the capture side and never pass here.
/// </summary>
internal sealed class BlockWriter
{
    private byte[] buffer = new byte[Format.PageBytes];
    private int blockStart = -1;

    /// <summary>Bytes written so far; the open block counts.</summary>
    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => buffer.AsSpan(0, Length);

    public void Begin(uint blockType)
    {
        blockStart = Length;
        U32(blockType);
        U32(0);
    }

    public void U16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Reserve(2), value);

    public void U32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Reserve(4), value);

    public void U64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Reserve(8), value);

    /// <summary>A stamp as PCAPNG stores it: the high half first, each half little endian.</summary>
    public void Stamp(ulong nanoseconds)
    {
        U32((uint)(nanoseconds >> 32));
        U32((uint)nanoseconds);
    }

    public void Option(ushort code, ReadOnlySpan<byte> value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, Format.MaxOptionBytes);
        U16(code);
        U16((ushort)value.Length);
        value.CopyTo(Reserve(value.Length));
        Reserve(-value.Length & 3);
    }

    /// <summary>A text option, UTF-8; left out when empty, cut with "..." when it does not fit.</summary>
    public void TextOption(ushort code, string? text)
    {
        if (!string.IsNullOrEmpty(text))
            Option(code, CutText(text, Format.MaxOptionBytes));
    }

    public void U64Option(ushort code, ulong value)
    {
        U16(code);
        U16(8);
        U64(value);
    }

    public void StampOption(ushort code, ulong nanoseconds)
    {
        U16(code);
        U16(8);
        Stamp(nanoseconds);
    }

    /// <summary>A custom option that holds a record of ours, and what follows it.</summary>
    /// <returns>Where the record starts in <see cref="Written"/>.</returns>
    public int Record<T>(in T record, ReadOnlySpan<byte> tail = default)
        where T : unmanaged
    {
        int bytes = Unsafe.SizeOf<T>();
        U16(Format.OptCustomBinaryNoCopy);
        U16(checked((ushort)(4 + bytes + tail.Length)));
        U32(Format.EnterpriseNumber);
        int start = Length;
        MemoryMarshal.Write(Reserve(bytes), record);
        tail.CopyTo(Reserve(tail.Length));
        Reserve(-(bytes + tail.Length) & 3);
        return start;
    }

    /// <summary>Ends the open block with opt_endofopt and its total length.</summary>
    public void End() => EndAt(Length + 8);

    /// <summary>Ends the open block exactly at <paramref name="end"/>, with padding options up to there.</summary>
    public void EndAt(int end)
    {
        Padding.Fill(Reserve(end - 4 - Length));
        uint totalBytes = (uint)(end - blockStart);
        U32(totalBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer.AsSpan(blockStart + 4), totalBytes);
        blockStart = -1;
    }

    /// <summary>Overwrites a record that <see cref="Record"/> wrote.</summary>
    public void Patch<T>(int start, in T record)
        where T : unmanaged => MemoryMarshal.Write(buffer.AsSpan(start), record);

    /// <summary>UTF-8 bytes, at most <paramref name="maxBytes"/>; a longer text is cut between characters and ends with "...".</summary>
    public static byte[] CutText(string text, int maxBytes)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.Length <= maxBytes)
            return bytes;
        int keep = maxBytes - 3;
        while (keep > 0 && (bytes[keep] & 0xC0) == 0x80)
            keep--;
        return [.. bytes.AsSpan(0, keep), .. "..."u8];
    }

    /// <summary>The next bytes, zeroed.</summary>
    private Span<byte> Reserve(int bytes)
    {
        if (buffer.Length - Length < bytes)
            Array.Resize(ref buffer, (int)Math.Min(Math.Max(buffer.Length * 2L, (long)Length + bytes), Array.MaxLength));
        Span<byte> taken = buffer.AsSpan(Length, bytes);
        Length += bytes;
        return taken;
    }
}
