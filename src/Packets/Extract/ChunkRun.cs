// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Extract;

/// <summary>
/// Chunks of one ring in one segment that follow each other in time, too: a new run begins where a chunk starts before the end of the one
/// before it, as after a clock was stepped back. So a merge of runs is in order of time whatever the clocks did.
/// </summary>
internal sealed class ChunkRun(SegmentSlice slice, ArraySegment<IndexEntry> chunks)
{
    public SegmentSlice Slice => slice;

    public ArraySegment<IndexEntry> Chunks => chunks;

    public long EarliestNs { get; } = chunks.Min(c => c.FirstUtcNs);

    /// <summary>Among equal stamps: lower segment, port, ring, place first.</summary>
    public (ulong Sequence, ushort Port, ushort Ring, ulong Offset) Order { get; } =
        (slice.Sequence, chunks[0].Port, chunks[0].Ring, chunks[0].FileOffset);

    /// <summary>When its chunks were found (<see cref="Environment.TickCount64"/>).</summary>
    public long FoundMs { get; init; }

    /// <summary>Stamp of the packet that was written last when the run was found: what is earlier comes late.</summary>
    public long LateBelowNs { get; init; } = long.MinValue;

    /// <summary>Nothing is left of it.</summary>
    public bool IsDone { get; set; }

    /// <summary>Cuts a segment's chunks, in order of offset, into runs.</summary>
    public static IEnumerable<ArraySegment<IndexEntry>> Split(IEnumerable<IndexEntry> chunks)
    {
        foreach (var ring in chunks.GroupBy(c => (c.Port, c.Ring)).OrderBy(g => g.Key))
        {
            IndexEntry[] all = [.. ring];
            int start = 0;
            long lastNs = long.MinValue;
            for (int i = 0; i < all.Length; i++)
            {
                // The stamps of a chunk without packets mean nothing.
                if (all[i].Packets == 0)
                    continue;
                if (all[i].FirstUtcNs < lastNs)
                {
                    yield return new ArraySegment<IndexEntry>(all, start, i - start);
                    start = i;
                }

                lastNs = all[i].LastUtcNs;
            }

            yield return new ArraySegment<IndexEntry>(all, start, all.Length - start);
        }
    }
}
