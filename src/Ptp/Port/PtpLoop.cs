// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Port;

/// <summary>
/// Runs ports on one thread: waits until a port has work, and does it. At high message rates it polls every <see cref="Pace.PollMs"/>
/// instead of waking for each message: messages carry stamps and may wait, so one poll replaces many wakes. <see cref="Stop"/> may be
/// called from any thread.
/// </summary>
public sealed class PtpLoop : IDisposable
{
    private readonly PtpPort[] _ports;
    private readonly WakeUp _wake = new();
    private readonly PollFd[] _polled;
    private Pace _pace;
    private volatile bool _isStopped;

    /// <param name="ports">The ports; the caller disposes of them after the loop.</param>
    /// <exception cref="IOException">The process has no file descriptor left.</exception>
    public PtpLoop(params ReadOnlySpan<PtpPort> ports)
    {
        _ports = ports.ToArray();
        _polled = new PollFd[1 + (_ports.Length * PtpSocket.Places)];
        _polled[0] = new PollFd { Fd = _wake.Fd, Events = FileNumbers.POLLIN };
        for (int i = 0; i < _ports.Length; i++)
            _ports[i].Socket.WaitAt(_polled, 1 + (i * PtpSocket.Places));
    }

    /// <summary>Runs until <see cref="Stop"/>, or until the interfaces of all ports are gone.</summary>
    public void Run()
    {
        bool isThere = true;
        while (!_isStopped && isThere)
            isThere = Turn(1_000);
    }

    /// <summary>Ends <see cref="Run"/>. Any thread.</summary>
    public void Stop()
    {
        _isStopped = true;
        _wake.Raise();
    }

    /// <summary>Waits for work and does it.</summary>
    /// <param name="mostMs">Longest wait, ms.</param>
    /// <returns>False when the interfaces of all ports are gone.</returns>
    public bool Turn(int mostMs)
    {
        Wait(mostMs);
        long nowNs = KernelClock.ReadNs(KernelClock.CLOCK_MONOTONIC_RAW);
        int handled = 0;
        bool isThere = false;
        foreach (PtpPort port in _ports)
        {
            if (port.Socket.HasAnything || nowNs >= port.DueNs)
                handled += port.Work(nowNs);
            isThere |= port.IsThere;
        }

        _pace.Record(handled, nowNs);
        return isThere;
    }

    public void Dispose() => _wake.Dispose();

    private void Wait(int mostMs)
    {
        int milliseconds = 0;
        if (_pace.IsGathering)
        {
            // Messages wait; only Stop does not.
            _ = KernelSocket.Wait(_polled.AsSpan(0, 1), Math.Min(Pace.PollMs, mostMs));
        }
        else
        {
            long nowNs = KernelClock.ReadNs(KernelClock.CLOCK_MONOTONIC_RAW);
            long dueNs = long.MaxValue;
            foreach (PtpPort port in _ports)
                dueNs = Math.Min(dueNs, port.DueNs);
            // Rounded up: a wait that ends too early would be followed by an empty one.
            milliseconds = (int)Math.Clamp((dueNs - nowNs + 999_999) / 1_000_000, 0, mostMs);
        }

        _ = KernelSocket.Wait(_polled, milliseconds);
        if (_polled[0].Revents != 0)
            _wake.Clear();
    }
}

/// <summary>Decides by the message rate of the last second whether to wake for each message or to poll.</summary>
internal struct Pace
{
    /// <summary>
    /// Less than the time between two Syncs at 16 a second, and than <see cref="StepGuard.QuietNs"/>: a message that waits so long is
    /// neither late nor from before a step.
    /// </summary>
    public const int PollMs = 55;

    /// <summary>Messages and stamps a second from which polls are fewer than half the wakes.</summary>
    public const int Many = 2 * 1_000 / PollMs;

    private const long SecondNs = 1_000_000_000;
    private long _sinceNs;
    private int _handled;

    public bool IsGathering { get; private set; }

    /// <summary>Records the number of messages and stamps handled now.</summary>
    public void Record(int count, long nowNs)
    {
        _handled += count;
        if (nowNs - _sinceNs < SecondNs)
            return;
        // The rate is taken over the time that really passed, so that a long interval, as at the start, does not begin to gather by
        // mistake.
        IsGathering = _handled * (double)SecondNs / (nowNs - _sinceNs) >= Many;
        (_sinceNs, _handled) = (nowNs, 0);
    }
}
