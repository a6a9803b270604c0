// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Packets.Custody;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>
/// Signs the chain of custody beside the recorder. It starts before the recorder, so that it hears of every sealed segment, and stops after it, so that the last segments get their entries.
/// Retention asks it before each deletion.
/// </summary>
internal sealed class ChainPart(BoxOptions options, Recorder recorder, Archivist archivist, ILogger logger) : IBoxPart, IDisposable
{
    /// <summary>Limit of the wait for entries at the end; the next start signs what is left.</summary>
    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(10);
    private ChainSigner? _signer;

    /// <summary>Null without a key, and before the start.</summary>
    public CustodyState? State => _signer?.State;

    /// <exception cref="CustodyException">The key or the chain cannot be used.</exception>
    public void Start()
    {
        if (options.CustodyKey is not { } key)
            return;
        _signer = new ChainSigner(options.Directory, key, logger);
        recorder.SegmentSealed += _signer.OnSealed;
        archivist.Deleting += _signer.OnDeleting;
    }

    public void Stop()
    {
        if (_signer is not { } signer)
            return;
        if (signer.Drain(s_drainLimit))
            logger.LogInformation("custody: {Entries} entries, head {Head}", signer.State.Entries, signer.State.Head);
        else
            logger.LogWarning("custody: not every segment has its entry yet; the next start or capbox seal goes on ({Fault})", signer.State.Fault ?? "there was no time");
        recorder.SegmentSealed -= signer.OnSealed;
        archivist.Deleting -= signer.OnDeleting;
        signer.Dispose();
    }

    public void Dispose() => Stop();
}
