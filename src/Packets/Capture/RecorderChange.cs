// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Storage;

namespace Capbox.Packets.Capture;

/// <summary>What going from some options to others asks of a recorder that runs. Pure.</summary>
public static class RecorderChange
{
    /// <summary>The archive, the mode and the trigger are for a recorder's whole life.</summary>
    public static bool NeedsNewRecorder(RecorderOptions before, RecorderOptions after) =>
        before.Storage.Directory != after.Storage.Directory || before.Trigger != after.Trigger;

    /// <summary>The rings of all ports are made anew.</summary>
    public static bool AreRingsOther(StorageOptions before, StorageOptions after) => before.WritesInFlight != after.WritesInFlight
        || before.Engine != after.Engine;

    /// <summary>More than the filter is another: the port is closed and opened again.</summary>
    public static bool NeedsOpening(PortOptions before, PortOptions after) =>
        before with { Filter = null, Hooks = [], Cpus = [] } != after with { Filter = null, Hooks = [], Cpus = [] }
        || !before.Hooks.SequenceEqual(after.Hooks) || !before.Cpus.SequenceEqual(after.Cpus);

    /// <summary>Nothing of the port is another.</summary>
    public static bool IsSame(PortOptions before, PortOptions after) => before.Filter == after.Filter && !NeedsOpening(before, after);
}
