// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Archive;
using Capbox.Packets.Extract;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;

namespace Capbox.Cli;

/// <summary>What <c>capbox segments</c> was given.</summary>
internal sealed record SegmentsArguments(string Directory, string? From, string? To, string[] Ports, bool Json);

/// <summary><c>capbox segments [DIR]</c>: from the catalog if there is one that is current, else from the segments themselves.</summary>
internal static class SegmentsCommand
{
    public static int Run(SegmentsArguments arguments)
    {
        if (CommonOptions.ReadRange(arguments.From, arguments.To, UtcTime.Now, out UtcTime from, out UtcTime to) is { } wrong)
            return ErrorOutput.BadUse(wrong);
        try
        {
            IReadOnlyList<SegmentListing> segments = List(arguments, from, to);
            if (arguments.Json)
                Json.WriteLine(segments, Json.Default.IReadOnlyListSegmentListing);
            else
                Write(segments);
            return ExitCode.Good;
        }
        catch (DirectoryNotFoundException)
        {
            return ErrorOutput.Failed($"{arguments.Directory}: no such directory");
        }
        catch (ExtractException e)
        {
            return ErrorOutput.BadUse(CommonOptions.Name(e.Field, e.Message));
        }
        catch (HoldException e)
        {
            return ErrorOutput.Failed(e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ErrorOutput.Failed(e.Message.Contains(arguments.Directory, StringComparison.Ordinal) ? e.Message : $"{arguments.Directory}: {e.Message}");
        }
    }

    private static List<SegmentListing> List(SegmentsArguments arguments, UtcTime from, UtcTime to)
    {
        IndexAnswer index = ArchiveAccess.Index(arguments.Directory, from, to);
        CheckPorts(arguments, index);
        IReadOnlyList<Hold> holds = HoldStore.Peek(arguments.Directory).Holds;
        List<SegmentListing> segments = [];
        foreach (SegmentEntry entry in index.Segments)
        {
            if (arguments.Ports.Length == 0 || entry.Ports.Any(p => p.Total.Packets > 0 && arguments.Ports.Contains(p.Name)))
                segments.Add(Listing(arguments.Directory, entry, holds));
        }

        // A part tells neither its last time nor its packets yet: it is listed unless the range ended before it began.
        foreach (string part in index.Parts)
        {
            string path = Path.Combine(arguments.Directory, part);
            if (SegmentName.TryParse(part, out SegmentName name) && (name.Start is not { } start || start < to) && File.Exists(path) && (arguments.Ports.Length == 0 || HasPackets(path, arguments.Ports)))
                segments.Add(new SegmentListing(path, name.Sequence, name.StartFileName, new FileInfo(path).Length, true, "in progress", null, null, null, null, null, false, null));
        }

        segments.Sort((a, b) => a.Sequence.CompareTo(b.Sequence));
        return segments;
    }

    private static void CheckPorts(SegmentsArguments arguments, IndexAnswer index)
    {
        if (arguments.Ports.Length == 0)
            return;
        SortedSet<string> known = new(index.Ports.Concat(ArchivePorts.Read(arguments.Directory).Names), StringComparer.Ordinal);
        if (arguments.Ports.FirstOrDefault(p => !known.Contains(p)) is { } unknown)
            throw ExtractException.NoSuchPort(unknown, known);
    }

    /// <summary>Whether a segment in progress has packets of any of the ports by now.</summary>
    private static bool HasPackets(string path, string[] ports)
    {
        try
        {
            using SegmentReader reader = SegmentReader.Open(path);
            foreach (ChunkRecord chunk in reader.Chunks)
            {
                if (chunk.Packets > 0 && ports.Contains(reader.Ports[chunk.Port].Name))
                    return true;
            }
        }
        catch (Exception e) when (e is SegmentFormatException or FileNotFoundException)
        {
            // Its header is not written yet, or it was sealed meanwhile.
        }

        return false;
    }

    private static SegmentListing Listing(string directory, SegmentEntry entry, IReadOnlyList<Hold> holds)
    {
        string[] ports = [.. entry.Ports.Where(p => p.Total.Packets > 0).Select(p => p.Name)];
        bool held = holds.Any(h => h.Covers(entry.Sequence, entry.FirstUtcNs, entry.LastUtcNs, ports));
        string start = SegmentName.TryParse(entry.FileName, out SegmentName name) ? name.StartFileName : "";
        return new SegmentListing(
            Path.Combine(directory, entry.FileName), entry.Sequence, start, entry.Bytes, InProgress: false, entry.Damaged ? "damaged" : entry.Repaired ? "repaired" : "sealed",
            new UtcTime(entry.Damaged ? name.Start?.Nanoseconds ?? entry.FirstUtcNs : entry.FirstUtcNs).ToString(), new UtcTime(entry.LastUtcNs).ToString(), entry.Packets, entry.LostPackets, entry.ConfigRevision, held,
            [.. entry.Ports.Select(Listing)]);
    }

    private static SegmentPortListing Listing(PortEntry port)
    {
        TotalRecord t = port.Total;
        return new SegmentPortListing(
            port.Name, t.Packets, t.CapturedBytes, t.FilteredPackets, t.LostRing, t.LostDisk, t.LostNic, t.LostHost, t.TruncatedPackets, t.HardwareStampedPackets, t.GapNs, t.ClockState);
    }

    private static void Write(IReadOnlyList<SegmentListing> segments)
    {
        TextTable table = new(">SEQUENCE", "FIRST PACKET (UTC)", ">SECONDS", ">SIZE", ">PACKETS", ">LOST", "STATE", "FILE");
        foreach (SegmentListing s in segments)
        {
            double? seconds = s.First is null ? null : Seconds(s);
            table.Add(
                s.Sequence.ToString(CultureInfo.InvariantCulture), s.First?[..23] ?? "-", seconds?.ToString("F3", CultureInfo.InvariantCulture) ?? "-", Humanize.Bytes(s.Bytes),
                s.Packets is { } packets ? Humanize.Count(packets) : "-", s.LostPackets is { } lost ? Humanize.Count(lost) : "-", s.Held ? s.State + ", held" : s.State, Path.GetFileName(s.Path));
        }

        foreach (string line in table.Lines())
            Console.Out.WriteLine(line);
    }

    private static double Seconds(SegmentListing s) =>
        (DateTimeOffset.Parse(s.Last!, CultureInfo.InvariantCulture) - DateTimeOffset.Parse(s.First!, CultureInfo.InvariantCulture)).TotalSeconds;
}
