// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Storage;

namespace Capbox.Timing.Raw;

/// <summary>
/// The exchange files of an archive: <c>.capbox/clock/exchanges/00000001.cbex</c>, numbered in order, a sequence of records. The writer
/// appends to the last one.
/// </summary>
internal static class ExchangeFiles
{
    /// <summary>Number of files; the size limit is kept by deleting whole files.</summary>
    public const int Files = 8;

    private const string FolderName = "clock/exchanges", Suffix = ".cbex";
    private const int RecordsAtOnce = 1024;

    public static string Folder(string archive) => ArchiveDirectory.StatePath(archive, FolderName);

    public static string PathOf(string archive, int number) =>
        Path.Combine(Folder(archive), number.ToString("D8", CultureInfo.InvariantCulture) + Suffix);

    /// <summary>Numbers of the existing files, oldest first.</summary>
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

    /// <summary>Passes the records of a file to take in the order of writing; torn or damaged ones are left out.</summary>
    /// <returns>Number of damaged records.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static int Read(string archive, int number, Action<ExchangeRecord> take)
    {
        using FileStream file = new(
            PathOf(archive, number), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        byte[] some = new byte[RecordsAtOnce * ExchangeFormat.Bytes];
        int damaged = 0;
        while (file.ReadAtLeast(some, some.Length, throwOnEndOfStream: false) is > 0 and int bytes)
        {
            for (int at = 0; at < bytes; at += ExchangeFormat.Bytes)
            {
                if (at + ExchangeFormat.Bytes <= bytes
                    && ExchangeFormat.TryRead(some.AsSpan(at, ExchangeFormat.Bytes), out ExchangeRecord record))
                {
                    take(record);
                }
                else
                {
                    damaged++;
                }
            }
        }

        return damaged;
    }
}
