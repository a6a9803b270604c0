// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Changes;
using Capbox.Commands;
using Capbox.Health;

namespace Capbox.Box;

/// <summary>What a front end may ask of the box that runs.</summary>
internal interface IBox
{
    /// <summary>The table of commands.</summary>
    CommandTable Commands { get; }

    /// <summary>Null for a box that was started with a file and stays with it.</summary>
    IConfigurator? Configurator { get; }

    /// <summary>Serial number in force.</summary>
    string Serial { get; }

    /// <summary>All counters now. From any thread.</summary>
    BoxSnapshot Snapshot();
}
