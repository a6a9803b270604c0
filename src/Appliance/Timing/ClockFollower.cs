using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;

namespace Capbox.Timing;

/// <summary>
/// Makes another clock of the machine follow the kept one, once a second, and says what a stamp of it is worth: the system clock for ports whose packets the kernel stamps while a card keeps the time (X710),
/// the PHCs of other cards. Proportional and integral, as phc2sys does it: the two clocks are compared to tens or hundreds of nanoseconds each second, so there is nothing to filter. One step, at the first
/// look; after that offsets are made up by slewing, and until they are the bound tells. A leap second is the kernel's to make; one that it did not make is a step.
/// </summary>
internal sealed class ClockFollower(IFollowingClock clock, long targetNs) : IDisposable
{
    private const double Proportional = 0.7, Integral = 0.3;
    private const long FirstStepNs = 20_000, SecondNs = 1_000_000_000;

    /// <summary>Slewing costs accuracy of rates: 100 ppm.</summary>
    private const double MostSlewPpb = 100_000;

    /// <summary>Looks whose offsets count for the bound: what the clock did in them it may do until the next one.</summary>
    private const int Looks = 8;

    /// <summary>Around a leap second the kernel's clock is a second off for up to a tick, and so are stamps in it: nothing is compared or told.</summary>
    public const long LeapQuietNs = 1_500_000_000;

    /// <summary>How long after a leap second a clock that is off by just that second is taken for one that did not make it, and by how much it may be off beside.</summary>
    private const long LeapLateNs = 60 * SecondNs, LeapSlackNs = 50_000_000;

    /// <summary>A move between two looks that is no oscillator's, and for how many looks it is waited.</summary>
    private const long JumpNs = 1_000_000;
    private const int MostHeld = 3;

    private readonly long[] _offsets = new long[Looks];
    private int _count;
    private int _held;
    private double _drift; // the oscillator's error that was learnt, as a dial, ppb
    private bool _isStarted;
    private int _leap; // the last that was announced
    private TaiTime _leapAt;
    private TimeQuality _claim = TimeQuality.None;

    /// <summary>The clock that follows.</summary>
    public string Name => clock.Name;

    /// <summary>The clock minus what it should show, at the last look, ns.</summary>
    public long OffsetNs { get; private set; }

    /// <summary>Steps that were made.</summary>
    public int Steps { get; private set; }

    /// <summary>Looks at both clocks and steers. Without a kept clock that can be believed, or without TAI - UTC, the clock runs on as it was dialled, and nothing is claimed.</summary>
    /// <param name="kept">What the kept clock is worth.</param>
    /// <param name="utc">TAI - UTC; null: not known.</param>
    /// <exception cref="IOException">A clock refuses.</exception>
    public TimeQuality Follow(TimeQuality kept, UtcForecast? utc)
    {
        if (utc is not { } forecast || kept.BoundNs == uint.MaxValue || kept.State is ClockState.Acquiring or ClockState.Unsynchronised or ClockState.Untraceable)
        {
            _count = 0;
            return _claim = TimeQuality.None;
        }

        if (forecast.Leap != 0)
            (_leap, _leapAt) = (forecast.Leap, forecast.LeapAt);
        Comparison look = clock.Compare(forecast);
        long sinceLeapNs = look.At.Nanoseconds - _leapAt.Nanoseconds;
        if (_leap != 0 && Math.Abs(sinceLeapNs) < LeapQuietNs)
            return OffBy(SecondNs);
        if (!_isStarted)
            look = Start(look);
        else if (_leap != 0 && sinceLeapNs is > 0 and < LeapLateNs && Math.Abs(Math.Abs(look.OffsetNs) - SecondNs) < LeapSlackNs)
            return MakeLeap(look);
        if (IsJump(look.OffsetNs))
            return OffBy(Math.Abs(look.OffsetNs - OffsetNs));
        Steer(look.OffsetNs);
        _claim = Claim(kept, look.BoundNs);
        clock.Declare(new SystemClockStatus(_claim.State != ClockState.Acquiring, _claim.BoundNs, Math.Abs(look.OffsetNs), Announced(forecast), forecast.At(look.At)));
        return _claim;
    }

    public void Dispose() => clock.Dispose();

    /// <summary>What the kernel is told of a leap second.</summary>
    public static LeapSecond Announced(in UtcForecast forecast) => forecast.Leap switch { > 0 => LeapSecond.Insert, < 0 => LeapSecond.Delete, _ => LeapSecond.None };

    private void Steer(long offsetNs)
    {
        double slew = Math.Clamp(-Proportional * offsetNs, -MostSlewPpb, MostSlewPpb);
        // What takes longer than a look to make up is time that is missing and says nothing of the oscillator, unless it grows in spite of the slewing.
        bool isMadeUp = Math.Abs(slew) == MostSlewPpb && Math.Abs(offsetNs) < Math.Abs(OffsetNs);
        double learnt = isMadeUp ? 0 : Integral * Math.Clamp(offsetNs, -MostSlewPpb, MostSlewPpb);
        _drift = Math.Clamp(_drift - learnt, -clock.MaxFrequencyPpb, clock.MaxFrequencyPpb);
        OffsetNs = offsetNs;
        _offsets[_count++ % Looks] = offsetNs;
        clock.SetFrequency(Math.Clamp(_drift + slew, -clock.MaxFrequencyPpb, clock.MaxFrequencyPpb));
    }

    /// <summary>No oscillator moves so far from one look to the next: one of the two was stepped, and for some looks it is waited whether it is put right.</summary>
    private bool IsJump(long offsetNs)
    {
        bool isHeld = _count > 0 && Math.Abs(offsetNs - OffsetNs) > JumpNs && _held < MostHeld;
        _held = isHeld ? _held + 1 : 0;
        return isHeld;
    }

    private Comparison Start(in Comparison look)
    {
        _isStarted = true;
        _drift = clock.FrequencyPpb;
        if (Math.Abs(look.OffsetNs) <= FirstStepNs)
            return look;
        clock.Step(-look.OffsetNs);
        Steps++;
        return look with { OffsetNs = 0 };
    }

    /// <summary>The kernel was not told in time, or is not to be told: 28 hours of slewing would be the other way.</summary>
    private TimeQuality MakeLeap(in Comparison look)
    {
        clock.Step(look.OffsetNs > 0 ? -SecondNs : SecondNs);
        Steps++;
        return OffBy(SecondNs);
    }

    /// <summary>What was claimed last, with so much more that it may be wrong.</summary>
    private TimeQuality OffBy(long ns)
    {
        if (_claim.BoundNs == uint.MaxValue)
            return _claim;
        return new(ClockTrust.Worse(ClockState.Degraded, _claim.State), (uint)Math.Min(_claim.BoundNs + ns, uint.MaxValue));
    }

    /// <summary>What the kept clock is worth, what the two were read to, how far apart they were, and as much again as the offset moved from look to look: it may do so until the next one.</summary>
    private TimeQuality Claim(TimeQuality kept, long readNs)
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

        long bound = kept.BoundNs + readNs + most + moved;
        if (bound >= uint.MaxValue)
            return new(ClockState.Unsynchronised, uint.MaxValue);
        ClockState state = looks < Looks ? ClockState.Acquiring : bound > targetNs ? ClockTrust.Worse(ClockState.Degraded, kept.State) : kept.State;
        return new(state, (uint)bound);
    }
}
