// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Config;
using Capbox.Health;

namespace Capbox.Changes;

/// <summary>What the configurator does to the box; the parts that run are behind it.</summary>
internal interface IRunningBox
{
    /// <summary>Goes over to a document while everything runs.</summary>
    /// <param name="next">A good document.</param>
    /// <param name="plan">What it changes; no restart.</param>
    /// <exception cref="Packets.Capture.CaptureException">Nothing was changed.</exception>
    /// <exception cref="IOException">Nothing was changed.</exception>
    void Change(ConfigResult next, ConfigPlan plan);

    /// <summary>Ends the recorder in order and starts it with what is in force then. Returns at once.</summary>
    void Restart();

    BoxSnapshot Snapshot();
}
