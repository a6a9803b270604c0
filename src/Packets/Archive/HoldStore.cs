// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;

namespace Capbox.Packets.Archive;

/// <summary>The holds cannot be read or written; nothing may be deleted then.</summary>
public sealed class HoldException : Exception
{
    public HoldException()
    {
    }

    public HoldException(string message) : base(message)
    {
    }

    public HoldException(string message, Exception inner) : base(message, inner)
    {
    }

    /// <summary>
    /// Member of the request that is wrong, as ports or filter; null if the archive is. The message begins with its value.
    /// </summary>
    public string? Field { get; init; }
}

/// <summary>
/// The holds of an archive: one small JSON file, replaced atomically. Every change of holds and every deletion of segments takes this lock,
/// so a hold that was granted is never too late, whether a recorder runs or not.
/// </summary>
public sealed class HoldStore : IDisposable
{
    private const string FileName = "holds.json", LockName = "holds.lock";
    private const int MaxBytes = 64 << 20, WaitMs = 10_000, LookMs = 10;
    private readonly string _path;
    private readonly FileStream _lock;

    private HoldStore(string path, FileStream @lock)
    {
        _path = path;
        _lock = @lock;
    }

    /// <summary>Takes the lock, waiting for at most ten seconds.</summary>
    /// <exception cref="HoldException">The lock is not available, or the directory cannot be written.</exception>
    public static HoldStore Open(string archive)
    {
        long deadline = Environment.TickCount64 + WaitMs;
        string lockPath = ArchiveDirectory.StatePath(archive, LockName);
        while (true)
        {
            try
            {
                ArchiveDirectory.OpenState(archive);
                return new HoldStore(ArchiveDirectory.StatePath(archive, FileName),
                    new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));
            }
            catch (IOException) when (File.Exists(lockPath) && Environment.TickCount64 < deadline)
            {
                Thread.Sleep(LookMs);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new HoldException(e.Message, e); // names the path
            }
        }
    }

    /// <summary>Reads without the lock: for showing.</summary>
    /// <exception cref="HoldException">The file cannot be read.</exception>
    public static HoldSet Peek(string archive) => Load(ArchiveDirectory.StatePath(archive, FileName));

    /// <summary>Takes a hold away; false: there is none of this id.</summary>
    /// <exception cref="HoldException">The file cannot be read or written.</exception>
    public static bool Remove(string archive, string id)
    {
        using HoldStore store = Open(archive);
        HoldSet set = store.Load();
        Hold[] left = [.. set.Holds.Where(h => h.Id != id)];
        if (left.Length == set.Holds.Count)
            return false;
        store.Save(set with { Holds = left });
        return true;
    }

    /// <exception cref="HoldException">The file cannot be read. There may be holds in it: nothing may be deleted.</exception>
    public HoldSet Load() => Load(_path);

    /// <exception cref="HoldException">The disk refuses; the file is as it was.</exception>
    public void Save(HoldSet holds)
    {
        if (holds.Holds.Count > HoldSet.MaxHolds)
            throw new HoldException($"there are {HoldSet.MaxHolds} holds already; remove one first");
        try
        {
            FileSystem.ReplaceFile(_path, JsonSerializer.SerializeToUtf8Bytes(holds, ArchiveJson.Default.HoldSet));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HoldException($"{_path}: {e.Message}", e);
        }
    }

    public void Dispose() => _lock.Dispose();

    private static HoldSet Load(string path)
    {
        try
        {
            // Existence is not tested: the test answers no where access is denied.
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (file.Length > MaxBytes)
                throw new HoldException($"{path}: larger than {MaxBytes >> 20} MiB");
            return JsonSerializer.Deserialize(file, ArchiveJson.Default.HoldSet) ?? throw new HoldException($"{path}: holds no holds");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return new HoldSet();
        }
        catch (UnauthorizedAccessException e)
        {
            throw new HoldException(e.Message, e); // names the path
        }
        catch (JsonException e)
        {
            throw new HoldException($"{path}: damaged ({e.Message}); nothing is deleted until it is repaired or removed", e);
        }
        catch (IOException e)
        {
            throw new HoldException($"{path}: {e.Message}", e);
        }
    }
}
