// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Pcapng;

/// <summary>One packet of a chunk. Its data is valid until the reader moves to another chunk.</summary>
public readonly ref struct SegmentPacket
{
    /// <summary>Where its Enhanced Packet Block starts in the file.</summary>
    public long FileOffset { get; internal init; }

    /// <summary>2 * port for software stamps, 2 * port + 1 for hardware stamps.</summary>
    public uint InterfaceId { get; internal init; }

    public int Port => (int)(InterfaceId / 2);

    public bool HardwareStamped => (InterfaceId & 1) != 0;

    /// <summary>The stamp as it was taken: UTC from the system clock, or the NIC's clock (TAI).</summary>
    public long RawNs { get; internal init; }

    /// <summary>The stamp with if_tsoffset added, as every PCAPNG reader shows it.</summary>
    public long UtcNs { get; internal init; }

    public int CapturedLength => Data.Length;

    /// <summary>Length on the wire.</summary>
    public uint OriginalLength { get; internal init; }

    /// <summary>epb_flags: direction in bits 0-1 (1 in, 2 out), reception type in bits 2-4; 0 when the option is missing.</summary>
    public uint Flags { get; internal init; }

    public ReadOnlySpan<byte> Data { get; internal init; }
}
