// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Capbox.Platform.Time;

namespace Capbox.Packets.Pcapng;

/// <summary>
/// Checks a segment from its first byte to its last: blocks, chunk chain, records against packets, footer against chunks, name against
/// header.
/// </summary>
public sealed class SegmentVerifier
{
    private readonly SegmentReader reader;
    private readonly VerifyFindings findings;
    private readonly ChunkSearch search;
    private readonly ChunkVerifier chunkVerifier;
    private readonly TotalRecord[] totals;
    private readonly List<IndexEntry> index = [];
    private ulong fillers;

    private SegmentVerifier(SegmentReader reader, VerifyFindings findings)
    {
        this.reader = reader;
        this.findings = findings;
        search = new ChunkSearch(reader);
        chunkVerifier = new ChunkVerifier(reader, findings);
        totals = [.. Enumerable.Range(0, reader.Ports.Count).Select(TotalRecord.Empty)];
    }

    /// <summary>Verifies one file. What is wrong with its content becomes findings.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no right to read it.</exception>
    public static VerifyReport Verify(string path, IProgress<VerifyProgress>? progress = null)
    {
        var findings = new VerifyFindings();
        SegmentReader reader;
        try
        {
            reader = SegmentReader.Open(path);
        }
        catch (SegmentFormatException exception)
        {
            return ForeignVerifier.Verify(path, exception, findings);
        }

        using (reader)
            return new SegmentVerifier(reader, findings).Run(progress);
    }

    private VerifyReport Run(IProgress<VerifyProgress>? progress)
    {
        bool partName = CheckName();
        if (reader.Trailer is null)
            findings.Add(reader.FooterFault!.Offset, partName ? VerifySeverity.Warning : VerifySeverity.Error, reader.FooterFault.Reason);

        WalkChunks(progress);
        chunkVerifier.Finish();
        if (reader.Trailer is not null)
            CheckFooter(reader.Trailer.Value);
        return Report();
    }

    /// <summary>Returns true when the name says that the segment is in progress.</summary>
    private bool CheckName()
    {
        if (!SegmentName.TryParse(Path.GetFileName(reader.Path), out SegmentName name))
        {
            findings.Info(0, "the file name is not that of a segment");
            return false;
        }

        if (name.Sequence != reader.Origin.SegmentSequence)
            findings.Error(0, $"the file name says segment {name.Sequence}, the header {reader.Origin.SegmentSequence}");
        // A segment in progress was made ahead of its use; its name and its header agree when it is sealed.
        if (!name.InProgress && name.StartFileName != new UtcTime(reader.Origin.StartedUtcNs).ToFileName())
            findings.Error(0, $"the file name says it started at {name.StartFileName}, the header "
                + $"{new UtcTime(reader.Origin.StartedUtcNs)}");
        return name.InProgress;
    }

    private void WalkChunks(IProgress<VerifyProgress>? progress)
    {
        long at = reader.ChunksOffset;
        while (at < reader.ChunksEnd)
        {
            progress?.Report(new VerifyProgress(at, reader.Length));
            if (reader.TryReadChunk(at, out ChunkRecord chunk) is { } fault)
            {
                at = PassBreak(at, fault);
                continue;
            }

            chunkVerifier.Check(chunk);
            index.Add(IndexEntry.From(chunk));
            totals[chunk.Port].Add(chunk);
            fillers += chunk.Kind == RecordKind.Filler ? 1u : 0;
            at += chunk.ChunkBytes;
        }

        progress?.Report(new VerifyProgress(reader.Length, reader.Length));
    }

    /// <summary>Names a break in the chain and finds the next chunk; in a segment without a footer the last break is its end.</summary>
    private long PassBreak(long at, string fault)
    {
        long next = search.Next(at + Format.PageBytes, whole: false, out _);
        long end = next < 0 ? reader.ChunksEnd : next;
        if (next >= 0 || reader.Trailer is not null)
        {
            findings.Error(at, $"the chain of chunks breaks: {fault}; {end - at} bytes without a chunk");
            return end;
        }

        long data = PageScan.DataBytes(reader.File, at, end);
        if (data > 0)
            findings.Warning(at, $"{data} bytes after the last chunk are no chunk: torn, or being written");
        return end;
    }

    private void CheckFooter(in TrailerRecord trailer)
    {
        long at = (long)trailer.FooterOffset;
        if (trailer.StartedUtcNs != reader.Origin.StartedUtcNs)
            findings.Error(reader.Length - Footer.TrailerBytes, "trailer and header differ in the start time");
        if (trailer.Flags.HasFlag(TrailerFlags.HasFiller) != (fillers > 0))
            findings.Error(reader.Length - Footer.TrailerBytes, $"{fillers} fillers, but the trailer's flags say otherwise");
        if (trailer.Flags.HasFlag(TrailerFlags.Repaired))
            findings.Info(reader.Length - Footer.TrailerBytes, "the segment was cut off and repaired");
        FooterContent footer;
        try
        {
            footer = reader.ReadFooter();
        }
        catch (SegmentFormatException exception)
        {
            findings.Error(exception.Offset, exception.Reason);
            return;
        }

        CheckIndex(footer.Index, at);
        CheckTotals(footer.Totals, at);
    }

    private void CheckIndex(IndexEntry[] written, long at)
    {
        if (written.Length != index.Count)
            findings.Error(at, $"the index has {written.Length} chunks, the file {index.Count}");
        for (int i = 0; i < Math.Min(written.Length, index.Count); i++)
        {
            if (MemoryMarshal.AsBytes(written.AsSpan(i, 1)).SequenceEqual(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(index)
                .Slice(i, 1))))
                continue;
            findings.Error(at, $"index entry {i} (chunk at {written[i].FileOffset}) is not what the chunk at {index[i].FileOffset} says");
            break;
        }
    }

    private void CheckTotals(TotalRecord[] written, long at)
    {
        for (int port = 0; port < written.Length; port++)
        {
            if (!MemoryMarshal.AsBytes(written.AsSpan(port, 1)).SequenceEqual(MemoryMarshal.AsBytes(totals.AsSpan(port, 1))))
                findings.Error(at, $"totals of port {port} are not the sum of its chunks: {Sum(written[port])} instead of "
                    + $"{Sum(totals[port])}");
        }
    }

    private static string Sum(in TotalRecord total) =>
        $"{total.Chunks} chunks, {total.Packets} packets, {total.CapturedBytes} bytes, {total.FilteredPackets} filtered, "
            + $"{total.LostPackets} lost";

    private VerifyReport Report() => new(
        reader.Path,
        !findings.HasErrors,
        MadeByCapbox: true,
        Sealed: reader.Trailer is not null,
        Repaired: reader.Trailer?.Flags.HasFlag(TrailerFlags.Repaired) ?? false,
        reader.Length,
        reader.Origin.SegmentSequence,
        (ulong)index.Count,
        fillers,
        totals.Aggregate(0ul, static (sum, total) => sum + total.Packets),
        [.. reader.Ports.Select(port => Port(port, totals[port.Index]))],
        findings.All,
        findings.LeftOut);

    private static VerifyPort Port(SegmentPort port, in TotalRecord total) => new(
        port.Name, total.Packets, total.CapturedBytes, total.OriginalBytes, total.FilteredPackets, total.LostRing, total.LostDisk,
            total.LostNic,
        total.LostHost, total.TruncatedPackets, total.HardwareStampedPackets, total.GapNs,
        total.Packets == 0 ? null : new UtcTime(total.FirstUtcNs).ToString(),
        total.Packets == 0 ? null : new UtcTime(total.LastUtcNs).ToString());
}
