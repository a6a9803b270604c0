// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Engine;

/// <summary>Raises the engine's events at its output.</summary>
internal sealed class EventRaiser(IEngineOutput output)
{
    public void Raise(EventKind kind, long nowNs, DomainTable domain, Master master, long before, long after) =>
        output.Happened(new(kind, nowNs, domain.Number, master.Port, master.Data.Grandmaster, before, after));

    public void RaiseIfChanged(EventKind kind, long nowNs, DomainTable domain, Master master, long before, long after)
    {
        if (before != after)
            Raise(kind, nowNs, domain, master, before, after);
    }

    /// <summary>Raises an event of a domain that has no master.</summary>
    public void RaiseWithoutMaster(EventKind kind, long nowNs, byte domain) =>
        output.Happened(new(kind, nowNs, domain, default, default, 0, 0));
}
