using Capbox.Cli;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Packets.Custody;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>
/// Keeps the chain of custody beside the recorder: starts before it, so that no sealed segment goes by unheard, and stops after it, so that the last ones can get their
/// entries. Retention asks it before each deletion.
/// </summary>
internal sealed class CustodyService(RunSettings settings, Recorder recorder, Archivist archivist, ILogger<CustodyService> logger) : IHostedService, IDisposable
{
    /// <summary>What is not done by then the next start does.</summary>
    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(10);
    private Custodian? _custodian;

    /// <summary>Null before the start, and when there is no key.</summary>
    public Custodian? Custodian => _custodian;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (settings.SealKey is not { } key)
            return Task.CompletedTask;
        _custodian = new Custodian(settings.Options.Storage.Directory, key, logger);
        recorder.SegmentSealed += _custodian.OnSealed;
        archivist.Deleting += _custodian.OnDeleting;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        if (_custodian is not { } custodian)
            return Task.CompletedTask;
        if (custodian.Drain(s_drainLimit))
            logger.LogInformation("custody: {Entries} entries, head {Head}", custodian.State.Entries, custodian.State.Head);
        else
            logger.LogWarning("custody: not every segment has its entry yet; the next start or capbox seal goes on ({Fault})", custodian.State.Fault ?? "there was no time");
        recorder.SegmentSealed -= custodian.OnSealed;
        archivist.Deleting -= custodian.OnDeleting;
        custodian.Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _custodian?.Dispose();
}
