using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Ptp.Clocks;

/// <summary>
/// A clock in user space: a line over CLOCK_REALTIME that is dialled and stepped like a PHC, while no clock of the machine is touched. For measuring, for trying a network out, and for tests. The
/// kernel's software stamps become its time exactly, also those from before it was dialled last. Fixed size. One thread at a time, but for <see cref="At"/> by another that may see the line before.
/// </summary>
/// <param name="offsetNs">What it shows more than CLOCK_REALTIME at first.</param>
/// <param name="oscillatorPpb">How much faster than CLOCK_REALTIME it runs without steering.</param>
public sealed class SoftwareClock(long offsetNs = 0, double oscillatorPpb = 0) : IClock
{
    private const int Samples = 10;

    /// <summary>Dials that are remembered: more than a second's at the highest rate of messages.</summary>
    private const int MostLines = 256;

    private readonly Line[] _lines = First(offsetNs, oscillatorPpb);
    private int _newest;

    /// <summary>From <paramref name="StartNs"/> of CLOCK_REALTIME on the clock shows <paramref name="ShownNs"/> and gains <paramref name="Rate"/> on it.</summary>
    private readonly record struct Line(long StartNs, long ShownNs, double Rate);

    /// <inheritdoc/>
    public string Name => "software clock";

    /// <inheritdoc/>
    public double MaxFrequencyPpb => 500_000;

    /// <inheritdoc/>
    public double FrequencyPpb { get; private set; }

    /// <summary>What the clock showed when CLOCK_REALTIME showed a time: a stamp of the kernel's, for example.</summary>
    public long At(long realtimeNs)
    {
        int at = _newest;
        for (int i = 1; i < MostLines && _lines[at].StartNs > realtimeNs; i++)
            at = (at + MostLines - 1) % MostLines;
        Line line = _lines[at];
        long elapsedNs = realtimeNs - line.StartNs;
        return line.ShownNs + elapsedNs + (long)Math.Round(elapsedNs * line.Rate);
    }

    /// <inheritdoc/>
    public ClockReading Read(ReferenceClock reference)
    {
        ClockReading best = new(0, 0, long.MaxValue, ReadMethod.GetTime);
        for (int i = 0; i < Samples; i++)
        {
            long beforeNs = KernelClock.ReadNs((int)reference);
            long realtimeNs = KernelClock.ReadNs(KernelClock.CLOCK_REALTIME);
            CrossSamples.Narrow(ref best, beforeNs, At(realtimeNs), KernelClock.ReadNs((int)reference));
        }

        return best.WidthNs != long.MaxValue ? best : throw new ClockException($"{Name}: read time: the reference clock was stepped back in every sample", 0);
    }

    /// <inheritdoc/>
    public void SetFrequency(double ppb)
    {
        Frequency.Check(Name, ppb, MaxFrequencyPpb);
        FrequencyPpb = ppb;
        Append(0);
    }

    /// <inheritdoc/>
    public void Step(long ns) => Append(ns);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is open.
    }

    private static Line[] First(long offsetNs, double oscillatorPpb)
    {
        long nowNs = KernelClock.ReadNs(KernelClock.CLOCK_REALTIME);
        var lines = new Line[MostLines];
        Array.Fill(lines, new Line(nowNs, nowNs + offsetNs, oscillatorPpb * 1e-9));
        return lines;
    }

    private void Append(long stepNs)
    {
        long nowNs = KernelClock.ReadNs(KernelClock.CLOCK_REALTIME);
        double rate = ((1 + (oscillatorPpb * 1e-9)) * (1 + (FrequencyPpb * 1e-9))) - 1;
        int next = (_newest + 1) % MostLines;
        _lines[next] = new Line(nowNs, At(nowNs) + stepNs, rate);
        _newest = next;
    }
}
