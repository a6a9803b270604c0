// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;

namespace Capbox.Packets.Capture;

/// <summary>
/// TAI - UTC as it was and is, for stamps of NICs, which count TAI. Changes are rare (a leap second, a grandmaster that is corrected) and
/// come from one thread; ring threads read without a lock. Only the last <see cref="MostEntries"/> are stored: packets in the rings are
/// younger than the change before them.
/// </summary>
public sealed class UtcScale
{
    private const int MostEntries = 4;
    private const long SecondNs = 1_000_000_000;

    private readonly record struct Entry(long FromTaiNs, UtcOffset Offset);

    private Entry[] _entries; // oldest first; replaced as a whole, never changed

    /// <param name="first">Holds until something else is known.</param>
    public UtcScale(UtcOffset first) => _entries = [new Entry(long.MinValue, first)];

    /// <summary>Offset after the last announced change, which may be some seconds ahead.</summary>
    public UtcOffset Latest => Volatile.Read(ref _entries)[^1].Offset;

    /// <summary>From a moment on, not before the last change, another offset holds.</summary>
    public void Change(UtcOffset offset, TaiTime from)
    {
        Entry[] entries = _entries;
        int first = Math.Max(0, entries.Length + 1 - MostEntries);
        Volatile.Write(ref _entries, [.. entries[first..], new Entry(from.Nanoseconds, offset)]);
    }

    /// <summary>What holds at a stamp: of a NIC, in TAI, or of the system clock, in UTC.</summary>
    public UtcOffset At(long stampNs, bool isTai)
    {
        Entry[] entries = Volatile.Read(ref _entries);
        for (int i = entries.Length - 1; i > 0; i--)
        {
            // The inserted second, which UTC shows twice, is taken for the second one.
            if ((isTai ? stampNs : stampNs + entries[i].Offset.Nanoseconds) >= entries[i].FromTaiNs)
                return entries[i].Offset;
        }

        return entries[0].Offset;
    }

    /// <summary>
    /// What a chunk's claim is when one of its NIC's stamps is not shown with the offset that holds for it: a chunk has one, and a change
    /// may fall between its packets. Its UTC is wrong by the seconds of the change.
    /// </summary>
    /// <param name="record">Its times, made with <paramref name="used"/>.</param>
    /// <param name="used">The offset of its segment.</param>
    public void Widen(ref ChunkRecord record, UtcOffset used)
    {
        if (record.HardwareStampedPackets == 0 || record.ClockBoundNs == uint.MaxValue || Volatile.Read(ref _entries).Length == 1)
            return;
        long wrong = Math.Max(Wrong(record.FirstUtcNs, used), Wrong(record.LastUtcNs, used));
        if (wrong == 0)
            return;
        record.ClockBoundNs = (uint)Math.Min(record.ClockBoundNs + (wrong * SecondNs), uint.MaxValue);
        record.ClockState = ClockTrust.Worse(record.ClockState, ClockState.Degraded);
    }

    private long Wrong(long utcNs, UtcOffset used) => Math.Abs(At(utcNs + used.Nanoseconds, true).Seconds - used.Seconds);
}
