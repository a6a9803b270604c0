// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Box;

/// <summary>
/// The signals of a process that records, signal(7): SIGINT and SIGTERM ask it to end, SIGHUP begins new segments. It lives longer than a box, so that a signal between two boxes is not lost.
/// </summary>
internal sealed class BoxSignals : IDisposable
{
    private readonly CancellationTokenSource _ending = new();
    private readonly PosixSignalRegistration[] _registrations;

    public BoxSignals() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask),
        PosixSignalRegistration.Create(PosixSignal.SIGHUP, HangUp),
    ];

    /// <summary>Raised for each SIGHUP, on a thread of the pool.</summary>
    public event Action? HangsUp;

    /// <summary>Cancelled once the process was asked to end.</summary>
    public CancellationToken Ending => _ending.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _ending.Dispose();
    }

    private void Ask(PosixSignalContext context)
    {
        context.Cancel = true;
        _ending.Cancel();
    }

    private void HangUp(PosixSignalContext context)
    {
        context.Cancel = true;
        HangsUp?.Invoke();
    }
}
