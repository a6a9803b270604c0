// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Packets.Custody;

/// <summary>
/// The chain of an archive, open for writing: one at a time (a lock file, so that readers are not held off). Opening goes through all of
/// it; each entry is on disk when the method that adds it returns. Not for two threads at once.
/// </summary>
internal sealed class ChainFile : IDisposable
{
    public const string Name = "chain.jsonl";
    private const string LockName = "chain.lock";

    /// <summary>Room reserved for entries when the disk is full: retention needs its tombstones to make room again.</summary>
    private const long ReserveBytes = 1 << 20;
    private readonly FileStream _lock;
    private readonly FileStream _file;
    private readonly ChainKey _key;
    private readonly string _path;
    private long _length;
    private long _reservedTo;

    private ChainFile(string path, FileStream @lock, ChainKey key)
    {
        _path = path;
        _lock = @lock;
        _file = OpenFile(path, FileMode.OpenOrCreate, FileShare.ReadWrite);
        _key = key;
    }

    public ChainState State { get; } = new();

    /// <summary>Bytes of a torn last line that were cut off when it was opened.</summary>
    public long TornBytes { get; private set; }

    /// <summary>The chain was begun by this opening.</summary>
    public bool IsNew { get; private set; }

    private SafeFileHandle Handle => _file.SafeFileHandle;

    public static string PathIn(string archive) => ArchiveDirectory.StatePath(archive, Name);

    /// <summary>Opens or begins the chain of an archive.</summary>
    /// <param name="archive">Made if it is missing.</param>
    /// <param name="key">Private key that signs the chain; stays the caller's.</param>
    /// <param name="bytesRead">Progress through a long chain; may be null.</param>
    /// <exception cref="ChainBusyException">Another process has this chain open.</exception>
    /// <exception cref="CustodyException">The chain was changed, or it belongs to another key.</exception>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static ChainFile Open(string archive, ChainKey key, Action<long>? bytesRead = null)
    {
        string path = PathIn(archive);
        ArchiveDirectory.OpenState(archive);
        ChainFile chain;
        FileStream @lock = Lock(archive, path);
        try
        {
            chain = new ChainFile(path, @lock, key);
        }
        catch
        {
            @lock.Dispose();
            throw;
        }

        try
        {
            chain.Replay(bytesRead);
            if (chain.State.Entries == 0)
                chain.Begin(archive);
            return chain;
        }
        catch
        {
            chain.Dispose();
            throw;
        }
    }

    /// <summary>Reads the last entry alone, so that a wrong key is reported before anything starts.</summary>
    /// <exception cref="CustodyException">The chain belongs to another key.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static void CheckSigner(string archive, ChainKey key)
    {
        string path = PathIn(archive);
        using FileStream? file = TryOpenShared(path);
        if (file is null)
            return;
        byte[] tail = new byte[2 * ChainEntry.MaxLineBytes];
        int got = RandomAccess.Read(file.SafeFileHandle, tail, Math.Max(0, file.Length - tail.Length));
        int end = tail.AsSpan(0, got).LastIndexOf((byte)'\n') + 1;
        int start = end == 0 ? 0 : tail.AsSpan(0, end - 1).LastIndexOf((byte)'\n') + 1;
        if (ChainEntry.TryParse(tail.AsSpan(start, end - start), out _) is not { } last)
            return; // reading the whole chain reports the fault
        string signer = last.Kind == EntryKind.Key
            ? Convert.ToHexStringLower(SHA256.HashData(Convert.FromBase64String(last.PublicKey)))
            : last.Key;
        if (signer != key.Id)
            throw OtherSigner(path, signer, key);
    }

    public ChainEntry AddSegment(SegmentName name, ulong bytes, string sha256) => Append(New(EntryKind.Segment) with
    {
        Sequence = name.Sequence,
        After = State.Entered.Below(name.Sequence),
        File = name.ToString(),
        Bytes = bytes,
        Sha256 = sha256,
    });

    /// <summary>The tombstone of a segment that has an entry.</summary>
    public ChainEntry AddDeletion(ulong sequence, string reason)
    {
        ChainEntry segment = EntryOf(sequence);
        return Append(New(EntryKind.Deletion) with
        {
            Sequence = sequence,
            File = segment.File,
            Entry = segment.Number,
            Sha256 = segment.Sha256,
            Reason = ChainEntry.CleanReason(reason),
        });
    }

    public ChainEntry AddMissing(SegmentName name) =>
        Append(New(EntryKind.Missing) with { Sequence = name.Sequence, File = name.ToString() });

    /// <summary>Gives the chain to another key; this object can add nothing afterwards.</summary>
    public ChainEntry AddKey(ChainKey next)
    {
        ChainEntry entry = New(EntryKind.Key) with { PublicKey = Convert.ToBase64String(next.PublicKey) };
        return Append(entry with { Accepted = Convert.ToBase64String(next.Sign(entry.ToLine())) });
    }

    /// <summary>The entry of a segment that should be there.</summary>
    public ChainEntry EntryOf(ulong sequence) => ChainLines.ReadAt(Handle, State.Live[sequence]);

    /// <summary>
    /// Whether the file under the chain's name is still this one. Asked before work, so that a chain that was taken away is noticed.
    /// </summary>
    public bool IsStillThere()
    {
        using FileStream? now = TryOpenShared(_path);
        return now is not null && now.Length == _length;
    }

    public void Dispose()
    {
        State.Dispose();
        _file.Dispose();
        _lock.Dispose();
    }

    /// <summary>Opens a chain for reading beside its signer; null if there is none.</summary>
    public static FileStream? TryOpenShared(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static FileStream Lock(string archive, string path)
    {
        try
        {
            return OpenFile(ArchiveDirectory.StatePath(archive, LockName), FileMode.OpenOrCreate, FileShare.None);
        }
        catch (IOException e) when (e.HResult == Errno.EAGAIN)
        {
            throw new ChainBusyException($"{path}: another capbox has this chain open", e);
        }
    }

    private static FileStream OpenFile(string path, FileMode mode, FileShare share) => new(path, new FileStreamOptions
    {
        Mode = mode,
        Access = FileAccess.ReadWrite,
        Share = share,
        BufferSize = 0,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead,
    });

    /// <summary>
    /// Links and rules of every entry, the signature of the last one: since each line holds the hash of the line before it, that one
    /// signature is over all of them.
    /// </summary>
    private void Replay(Action<long>? bytesRead)
    {
        var lines = new ChainLines(Handle);
        byte[] last = [];
        ChainEntry? lastEntry = null;
        while (lines.TryRead(out ReadOnlySpan<byte> line, out long offset))
        {
            lastEntry = ChainEntry.TryParse(line, out string reason);
            string? wrong = lastEntry is null ? reason : State.Append(lastEntry, line, offset, Handle);
            if (wrong is not null)
                throw new CustodyException($"{_path}: after entry {State.Entries}: {wrong}");
            last = line.ToArray();
            bytesRead?.Invoke(lines.Offset);
        }

        _length = lines.Offset;
        if (lastEntry is not null)
            CheckLast(lastEntry, last);
        TornBytes = lines.TornBytes;
        if (TornBytes > 0)
        {
            RandomAccess.SetLength(Handle, _length);
            RandomAccess.FlushToDisk(Handle);
        }
    }

    private void CheckLast(ChainEntry entry, ReadOnlySpan<byte> line)
    {
        if (State.Key!.Id != _key.Id)
            throw OtherSigner(_path, State.Key.Id, _key);
        bool isMine = entry.Kind == EntryKind.Key
            ? ChainSignature.IsAccepted(entry, line, _key)
            : ChainSignature.IsSigned(entry, line, _key);
        if (!isMine)
            throw new CustodyException($"{_path}: entry {entry.Number}: the signature is not that of key {_key.Id}");
    }

    private static CustodyException OtherSigner(string path, string signer, ChainKey key) =>
        new($"{path}: the chain belongs to key {signer}, not to {key.Id}; give it to the new key first");

    private void Begin(string archive)
    {
        Append(New(EntryKind.Genesis) with
        {
            Archive = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
            PublicKey = Convert.ToBase64String(_key.PublicKey),
        });
        FileSystem.SyncDirectory(ArchiveDirectory.OpenState(archive));
        IsNew = true;
    }

    private ChainEntry New(EntryKind kind) => new()
    {
        Number = State.Entries + 1,
        Kind = kind,
        Time = UtcTime.Now.ToString(),
        Previous = State.Head,
        Key = _key.Id,
    };

    private ChainEntry Append(ChainEntry entry)
    {
        entry = entry with { Signature = Convert.ToBase64String(_key.Sign(entry.ToLine())) };
        byte[] line = entry.ToLine();
        Reserve();
        try
        {
            RandomAccess.Write(Handle, line, _length);
            RandomAccess.FlushToDisk(Handle);
        }
        catch (IOException)
        {
            // Half an entry would be cut at the next start anyway; the chain is opened anew after this.
            TryCut();
            throw;
        }

        string? wrong = State.Append(entry, line, _length, Handle);
        if (wrong is not null)
            throw new InvalidOperationException($"entry {entry.Number}: {wrong}");
        _length += line.Length;
        return entry;
    }

    private void Reserve()
    {
        if (_length + (ReserveBytes / 2) <= _reservedTo)
            return;
        FileSystem.TryReserve(Handle, _length, ReserveBytes);
        _reservedTo = _length + ReserveBytes;
    }

    private void TryCut()
    {
        try
        {
            RandomAccess.SetLength(Handle, _length);
        }
        catch (IOException)
        {
            // The disk is gone.
        }
    }
}

/// <summary>Another process has the chain open; it may be free later.</summary>
internal sealed class ChainBusyException(string message, Exception inner) : IOException(message, inner);
