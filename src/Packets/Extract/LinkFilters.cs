// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;

namespace Capbox.Packets.Extract;

/// <summary>The filter, compiled for each link type when its first packet comes.</summary>
internal sealed class LinkFilters : IDisposable
{
    private const ushort Ethernet = 1;
    private readonly Dictionary<ushort, OfflineFilter> _byLinkType = [];
    private readonly string? _expression;

    /// <param name="expression">Null lets everything through.</param>
    /// <param name="linkTypes">
    /// Known ahead. Ethernet is tried at any rate, so that a bad expression is refused in an empty range too.
    /// </param>
    /// <exception cref="ExtractException">The expression means nothing on one of them.</exception>
    public LinkFilters(string? expression, IEnumerable<ushort> linkTypes)
    {
        _expression = expression;
        if (expression is null)
            return;
        foreach (ushort linkType in linkTypes.Append(Ethernet).Distinct())
            Compile(linkType);
    }

    public bool IsEmpty => _expression is null;

    /// <exception cref="ExtractException">The expression means nothing on this link type.</exception>
    public bool Matches(SegmentSlice slice, in SegmentPacket packet)
    {
        if (_expression is null)
            return true;
        if (!_byLinkType.TryGetValue(slice.Header.LinkType, out OfflineFilter? filter))
            filter = Compile(slice.Header.LinkType);
        return filter.Matches(packet.Data, packet.OriginalLength);
    }

    private OfflineFilter Compile(ushort linkType)
    {
        try
        {
            var filter = new OfflineFilter(_expression!, Format.MaxSnapLength, linkType);
            _byLinkType.Add(linkType, filter);
            return filter;
        }
        catch (FormatException e)
        {
            Dispose();
            string problem = FilterProgram.Check(_expression!, Format.MaxSnapLength, linkType) ?? "does not compile";
            throw new ExtractException($"\"{_expression}\": {problem}", e) { Field = "filter" };
        }
    }

    public void Dispose()
    {
        foreach (OfflineFilter filter in _byLinkType.Values)
            filter.Dispose();
    }
}
