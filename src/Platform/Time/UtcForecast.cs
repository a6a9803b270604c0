namespace Capbox.Platform.Time;

/// <summary>TAI - UTC now, and the leap second that is announced.</summary>
/// <param name="Now">What held when this was made.</param>
/// <param name="Leap">+1: a second will be inserted, -1: one will be left out, 0: nothing is announced.</param>
/// <param name="LeapAt">From then on <paramref name="Now"/> + <paramref name="Leap"/> holds: the first moment after the leap second.</param>
public readonly record struct UtcForecast(UtcOffset Now, int Leap = 0, TaiTime LeapAt = default)
{
    /// <summary>What holds at a moment from now on.</summary>
    public UtcOffset At(TaiTime at) => Leap != 0 && at >= LeapAt ? new(Now.Seconds + Leap) : Now;
}
