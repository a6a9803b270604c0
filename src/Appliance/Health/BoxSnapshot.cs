// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Packets.Custody;

namespace Capbox.Health;

/// <summary>All of a running capbox at one moment: the recorder's counters, and what lies beside the recording.</summary>
internal sealed record BoxSnapshot : RecorderSnapshot
{
    /// <summary>For reading from JSON.</summary>
    [JsonConstructor]
    public BoxSnapshot()
    {
    }

    /// <param name="recorder">The recorder's part.</param>
    [SetsRequiredMembers]
    public BoxSnapshot(RecorderSnapshot recorder) : base(recorder)
    {
    }

    /// <summary>Null until the archive has been looked at after the start.</summary>
    public ArchiveSnapshot? Archive { get; init; }

    /// <summary>Null without a key.</summary>
    public CustodyState? Custody { get; init; }

    /// <summary>Null when no clock is kept: the system clock stamps as it is.</summary>
    public Timing.ClockSnapshot? Clock { get; init; }

    /// <summary>Null without a broker.</summary>
    public MqttSnapshot? Mqtt { get; init; }
}
