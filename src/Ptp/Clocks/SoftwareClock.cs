// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;
using Capbox.Platform.Time;

namespace Capbox.Ptp.Clocks;

/// <summary>
/// A clock in user space: a line over CLOCK_REALTIME that is steered and stepped like a PHC, without touching a clock of the machine. For
/// measurements, network trials and tests. The kernel's software stamps convert to its time exactly, including those from before the last
/// adjustment. Fixed size. One thread at a time, except <see cref="At"/>, which another thread may call and may see the previous line.
/// </summary>
/// <param name="offsetNs">Initial offset from CLOCK_REALTIME, ns.</param>
/// <param name="oscillatorPpb">Rate of the unsteered clock relative to CLOCK_REALTIME, ppb.</param>
public sealed class SoftwareClock(long offsetNs = 0, double oscillatorPpb = 0) : IClock
{
    private const int Samples = 10;

    /// <summary>Adjustments that are remembered: more than a second's at the highest rate of messages.</summary>
    private const int MostLines = 256;

    private readonly Line[] _lines = First(offsetNs, oscillatorPpb);
    private int _newest;

    /// <summary>
    /// From <paramref name="StartNs"/> of CLOCK_REALTIME on the clock shows <paramref name="ShownNs"/> and gains <paramref name="Rate"/> on
    /// it.
    /// </summary>
    private readonly record struct Line(long StartNs, long ShownNs, double Rate);

    /// <inheritdoc/>
    public string Name => "software clock";

    /// <inheritdoc/>
    public double MaxFrequencyPpb => 500_000;

    /// <inheritdoc/>
    public double FrequencyPpb { get; private set; }

    /// <summary>Time of this clock at a time of CLOCK_REALTIME, for example a stamp of the kernel.</summary>
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

        return best.WidthNs != long.MaxValue
            ? best
            : throw new ClockException($"{Name}: read time: the reference clock was stepped back in every sample", 0);
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
