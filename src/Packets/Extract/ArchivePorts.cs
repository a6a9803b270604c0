// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Extract;

/// <summary>
/// Which ports an archive was made of lately, from the headers of its newest segments: a few reads, however large the archive.
/// </summary>
/// <param name="Names">In the order of the configuration.</param>
/// <param name="ByPort">Link types of ports that recorded something lately.</param>
internal sealed record ArchivePorts(IReadOnlyList<string> Names, IReadOnlyDictionary<string, ushort> ByPort)
{
    private const int MaxSegments = 8;
    private const ushort Ethernet = 1;

    /// <summary>Ethernet at least.</summary>
    public ushort[] LinkTypes => ByPort.Count == 0 ? [Ethernet] : [.. ByPort.Values.Distinct().Order()];

    /// <summary>Ethernet if it is not known.</summary>
    public ushort LinkTypeOf(string port) => ByPort.GetValueOrDefault(port, Ethernet);

    /// <summary>Reads them; none if the archive cannot be read or is empty.</summary>
    public static ArchivePorts Read(string archive)
    {
        List<string> names = [];
        var types = new Dictionary<string, ushort>(StringComparer.Ordinal);
        Guid run = default;
        foreach (string path in NewestFirst(archive).Take(MaxSegments))
        {
            try
            {
                using SegmentReader reader = SegmentReader.Open(path);
                // An earlier run may have had other ports.
                if (names.Count > 0 && reader.Origin.RunId != run)
                    break;
                run = reader.Origin.RunId;
                names = [.. reader.Ports.Select(p => p.Name)];
                foreach (int port in Recorded(reader))
                    types.TryAdd(names[port], reader.Header.LinkType);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or SegmentFormatException)
            {
                // Not written yet, sealed or deleted meanwhile, or damaged: the next one.
            }
        }

        return new ArchivePorts([.. names.Distinct(StringComparer.Ordinal)], types);
    }

    private static IEnumerable<int> Recorded(SegmentReader reader)
    {
        if (reader.Trailer is not null)
            return reader.ReadFooter().Totals.Where(t => t.Packets > 0).Select(t => (int)t.Port);
        return reader.TryReadChunk(reader.ChunksOffset, out ChunkRecord chunk) is null ? [chunk.Port] : [];
    }

    /// <summary>Paths of all segments, parts too, the highest sequence first; none if the directory cannot be read.</summary>
    public static IReadOnlyList<string> NewestFirst(string archive)
    {
        try
        {
            return Directory.EnumerateFiles(archive)
                .Select(path => (Path: path, IsSegment: SegmentName.TryParse(Path.GetFileName(path), out SegmentName name), name.Sequence))
                .Where(file => file.IsSegment).OrderByDescending(file => file.Sequence).Select(file => file.Path).ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
