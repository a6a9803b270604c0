// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Platform.Time;
using Capbox.Timing;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>Supervises the clock. It starts before the recorder, so that the card stamps the first packets, and stops after it.</summary>
internal sealed class ClockPart(BoxOptions options, Recorder recorder, ILogger logger) : IBoxPart
{
    private volatile ClockSupervisor? _keeper;

    /// <summary>Null without a source of time.</summary>
    public ClockSnapshot? Snapshot => _keeper?.Snapshot;

    public void Start() => Begin(options.Clock);

    public void Stop() => _keeper?.Dispose();

    /// <inheritdoc cref="ClockSupervisor.AcceptShifts"/>
    public double AcceptShifts() => (_keeper ?? throw new ClockRequestException("the configuration has no section clock")).AcceptShifts();

    /// <summary>Ends with one source of time and begins with another. Nothing is claimed of the old one any more.</summary>
    public void Change(ClockOptions? next)
    {
        _keeper?.Dispose();
        _keeper = null;
        recorder.Clocks.Publish(UtcTime.Now.Nanoseconds, TimeQuality.None, [.. Enumerable.Repeat(TimeQuality.None, RecordingPlan.MaxPorts)]);
        Begin(next);
    }

    private void Begin(ClockOptions? source)
    {
        if (source is null)
            return;
        var keeper = new ClockSupervisor(source, () => recorder.Places, recorder.Clocks, options.Directory, logger);
        _keeper = keeper;
        keeper.Start();
    }
}
