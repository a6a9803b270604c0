using Capbox.Platform.Linux;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Port;

/// <summary>
/// Runs ports on one thread: waits until one of them has something to do, and does it. When much comes it looks every <see cref="Pace.LookMs"/> instead of at each message, since messages bear stamps and need
/// not be taken at once: one look then does what many wakes did. <see cref="Stop"/> is for any thread.
/// </summary>
public sealed class PtpLoop : IDisposable
{
    private readonly PtpPort[] _ports;
    private readonly WakeUp _wake = new();
    private readonly PollFd[] _polled;
    private Pace _pace;
    private volatile bool _isStopped;

    /// <param name="ports">The caller's to dispose of, after the loop.</param>
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

    /// <summary>Waits for something to do and does it.</summary>
    /// <param name="mostMs">The longest wait, ms.</param>
    /// <returns>False when all ports' interfaces are gone.</returns>
    public bool Turn(int mostMs)
    {
        Wait(mostMs);
        long nowNs = KernelClock.ReadNs(KernelClock.CLOCK_MONOTONIC_RAW);
        int taken = 0;
        bool isThere = false;
        foreach (PtpPort port in _ports)
        {
            if (port.Socket.HasAnything || nowNs >= port.DueNs)
                taken += port.Work(nowNs);
            isThere |= port.IsThere;
        }

        _pace.Took(taken, nowNs);
        return isThere;
    }

    public void Dispose() => _wake.Dispose();

    private void Wait(int mostMs)
    {
        int milliseconds = 0;
        if (_pace.IsGathering)
        {
            // What comes waits; only Stop does not.
            _ = KernelSocket.Wait(_polled.AsSpan(0, 1), Math.Min(Pace.LookMs, mostMs));
        }
        else
        {
            long nowNs = KernelClock.ReadNs(KernelClock.CLOCK_MONOTONIC_RAW);
            long dueNs = long.MaxValue;
            foreach (PtpPort port in _ports)
                dueNs = Math.Min(dueNs, port.DueNs);
            // Rounded up: a wait that ends too early would be followed by another one of nothing.
            milliseconds = (int)Math.Clamp((dueNs - nowNs + 999_999) / 1_000_000, 0, mostMs);
        }

        _ = KernelSocket.Wait(_polled, milliseconds);
        if (_polled[0].Revents != 0)
            _wake.Clear();
    }
}

/// <summary>Whether to wake for each message or to look at regular times, by how much came in the last second.</summary>
internal struct Pace
{
    /// <summary>Less than the time between two Syncs at 16 a second, and than <see cref="StepGuard.QuietNs"/>: what waits so long is neither late nor from before a step.</summary>
    public const int LookMs = 55;

    /// <summary>Messages and stamps in a second from which regular looks are fewer than half the wakes.</summary>
    public const int Many = 2 * 1_000 / LookMs;

    private const long SecondNs = 1_000_000_000;
    private long _sinceNs;
    private int _taken;

    public bool IsGathering { get; private set; }

    /// <summary>So many were taken now.</summary>
    public void Took(int count, long nowNs)
    {
        _taken += count;
        if (nowNs - _sinceNs < SecondNs)
            return;
        // A second that was longer than one, as at the start, counts as one: nothing is gathered by mistake.
        IsGathering = _taken * (double)SecondNs / (nowNs - _sinceNs) >= Many;
        (_sinceNs, _taken) = (nowNs, 0);
    }
}
