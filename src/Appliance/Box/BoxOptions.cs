// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Config;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Timing;

namespace Capbox.Box;

/// <summary>What a box is built from, and what it changes to while it runs. Immutable.</summary>
/// <param name="Recorder">Ports and storage.</param>
/// <param name="Archive">Catalog, retention and holds.</param>
internal sealed record BoxOptions(RecorderOptions Recorder, ArchivistOptions Archive)
{
    /// <summary>File of the private key that signs the chain of custody; null: no chain.</summary>
    public string? CustodyKey { get; init; }

    /// <summary>Source of time; null: the system clock as it is.</summary>
    public ClockOptions? Clock { get; init; }

    /// <summary>Broker; null: none.</summary>
    public MqttOptions? Mqtt { get; init; }

    /// <summary>Where metrics are served; null: nowhere.</summary>
    public MetricsAddress? Metrics { get; init; }

    /// <summary>The document allows the command reboot.</summary>
    public bool MayReboot { get; init; }

    /// <summary>Directory of the archive.</summary>
    public string Directory => Recorder.Storage.Directory;

    /// <summary>The options that a good document asks for.</summary>
    public static BoxOptions From(ConfigResult config) => new(config.Options!, config.Archive!)
    {
        CustodyKey = config.CustodyKey,
        Clock = config.Clock,
        Mqtt = config.Mqtt,
        Metrics = config.Metrics,
        MayReboot = config.MayReboot,
    };
}
