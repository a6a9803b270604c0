// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Capbox.Packets.Pcapng;

/// <summary>What a footer holds.</summary>
/// <param name="Index">One entry per chunk.</param>
/// <param name="Totals">One per port.</param>
public sealed record FooterContent(IndexEntry[] Index, TotalRecord[] Totals);

/// <summary>Finds, checks and reads the footer of a segment.</summary>
internal static class FooterReader
{
    /// <summary>No block of a footer is longer: an option of 64 KiB and up to two pages of padding.</summary>
    private const int MaxBlockBytes = 128 << 10;
    private const int CrcStepBytes = 1 << 20;

    /// <summary>The trailer, if the file ends with one that fits the file and its CRC.</summary>
    /// <exception cref="SegmentFormatException">There is none, or it does not fit.</exception>
    public static TrailerRecord ReadTrailer(SegmentFile file, in OriginRecord origin)
    {
        long at = file.Length - Footer.TrailerBytes;
        if (at < origin.HeaderBytes)
            throw new SegmentFormatException(file.Length, "no footer: the file holds a header only");
        Span<byte> block = stackalloc byte[Footer.TrailerBytes];
        file.Read(at, block);
        TrailerRecord trailer = ParseTrailer(block, at);
        if (trailer.FooterBytes == 0 || trailer.FooterBytes % Format.PageBytes != 0 || trailer.FooterOffset < origin.HeaderBytes
            || trailer.FooterOffset > (ulong)file.Length || (long)trailer.FooterOffset + trailer.FooterBytes != file.Length)
            throw new SegmentFormatException(at,
                $"the trailer says {trailer.FooterBytes} bytes of footer at {trailer.FooterOffset}: not in this file");
        if (trailer.SegmentSequence != origin.SegmentSequence)
            throw new SegmentFormatException(at, $"the trailer belongs to segment {trailer.SegmentSequence}");
        CheckCrc(file, trailer, at);
        return trailer;
    }

    /// <summary>Reads index and totals. Memory grows with the footer that is really there.</summary>
    public static FooterContent ReadContent(SegmentFile file, in TrailerRecord trailer, int ports)
    {
        var entries = new List<IndexEntry>();
        var totals = new List<TotalRecord>();
        byte[] buffer = new byte[MaxBlockBytes];
        long at = (long)trailer.FooterOffset;
        long end = file.Length - Footer.TrailerBytes;
        while (at < end)
        {
            int got = file.ReadSome(at, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at)));
            ReadOnlySpan<byte> block = StatisticsBlock(buffer.AsSpan(0, got), at);
            ReadBlock(block, at, entries, totals);
            at += block.Length;
        }

        if (entries.Count != trailer.Chunks)
            throw new SegmentFormatException(end, $"{entries.Count} index entries, but the trailer says {trailer.Chunks} chunks");
        if (totals.Count != ports)
            throw new SegmentFormatException(end, $"totals of {totals.Count} ports in a segment with {ports}");
        return new FooterContent([.. entries], [.. totals]);
    }

    private static void ReadBlock(ReadOnlySpan<byte> block, long at, List<IndexEntry> entries, List<TotalRecord> totals)
    {
        var options = new OptionReader(block[Format.IsbHeaderBytes..^4], at + Format.IsbHeaderBytes);
        while (options.Next())
        {
            if (!options.IsRecord(Unsafe.SizeOf<IndexHeader>(), out ReadOnlySpan<byte> record))
                continue;
            IndexHeader head = MemoryMarshal.Read<IndexHeader>(record);
            if (head.Version != Format.RecordVersion)
                throw new SegmentFormatException(at, $"record version {head.Version}");
            if (head.Kind == RecordKind.Index)
                ReadEntries(head, record[Unsafe.SizeOf<IndexHeader>()..], at, entries);
            else if (head.Kind == RecordKind.Total && record.Length >= Unsafe.SizeOf<TotalRecord>())
                AddTotal(MemoryMarshal.Read<TotalRecord>(record), at, totals);
            else
                throw new SegmentFormatException(at, $"record of kind {(ushort)head.Kind} in the footer");
        }
    }

    private static void ReadEntries(in IndexHeader head, ReadOnlySpan<byte> bytes, long at, List<IndexEntry> entries)
    {
        if (head.FirstEntry != entries.Count || bytes.Length != (long)head.Count * Unsafe.SizeOf<IndexEntry>())
            throw new SegmentFormatException(at,
                $"index of {head.Count} entries from {head.FirstEntry} in {bytes.Length} bytes, after {entries.Count}");
        for (; bytes.Length > 0; bytes = bytes[Unsafe.SizeOf<IndexEntry>()..])
            entries.Add(MemoryMarshal.Read<IndexEntry>(bytes));
    }

    private static void AddTotal(in TotalRecord total, long at, List<TotalRecord> totals)
    {
        if (total.Port != totals.Count)
            throw new SegmentFormatException(at, $"totals of port {total.Port} where port {totals.Count} belongs");
        totals.Add(total);
    }

    private static TrailerRecord ParseTrailer(ReadOnlySpan<byte> block, long at)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(block) == Format.InterfaceStatisticsBlock
            && BinaryPrimitives.ReadUInt32LittleEndian(block[4..]) == Footer.TrailerBytes
            && BinaryPrimitives.ReadUInt32LittleEndian(block[^4..]) == Footer.TrailerBytes)
        {
            var options = new OptionReader(block[Format.IsbHeaderBytes..^4], at + Format.IsbHeaderBytes);
            while (options.Next())
            {
                if (!options.IsRecord(Unsafe.SizeOf<TrailerRecord>(), out ReadOnlySpan<byte> record))
                    continue;
                TrailerRecord trailer = MemoryMarshal.Read<TrailerRecord>(record);
                if (trailer.Kind == RecordKind.Trailer && trailer.Version == Format.RecordVersion)
                    return trailer;
            }
        }

        throw new SegmentFormatException(at, "no footer: the file does not end with a trailer");
    }

    private static void CheckCrc(SegmentFile file, in TrailerRecord trailer, long end)
    {
        byte[] buffer = new byte[(int)Math.Min(CrcStepBytes, trailer.FooterBytes)];
        uint state = Crc32C.Start;
        for (long at = (long)trailer.FooterOffset; at < end;)
        {
            Span<byte> part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at));
            file.Read(at, part);
            state = Crc32C.Update(state, part);
            at += part.Length;
        }

        if (~state != trailer.FooterCrc32C)
            throw new SegmentFormatException((long)trailer.FooterOffset,
                $"footer CRC is 0x{~state:X8}, the trailer says 0x{trailer.FooterCrc32C:X8}");
    }

    private static ReadOnlySpan<byte> StatisticsBlock(ReadOnlySpan<byte> rest, long at)
    {
        if (rest.Length < Format.IsbHeaderBytes + 4 || BinaryPrimitives.ReadUInt32LittleEndian(rest) != Format.InterfaceStatisticsBlock)
            throw new SegmentFormatException(at, "no Interface Statistics Block where the footer has one");
        uint bytes = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
        if (bytes < Format.IsbHeaderBytes + 4 || (bytes & 3) != 0 || bytes > rest.Length)
            throw new SegmentFormatException(at + 4, $"block length {bytes} in the footer");
        if (BinaryPrimitives.ReadUInt32LittleEndian(rest[((int)bytes - 4)..]) != bytes)
            throw new SegmentFormatException(at + bytes - 4, "the two lengths of a block differ");
        return rest[..(int)bytes];
    }
}
