// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Config;
using Capbox.Health;
using Capbox.Mqtt;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>Shows the box over MQTT where the configuration names a broker.</summary>
/// <param name="box">What is shown.</param>
/// <param name="options">At the start.</param>
/// <param name="run">Identity of this run.</param>
/// <param name="openEvents">Opens the journal of events; called once, for the first broker.</param>
/// <param name="logger">For what the broker refuses.</param>
internal sealed class MqttFrontEnd(IBox box, BoxOptions options, BoxRun run, Func<EventJournal> openEvents, ILogger logger) : IFrontEnd
{
    /// <summary>The answer to a change goes out over the connection that the change ends.</summary>
    private static readonly TimeSpan s_farewell = TimeSpan.FromMilliseconds(500);
    private readonly Lock _change = new(); // over connecting and leaving, which may take seconds
    private readonly Lock _wanted = new(); // over the options alone: Change is called under the lock of a rollback
    private readonly MqttTraffic _traffic = new(run);
    private MqttOptions? _options = options.Mqtt;
    private volatile MqttLink? _link;
    private EventJournal? _events;
    private bool _isStopped;

    /// <summary>Null without a broker.</summary>
    public MqttSnapshot? Snapshot => _link?.Snapshot;

    public void Start() => Connect(_options);

    public void Change(BoxOptions next)
    {
        lock (_wanted)
        {
            if (next.Mqtt == _options && next.Recorder.Serial == options.Recorder.Serial)
                return;
            (_options, options) = (next.Mqtt, next);
        }

        _ = Task.Run(() =>
        {
            Thread.Sleep(s_farewell);
            lock (_change)
            {
                _link?.Dispose();
                _link = null;
                if (!_isStopped)
                    Connect(Wanted());
            }
        });
    }

    public void Stop()
    {
        lock (_change)
        {
            _isStopped = true;
            // First, so that the link can still publish that the box stops.
            _events?.Dispose();
            _link?.Dispose();
            _events?.Spool.Dispose();
        }
    }

    private MqttOptions? Wanted()
    {
        lock (_wanted)
            return _options;
    }

    private void Connect(MqttOptions? broker)
    {
        if (broker is null)
            return;
        _events ??= openEvents();
        var link = new MqttLink(broker, new MqttBox(box.Snapshot, box.Commands, box.Configurator, () => box.Serial, _traffic) { Events = _events }, logger);
        _link = link;
        link.Start();
    }
}
