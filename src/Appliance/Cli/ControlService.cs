using Capbox.Archive;
using Capbox.Capture;
using Capbox.Control;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Cli;

/// <summary>Opens the control socket once the recorder has the archive, and closes it before the recorder stops. Without a socket the recording goes on.</summary>
internal sealed class ControlService(RunSettings settings, Recorder recorder, Archivist archivist, RecorderService service, ILogger<ControlService> logger) : IHostedService, IDisposable
{
    private ControlServer? _server;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            var commands = new ControlCommands(recorder, service.Snapshot);
            ArchiveCommands.AddTo(commands, archivist);
            _server = new ControlServer(settings.Options.Storage.Directory, commands, logger);
        }
        catch (IOException e)
        {
            logger.LogError("control: {Reason}; recording goes on without a control socket", e.Message);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _server?.Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _server?.Dispose();
}
