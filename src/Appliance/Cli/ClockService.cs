using Capbox.Capture;
using Capbox.Timing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Cli;

/// <summary>Keeps the clock while the recorder runs: begins before it, so that the first packets are stamped by a card that was asked to, and ends after it.</summary>
internal sealed class ClockService(RunSettings settings, Recorder recorder, ILogger<ClockService> logger) : IHostedService, IDisposable
{
    private readonly ClockKeeper? _keeper = settings.Clock is { } options ? new ClockKeeper(options, settings.Options.Ports, recorder.Clocks, logger) : null;

    /// <summary>Null when there is no clock to keep.</summary>
    public ClockSnapshot? Snapshot => _keeper?.Snapshot;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _keeper?.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _keeper?.Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _keeper?.Dispose();
}
