using Capbox.Cli;
using Capbox.Config;
using Capbox.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>Serves metrics while the box records, if it is configured to. What cannot be served is said, and the recording goes on.</summary>
internal sealed class MetricsService(RunSettings settings, RecorderService service, ILogger<MetricsService> logger) : IHostedService, IDisposable
{
    private MetricsServer? _server;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        Change(settings.Metrics);
        return Task.CompletedTask;
    }

    /// <summary>Elsewhere, or nowhere.</summary>
    public void Change(MetricsAddress? address)
    {
        _server?.Dispose();
        _server = null;
        if (address is null)
            return;
        try
        {
            _server = new MetricsServer(address.EndPoint, () => MetricsText.Of(service.Snapshot()), logger);
        }
        catch (IOException e)
        {
            logger.LogError("{Reason}; recording goes on without", e.Message);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _server?.Dispose();
}
