// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;

namespace Capbox.Timing;

/// <summary>
/// Disciplines one more clock of the machine to the source clock, once a second, and rates its stamps: the system clock where the kernel
/// stamps packets while a card keeps the time (X710), and the PHCs of other cards. A proportional-integral servo as in phc2sys: the two
/// clocks are compared to tens or hundreds of nanoseconds each second, so there is nothing to filter. It steps once, at the first
/// comparison, and slews later offsets; until they are gone they count in the bound. The kernel makes leap seconds; a leap second that the
/// kernel missed is stepped.
/// </summary>
internal sealed class FollowerServo(IFollowerClock clock, long targetNs) : IDisposable
{
    private const double Proportional = 0.7, Integral = 0.3;
    private const long FirstStepNs = 20_000, SecondNs = 1_000_000_000;

    /// <summary>Largest slew, 100 ppm: slewing costs accuracy of rates.</summary>
    private const double MostSlewPpb = 100_000;

    /// <summary>Comparisons that count for the bound: the clock may repeat until the next one what it did in these.</summary>
    private const int Samples = 8;

    /// <summary>
    /// Around a leap second the kernel's clock and its stamps are a second off for up to a tick: nothing is compared or published.
    /// </summary>
    public const long LeapQuietNs = 1_500_000_000;

    /// <summary>
    /// Within this time after a leap second, a clock that is off by one second, give or take the slack, missed the leap second.
    /// </summary>
    private const long LeapMissedNs = 60 * SecondNs, LeapSlackNs = 50_000_000;

    /// <summary>
    /// A move between two comparisons that no oscillator makes, and for how many comparisons the servo waits for its correction.
    /// </summary>
    private const long JumpNs = 1_000_000;
    private const int MostWaits = 3;

    private readonly long[] _offsets = new long[Samples];
    private int _count;
    private int _waits;
    private double _drift; // estimated error of the oscillator as a frequency adjustment, ppb
    private bool _isStarted;
    private int _leap; // the last one announced
    private TaiTime _leapAt;
    private TimeQuality _quality = TimeQuality.None;

    /// <summary>Name of the follower clock.</summary>
    public string Name => clock.Name;

    /// <summary>Follower minus its target time at the last comparison, ns.</summary>
    public long OffsetNs { get; private set; }

    /// <summary>Steps made so far.</summary>
    public int Steps { get; private set; }

    /// <summary>
    /// Compares both clocks and steers the follower. Without a usable source or without TAI - UTC the follower keeps its frequency
    /// adjustment, and its quality is None.
    /// </summary>
    /// <param name="source">Quality of the source clock.</param>
    /// <param name="utc">TAI - UTC; null if unknown.</param>
    /// <exception cref="IOException">A clock rejects the call.</exception>
    public TimeQuality Follow(TimeQuality source, UtcForecast? utc)
    {
        if (utc is not { } forecast || source.BoundNs == uint.MaxValue
            || source.State is ClockState.Acquiring or ClockState.Unsynchronised or ClockState.Untraceable)
        {
            _count = 0;
            return _quality = TimeQuality.None;
        }

        if (forecast.Leap != 0)
            (_leap, _leapAt) = (forecast.Leap, forecast.LeapAt);
        Comparison sample = clock.Compare(forecast);
        long sinceLeapNs = sample.At.Nanoseconds - _leapAt.Nanoseconds;
        if (_leap != 0 && Math.Abs(sinceLeapNs) < LeapQuietNs)
            return WidenedBy(SecondNs);
        if (!_isStarted)
            sample = Start(sample);
        else if (_leap != 0 && sinceLeapNs is > 0 and < LeapMissedNs && Math.Abs(Math.Abs(sample.OffsetNs) - SecondNs) < LeapSlackNs)
            return MakeLeap(sample);
        if (IsWaitingOutJump(sample.OffsetNs))
            return WidenedBy(Math.Abs(sample.OffsetNs - OffsetNs));
        Steer(sample.OffsetNs);
        _quality = Rate(source, sample.BoundNs);
        clock.Declare(new SystemClockStatus(
            _quality.State != ClockState.Acquiring,
            _quality.BoundNs,
            Math.Abs(sample.OffsetNs),
            Announced(forecast),
            forecast.At(sample.At)));
        return _quality;
    }

    public void Dispose() => clock.Dispose();

    /// <summary>Leap second to announce to the kernel.</summary>
    public static LeapSecond Announced(in UtcForecast forecast) =>
        forecast.Leap switch { > 0 => LeapSecond.Insert, < 0 => LeapSecond.Delete, _ => LeapSecond.None };

    private void Steer(long offsetNs)
    {
        double slew = Math.Clamp(-Proportional * offsetNs, -MostSlewPpb, MostSlewPpb);
        // An offset that takes several seconds to slew says nothing of the oscillator, unless it grows in spite of the slewing.
        bool isSlewing = Math.Abs(slew) == MostSlewPpb && Math.Abs(offsetNs) < Math.Abs(OffsetNs);
        double learned = isSlewing ? 0 : Integral * Math.Clamp(offsetNs, -MostSlewPpb, MostSlewPpb);
        _drift = Math.Clamp(_drift - learned, -clock.MaxFrequencyPpb, clock.MaxFrequencyPpb);
        OffsetNs = offsetNs;
        _offsets[_count++ % Samples] = offsetNs;
        clock.SetFrequency(Math.Clamp(_drift + slew, -clock.MaxFrequencyPpb, clock.MaxFrequencyPpb));
    }

    /// <summary>
    /// No oscillator moves that far between two comparisons: one clock was stepped. The servo waits some comparisons for a correction.
    /// </summary>
    private bool IsWaitingOutJump(long offsetNs)
    {
        bool isWaiting = _count > 0 && Math.Abs(offsetNs - OffsetNs) > JumpNs && _waits < MostWaits;
        _waits = isWaiting ? _waits + 1 : 0;
        return isWaiting;
    }

    private Comparison Start(in Comparison sample)
    {
        _isStarted = true;
        _drift = clock.FrequencyPpb;
        if (Math.Abs(sample.OffsetNs) <= FirstStepNs)
            return sample;
        clock.Step(-sample.OffsetNs);
        Steps++;
        return sample with { OffsetNs = 0 };
    }

    /// <summary>The kernel missed the leap second: slewing a second at 100 ppm takes 2.8 hours.</summary>
    private TimeQuality MakeLeap(in Comparison sample)
    {
        clock.Step(sample.OffsetNs > 0 ? -SecondNs : SecondNs);
        Steps++;
        return WidenedBy(SecondNs);
    }

    /// <summary>The last quality, widened by ns.</summary>
    private TimeQuality WidenedBy(long ns)
    {
        if (_quality.BoundNs == uint.MaxValue)
            return _quality;
        return new(ClockTrust.Worse(ClockState.Degraded, _quality.State), (uint)Math.Min(_quality.BoundNs + ns, uint.MaxValue));
    }

    /// <summary>
    /// The bound: that of the source, that of the reading, the largest recent offset, and once more the largest recent change of offset.
    /// </summary>
    private TimeQuality Rate(TimeQuality source, long readNs)
    {
        int samples = Math.Min(_count, Samples);
        long most = 0, moved = 0;
        for (int i = 0; i < samples; i++)
        {
            long at = _offsets[(_count - 1 - i) % Samples];
            most = Math.Max(most, Math.Abs(at));
            if (i + 1 < samples)
                moved = Math.Max(moved, Math.Abs(at - _offsets[(_count - 2 - i) % Samples]));
        }

        long bound = source.BoundNs + readNs + most + moved;
        if (bound >= uint.MaxValue)
            return new(ClockState.Unsynchronised, uint.MaxValue);
        ClockState state = samples < Samples ? ClockState.Acquiring
            : bound > targetNs ? ClockTrust.Worse(ClockState.Degraded, source.State)
            : source.State;
        return new(state, (uint)bound);
    }
}
