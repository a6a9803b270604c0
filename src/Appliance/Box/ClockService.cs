using Capbox.Cli;
using Capbox.Packets.Capture;
using Capbox.Timing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>Keeps the clock while the recorder runs: begins before it, so that the first packets are stamped by a card that was asked to, and ends after it.</summary>
internal sealed class ClockService(RunSettings settings, Recorder recorder, ILogger<ClockService> logger) : IHostedService, IDisposable
{
    private volatile ClockSupervisor? _keeper;

    /// <summary>Null when there is no clock to keep.</summary>
    public ClockSnapshot? Snapshot => _keeper?.Snapshot;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        Begin(settings.Clock);
        return Task.CompletedTask;
    }

    /// <inheritdoc cref="ClockSupervisor.AcceptShifts"/>
    public double AcceptShifts() => (_keeper ?? throw new ClockRequestException("the configuration has no section clock")).AcceptShifts();

    /// <summary>Ends with the clock that is kept and begins with another. What the old one was worth is claimed no more.</summary>
    public void Change(ClockOptions? options)
    {
        _keeper?.Dispose();
        _keeper = null;
        recorder.Clocks.Publish(Platform.Time.UtcTime.Now.Nanoseconds, TimeQuality.None, [.. Enumerable.Repeat(TimeQuality.None, RecordingPlan.MaxPorts)]);
        Begin(options);
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _keeper?.Dispose();

    private void Begin(ClockOptions? options)
    {
        if (options is null)
            return;
        var keeper = new ClockSupervisor(options, () => recorder.Places, recorder.Clocks, settings.Options.Storage.Directory, logger);
        _keeper = keeper;
        keeper.Start();
    }
}
