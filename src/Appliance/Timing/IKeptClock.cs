using Capbox.Packets.Capture;
using Capbox.Platform.Time;

namespace Capbox.Timing;

/// <summary>A clock whose worth is known while it is kept, by our own servo or by somebody else's. One thread, but for <see cref="Stop"/> and <see cref="AcceptShifts"/>.</summary>
internal interface IKeptClock : IDisposable
{
    /// <summary>TAI - UTC of the segments to come and since or from when it holds, a leap second some seconds ahead; null: not known. After <see cref="TryTakeClaims"/>.</summary>
    (UtcOffset Offset, TaiTime From)? SegmentUtc { get; }

    /// <summary>Waits for something to do and does it, half a second at most. False: it is gone and must be made anew.</summary>
    bool Turn();

    /// <summary>What holds now, if it was looked at since the last call: once a second.</summary>
    /// <param name="system">Of the stamps that the kernel makes.</param>
    /// <param name="cards">Of the stamps of the cards, by port of the recorder; valid until the next call.</param>
    /// <param name="snapshot">For people.</param>
    bool TryTakeClaims(out TimeQuality system, out ReadOnlySpan<TimeQuality> cards, out ClockSnapshot snapshot);

    /// <summary>Takes the steps that were not followed for true, soon, and says what they were, ns. Null: its own program decides what it follows. Any thread.</summary>
    double? AcceptShifts();

    /// <summary>Ends a <see cref="Turn"/> that waits. Any thread.</summary>
    void Stop();
}
