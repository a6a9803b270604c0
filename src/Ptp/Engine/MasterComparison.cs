// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Engine;

/// <summary>Comparison of the measured masters: recent offsets of this clock from each of them.</summary>
/// <param name="Count">Number of masters.</param>
/// <param name="Agreeing">Number of masters within the limit of the median.</param>
/// <param name="MedianNs">The median offset, ns; for an even number the mean of the middle two.</param>
/// <param name="SpreadNs">Largest minus smallest offset, ns.</param>
/// <param name="ReferenceNs">The reference's offset from the median, ns; NaN if it was not measured.</param>
public readonly record struct MasterComparison(int Count, int Agreeing, double MedianNs, double SpreadNs, double ReferenceNs)
{
    /// <summary>Whether all agree. A single master does.</summary>
    public bool IsAgreed => Agreeing == Count;

    /// <summary>Whether more than half agree and the reference does not: this takes at least three masters.</summary>
    public bool IsReferenceOutvoted(double limitNs) => Count >= 3 && Agreeing * 2 > Count && Math.Abs(ReferenceNs) > limitNs;

    /// <summary>Compares the offsets. The span is sorted in place.</summary>
    /// <param name="offsetsNs">Offsets, ns.</param>
    /// <param name="referenceNs">The reference's offset, or NaN.</param>
    /// <param name="limitNs">Largest distance from the median that is still agreement, ns.</param>
    public static MasterComparison Compute(Span<double> offsetsNs, double referenceNs, double limitNs)
    {
        if (offsetsNs.Length == 0)
            return new(0, 0, double.NaN, 0, double.NaN);
        offsetsNs.Sort();
        int middle = offsetsNs.Length / 2;
        double median = offsetsNs.Length % 2 != 0 ? offsetsNs[middle] : (offsetsNs[middle - 1] + offsetsNs[middle]) / 2;
        int agreeing = 0;
        foreach (double offset in offsetsNs)
            agreeing += Math.Abs(offset - median) <= limitNs ? 1 : 0;
        return new(offsetsNs.Length, agreeing, median, offsetsNs[^1] - offsetsNs[0], referenceNs - median);
    }
}
