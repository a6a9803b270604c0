using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;

namespace Capbox.Packets.Capture;

/// <summary>What a clock's stamps are worth.</summary>
/// <param name="State">How far it can be trusted.</param>
/// <param name="BoundNs">The true time is no further from a stamp than this, ns; all ones: no bound is claimed.</param>
public readonly record struct TimeQuality(ClockState State, uint BoundNs)
{
    /// <summary>The clock as it is: nothing is claimed.</summary>
    public static TimeQuality None => new(ClockState.Untraceable, uint.MaxValue);

    /// <summary>What holds for stamps of which some are worth this and some that.</summary>
    public TimeQuality Or(TimeQuality other) => new(ClockTrust.Worse(State, other.State), Math.Max(BoundNs, other.BoundNs));
}

/// <summary>
/// What the clocks that stamp packets are worth, and were in the last minute: told once a second and at each change by whoever keeps the clocks, read by the ring threads for each chunk.
/// A chunk gets the worst of the time that its packets span, so that a doubt is never lost between two looks.
/// </summary>
public sealed class ClockBoard
{
    /// <summary>A chunk spans at most a handover, 60 s. One that began before the oldest entry gets no claim.</summary>
    private const int MostEntries = 64;

    /// <summary>Whoever keeps the clocks tells once a second. When it has not for so long it hangs, and what it said last holds no more.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10);

    private sealed record Entry(long FromUtcNs, TimeQuality System, TimeQuality[] Cards);

    /// <summary>TAI - UTC by whoever keeps the clock.</summary>
    /// <param name="Offset">The difference.</param>
    /// <param name="From">Since when, or from when on.</param>
    internal sealed record UtcNotice(UtcOffset Offset, TaiTime From);

    private readonly int _ports;
    private readonly Lock _change = new();
    private UtcNotice? _notice;
    private readonly TimeProvider _time;
    private Entry[] _entries; // oldest first; replaced as a whole, never changed
    private bool _hasTold;
    private long _told; // when somebody who keeps clocks spoke last, by _time's counter

    /// <param name="ports">Number of ports.</param>
    /// <param name="utc">TAI - UTC until somebody says better; that since 2017 if nothing is said.</param>
    /// <param name="time">Its monotonic counter tells whether the keeper of the clocks still speaks.</param>
    public ClockBoard(int ports, UtcOffset? utc = null, TimeProvider? time = null)
    {
        (_ports, _time) = (ports, time ?? TimeProvider.System);
        Utc = new UtcScale(utc ?? UtcOffset.Since2017);
        _entries = [new Entry(long.MinValue, TimeQuality.None, NoClaims(ports))];
    }

    /// <summary>TAI - UTC as chunks take it. The recorder changes it, when it has a place for them.</summary>
    public UtcScale Utc { get; }

    /// <summary>What was told last; null: nobody keeps a clock, or knows.</summary>
    internal UtcNotice? Notice => Volatile.Read(ref _notice);

    /// <summary>Tells TAI - UTC, some seconds before it changes, if it is known before; the recorder acts on it. One thread.</summary>
    public void PublishUtc(UtcOffset offset, TaiTime from)
    {
        if (_notice?.Offset != offset)
            Volatile.Write(ref _notice, new UtcNotice(offset, from));
    }

    /// <summary>Tells what holds from now on.</summary>
    /// <param name="nowUtcNs">CLOCK_REALTIME.</param>
    /// <param name="system">Of the stamps of the system clock.</param>
    /// <param name="cards">Of the stamps of each port's NIC, by the port's place.</param>
    public void Publish(long nowUtcNs, TimeQuality system, ReadOnlySpan<TimeQuality> cards)
    {
        if (cards.Length != _ports)
            throw new ArgumentException($"{cards.Length} claims for {_ports} ports", nameof(cards));
        lock (_change)
        {
            // What was not claimed during a silence is not claimed after it either.
            if (_hasTold && IsSilent)
                Add(new Entry(nowUtcNs - ((long)_time.GetElapsedTime(_told).TotalMicroseconds * 1_000), TimeQuality.None, NoClaims(_ports)));
            Add(new Entry(nowUtcNs, system, cards.ToArray()));
            Volatile.Write(ref _told, _time.GetTimestamp());
            _hasTold = true;
        }
    }

    /// <summary>A place has another port from now on: nothing is claimed of its card until somebody does.</summary>
    public void Forget(long nowUtcNs, IEnumerable<int> places)
    {
        lock (_change)
        {
            Entry last = _entries[^1];
            TimeQuality[] cards = [.. last.Cards];
            foreach (int place in places)
                cards[place] = TimeQuality.None;
            Add(new Entry(nowUtcNs, last.System, cards));
        }
    }

    private void Add(Entry entry)
    {
        Entry[] entries = _entries;
        int from = Math.Max(0, entries.Length + 1 - MostEntries);
        Volatile.Write(ref _entries, [.. entries[from..], entry]);
    }

    /// <summary>The system clock and the card of a port as told last; nothing once the keeper is silent.</summary>
    public (TimeQuality System, TimeQuality Card) Latest(int port)
    {
        if (IsSilent)
            return (TimeQuality.None, TimeQuality.None);
        Entry last = Volatile.Read(ref _entries)[^1];
        return (last.System, last.Cards[port]);
    }

    /// <summary>Writes to a chunk what its stamps are worth: the worst from the first to the last. Allocates nothing, takes no lock, looks at 64 entries at most, at 1 or 2 as a rule.</summary>
    public void Describe(ref ChunkRecord record)
    {
        bool isSoftware = record.HardwareStampedPackets < record.Packets || record.Packets == 0;
        bool isHardware = record.HardwareStampedPackets > 0;
        Entry[] entries = Volatile.Read(ref _entries);
        TimeQuality claim = new(ClockState.Locked, 0);
        bool isBeforeAll = true;
        for (int i = entries.Length - 1; i >= 0; i--)
        {
            Entry entry = entries[i];
            // It began after the last packet.
            if (entry.FromUtcNs > record.LastUtcNs)
                continue;
            if (isSoftware)
                claim = claim.Or(entry.System);
            if (isHardware)
                claim = claim.Or(entry.Cards[record.Port]);
            if (entry.FromUtcNs <= record.FirstUtcNs)
            {
                isBeforeAll = false;
                break;
            }
        }

        if (isBeforeAll || IsSilent)
            claim = TimeQuality.None;
        record.ClockState = claim.State;
        record.ClockBoundNs = claim.BoundNs;
    }

    private bool IsSilent => _time.GetElapsedTime(Volatile.Read(ref _told)) > Silence;

    private static TimeQuality[] NoClaims(int ports)
    {
        var claims = new TimeQuality[ports];
        Array.Fill(claims, TimeQuality.None);
        return claims;
    }
}
