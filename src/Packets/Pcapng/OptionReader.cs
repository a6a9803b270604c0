// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Packets.Pcapng;

/// <summary>Walks the options of one block without allocation. Options end with opt_endofopt or with the block.</summary>
/// <param name="options">The bytes between a block's fixed part and its trailing length.</param>
/// <param name="offset">Where they lie in the file, for messages.</param>
internal ref struct OptionReader(ReadOnlySpan<byte> options, long offset)
{
    private readonly ReadOnlySpan<byte> options = options;
    private readonly long start = offset;
    private int at;

    public ushort Code { get; private set; }

    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>
    /// True when anything wrong merely ends the walk: for looking whether a block is a chunk's head at all, of which only the first page
    /// was read.
    /// </summary>
    public bool EndsAtFault { get; init; }

    /// <summary>Goes to the next option; false at the end.</summary>
    /// <exception cref="SegmentFormatException">An option reaches past the block, or bytes follow opt_endofopt.</exception>
    public bool Next()
    {
        if (options.Length - at < 4)
            return options.Length == at || EndsAtFault ? false : throw Fault("options end in the middle of an option");
        Code = BinaryPrimitives.ReadUInt16LittleEndian(options[at..]);
        int length = BinaryPrimitives.ReadUInt16LittleEndian(options[(at + 2)..]);
        if (Code == Format.OptEndOfOpt)
        {
            if (length != 0 && !EndsAtFault)
                throw Fault("opt_endofopt with a length");
            if (options.Length - at != 4 && !EndsAtFault)
                throw Fault("bytes after opt_endofopt");
            return false;
        }

        int end = at + 4 + ((length + 3) & ~3);
        if (end > options.Length)
            return EndsAtFault ? false : throw Fault("an option is longer than its block");
        Value = options.Slice(at + 4, length);
        at = end;
        return true;
    }

    /// <summary>True when the option is a record of ours of the given size at least; the bytes after the enterprise number then.</summary>
    public readonly bool IsRecord(int leastBytes, out ReadOnlySpan<byte> record)
    {
        record = default;
        if (Code != Format.OptCustomBinaryNoCopy || Value.Length < 4 + Math.Max(leastBytes, 8))
            return false;
        if (BinaryPrimitives.ReadUInt32LittleEndian(Value) != Format.EnterpriseNumber)
            return false;
        record = Value[4..];
        return BinaryPrimitives.ReadUInt32LittleEndian(record) == Format.RecordMagic;
    }

    private readonly SegmentFormatException Fault(string reason) => new(start + at, reason);
}
