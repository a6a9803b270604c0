// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;

namespace Capbox.Packets.Archive;

/// <summary>
/// What was deleted, when and why: a line of JSON for each, on disk before the segment goes. Two files of at most 16 MiB each, about
/// 150,000 deletions; the older is dropped.
/// </summary>
public sealed class DeletionJournal(string archive)
{
    public const string FileName = "deletions.jsonl", OlderName = "deletions.1.jsonl";
    private const long MaxBytes = 16 << 20;
    private const int MaxLineBytes = 64 << 10;

    /// <summary>Room reserved behind the last line: lines must be written when the disk is full.</summary>
    private const long ReserveBytes = 256 << 10;
    private readonly string _path = ArchiveDirectory.StatePath(archive, FileName);
    private long _reservedTo;

    /// <summary>Makes the file and reserves room in it, as far as the file system can.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public void Reserve()
    {
        using var file = new FileStream(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        Reserve(file);
    }

    private void Reserve(FileStream file)
    {
        if (file.Length + (ReserveBytes / 2) <= _reservedTo)
            return;
        FileSystem.TryReserve(file.SafeFileHandle, file.Length, ReserveBytes);
        _reservedTo = file.Length + ReserveBytes;
    }

    /// <summary>Adds a line; it is on disk when this returns.</summary>
    /// <exception cref="IOException">The disk refuses: then nothing may be deleted.</exception>
    public void Append(Deletion deletion)
    {
        if (File.Exists(_path) && new FileInfo(_path).Length > MaxBytes)
        {
            File.Move(_path, ArchiveDirectory.StatePath(archive, OlderName), overwrite: true);
            _reservedTo = 0;
        }

        bool isNew = !File.Exists(_path);
        using (var file = new FileStream(_path, FileMode.Append, FileAccess.Write, FileShare.Read))
        {
            file.Write([.. JsonSerializer.SerializeToUtf8Bytes(deletion, ArchiveJson.Default.Deletion), (byte)'\n']);
            file.Flush(flushToDisk: true);
            Reserve(file);
        }

        if (isNew)
            FileSystem.SyncDirectory(Path.GetDirectoryName(_path)!);
    }

    /// <summary>All stored deletions, oldest first; lines that a crash tore are skipped.</summary>
    public IEnumerable<Deletion> Read()
    {
        foreach (string path in new[] { ArchiveDirectory.StatePath(archive, OlderName), _path })
        {
            if (!File.Exists(path))
                continue;
            foreach (string line in File.ReadLines(path))
            {
                if (TryParse(line) is { } deletion)
                    yield return deletion;
            }
        }
    }

    private static Deletion? TryParse(string line)
    {
        try
        {
            return line.Length is 0 or > MaxLineBytes ? null : JsonSerializer.Deserialize(line, ArchiveJson.Default.Deletion);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
