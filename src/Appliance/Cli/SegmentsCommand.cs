using System.Globalization;
using Capbox.Storage;

namespace Capbox.Cli;

/// <summary><c>capbox segments [DIR]</c>.</summary>
internal static class SegmentsCommand
{
    public static int Run(string directory, bool json)
    {
        IReadOnlyList<SegmentListing> segments;
        try
        {
            segments = List(directory);
        }
        catch (DirectoryNotFoundException)
        {
            return Errors.Failed($"{directory}: no such directory");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Errors.Failed($"{directory}: {e.Message}");
        }

        if (json)
        {
            Json.WriteLine(segments, Json.Default.IReadOnlyListSegmentListing);
            return ExitCode.Good;
        }

        TextTable table = new(">SEQUENCE", "START (UTC)", ">SIZE", "STATE", "FILE");
        foreach (SegmentListing s in segments)
        {
            table.Add(
                s.Sequence.ToString(CultureInfo.InvariantCulture), s.Start, Human.Bytes(s.Bytes), s.InProgress ? "in progress" : "sealed",
                Path.GetFileName(s.Path));
        }

        foreach (string line in table.Lines())
            Console.Out.WriteLine(line);
        return ExitCode.Good;
    }

    /// <summary>The segments of a directory by sequence; files with other names are none of ours.</summary>
    internal static IReadOnlyList<SegmentListing> List(string directory)
    {
        List<SegmentListing> segments = [];
        foreach (FileInfo file in new DirectoryInfo(directory).EnumerateFiles())
        {
            if (SegmentName.TryParse(file.Name, out SegmentName name))
                segments.Add(new SegmentListing(Path.Combine(directory, file.Name), name.Sequence, name.StartFileName, file.Length, name.InProgress));
        }

        segments.Sort((a, b) => a.Sequence.CompareTo(b.Sequence));
        return segments;
    }
}
