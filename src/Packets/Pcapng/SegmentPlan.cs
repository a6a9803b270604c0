// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Packets.Pcapng;

/// <summary>The whole part of a segment in progress, and its footer to be.</summary>
internal sealed class SegmentPlan
{
    private SegmentPlan(SegmentReader reader)
    {
        HeaderBytes = reader.ChunksOffset;
        SegmentSequence = reader.Origin.SegmentSequence;
        StartedUtcNs = reader.Origin.StartedUtcNs;
        Totals = [.. Enumerable.Range(0, reader.Ports.Count).Select(TotalRecord.Empty)];
        End = HeaderBytes;
    }

    public long HeaderBytes { get; }

    public ulong SegmentSequence { get; }

    public long StartedUtcNs { get; }

    /// <summary>Where the last whole chunk ends and the footer goes.</summary>
    public long End { get; private set; }

    public List<IndexEntry> Index { get; } = [];

    public TotalRecord[] Totals { get; }

    /// <summary>Fillers to be written into holes.</summary>
    public List<ChunkRecord> Fillers { get; } = [];

    /// <summary>True when there is a filler, new or from before.</summary>
    public bool HasFiller { get; private set; }

    /// <summary>Chunks that are there and whole.</summary>
    public uint Chunks { get; private set; }

    public ulong Packets { get; private set; }

    public long CutBytes { get; private set; }

    /// <summary>True when a valid footer agrees with all that was found.</summary>
    public bool Intact { get; private set; }

    public static SegmentPlan Make(SegmentReader reader)
    {
        var plan = new SegmentPlan(reader);
        var search = new ChunkSearch(reader);
        while (plan.End < reader.ChunksEnd)
        {
            if (reader.TryReadChunk(plan.End, out ChunkRecord chunk) is null && search.IsWhole(chunk))
            {
                plan.AddFound(chunk);
                continue;
            }

            long found = search.Next(plan.End + Format.PageBytes, whole: true, out _);
            if (found < 0)
                break;
            plan.FillHole(reader, found);
        }

        if (reader.Trailer is null || plan.End < reader.ChunksEnd)
            plan.CutBytes += PageScan.DataBytes(reader.File, plan.End, reader.ChunksEnd);
        plan.Intact = plan.Fillers.Count == 0 && plan.End == reader.ChunksEnd && plan.FooterAgrees(reader);
        return plan;
    }

    private void AddFound(in ChunkRecord chunk)
    {
        Add(chunk);
        Chunks++;
        Packets += chunk.Packets;
        HasFiller |= chunk.Kind == RecordKind.Filler;
    }

    private void FillHole(SegmentReader reader, long holeEnd)
    {
        CutBytes += PageScan.DataBytes(reader.File, End, holeEnd);
        HasFiller = true;
        while (End < holeEnd)
        {
            var template = new ChunkRecord { SegmentSequence = SegmentSequence, ClockBoundNs = uint.MaxValue };
            ChunkRecord filler = Filler.Record(template, End, Filler.NextBytes(holeEnd - End));
            Fillers.Add(filler);
            Add(filler);
        }
    }

    private void Add(in ChunkRecord chunk)
    {
        Index.Add(IndexEntry.From(chunk));
        Totals[chunk.Port].Add(chunk);
        End += chunk.ChunkBytes;
    }

    private bool FooterAgrees(SegmentReader reader)
    {
        if (reader.Trailer is not { } trailer || trailer.StartedUtcNs != StartedUtcNs)
            return false;
        try
        {
            FooterContent footer = reader.ReadFooter();
            return MemoryMarshal.AsBytes<IndexEntry>(footer.Index).SequenceEqual(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(Index)))
                && MemoryMarshal.AsBytes<TotalRecord>(footer.Totals).SequenceEqual(MemoryMarshal.AsBytes<TotalRecord>(Totals));
        }
        catch (SegmentFormatException)
        {
            return false;
        }
    }
}
