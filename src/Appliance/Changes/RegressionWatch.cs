// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Health;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;

namespace Capbox.Changes;

/// <summary>
/// Looks whether a change did harm: a port that lost nothing loses packets, the disk fails, a port cannot be opened, the clock is worse at
/// the end. Pure.
/// </summary>
/// <param name="losing">Ports that lost packets before the change already.</param>
/// <param name="before">Right before it, or the first look after a start.</param>
/// <param name="clockBefore">The clock's state before; null: none was kept.</param>
internal sealed class RegressionWatch(IReadOnlyList<string> losing, BoxSnapshot before, ClockState? clockBefore)
{
    /// <summary>Ports that lost packets between two looks.</summary>
    /// <param name="earlier">Null: nothing is known, nothing was lost.</param>
    /// <param name="now">Some seconds later.</param>
    public static string[] PortsLosing(BoxSnapshot? earlier, BoxSnapshot now) =>
        [.. now.Ports.Where(p => earlier?.Ports.FirstOrDefault(e => e.Port == p.Port) is { } e && p.LostPackets > e.LostPackets).Select(p => p.Port)];

    /// <summary>What is worse, one line, or null.</summary>
    /// <param name="now">The box.</param>
    /// <param name="isEnd">The last look: what takes its time must be done.</param>
    public string? Check(BoxSnapshot now, bool isEnd)
    {
        foreach (PortLedger port in now.Ports)
        {
            PortLedger? was = before.Ports.FirstOrDefault(p => p.Port == port.Port);
            ulong lost = was is null || was.LostPackets > port.LostPackets ? port.LostPackets : port.LostPackets - was.LostPackets;
            if (lost > 0 && !losing.Contains(port.Port))
                return string.Create(CultureInfo.InvariantCulture, $"port {port.Port} lost {lost} packets after the change, and none right before it");
            if (isEnd && port.Fault is { } fault && was is { State: PortState.Capturing })
                return $"port {port.Port} recorded before the change and does not now: {fault}";
        }

        if (now.Storage.Fault is { } problem && before.Storage.Fault is null)
            return $"the disk refuses since the change: {problem}";
        if (isEnd && clockBefore is { } clock && now.Clock is { } kept && ClockTrust.Rank(kept.State) < ClockTrust.Rank(clock))
            return $"the clock was {clock} before the change and is {kept.State}";
        return null;
    }
}
