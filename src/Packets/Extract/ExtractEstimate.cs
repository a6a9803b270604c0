// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Extract;

/// <summary>One port in an <see cref="ExtractInfo"/>.</summary>
/// <param name="Chunks">With packets in the range.</param>
/// <param name="Packets">In these chunks.</param>
/// <param name="Bytes">Of these chunks.</param>
/// <param name="LostPackets">
/// Lost in the range, by any cause, or just after it, when the chunk that reports them may mean the range.
/// </param>
/// <param name="GapSeconds">
/// In which the port was down or missing, in the segments that the range touches: some of it may be beside the range.
/// </param>
public sealed record ExtractInfoPort(string Port, long Chunks, ulong Packets, long Bytes, ulong LostPackets, double GapSeconds);

/// <summary>Result of an extraction as far as indexes show it.</summary>
/// <param name="From">First moment, RFC 3339.</param>
/// <param name="To">First moment after it.</param>
/// <param name="Segments">With chunks in the range.</param>
/// <param name="Chunks">In the range; some reach beyond it.</param>
/// <param name="ChunkBytes">Bytes of them: what an extraction reads at most.</param>
/// <param name="PacketsAtLeast">In chunks that lie in the range wholly; 0 with a filter, since that looks at packets.</param>
/// <param name="PacketsAtMost">In all of these chunks.</param>
/// <param name="Complete">Nothing was lost, for sure: no loss, no gap, every index could be read, and all were.</param>
/// <param name="IsCut">Only the first segments were looked at, as many as time and bounds allowed; the figures are of them.</param>
/// <param name="Warnings">Segments that could not be read, one line each, at most <see cref="ExtractEstimate.MaxWarnings"/>.</param>
public sealed record ExtractInfo(
    string From, string To, int Segments, long Chunks, long ChunkBytes, ulong PacketsAtLeast, ulong PacketsAtMost,
        IReadOnlyList<ExtractInfoPort> Ports, bool Complete, bool IsCut, IReadOnlyList<string> Warnings);

/// <summary>Estimates the result of an extraction without reading a packet: from footers and the heads of unsealed chunks alone.</summary>
public static class ExtractEstimate
{
    /// <summary>Segments that are looked at: 40 bytes are read for each of their chunks.</summary>
    public const int MaxSegments = 1000;

    /// <summary>Warnings that are listed; all of them count.</summary>
    public const int MaxWarnings = 20;

    private const int PatienceMs = 5000;

    /// <param name="request">What; with the candidates of an index.</param>
    /// <param name="isCut">The candidates are not all.</param>
    /// <exception cref="ExtractException">A port that the archive does not have, a filter that does not compile.</exception>
    public static ExtractInfo Make(ExtractRequest request, bool isCut)
    {
        long deadlineMs = Environment.TickCount64 + PatienceMs;
        List<string> warnings = [];
        SortedSet<string> names = new(request.KnownPorts, StringComparer.Ordinal);
        var sum = new Sum(request);
        foreach (string candidate in request.Candidates ?? throw new ArgumentException("no candidates", nameof(request)))
        {
            // One segment at a time: each begins before the time is over, or is left out.
            if (Environment.TickCount64 > deadlineMs)
            {
                isCut = true;
                break;
            }

            var scan = new SegmentScan(request with { Candidates = [candidate] });
            try
            {
                foreach (SegmentSlice slice in scan.Find())
                    sum.Add(slice);
            }
            catch (Exception e) when (e is IOException or SegmentFormatException)
            {
                warnings.Add($"{candidate}: {e.Message}"); // as when it was deleted meanwhile
            }

            warnings.AddRange(scan.Warnings);
            names.UnionWith(scan.PortNames);
        }

        if (request.Ports.FirstOrDefault(p => !names.Contains(p)) is { } unknown)
            throw ExtractException.NoSuchPort(unknown, names);
        if (request.Filter is not null)
            using (new LinkFilters(request.Filter, sum.LinkTypes))
                sum.PacketsAtLeast = 0;
        bool complete = !isCut && warnings.Count == 0 && sum.Ports.All(p => p.LostPackets == 0 && p.GapSeconds == 0);
        return new ExtractInfo(
            request.From.ToString(), request.To.ToString(), sum.Segments, sum.Ports.Sum(p => p.Chunks), sum.Ports.Sum(p => p.Bytes),
                sum.PacketsAtLeast, sum.PacketsAtMost, sum.Ports, complete, isCut,
            [.. warnings.Take(MaxWarnings)]);
    }

    /// <summary>Adds up slices in order of the sequence.</summary>
    private sealed class Sum(ExtractRequest request)
    {
        private readonly SortedDictionary<string, ExtractInfoPort> _ports = new(StringComparer.Ordinal);
        private readonly HashSet<(string Port, ushort Ring)> _reportedBehind = [];
        private ulong _last;

        public int Segments { get; private set; }

        public ulong PacketsAtLeast { get; set; }

        public ulong PacketsAtMost { get; private set; }

        public SortedSet<ushort> LinkTypes { get; } = [];

        public IReadOnlyList<ExtractInfoPort> Ports => [.. _ports.Values];

        public void Add(SegmentSlice slice)
        {
            LinkTypes.Add(slice.Header.LinkType);
            foreach (IndexEntry chunk in slice.Chunks)
                AddChunk(slice.Header.Ports[chunk.Port].Name, chunk);
            if (slice.Chunks.Length > 0)
            {
                Segments++;
                _last = slice.Sequence;
                AddGaps(slice.Path);
            }

            // As an extraction does: the first chunk of each ring behind the range may mean the range.
            if (Segments > 0 && slice.Sequence > _last + 1)
                return;
            foreach (IndexEntry after in slice.After)
            {
                string port = slice.Header.Ports[after.Port].Name;
                if (_reportedBehind.Add((port, after.Ring)) && after.Lost > 0)
                    Change(port, p => p with { LostPackets = p.LostPackets + after.Lost });
            }
        }

        private void AddChunk(string port, IndexEntry chunk)
        {
            Change(port, p => p with
            {
                Chunks = p.Chunks + 1,
                Packets = p.Packets + chunk.Packets,
                Bytes = p.Bytes + chunk.ChunkBytes,
                LostPackets = p.LostPackets + chunk.Lost,
            });
            PacketsAtMost += chunk.Packets;
            if (chunk.FirstUtcNs >= request.From.Nanoseconds && chunk.LastUtcNs < request.To.Nanoseconds)
                PacketsAtLeast += chunk.Packets;
        }

        /// <summary>Totals of a sealed segment; one that is being written has none yet.</summary>
        private void AddGaps(string path)
        {
            using SegmentReader reader = SegmentReader.Open(path);
            if (reader.Trailer is null)
                return;
            FooterContent footer = reader.ReadFooter();
            for (int i = 0; i < footer.Totals.Length; i++)
            {
                double gapSeconds = footer.Totals[i].GapNs / 1e9;
                string port = reader.Ports[i].Name;
                if (gapSeconds > 0 && (request.Ports.Count == 0 || request.Ports.Contains(port, StringComparer.Ordinal)))
                    Change(port, p => p with { GapSeconds = p.GapSeconds + gapSeconds });
            }
        }

        private void Change(string port, Func<ExtractInfoPort, ExtractInfoPort> change) =>
            _ports[port] = change(_ports.GetValueOrDefault(port) ?? new ExtractInfoPort(port, 0, 0, 0, 0, 0));
    }
}
