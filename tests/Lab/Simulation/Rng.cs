// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Simulation;

/// <summary>A seeded generator of its own (SplitMix64), so that a seed means the same run with every runtime.</summary>
public sealed class Rng(ulong seed)
{
    private ulong _state = seed;

    public double Uniform()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return ((z >> 11) + 0.5) * (1.0 / (1UL << 53));
    }

    public double Normal() => Math.Sqrt(-2 * Math.Log(Uniform())) * Math.Cos(2 * Math.PI * Uniform());

    public double Exponential(double mean) => -mean * Math.Log(Uniform());

    /// <summary>Pareto from 0 on (Lomax): a tail as heavy as the shape is small.</summary>
    public double Lomax(double scale, double shape) => scale * (Math.Pow(Uniform(), -1 / shape) - 1);
}
