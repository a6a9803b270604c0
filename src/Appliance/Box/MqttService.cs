using Capbox.Changes;
using Capbox.Cli;
using Capbox.Config;
using Capbox.Health;
using Capbox.Mqtt;
using Capbox.Packets.Capture;
using Capbox.Packets.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>Shows the box over MQTT while it records, if it is configured to.</summary>
internal sealed class MqttService(RunSettings settings, ControlTable table, RecorderService service, Recorder recorder, ILogger<MqttService> logger, IConfigurator? configurator = null) : IHostedService, IDisposable
{
    private static readonly TimeSpan s_farewell = TimeSpan.FromMilliseconds(500);
    private readonly Lock _change = new();
    private readonly MqttTraffic _traffic = new(BoxRun.Begin());
    private readonly ConfigReport? _takenBack = settings.Managed is { IsTakenBack: true } ? configurator?.Report : null;
    private volatile MqttLink? _link;
    private EventJournal? _events;
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
            if (_isOver)
                return;
            _isOver = true;
            // First, so that the link can tell that the box stops.
            _events?.Dispose();
            _link?.Dispose();
            _events?.Spool.Dispose();
        }
    }

    private void Begin(MqttOptions? options)
    {
        if (options is null)
            return;
        _events ??= BeginEvents();
        var link = new MqttLink(options, new MqttBox(service.Snapshot, table.Commands, configurator, () => recorder.Options.Serial, _traffic) { Events = _events }, logger);
        _link = link;
        link.Start();
    }

    /// <summary>Where the box keeps its configuration, else beside the catalog; on from the first broker, whatever becomes of that.</summary>
    private EventJournal BeginEvents()
    {
        var spool = new EventSpool(ArchiveDirectory.StatePath(settings.Managed?.Directory ?? settings.Options.Storage.Directory, "events"), new SpoolLimits());
        var log = new EventJournal(_traffic.Run, service.Snapshot, spool, logger);
        ConfigReport? now = configurator?.Report;
        bool isStill = (now?.Version, now?.Id, now?.Status) == (_takenBack?.Version, _takenBack?.Id, _takenBack?.Status);
        ConfigEvents.Begin(log, configurator, isStill ? _takenBack : null);
        return log;
    }
}
