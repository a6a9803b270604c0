// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Changes;
using Capbox.Config;

namespace Capbox.Box;

/// <summary>The configuration of a box that keeps it itself.</summary>
/// <param name="Directory">Of the documents.</param>
/// <param name="Store">The documents.</param>
/// <param name="Trials">Those that are not confirmed or proved yet.</param>
/// <param name="Config">The one in force at the start.</param>
internal sealed record KeptConfiguration(string Directory, ConfigStore Store, PendingChanges Trials, ConfigResult Config)
{
    /// <summary>A document was rolled back since the last start, and no event has reported it.</summary>
    public bool IsRolledBack { get; init; }
}
