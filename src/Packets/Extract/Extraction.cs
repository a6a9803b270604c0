// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Packets.Extract;

/// <summary>
/// Extracts a time range of an archive: footers and indexes name the chunks that overlap it, those chunks alone are read, their packets
/// merged by time, filtered by libpcap and written.
/// </summary>
public static class Extraction
{
    private const int ReportEveryPackets = 4096;

    /// <summary>Extracts into a file or a pipe, which may hold a part of the packets when this throws.</summary>
    /// <param name="request">What.</param>
    /// <param name="format">In which format.</param>
    /// <param name="target">Where to, from its current position; not closed.</param>
    /// <param name="progress">Progress, every few thousand packets.</param>
    /// <param name="stop">Ends it early.</param>
    /// <exception cref="ExtractException">It cannot be done, before anything was written.</exception>
    /// <exception cref="IOException">The target took no more.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/>.</exception>
    public static ExtractReport Run(ExtractRequest request, ExtractFormat format, SafeFileHandle target,
        IProgress<ExtractProgress>? progress, CancellationToken stop)
    {
        if (request.To <= request.From)
            throw ExtractException.NotAfter(request);
        var scan = new SegmentScan(request);
        List<SegmentSlice> slices = scan.Find();
        foreach (string port in request.Ports)
        {
            if (!scan.PortNames.Contains(port))
                throw ExtractException.NoSuchPort(port, scan.PortNames);
        }

        using var filters = new LinkFilters(request.Filter, slices.Select(s => s.Header.LinkType));
        List<SegmentSlice> inRange = slices.FindAll(s => s.Chunks.Length > 0);
        var counters = new ExtractCounters();
        counters.Warnings.AddRange(scan.Warnings);
        using var output = new OutputPipe(target, stop);
        CaptureWriter writer = CaptureWriter.Create(format, output, inRange);
        var job = new Job(request, inRange, filters, writer, counters, progress, stop);
        job.Run();
        output.Finish();
        AddLossesBehind(slices, inRange, counters);
        return new ExtractReport(
            job.Packets, job.PacketBytes, job.PacketsRead, inRange.Count, counters.ChunksRead, inRange.Sum(s => s.ChunkBytes),
            scan.BytesRead + counters.ChunkBytesRead, counters.Losses, counters.Warnings);
    }

    /// <summary>Whether a request has any packet, or may have: some of it cannot be read. Ends at the first.</summary>
    /// <exception cref="ExtractException">It cannot be done.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/>.</exception>
    public static bool HasAny(ExtractRequest request, CancellationToken stop)
    {
        var scan = new SegmentScan(request);
        List<SegmentSlice> slices = scan.Find().FindAll(s => s.Chunks.Length > 0);
        using var filters = new LinkFilters(request.Filter, slices.Select(s => s.Header.LinkType));
        if (scan.Warnings.Count > 0)
            return true;
        var counters = new ExtractCounters();
        using var merge = new PacketMerge(request, counters);
        foreach (SegmentSlice slice in slices)
            merge.Add(slice, slice.Chunks);
        for (long packets = 0; merge.MoveNext(); packets++)
        {
            if (packets % ReportEveryPackets == 0)
                stop.ThrowIfCancellationRequested();
            if (filters.Matches(merge.Current.Slice, merge.Current.Current))
                return true;
        }

        return counters.Warnings.Count > 0;
    }

    /// <summary>
    /// A chunk reports the losses before it: those in the first chunk of each ring behind the range may lie in the range.
    /// </summary>
    private static void AddLossesBehind(List<SegmentSlice> slices, List<SegmentSlice> inRange, ExtractCounters counters)
    {
        var seen = new HashSet<(string Port, ushort Ring)>();
        ulong last = inRange.Count == 0 ? 0 : inRange.Max(s => s.Sequence);
        foreach (SegmentSlice slice in slices.Where(s => s.After.Length > 0 && (s.Sequence <= last + 1 || inRange.Count == 0)))
        {
            using SegmentReader? reader = TryOpen(slice.Path);
            foreach (IndexEntry entry in slice.After)
            {
                string port = slice.Header.Ports[entry.Port].Name;
                if (reader is null || !seen.Add((port, entry.Ring)))
                    continue;
                if (reader.TryReadChunk((long)entry.FileOffset, out ChunkRecord chunk) is null)
                    counters.AddLosses(port, chunk with { TruncatedPackets = 0 });
            }
        }
    }

    private static SegmentReader? TryOpen(string path)
    {
        try
        {
            return SegmentReader.Open(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SegmentFormatException)
        {
            return null; // deleted or sealed since; its losses are behind the range
        }
    }

    /// <summary>The loop over packets.</summary>
    private sealed class Job(
        ExtractRequest request, List<SegmentSlice> slices, LinkFilters filters, CaptureWriter writer, ExtractCounters counters,
            IProgress<ExtractProgress>? progress,
        CancellationToken stop)
    {
        private readonly long _totalBytes = slices.Sum(s => s.ChunkBytes);

        public ulong Packets { get; private set; }

        public ulong PacketBytes { get; private set; }

        public ulong PacketsRead { get; private set; }

        public void Run()
        {
            using var merge = new PacketMerge(request, counters) { TakeWhole = filters.IsEmpty ? Copy : null };
            foreach (SegmentSlice slice in slices)
                merge.Add(slice, slice.Chunks);
            while (merge.MoveNext())
            {
                if (PacketsRead++ % ReportEveryPackets == 0)
                    Report();

                SegmentPacket packet = merge.Current.Current;
                if (!filters.Matches(merge.Current.Slice, packet))
                    continue;
                writer.Write(merge.Current.Slice, packet);
                Packets++;
                PacketBytes += (ulong)packet.CapturedLength;
            }

            progress?.Report(new ExtractProgress(_totalBytes, _totalBytes, Packets));
        }

        private void Report()
        {
            stop.ThrowIfCancellationRequested();
            progress?.Report(new ExtractProgress(counters.ChunkBytesRead, _totalBytes, Packets));
        }

        private bool Copy(SegmentReader reader, SegmentSlice slice, ChunkRecord chunk)
        {
            Report();
            if (!writer.TryCopy(slice, reader, chunk))
                return false;
            Packets += chunk.Packets;
            PacketsRead += chunk.Packets;
            PacketBytes += chunk.CapturedBytes;
            return true;
        }
    }
}
