namespace Capbox.Ptp.Engine;

/// <summary>How the masters that are measured stand to each other: offsets of this clock from each of them, not older than the comparison allows.</summary>
/// <param name="Count">How many there are.</param>
/// <param name="Agreeing">How many are within the limit of the median.</param>
/// <param name="MedianNs">The median offset, ns; of an even number the mean of the middle two.</param>
/// <param name="SpreadNs">Largest minus smallest offset, ns.</param>
/// <param name="ReferenceNs">The reference's offset from the median, ns; not a number when it is not among them.</param>
public readonly record struct MasterComparison(int Count, int Agreeing, double MedianNs, double SpreadNs, double ReferenceNs)
{
    /// <summary>Whether all agree. One alone does.</summary>
    public bool IsAgreed => Agreeing == Count;

    /// <summary>Whether more than half agree, and the reference is none of them: three masters are needed for that to mean anything.</summary>
    public bool IsReferenceOutvoted(double limitNs) => Count >= 3 && Agreeing * 2 > Count && Math.Abs(ReferenceNs) > limitNs;

    /// <summary>Compares. The span is sorted in place.</summary>
    /// <param name="offsetsNs">Offsets, ns.</param>
    /// <param name="referenceNs">The reference's offset, or not a number.</param>
    /// <param name="limitNs">How far from the median is still agreement, ns.</param>
    public static MasterComparison Of(Span<double> offsetsNs, double referenceNs, double limitNs)
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
