// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Packets.Extract;

/// <summary>
/// Extraction that follows the recording. A chunk appears when its block was handed over and written, so packets of several rings do not
/// come in order of time. Therefore every chunk waits for the window after it was found, and then goes out merged by time with all that was
/// found until then. What comes later than that is written nevertheless, behind its place, and counted.
/// </summary>
public static class LiveExtraction
{
    /// <summary>A handover time of 100 ms, a busy disk, and some.</summary>
    public const int DefaultWindowMs = 500;
    private const int PollMs = 50;
    private const int WriteAtMostMs = 100;

    /// <summary>After a stop: how long what was found is still written.</summary>
    private const int DrainMs = 1000;

    /// <summary>
    /// Extracts until the end of the range has passed by the system clock, <paramref name="stop"/>, or until the reader has closed the
    /// pipe.
    /// </summary>
    /// <param name="request">What; an end far in the future means none.</param>
    /// <param name="format">In which format.</param>
    /// <param name="target">Where to, from its current position; not closed.</param>
    /// <param name="windowMs">How long a chunk waits for earlier ones.</param>
    /// <param name="progress">Progress, some times a second; the total is unknown, 0.</param>
    /// <param name="stop">Ends it in order: what was found goes out, for a second at most.</param>
    /// <exception cref="ExtractException">It cannot be done.</exception>
    /// <exception cref="IOException">The target took no more, or the archive cannot be read.</exception>
    public static ExtractReport Run(
        ExtractRequest request, ExtractFormat format, SafeFileHandle target, int windowMs, IProgress<ExtractProgress>? progress,
            CancellationToken stop)
    {
        if (request.To <= request.From)
            throw ExtractException.NotAfter(request);
        if (!Directory.Exists(request.Archive))
            throw new ExtractException($"{request.Archive}: no such directory");
        using var filters = new LinkFilters(request.Filter, []);
        using var abandon = new CancellationTokenSource();
        using CancellationTokenRegistration giveUp = stop.Register(() => abandon.CancelAfter(2 * DrainMs));
        using var job = new Job(request, format, target, windowMs, filters, progress, stop, abandon.Token);
        try
        {
            return job.Run();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException && job.NobodyReads)
        {
            return job.Report();
        }
        catch (OperationCanceledException)
        {
            return job.Report("stopped while the reader of the output slept: it did not get the rest");
        }
    }

    private sealed class Job : IDisposable
    {
        private readonly ExtractRequest _request;
        private readonly ExtractFormat _format;
        private readonly SafeFileHandle _target;
        private readonly int _windowMs;
        private readonly LinkFilters _filters;
        private readonly IProgress<ExtractProgress>? _progress;
        private readonly CancellationToken _stop;
        private readonly ExtractCounters _counters = new();
        private readonly PacketMerge _merge;
        private readonly LiveSegments _segments;
        private readonly OutputPipe _output;
        private CaptureWriter? _writer;
        private ulong _packets, _packetBytes, _packetsRead, _late;
        private long _lastNs = long.MinValue;

        public Job(
            ExtractRequest request, ExtractFormat format, SafeFileHandle target, int windowMs, LinkFilters filters,
                IProgress<ExtractProgress>? progress,
            CancellationToken stop, CancellationToken abandon)
        {
            _request = request;
            _format = format;
            _target = target;
            _windowMs = windowMs;
            _filters = filters;
            _progress = progress;
            _stop = stop;
            _merge = new PacketMerge(request, _counters);
            _segments = new LiveSegments(request, _merge, _counters);
            _output = new OutputPipe(target, abandon);
        }

        public bool NobodyReads => FileSystem.ReaderIsGone((int)_target.DangerousGetHandle());

        public ExtractReport Run()
        {
            long endMs = long.MaxValue;
            for (bool first = true; ; first = false)
            {
                long nowMs = Environment.TickCount64;
                // The end by the clock, and then a window for what is on its way.
                if (endMs == long.MaxValue && Platform.Time.UtcTime.Now >= _request.To)
                    endMs = nowMs + _windowMs;
                bool isLast = _stop.IsCancellationRequested || nowMs >= endMs;
                // What was sealed before the start has waited long enough.
                _segments.Poll(nowMs, first ? nowMs - _windowMs : nowMs, _lastNs);
                if (first)
                    CheckPorts();
                Begin();
                bool isDone = Write(isLast);
                _output.Flush();
                _progress?.Report(new ExtractProgress(_counters.ChunkBytesRead, 0, _packets));
                if (NobodyReads)
                    return Report();
                if (isLast && (isDone || _stop.IsCancellationRequested))
                    break;
                if (isDone)
                    _stop.WaitHandle.WaitOne(PollMs);
            }

            if (_merge.PendingChunks > 0)
                _counters.Warnings.Add($"stopped {_merge.PendingChunks} chunks behind the recording");
            _output.Finish();
            return Report();
        }

        public ExtractReport Report(string? warning = null)
        {
            if (warning is not null)
                _counters.Warnings.Add(warning);
            return new ExtractReport(
                _packets, _packetBytes, _packetsRead, _segments.Segments, _counters.ChunksRead, _segments.ChunkBytes,
                    _counters.ChunkBytesRead, _counters.Losses, _counters.Warnings)
            {
                LatePackets = _late,
            };
        }

        public void Dispose()
        {
            _output.Dispose();
            _segments.Dispose();
            _merge.Dispose();
        }

        private void CheckPorts()
        {
            // An archive without any segment may get any port.
            foreach (string port in _request.Ports)
            {
                if (_segments.PortNames.Count > 0 && !_segments.PortNames.Contains(port))
                    throw ExtractException.NoSuchPort(port, _segments.PortNames);
            }
        }

        /// <summary>
        /// The file's head goes out at once, so that a reader sees that the capture has begun; pcap's needs the link type.
        /// </summary>
        private void Begin()
        {
            if (_writer is null && (_format == ExtractFormat.Pcapng || _segments.Newest is not null))
                _writer = CaptureWriter.CreateLive(_format, _output, _segments.Newest);
        }

        /// <summary>Writes what has waited long enough, or all; comes back after a while. True when nothing more is due.</summary>
        private bool Write(bool all)
        {
            long startMs = Environment.TickCount64;
            for (int count = 1; _merge.MoveNext(); count++)
            {
                if (!all && _merge.OldestFoundMs > startMs - _windowMs && _merge.PendingChunks < LiveSegments.MaxPendingChunks)
                {
                    _merge.Hold();
                    return true;
                }

                WritePacket();
                if ((count & 1023) == 0 && Environment.TickCount64 - startMs > (all ? DrainMs : WriteAtMostMs))
                    return false;
            }

            return true;
        }

        private void WritePacket()
        {
            RingCursor cursor = _merge.Current;
            SegmentPacket packet = cursor.Current;
            _packetsRead++;
            _lastNs = packet.UtcNs;
            if (!_filters.Matches(cursor.Slice, packet))
                return;
            _late += packet.UtcNs < cursor.Run.LateBelowNs ? 1u : 0;
            _writer!.Write(cursor.Slice, packet);
            _packets++;
            _packetBytes += (ulong)packet.CapturedLength;
        }
    }
}
