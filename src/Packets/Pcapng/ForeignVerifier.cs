// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Packets.Pcapng;

/// <summary>Verifies a file that is not a segment: whether it is PCAPNG, and whether its blocks fit together.</summary>
internal static class ForeignVerifier
{
    public static VerifyReport Verify(string path, SegmentFormatException fault, VerifyFindings findings)
    {
        using var file = new SegmentFile(path);
        ulong packets = 0;
        if (!IsLittleEndianPcapng(file))
            findings.Error(fault.Offset, fault.Reason);
        else
        {
            findings.Warning(fault.Offset, fault.Reason);
            packets = WalkBlocks(file, findings);
            if (IsCapbox(path))
                findings.Error(fault.Offset, "the name is that of a segment, but its header is not");
        }

        return new VerifyReport(
            path, !findings.HasErrors, MadeByCapbox: false, Sealed: false, Repaired: false, file.Length, 0, 0, 0, packets, [], findings.All,
            findings.LeftOut);
    }

    private static bool IsCapbox(string path) => SegmentName.TryParse(Path.GetFileName(path), out _);

    private static bool IsLittleEndianPcapng(SegmentFile file)
    {
        Span<byte> head = stackalloc byte[12];
        return file.ReadSome(0, head) == head.Length
            && BinaryPrimitives.ReadUInt32LittleEndian(head) == Format.SectionHeaderBlock
            && BinaryPrimitives.ReadUInt32LittleEndian(head[8..]) == Format.ByteOrderMagic;
    }

    /// <summary>Checks both lengths of each block and the fixed part of packets; returns the number of Enhanced Packet Blocks.</summary>
    private static ulong WalkBlocks(SegmentFile file, VerifyFindings findings)
    {
        ulong packets = 0;
        Span<byte> head = stackalloc byte[Format.EpbHeaderBytes];
        Span<byte> tail = stackalloc byte[4];
        for (long at = 0; at < file.Length;)
        {
            int got = file.ReadSome(at, head);
            uint bytes = got >= 12 ? BinaryPrimitives.ReadUInt32LittleEndian(head[4..]) : 0;
            if (bytes < 12 || (bytes & 3) != 0 || bytes > file.Length - at)
            {
                findings.Error(at, $"block length {bytes} with {file.Length - at} bytes left");
                break;
            }

            file.Read(at + bytes - 4, tail);
            if (BinaryPrimitives.ReadUInt32LittleEndian(tail) != bytes)
            {
                findings.Error(at + bytes - 4, "the two lengths of a block differ");
                break;
            }

            if (BinaryPrimitives.ReadUInt32LittleEndian(head) == Format.EnhancedPacketBlock)
            {
                packets++;
                if (bytes < Format.EpbHeaderBytes + 4
                    || BinaryPrimitives.ReadUInt32LittleEndian(head[20..]) > bytes - Format.EpbHeaderBytes - 4)
                    findings.Error(at, "a packet longer than its block");
            }

            at += bytes;
        }

        return packets;
    }
}
