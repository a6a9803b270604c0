// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;
using LiteDB;
using LiteDB.Engine;

namespace Capbox.Packets.Archive;

/// <summary>The catalog cannot be used: it is missing, damaged, in use, or the disk refuses. It can be rebuilt from the segments.</summary>
public sealed class CatalogException : Exception
{
    public CatalogException()
    {
    }

    public CatalogException(string message) : base(message)
    {
    }

    public CatalogException(string message, Exception inner) : base(message, inner)
    {
    }

    /// <summary>The catalog is at fault and a new one will do, not the disk, a permission or another process.</summary>
    public bool IsDamage => InnerException is not (UnauthorizedAccessException or IOException) || InnerException is EndOfStreamException;
}

/// <summary>
/// The index over an archive's segments, in LiteDB: an aid that can be thrown away at any time, since all of it is in the segments. One
/// process has it open, one thread uses it. Documents alone, never mapped types, which NativeAOT would store empty.
///
/// segments { _id: sequence, f: file name, b: bytes, a: first ns, z: last ns, k: time bin, s: sealed ns, c: config revision, r: repaired,
/// d: damaged,
///                  t: stored at (archive clock, ns), p: [ { n: port, t: total record as in the segment } ], x: CRC-32C of the rest }
///     ports      { _id: name }                        every port that any segment ever had
///     deletions  { _id: sequence, f, b, a, z, w: when (UTC ns), y: why }
///     holds      { _id: id, j: the hold as JSON }     copy of the holds file
///     meta       { _id: key, v: value }
/// </summary>
internal sealed class Catalog : IDisposable
{
    public const string FileName = "catalog.db";
    private const string Segments = "segments", Ports = "ports", Deletions = "deletions", Holds = "holds", Meta = "meta";

    /// <summary>Changed whenever the documents change: an older catalog is rebuilt.</summary>
    private const int SchemaVersion = 1;
    private readonly LiteEngine _engine;
    private readonly FileStream _lock;
    private readonly HashSet<string> _portNames = [];

    private Catalog(LiteEngine engine, FileStream @lock)
    {
        _engine = engine;
        _lock = @lock;
    }

    public static string PathOf(string archive) => ArchiveDirectory.StatePath(archive, FileName);

    /// <summary>Opens the catalog of an archive.</summary>
    /// <param name="archive">Directory of the archive.</param>
    /// <param name="create">Makes it if it is missing.</param>
    /// <exception cref="CatalogException">See there.</exception>
    public static Catalog Open(string archive, bool create)
    {
        Catalog catalog = Open(archive, create, readOnly: false);
        try
        {
            // From here on it may be behind the directory.
            catalog.SetStamp("");
            return catalog;
        }
        catch
        {
            catalog.Dispose();
            throw;
        }
    }

    /// <summary>Opens a catalog that no other process has open, for reading only.</summary>
    /// <exception cref="CatalogException">See there.</exception>
    public static Catalog OpenReadOnly(string archive) => Open(archive, create: false, readOnly: true);

    private static Catalog Open(string archive, bool create, bool readOnly)
    {
        string path = PathOf(archive);
        if (!create && !File.Exists(path))
            throw new CatalogException($"{path}: there is no catalog");
        if (create)
            Guard(path, () => ArchiveDirectory.OpenState(archive));
        FileStream @lock = Lock(path);
        Catalog? catalog = null;
        try
        {
            return catalog = Guard(path, () => OpenEngine(path, create, readOnly, @lock));
        }
        finally
        {
            if (catalog is null)
                @lock.Dispose();
        }
    }

    /// <summary>Throws the files of a catalog away.</summary>
    /// <exception cref="CatalogException">Another process has it open.</exception>
    public static void Delete(string archive)
    {
        string path = PathOf(archive);
        ArchiveDirectory.OpenState(archive);
        using FileStream @lock = Lock(path);
        File.Delete(path);
        File.Delete(LogOf(path));
    }

    public void Add(SegmentEntry entry) => AddAll([entry]);

    /// <summary>Adds or replaces, in one transaction: at most a few thousand at once, since its log grows until the end of it.</summary>
    public void AddAll(IReadOnlyCollection<SegmentEntry> entries) => Guard(() =>
    {
        foreach (string port in entries.SelectMany(e => e.Ports).Select(p => p.Name).Where(_portNames.Add).ToArray())
            _engine.Upsert(Ports, [new BsonDocument { ["_id"] = port }], BsonAutoId.ObjectId);
        return _engine.Upsert(Segments, entries.Select(ToDocument), BsonAutoId.Int64);
    });

    /// <summary>Forgets segments that are gone.</summary>
    public void Forget(IEnumerable<ulong> sequences) => Guard(() =>
        _engine.Delete(Segments, sequences.Select(s => new BsonValue((long)s))));

    /// <summary>Stores deletions.</summary>
    public void AddDeletions(IEnumerable<Deletion> deletions) =>
        Guard(() => _engine.Upsert(Deletions, deletions.Select(ToDocument), BsonAutoId.Int64));

    /// <summary>All segments by sequence.</summary>
    public IEnumerable<SegmentEntry> All() => Read(Segments, new Query(), ToEntry);

    public SegmentEntry? Find(ulong sequence) => Read(Segments, Where(Query.EQ("_id", (long)sequence)), ToEntry).FirstOrDefault();

    /// <summary>The first segment after <paramref name="sequence"/>, or null.</summary>
    public SegmentEntry? FindAfter(ulong sequence)
    {
        Query query = Where(Query.GT("_id", (long)sequence));
        query.Limit = 1;
        return Read(Segments, query, ToEntry).FirstOrDefault();
    }

    /// <summary>The segments with stamps in [from, to), by sequence.</summary>
    public List<SegmentEntry> InRange(long fromNs, long toNs)
    {
        List<SegmentEntry> found = [];
        for (int level = 0; level < TimeBins.Levels; level++)
        {
            (long first, long last) = TimeBins.Run(level, fromNs, toNs - 1);
            found.AddRange(Read(Segments, Where(Query.Between("k", first, last)), ToEntry)
                .Where(e => e.FirstUtcNs < toNs && e.LastUtcNs >= fromNs));
        }

        found.Sort((a, b) => a.Sequence.CompareTo(b.Sequence));
        return found;
    }

    /// <summary>Goes through the time index and counts what it leads to: all segments, in its order, or it is damaged.</summary>
    /// <exception cref="CatalogException">It is.</exception>
    public void CheckTimeIndex(long segments)
    {
        long count = 0, last = long.MinValue;
        var query = new Query { OrderBy = "$.k", Select = BsonExpression.Create("{k: $.k, a: $.a, z: $.z}") };
        foreach ((long key, long first, long end) in Read(Segments, query, d => (d["k"].AsInt64, d["a"].AsInt64, d["z"].AsInt64)))
        {
            count++;
            if (key < last || key != TimeBins.KeyOf(first, end))
                throw new CatalogException("the catalog's time index is damaged");
            last = key;
        }

        if (count != segments)
            throw new CatalogException($"the catalog's time index leads to {count} of {segments} segments");
    }

    /// <summary>A segment that begins at or after a moment, the one in the earliest cell of the index; null if there is none.</summary>
    public SegmentEntry? FirstFrom(long ns)
    {
        SegmentEntry? best = null;
        for (int level = 0; level < TimeBins.Levels; level++)
        {
            Query query = Where(Query.Between("k", TimeBins.Run(level, ns, ns).First, TimeBins.Run(level, ns, long.MaxValue).Last));
            query.OrderBy = "$.k";
            SegmentEntry? found = Read(Segments, query, ToEntry).FirstOrDefault(e => e.FirstUtcNs >= ns);
            if (found is not null && (best is null || found.FirstUtcNs < best.FirstUtcNs))
                best = found;
        }

        return best;
    }

    public IReadOnlyCollection<string> PortNames() => _portNames;

    public IEnumerable<Deletion> AllDeletions() => Read(Deletions, new Query(), ToDeletion);

    /// <summary>Replaces the copy of the holds.</summary>
    public void SetHolds(IReadOnlyDictionary<string, string> jsonById) => Guard(() =>
    {
        _engine.DropCollection(Holds);
        return _engine.Upsert(Holds, jsonById.Select(h => new BsonDocument { ["_id"] = h.Key, ["j"] = h.Value }), BsonAutoId.ObjectId);
    });

    /// <summary>What the directory was when the catalog was closed as its equal; empty: it was not.</summary>
    public string Stamp() => GetMeta("stamp") ?? "";

    public void SetStamp(string stamp)
    {
        SetMeta("stamp", stamp);
        Checkpoint();
    }

    private string? GetMeta(string key) => Read(Meta, Where(Query.EQ("_id", key)), d => d["v"].AsString).FirstOrDefault();

    private void SetMeta(string key, string value) =>
        Guard(() => _engine.Upsert(Meta, [new BsonDocument { ["_id"] = key, ["v"] = value }], BsonAutoId.ObjectId));

    /// <summary>
    /// Brings the log into the file. LiteDB's commit is not durable by itself; a lost tail is found by comparing with the directory.
    /// </summary>
    public void Checkpoint() => Guard(_engine.Checkpoint);

    public void Dispose()
    {
        try
        {
            _engine.Dispose();
        }
        catch (Exception e) when (IsAny(e))
        {
            // The next opening finds what is wrong.
        }

        _lock.Dispose();
    }

    private static FileStream Lock(string path) => Guard(path,
        () => new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));

    private static string LogOf(string path) => path[..^".db".Length] + "-log.db";

    private static Catalog OpenEngine(string path, bool create, bool readOnly, FileStream @lock)
    {
        var engine = new LiteEngine(new EngineSettings { Filename = path, ReadOnly = readOnly });
        var catalog = new Catalog(engine, @lock);
        try
        {
            string? version = catalog.GetMeta("schema");
            string wanted = SchemaVersion.ToString(CultureInfo.InvariantCulture);
            if (version is null && create)
            {
                engine.EnsureIndex(Segments, "k", BsonExpression.Create("$.k"), false);
                catalog.SetMeta("schema", wanted);
            }
            else if (version != wanted)
            {
                throw new CatalogException($"{path}: schema {version ?? "unknown"} instead of {wanted}");
            }

            catalog._portNames.UnionWith(catalog.Read(Ports, new Query(), d => d["_id"].AsString));
            return catalog;
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    private static Query Where(BsonExpression condition)
    {
        var query = new Query();
        query.Where.Add(condition);
        return query;
    }

    private IEnumerable<T> Read<T>(string collection, Query query, Func<BsonDocument, T> convert)
    {
        using IBsonDataReader reader = Guard(() => _engine.Query(collection, query));
        while (Guard(reader.Read))
            yield return Guard(() => convert(reader.Current.AsDocument));
    }

    private static BsonDocument ToDocument(SegmentEntry entry)
    {
        var ports = new BsonArray(entry.Ports.Select(p => new BsonDocument { ["n"] = p.Name, ["t"] = ToBytes(p.Total) }));
        var document = new BsonDocument
        {
            ["_id"] = (long)entry.Sequence,
            ["f"] = entry.FileName,
            ["b"] = entry.Bytes,
            ["a"] = entry.FirstUtcNs,
            ["z"] = entry.LastUtcNs,
            ["k"] = TimeBins.KeyOf(entry.FirstUtcNs, entry.LastUtcNs),
            ["s"] = entry.SealedUtcNs,
            ["c"] = (long)entry.ConfigRevision,
            ["r"] = entry.Repaired,
            ["d"] = entry.Damaged,
            ["t"] = entry.StoredAtNs,
            ["p"] = ports,
        };
        document["x"] = Checksum(document);
        return document;
    }

    /// <summary>LiteDB's pages have no checksum: a document has its own.</summary>
    private static long Checksum(BsonDocument document) => ~Crc32C.Update(Crc32C.Start, BsonSerializer.Serialize(document));

    private static byte[] ToBytes(TotalRecord total) => MemoryMarshal.AsBytes(new ReadOnlySpan<TotalRecord>(in total)).ToArray();

    private static SegmentEntry ToEntry(BsonDocument document)
    {
        long checksum = document["x"].AsInt64;
        document.Remove("x");
        if (checksum != Checksum(document))
            throw new InvalidDataException($"the document of segment {document["_id"]} is damaged");
        return new SegmentEntry
        {
            Sequence = (ulong)document["_id"].AsInt64,
            FileName = document["f"].AsString,
            Bytes = document["b"].AsInt64,
            FirstUtcNs = document["a"].AsInt64,
            LastUtcNs = document["z"].AsInt64,
            SealedUtcNs = document["s"].AsInt64,
            ConfigRevision = (ulong)document["c"].AsInt64,
            Repaired = document["r"].AsBoolean,
            Damaged = document["d"].AsBoolean,
            StoredAtNs = document["t"].AsInt64,
            Ports = [.. document["p"].AsArray.Select(ToPort)],
        };
    }

    private static PortEntry ToPort(BsonValue value)
    {
        byte[] total = value["t"].AsBinary;
        if (total.Length != Unsafe.SizeOf<TotalRecord>())
            throw new InvalidDataException("a total record of a wrong length");
        return new PortEntry(value["n"].AsString, MemoryMarshal.Read<TotalRecord>(total));
    }

    private static BsonDocument ToDocument(Deletion deletion) => new()
    {
        ["_id"] = (long)deletion.Sequence,
        ["f"] = deletion.File,
        ["b"] = deletion.Bytes,
        ["a"] = deletion.FirstUtcNs,
        ["z"] = deletion.LastUtcNs,
        ["w"] = deletion.AtUtcNs,
        ["y"] = deletion.Reason,
    };

    private static Deletion ToDeletion(BsonDocument document) => new(
        (ulong)document["_id"].AsInt64, document["f"].AsString, document["b"].AsInt64, document["a"].AsInt64, document["z"].AsInt64,
            document["w"].AsInt64,
        document["y"].AsString);

    private void Guard(Action action) => Guard(() =>
    {
        action();
        return true;
    });

    private T Guard<T>(Func<T> action) => Guard(_lock.Name[..^".lock".Length], action);

    /// <summary>A damaged file shows itself to LiteDB in many ways; all of them mean the same here.</summary>
    private static T Guard<T>(string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (IsAny(e))
        {
            throw new CatalogException($"{path}: {e.Message}", e);
        }
    }

    private static bool IsAny(Exception e) => e is not (CatalogException or OutOfMemoryException or ThreadInterruptedException);
}
