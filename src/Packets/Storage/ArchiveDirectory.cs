// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Packets.Storage;

/// <summary>
/// The directory that segments lie in: one recorder at a time (a lock file), and the sequence, which only grows, also over restarts and
/// over deletions. The sequence is stored in a file and never falls below the segments of the directory.
/// </summary>
internal sealed class ArchiveDirectory : IDisposable
{
    /// <summary>
    /// Everything in the archive that is no segment lies in this directory, so that nothing but segments comes and goes beside it.
    /// </summary>
    public const string StateName = ".capbox";
    private const string LockName = "lock";
    private const string SequenceName = "sequence";
    private readonly FileStream _lock;
    private readonly Lock _gate = new();
    private ulong _sequence;

    private ArchiveDirectory(string path, FileStream @lock, ulong sequence)
    {
        Root = path;
        _lock = @lock;
        _sequence = sequence;
        FirstSequenceOfThisRun = sequence + 1;
    }

    /// <summary>Full path.</summary>
    public string Root { get; }

    /// <summary>Parts with a lower sequence were left by an earlier run.</summary>
    public ulong FirstSequenceOfThisRun { get; }

    /// <exception cref="IOException">The directory cannot be made, or another recorder holds it.</exception>
    public static ArchiveDirectory Open(string directory)
    {
        string path = Path.GetFullPath(directory);
        FileStream @lock;
        try
        {
            if (File.Exists(path))
                throw new IOException($"{path}: not a directory");
            OpenState(path);
            @lock = new FileStream(StatePath(path, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException) when (File.Exists(StatePath(path, LockName)))
        {
            throw new IOException($"{path}: another capbox records into this archive");
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{path}: {e.Message}", e);
        }

        try
        {
            return new ArchiveDirectory(path, @lock, LastSequence(path));
        }
        catch
        {
            @lock.Dispose();
            throw;
        }
    }

    /// <summary>Path of a file beside the segments, as the catalog, the holds or the lock.</summary>
    public static string StatePath(string archive, string name) => Path.Combine(archive, StateName, name);

    /// <summary>Makes the archive and its state directory, the latter for its owner alone.</summary>
    /// <returns>The state directory.</returns>
    public static string OpenState(string archive)
    {
        Directory.CreateDirectory(archive);
        string state = Path.Combine(archive, StateName);
        Directory.CreateDirectory(state, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return state;
    }

    /// <summary>Paths of files in a folder of the archive's state; none if there is no such folder.</summary>
    /// <exception cref="UnauthorizedAccessException">It may not be read, so its content is unknown.</exception>
    public static IReadOnlyList<string> StateFiles(string archive, string folder, string pattern)
    {
        try
        {
            return Directory.GetFiles(StatePath(archive, folder), pattern);
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    /// <summary>The next sequence, durable before it is used.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public ulong NextSequence()
    {
        lock (_gate)
        {
            ulong next = _sequence + 1;
            WriteSequence(next);
            return _sequence = next;
        }
    }

    /// <summary>
    /// Returns a sequence that no file bears, if it is the last one issued, so that the sealed files of an archive count without gaps.
    /// </summary>
    public void ReturnSequence(ulong sequence)
    {
        lock (_gate)
        {
            // In memory alone: after a crash the number is skipped, never used twice.
            if (sequence == _sequence)
                _sequence--;
        }
    }

    /// <summary>Bytes that may still be written, 0 when the file system cannot be asked.</summary>
    public long FreeBytes()
    {
        try
        {
            return new DriveInfo(Root).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return 0;
        }
    }

    /// <summary>Segments that an earlier run did not seal.</summary>
    public IReadOnlyList<string> LeftoverParts() =>
    [
        .. Directory.EnumerateFiles(Root)
            .Where(path => SegmentName.TryParse(Path.GetFileName(path), out SegmentName name) && name.InProgress
                && name.Sequence < FirstSequenceOfThisRun)
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>
    /// Frees room that an earlier run preallocated and did not write: a box that crashes and restarts must not fill its disk with it.
    /// </summary>
    /// <param name="note">Called with one line a part: the bytes freed, or why not.</param>
    public void FreeLeftoverRoom(Action<string> note)
    {
        foreach (string part in LeftoverParts())
        {
            try
            {
                using SafeFileHandle file = File.OpenHandle(part, FileMode.Open, FileAccess.ReadWrite);
                long freed = FileSystem.CutBehindData(file, part);
                if (freed > 0)
                    note($"{part}: left by an earlier run; {freed} preallocated bytes freed");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                note($"{part}: left by an earlier run; its preallocated room stays: {e.Message}");
            }
        }
    }

    /// <summary>Writes the last used sequence to its file, and releases the lock for the next recorder.</summary>
    public void Dispose()
    {
        try
        {
            if (_sequence >= FirstSequenceOfThisRun)
                WriteSequence(_sequence);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The file holds a higher number then: it is skipped, never used twice.
        }

        _lock.Dispose();
    }

    private void WriteSequence(ulong sequence) =>
        FileSystem.ReplaceFile(StatePath(Root, SequenceName),
            Encoding.ASCII.GetBytes(sequence.ToString(CultureInfo.InvariantCulture) + "\n"));

    private static ulong LastSequence(string path)
    {
        ulong last = 0;
        foreach (string file in Directory.EnumerateFiles(path))
        {
            // A broken part keeps its number in use too.
            string name = Path.GetFileName(file).Replace(".broken", "", StringComparison.Ordinal);
            if (SegmentName.TryParse(name, out SegmentName segment))
                last = Math.Max(last, segment.Sequence);
        }

        string kept = StatePath(path, SequenceName);
        if (File.Exists(kept) && ulong.TryParse(File.ReadAllText(kept).AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture,
            out ulong stored))
            last = Math.Max(last, stored);
        return last;
    }
}
