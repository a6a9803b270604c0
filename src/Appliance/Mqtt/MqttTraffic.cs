// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Health;

namespace Capbox.Mqtt;

/// <summary>What outlives a connection, and a broker: counts of all traffic, and the sequence of telemetry.</summary>
/// <param name="run">Identity of this run.</param>
internal sealed class MqttTraffic(BoxRun run)
{
    private readonly Lock _counting = new();
    private MqttCounts _counts = new();

    public BoxRun Run => run;

    public Telemetry Telemetry { get; } = new(run);

    public MqttCounts Counts
    {
        get
        {
            lock (_counting)
                return _counts;
        }
    }

    public void Count(Func<MqttCounts, MqttCounts> change)
    {
        lock (_counting)
            _counts = change(_counts);
    }
}
