using Capbox.Capture;
using Capbox.Pcapng;
using Capbox.Ptp;
using Capbox.Ptp.Clocks;

namespace Capbox.Timing;

/// <summary>The system clock as the follower needs it: to be steered, and to be told what it is worth.</summary>
internal interface IFollowingClock
{
    double FrequencyPpb { get; }
    double MaxFrequencyPpb { get; }

    void SetFrequency(double ppb);

    void Step(long ns);

    /// <summary>Tells the kernel what the clock is worth.</summary>
    void Declare(in SystemClockStatus status);
}

/// <summary>
/// Makes the system clock follow the card's PHC, once a second, and says what a stamp of it is worth: for ports whose packets the kernel stamps while a card keeps the time (X710).
/// Proportional and integral, as phc2sys does it: the two clocks are compared to tens or hundreds of nanoseconds each second, so there is nothing to filter. One step, at the first look; after that
/// offsets are made up by slewing, and until they are the bound tells.
/// </summary>
internal sealed class SystemFollower(IFollowingClock system, IClock card, long targetNs)
{
    private const double Proportional = 0.7, Integral = 0.3;
    private const long FirstStepNs = 20_000;

    /// <summary>Slewing costs accuracy of rates: 100 ppm.</summary>
    private const double MostSlewPpb = 100_000;

    /// <summary>Looks whose offsets count for the bound: what the clock did in them it may do until the next one.</summary>
    private const int Looks = 8;

    private readonly long[] _offsets = new long[Looks];
    private int _count;
    private double _drift; // the oscillator's error that was learnt, as a dial, ppb
    private bool _isStarted;

    /// <summary>System clock minus UTC by the card at the last look, ns.</summary>
    public long OffsetNs { get; private set; }

    /// <summary>Steps that were made.</summary>
    public int Steps { get; private set; }

    /// <summary>Looks at both clocks and steers. Without a card that can be believed, or without TAI - UTC, the system clock runs on as it was dialled, and nothing is claimed.</summary>
    /// <param name="claim">What the card's clock is worth.</param>
    /// <param name="utc">TAI - UTC; null: not known.</param>
    /// <exception cref="IOException">A clock refuses.</exception>
    public ClockClaim Follow(ClockClaim claim, UtcOffset? utc)
    {
        if (utc is not { } difference || claim.BoundNs == uint.MaxValue || claim.State is ClockState.Acquiring or ClockState.Unsynchronised or ClockState.Untraceable)
        {
            _count = 0;
            return ClockClaim.None;
        }

        ClockReading reading = card.Read(ReferenceClock.Realtime);
        long offset = reading.ReferenceNs - (reading.Nanoseconds - difference.Nanoseconds);
        if (!_isStarted)
            offset = Start(offset);
        OffsetNs = offset;
        _offsets[_count++ % Looks] = offset;
        _drift = Math.Clamp(_drift - (Integral * offset), -system.MaxFrequencyPpb, system.MaxFrequencyPpb);
        double slew = Math.Clamp(-Proportional * offset, -MostSlewPpb, MostSlewPpb);
        system.SetFrequency(Math.Clamp(_drift + slew, -system.MaxFrequencyPpb, system.MaxFrequencyPpb));
        ClockClaim own = Claim(claim, reading.BoundNs);
        system.Declare(new SystemClockStatus(own.State != ClockState.Acquiring, own.BoundNs, Math.Abs(offset), LeapSecond.None, utc));
        return own;
    }

    private long Start(long offsetNs)
    {
        _isStarted = true;
        _drift = system.FrequencyPpb;
        if (Math.Abs(offsetNs) <= FirstStepNs)
            return offsetNs;
        system.Step(-offsetNs);
        Steps++;
        return 0;
    }

    /// <summary>What the card is worth, what the two were read to, how far apart they were, and as much again as the offset moved from look to look: it may do so until the next one.</summary>
    private ClockClaim Claim(ClockClaim card, long readNs)
    {
        int looks = Math.Min(_count, Looks);
        long most = 0, moved = 0;
        for (int i = 0; i < looks; i++)
        {
            long at = _offsets[(_count - 1 - i) % Looks];
            most = Math.Max(most, Math.Abs(at));
            if (i + 1 < looks)
                moved = Math.Max(moved, Math.Abs(at - _offsets[(_count - 2 - i) % Looks]));
        }

        long bound = card.BoundNs + readNs + most + moved;
        if (bound >= uint.MaxValue)
            return new(ClockState.Unsynchronised, uint.MaxValue);
        ClockState state = looks < Looks ? ClockState.Acquiring : bound > targetNs ? ClockTrust.Worse(ClockState.Degraded, card.State) : card.State;
        return new(state, (uint)bound);
    }
}

/// <summary>CLOCK_REALTIME of this machine.</summary>
internal sealed class KernelClock(SystemClock clock) : IFollowingClock
{
    public double FrequencyPpb => clock.FrequencyPpb;
    public double MaxFrequencyPpb => clock.MaxFrequencyPpb;

    public void SetFrequency(double ppb) => clock.SetFrequency(ppb);

    public void Step(long ns) => clock.Step(ns);

    public void Declare(in SystemClockStatus status) => clock.Declare(status);
}
