// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Packets.Pcapng;

/// <summary>
/// The footer of a sealed segment: the index of its chunks, a final ISB per port with the port's totals, and the trailer, which is always
/// the last 92 bytes of the file. Whole pages, so that it is written like everything else.
/// </summary>
public static class Footer
{
    /// <summary>
    /// The trailer's ISB: header (20), option head and enterprise number (8), record (56), opt_endofopt (4), total length (4).
    /// </summary>
    public const int TrailerBytes = 92;

    /// <summary>As many entries as fit one option with the enterprise number and the index's own head.</summary>
    internal const int MaxEntriesPerOption = (Format.MaxOptionBytes - 4 - 16) / 40;

    /// <summary>Builds the footer.</summary>
    /// <param name="entries">One per chunk, fillers too, in order of their offsets.</param>
    /// <param name="totals">One per port, in order of the ports.</param>
    /// <param name="trailer">Flags, sequence and times; offset, lengths, counts and CRC are filled in here.</param>
    /// <param name="footerOffset">Where the footer goes: the end of the last chunk.</param>
    /// <returns>A multiple of 4096 bytes.</returns>
    public static byte[] Build(ReadOnlySpan<IndexEntry> entries, ReadOnlySpan<TotalRecord> totals, TrailerRecord trailer, long footerOffset)
    {
        ArgumentOutOfRangeException.ThrowIfZero(totals.Length, nameof(totals));
        var writer = new BlockWriter();
        for (int first = 0; first < entries.Length; first += MaxEntriesPerOption)
            WriteIndex(writer, entries.Slice(first, Math.Min(MaxEntriesPerOption, entries.Length - first)), first, trailer.SealedUtcNs);
        foreach (ref readonly TotalRecord total in totals[..^1])
        {
            BeginTotal(writer, total, trailer.SealedUtcNs);
            writer.End();
        }

        BeginTotal(writer, totals[^1], trailer.SealedUtcNs);
        int footerBytes = Format.AlignUp(writer.Length + 4 + TrailerBytes, Format.PageBytes);
        writer.EndAt(footerBytes - TrailerBytes);

        trailer.Magic = Format.RecordMagic;
        trailer.Version = Format.RecordVersion;
        trailer.Kind = RecordKind.Trailer;
        trailer.FooterOffset = (ulong)footerOffset;
        trailer.FooterBytes = (uint)footerBytes;
        trailer.Chunks = (uint)entries.Length;
        trailer.FooterCrc32C = Crc32C.Compute(writer.Written);
        BeginStatistics(writer, 0, trailer.SealedUtcNs);
        writer.Record(trailer);
        writer.End();
        return writer.Written.ToArray();
    }

    private static void WriteIndex(BlockWriter writer, ReadOnlySpan<IndexEntry> entries, int first, long sealedUtcNs)
    {
        BeginStatistics(writer, 0, sealedUtcNs);
        var head = new IndexHeader
        {
            Magic = Format.RecordMagic,
            Version = Format.RecordVersion,
            Kind = RecordKind.Index,
            FirstEntry = (uint)first,
            Count = (uint)entries.Length,
        };
        writer.Record(head, MemoryMarshal.AsBytes(entries));
        writer.End();
    }

    private static void BeginTotal(BlockWriter writer, in TotalRecord total, long sealedUtcNs)
    {
        BeginStatistics(writer, Format.SoftwareInterface(total.Port), sealedUtcNs);
        if (total.Packets > 0)
        {
            writer.StampOption(Format.IsbStartTime, (ulong)total.FirstUtcNs);
            writer.StampOption(Format.IsbEndTime, (ulong)total.LastUtcNs);
        }

        WriteCounts(writer, total.Packets, total.FilteredPackets, total.LostRing, total.LostDisk, total.LostNic, total.LostHost);
        writer.Record(total);
    }

    /// <summary>
    /// The five counters of an ISB (draft-ietf-opsawg-pcapng, section 4.6) from the ledger. ifrecv is all that the port saw, so that
    /// ifrecv = usrdeliv + osdrop + ifdrop + filtered.
    /// </summary>
    internal static void WriteCounts(BlockWriter writer, ulong packets, ulong filtered, ulong ring, ulong disk, ulong nic, ulong host)
    {
        writer.U64Option(Format.IsbIfRecv, packets + filtered + ring + disk + nic + host);
        writer.U64Option(Format.IsbIfDrop, nic);
        writer.U64Option(Format.IsbFilterAccept, packets + ring + disk);
        writer.U64Option(Format.IsbOsDrop, ring + disk + host);
        writer.U64Option(Format.IsbUsrDeliv, packets);
    }

    internal static void BeginStatistics(BlockWriter writer, uint interfaceId, long utcNs)
    {
        writer.Begin(Format.InterfaceStatisticsBlock);
        writer.U32(interfaceId);
        writer.Stamp((ulong)utcNs);
    }
}
