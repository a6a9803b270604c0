// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Capture;

/// <summary>
/// A stretch of time that is written. Monotonic nanoseconds (<see cref="System.Diagnostics.Stopwatch"/>), so that no clock step moves it.
/// </summary>
/// <param name="Version">Grows with each trigger: a ring reports which one it has seen.</param>
/// <param name="TriggeredNs">The trigger that opened it.</param>
/// <param name="UntilNs">Its end; a later trigger makes it later.</param>
internal sealed record GateWindow(long Version, long TriggeredNs, long UntilNs);

/// <summary>
/// State that control gives to the rings in mode trigger: one reference, replaced as a whole. One writer at a time, any number of readers,
/// no lock.
/// </summary>
internal sealed class TriggerGate
{
    private GateWindow? _current;

    /// <summary>The window that is open, or being ended; null: nothing is written.</summary>
    public GateWindow? Current
    {
        get => Volatile.Read(ref _current);
        set => Volatile.Write(ref _current, value);
    }
}
