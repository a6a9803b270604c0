// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;

namespace Capbox.Packets.Capture;

/// <summary>Quality of a clock's stamps.</summary>
/// <param name="State">How far it can be trusted.</param>
/// <param name="BoundNs">The true time is no further from a stamp than this, ns; all ones: no bound.</param>
public readonly record struct TimeQuality(ClockState State, uint BoundNs)
{
    /// <summary>Unknown quality.</summary>
    public static TimeQuality None => new(ClockState.Untraceable, uint.MaxValue);

    /// <summary>Quality of stamps of which some have this and some the other.</summary>
    public TimeQuality Or(TimeQuality other) => new(ClockTrust.Worse(State, other.State), Math.Max(BoundNs, other.BoundNs));
}

/// <summary>
/// Quality of the clocks that stamp packets, now and in the last minute. The clock supervisor publishes it once a second and at each
/// change; the ring threads read it for each chunk. A chunk gets the worst of the time that its packets span, so that a doubt between two
/// publications is never lost.
/// </summary>
public sealed class TimeQualityLog
{
    /// <summary>A chunk spans at most a handover, 60 s. One that began before the oldest entry gets no quality.</summary>
    private const int MostEntries = 64;

    /// <summary>The clock supervisor publishes once a second. After this silence it hangs, and its last quality no longer holds.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10);

    private sealed record Entry(long FromUtcNs, TimeQuality System, TimeQuality[] Cards);

    /// <summary>TAI - UTC as the clock supervisor announced it.</summary>
    /// <param name="Offset">The difference.</param>
    /// <param name="From">Since when, or from when on.</param>
    internal sealed record UtcAnnouncement(UtcOffset Offset, TaiTime From);

    private readonly int _ports;
    private readonly Lock _change = new();
    private UtcAnnouncement? _announced;
    private readonly TimeProvider _time;
    private Entry[] _entries; // oldest first; replaced as a whole, never changed
    private bool _isPublished;
    private long _publishedTicks; // last publication, by _time's counter

    /// <param name="ports">Number of ports.</param>
    /// <param name="utc">TAI - UTC until another is announced; default: that since 2017.</param>
    /// <param name="time">Its monotonic counter shows whether quality is still published.</param>
    public TimeQualityLog(int ports, UtcOffset? utc = null, TimeProvider? time = null)
    {
        (_ports, _time) = (ports, time ?? TimeProvider.System);
        Utc = new UtcScale(utc ?? UtcOffset.Since2017);
        _entries = [new Entry(long.MinValue, TimeQuality.None, NoQuality(ports))];
    }

    /// <summary>TAI - UTC as chunks take it. The recorder changes it, when it has a place for them.</summary>
    public UtcScale Utc { get; }

    /// <summary>Last announcement; null: no clock is supervised, or its TAI - UTC is unknown.</summary>
    internal UtcAnnouncement? Announced => Volatile.Read(ref _announced);

    /// <summary>Announces TAI - UTC, some seconds before it changes, if it is known before; the recorder acts on it. One thread.</summary>
    public void PublishUtc(UtcOffset offset, TaiTime from)
    {
        if (_announced?.Offset != offset)
            Volatile.Write(ref _announced, new UtcAnnouncement(offset, from));
    }

    /// <summary>Publishes the quality that holds from now on.</summary>
    /// <param name="nowUtcNs">CLOCK_REALTIME.</param>
    /// <param name="system">Of the stamps of the system clock.</param>
    /// <param name="cards">Of the stamps of each port's NIC, by the port's place.</param>
    public void Publish(long nowUtcNs, TimeQuality system, ReadOnlySpan<TimeQuality> cards)
    {
        if (cards.Length != _ports)
            throw new ArgumentException($"{cards.Length} cards for {_ports} ports", nameof(cards));
        lock (_change)
        {
            // A silence without quality stays without it afterwards.
            if (_isPublished && IsSilent)
                Add(new Entry(nowUtcNs - ((long)_time.GetElapsedTime(_publishedTicks).TotalMicroseconds * 1_000), TimeQuality.None,
                    NoQuality(_ports)));
            Add(new Entry(nowUtcNs, system, cards.ToArray()));
            Volatile.Write(ref _publishedTicks, _time.GetTimestamp());
            _isPublished = true;
        }
    }

    /// <summary>A place has another port from now on: no quality of its card is known until the next publication.</summary>
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

    /// <summary>Quality of the system clock and of a port's card as last published; none after a silence.</summary>
    public (TimeQuality System, TimeQuality Card) Latest(int port)
    {
        if (IsSilent)
            return (TimeQuality.None, TimeQuality.None);
        Entry last = Volatile.Read(ref _entries)[^1];
        return (last.System, last.Cards[port]);
    }

    /// <summary>
    /// Writes the quality of its stamps to a chunk: the worst from the first to the last. Allocates nothing, takes no lock, looks at 64
    /// entries at most, at 1 or 2 as a rule.
    /// </summary>
    public void Describe(ref ChunkRecord record)
    {
        bool isSoftware = record.HardwareStampedPackets < record.Packets || record.Packets == 0;
        bool isHardware = record.HardwareStampedPackets > 0;
        Entry[] entries = Volatile.Read(ref _entries);
        TimeQuality quality = new(ClockState.Locked, 0);
        bool isBeforeAll = true;
        for (int i = entries.Length - 1; i >= 0; i--)
        {
            Entry entry = entries[i];
            // It began after the last packet.
            if (entry.FromUtcNs > record.LastUtcNs)
                continue;
            if (isSoftware)
                quality = quality.Or(entry.System);
            if (isHardware)
                quality = quality.Or(entry.Cards[record.Port]);
            if (entry.FromUtcNs <= record.FirstUtcNs)
            {
                isBeforeAll = false;
                break;
            }
        }

        if (isBeforeAll || IsSilent)
            quality = TimeQuality.None;
        record.ClockState = quality.State;
        record.ClockBoundNs = quality.BoundNs;
    }

    private bool IsSilent => _time.GetElapsedTime(Volatile.Read(ref _publishedTicks)) > Silence;

    private static TimeQuality[] NoQuality(int ports)
    {
        var qualities = new TimeQuality[ports];
        Array.Fill(qualities, TimeQuality.None);
        return qualities;
    }
}
