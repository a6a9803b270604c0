using Capbox.Control;
using Capbox.Mqtt;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Cli;

/// <summary>Shows the box over MQTT while it records, if it is configured to.</summary>
internal sealed class MqttService(RunSettings settings, ControlTable table, RecorderService service, ILogger<MqttService> logger, IConfigurator? configurator = null) : IHostedService, IDisposable
{
    private static readonly TimeSpan s_farewell = TimeSpan.FromMilliseconds(500);
    private readonly Lock _change = new();
    private volatile MqttLink? _link;
    private bool _isOver;

    /// <summary>Null when there is no broker.</summary>
    public MqttSnapshot? Snapshot => _link?.Snapshot;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        service.Mqtt = () => Snapshot;
        Begin(settings.Mqtt);
        return Task.CompletedTask;
    }

    /// <summary>Leaves the broker and goes to another, or to none. Returns at once: who asked for it may wait for its answer on the connection that ends.</summary>
    public void Change(MqttOptions? options) => _ = Task.Run(() =>
    {
        // The answer goes over the connection that it came by.
        Thread.Sleep(s_farewell);
        lock (_change)
        {
            _link?.Dispose();
            _link = null;
            if (!_isOver)
                Begin(options);
        }
    });

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        lock (_change)
        {
            _isOver = true;
            _link?.Dispose();
        }
    }

    private void Begin(MqttOptions? options)
    {
        if (options is null)
            return;
        var link = new MqttLink(options, new MqttBox(service.Snapshot, table.Commands, configurator, settings.Options.Serial), logger);
        _link = link;
        link.Start();
    }
}
