using Capbox.Native;
using Capbox.Pcapng;

namespace Capbox.Extract;

/// <summary>The filter compiled for each link type of the range.</summary>
internal sealed class LinkFilters : IDisposable
{
    private readonly Dictionary<ushort, OfflineFilter> _byLinkType = [];

    public LinkFilters(string? expression, List<SegmentSlice> slices)
    {
        if (expression is null)
            return;
        // Ethernet at least, so that a bad expression is refused in an empty range too.
        foreach (ushort linkType in slices.Select(s => s.Header.LinkType).Append((ushort)1).Distinct())
        {
            try
            {
                _byLinkType.Add(linkType, new OfflineFilter(expression, Format.MaxSnapLength, linkType));
            }
            catch (FormatException e)
            {
                Dispose();
                throw new ExtractException($"--{e.Message}", e);
            }
        }
    }

    public bool IsEmpty => _byLinkType.Count == 0;

    public OfflineFilter? For(SegmentSlice slice) => _byLinkType.GetValueOrDefault(slice.Header.LinkType);

    public void Dispose()
    {
        foreach (OfflineFilter filter in _byLinkType.Values)
            filter.Dispose();
    }
}
