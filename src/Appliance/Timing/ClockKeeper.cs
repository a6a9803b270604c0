using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Timing.Evidence;
using Capbox.Timing.Raw;
using Microsoft.Extensions.Logging;

namespace Capbox.Timing;

/// <summary>
/// Keeps the clock that stamps packets, and tells the recorder what it is worth: a PTP port on a thread of its own, made anew when the interface or the card goes away, tried again ever less often up
/// to every <see cref="LongestWaitMs"/>. Whatever goes wrong with the clock never touches the recording: then nothing is claimed.
/// </summary>
internal sealed class ClockKeeper : IDisposable
{
    private const int ShortestWaitMs = 1_000, LongestWaitMs = 30_000, StopWaitMs = 10_000;

    private readonly ClockOptions _options;
    private readonly Func<IReadOnlyList<PortOptions>> _ports;
    private readonly TimeQualityLog _board;
    private readonly string _archive;
    private readonly ILogger _logger;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;
    private EvidenceKeeper? _evidence;
    private ExchangeLog? _exchanges;
    private ClockSnapshot _snapshot;
    private volatile IKeptClock? _kept;
    private string? _said;

    /// <param name="options">What to follow.</param>
    /// <param name="ports">The ports of the recorder by their place, now.</param>
    /// <param name="board">Where to tell it.</param>
    /// <param name="archive">Where the evidence goes.</param>
    /// <param name="logger">For changes.</param>
    public ClockKeeper(ClockOptions options, Func<IReadOnlyList<PortOptions>> ports, TimeQualityLog board, string archive, ILogger logger)
    {
        (_options, _ports, _board, _archive, _logger) = (options, ports, board, archive, logger);
        _snapshot = Nothing(null);
        _thread = new Thread(Run) { IsBackground = true, Name = "capbox-clock" };
    }

    /// <summary>As it stood at the last second. Any thread.</summary>
    public ClockSnapshot Snapshot => Volatile.Read(ref _snapshot);

    public void Start()
    {
        if (_options.LogDays > 0)
            _evidence = new EvidenceKeeper(_archive, _options, _ports());
        if (_options.ExchangeLogBytes > 0)
            _exchanges = new ExchangeLog(_archive, _options.ExchangeLogBytes);
        _thread.Start();
    }

    /// <summary>Takes the steps of path or grandmaster that the clock did not follow for true, within a second.</summary>
    /// <returns>What is unresolved of them, ns.</returns>
    /// <exception cref="Commands.RequestRefusedException">There is nothing to accept.</exception>
    public double AcceptShifts()
    {
        IKeptClock kept = _kept ?? throw new Commands.RequestRefusedException($"clock: {Snapshot.Fault ?? "not kept at the moment"}");
        return kept.AcceptShifts() ?? throw new Commands.RequestRefusedException($"clock: {Snapshot.Source} decides what it follows");
    }

    /// <summary>The clock goes on as it was dialled last.</summary>
    public void Dispose()
    {
        _stop.Set();
        _kept?.Stop();
        if ((_thread.ThreadState & ThreadState.Unstarted) == 0)
            _thread.Join(StopWaitMs);
        _evidence?.Dispose();
        _exchanges?.Dispose();
        (_evidence, _exchanges) = (null, null);
    }

    private void Run()
    {
        int waitMs = ShortestWaitMs;
        while (!_stop.IsSet)
        {
            try
            {
                using IKeptClock kept = _options.Source == ClockSource.Ptp ? new KeptClock(_options, _ports, _exchanges, _logger) : new ExternalClock(_options, _ports, _logger);
                _kept = kept;
                Say(null);
                waitMs = ShortestWaitMs;
                while (!_stop.IsSet && kept.Turn())
                    Tell(kept);
            }
            catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
            {
                Say(e.Message);
            }

            _kept = null;
            // Each second of it is evidence, too.
            for (int waitedMs = 0; waitedMs < waitMs && !_stop.IsSet; waitedMs += ShortestWaitMs)
            {
                NoClaim();
                _stop.Wait(ShortestWaitMs);
            }

            waitMs = Math.Min(2 * waitMs, LongestWaitMs);
        }
    }

    private void Tell(IKeptClock kept)
    {
        if (!kept.TryTakeClaims(out TimeQuality system, out ReadOnlySpan<TimeQuality> cards, out ClockSnapshot snapshot))
            return;
        _board.Publish(Platform.Time.UtcTime.Now.Nanoseconds, system, cards);
        if (kept.SegmentUtc is { } utc)
            _board.PublishUtc(utc.Offset, utc.From);
        if (snapshot.State != _snapshot.State)
        {
            _logger.LogInformation(
                "clock: {State}, offset {Offset:F0} ns, bound {Bound:F0} ns, reference {Grandmaster}", snapshot.State, snapshot.OffsetNs, snapshot.BoundNs, snapshot.Grandmaster ?? "none");
        }

        Publish(snapshot);
    }

    private void Publish(ClockSnapshot snapshot)
    {
        // That nothing is claimed of a clock that is let go is no evidence.
        if (!_stop.IsSet)
            _evidence?.Take(snapshot);
        Volatile.Write(ref _snapshot, snapshot with { Fault = snapshot.Fault ?? _evidence?.Fault ?? _exchanges?.Fault });
    }

    private void NoClaim()
    {
        TimeQuality[] cards = new TimeQuality[RecordingPlan.MaxPorts];
        Array.Fill(cards, TimeQuality.None);
        _board.Publish(Platform.Time.UtcTime.Now.Nanoseconds, TimeQuality.None, cards);
        Publish(Nothing(_said));
    }

    private ClockSnapshot Nothing(string? fault) => new()
    {
        Interface = _options.Interface,
        Source = _options.Source switch { ClockSource.Ptp4l => "ptp4l", ClockSource.Chrony => "chronyd", _ => "capbox" },
        Steered = _options is { IsSteered: true, Source: ClockSource.Ptp },
        State = ClockState.Untraceable,
        Fault = fault,
    };

    private void Say(string? problem)
    {
        if (problem is not null && problem != _said)
            _logger.LogError("clock: {Problem}; recording goes on, nothing is claimed of its stamps", problem);
        _said = problem;
    }
}
