// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Archive;
using Capbox.Packets.Capture;

namespace Capbox.Box;

/// <summary>The recorder, and the archivist that hears of its segments.</summary>
internal sealed class RecordingPart(Recorder recorder, Archivist archivist) : IBoxPart
{
    /// <exception cref="CaptureException">The recorder does not start.</exception>
    public void Start()
    {
        recorder.SegmentSealed += archivist.OnSealed;
        archivist.Unsealed = recorder.UnsealedSegments;
        recorder.Triggered += w => archivist.OnTriggered(new HeldWindow(w.Number, w.Reason, w.ReachedUtcNs, w.ToUtcNs, w.Ended));
        recorder.Start();
        // After the recorder, which locks the archive.
        archivist.Start();
    }

    public void Stop()
    {
        // Also after a start that failed: what it opened is closed.
        recorder.Stop();
        archivist.Dispose();
    }
}
