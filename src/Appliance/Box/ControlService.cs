using Capbox.Cli;
using Capbox.LocalSocket;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>
/// Opens the control socket once the recorder has the archive, and closes it before the recorder stops; of a box that keeps its configuration itself a second one with its documents, which
/// stays where it is when the archive is another. Without a socket the recording goes on.
/// </summary>
internal sealed class ControlService(
    RunSettings settings, ControlTable table, ILogger<ControlService> logger) : IHostedService, IDisposable
{
    private readonly List<ControlServer> _servers = [];

    public Task StartAsync(CancellationToken cancellationToken)
    {
        Open(settings.Options.Storage.Directory);
        if (settings.Managed is { } managed)
            Open(managed.Directory);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _servers.ForEach(s => s.Dispose());

    private void Open(string directory)
    {
        try
        {
            _servers.Add(new ControlServer(directory, table.Commands, logger));
        }
        catch (IOException e)
        {
            logger.LogError("control: {Reason}; recording goes on without a control socket", e.Message);
        }
    }
}
