// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Pcapng;

/// <summary>A file does not follow docs/internals/segments.md. The only exception that reading a hostile file can cause.</summary>
public sealed class SegmentFormatException : Exception
{
    public SegmentFormatException(long offset, string reason) : base($"at byte {offset}: {reason}")
    {
        Offset = offset;
        Reason = reason;
    }

    /// <summary>Offset in the file at which the fault was seen.</summary>
    public long Offset { get; }

    public string Reason { get; }
}
