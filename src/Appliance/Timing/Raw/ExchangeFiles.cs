using System.Globalization;
using Capbox.Packets.Storage;

namespace Capbox.Timing.Raw;

/// <summary>The files of an archive's exchanges: <c>.capbox/clock/exchanges/00000001.cbex</c>, numbered on and on, records one after the other. The youngest is being written.</summary>
internal static class ExchangeFiles
{
    /// <summary>The bound is kept by deleting whole files: so much of it each.</summary>
    public const int Files = 8;

    private const string FolderName = "clock/exchanges", Suffix = ".cbex";
    private const int RecordsAtOnce = 1024;

    public static string Folder(string archive) => ArchiveDirectory.StatePath(archive, FolderName);

    public static string PathOf(string archive, int number) => Path.Combine(Folder(archive), number.ToString("D8", CultureInfo.InvariantCulture) + Suffix);

    /// <summary>Numbers of the files that are there, oldest first.</summary>
    /// <exception cref="UnauthorizedAccessException">The folder may not be read.</exception>
    public static IReadOnlyList<int> Numbers(string archive)
    {
        List<int> numbers = [];
        foreach (string path in ArchiveDirectory.StateFiles(archive, FolderName, "*" + Suffix))
        {
            if (int.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out int number))
                numbers.Add(number);
        }

        numbers.Sort();
        return numbers;
    }

    /// <summary>Hands over the records of a file in the order of writing; those that are torn or damaged are left out.</summary>
    /// <returns>How many are damaged.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static int Read(string archive, int number, Action<ExchangeRecord> take)
    {
        using FileStream file = new(PathOf(archive, number), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        byte[] some = new byte[RecordsAtOnce * ExchangeFormat.Bytes];
        int damaged = 0;
        while (file.ReadAtLeast(some, some.Length, throwOnEndOfStream: false) is > 0 and int bytes)
        {
            for (int at = 0; at < bytes; at += ExchangeFormat.Bytes)
            {
                if (at + ExchangeFormat.Bytes <= bytes && ExchangeFormat.TryRead(some.AsSpan(at, ExchangeFormat.Bytes), out ExchangeRecord record))
                    take(record);
                else
                    damaged++;
            }
        }

        return damaged;
    }
}
