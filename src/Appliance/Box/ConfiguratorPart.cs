// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Changes;

namespace Capbox.Box;

/// <summary>Watches changes while everything before it runs, and ends before that stops.</summary>
internal sealed class ConfiguratorPart(Configurator configurator) : IBoxPart
{
    public void Start() => configurator.Start();

    public void Stop() => configurator.Stop();
}
