// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Archive;
using CsCheck;
using Xunit;

namespace Capbox.Tests;

/// <summary>The catalog agrees with the directory, whatever happened to either.</summary>
public class ArchiveCatalogTests
{
    private const long Second = 1_000_000_000, Start = 1_795_422_600 * Second;

    /// <summary>Segments of ten seconds each, one after the other.</summary>
    internal static void Fill(string archive, int segments, ulong first = 1)
    {
        for (int i = 0; i < segments; i++)
        {
            ulong sequence = first + (ulong)i;
            long from = Start + ((long)sequence * 10 * Second);
            BareSegment.Write(archive, sequence, from, from + (9 * Second), 0, "eth0", "eth1");
        }
    }

    private static (ulong[] Sequences, CatalogReport Report) Sync(string archive)
    {
        List<ulong> seen = [];
        (Catalog catalog, CatalogReport report) = CatalogSync.Open(archive, _ => 5, e => seen.Add(e.Sequence), null, None);
        using (catalog)
        {
            ulong[] inCatalog = [.. catalog.All().Select(e => e.Sequence)];
            Assert.Equal(seen.Distinct().Order(), inCatalog);
            Assert.All(inCatalog.Where(s => s % 10 == 1), s => Assert.Contains(catalog.InRange(Start + ((long)s * 10 * Second), Start + ((long)s * 10 * Second) + 1), e => e.Sequence == s));
            return (inCatalog, report);
        }
    }

    private static ulong[] OnDisk(string archive) => [.. CatalogSync.List(archive).Select(f => f.Name.Sequence)];

    [Fact]
    public void An_entry_comes_back_as_it_was()
    {
        using var directory = new TestDirectory();
        string path = BareSegment.Write(directory.Path, 7, Start, Start + 5, 4096, "eth0", "eth1");
        SegmentEntry entry = SegmentEntry.Read(path) with { StoredAtNs = 99 };
        Assert.Equal((7ul, 4096 * 3L, Start, Start + 5, 3ul, 20ul, 1ul), (entry.Sequence, entry.Bytes, entry.FirstUtcNs, entry.LastUtcNs, entry.ConfigRevision, entry.Packets, entry.LostPackets));
        using Catalog catalog = Catalog.Open(directory.Path, create: true);
        catalog.Add(entry);
        SegmentEntry back = catalog.Find(7)!;
        Assert.Equal(entry with { Ports = [] }, back with { Ports = entry.Ports.Count == 2 ? [] : back.Ports });
        Assert.Equal(entry.Ports, back.Ports);
        Assert.Equal(["eth0", "eth1"], catalog.PortNames().Order());
    }

    [Fact]
    public void A_range_query_finds_what_a_look_at_every_segment_finds()
    {
        // Clocks at 1970, at 2099 and before; segments of a nanosecond and of a century.
        Gen<long> moment = Gen.OneOf(
            Gen.Long[Start, Start + (1000 * Second)], Gen.Long[0, 100 * Second], Gen.Long[4_070_908_800 * Second, 4_070_909_000 * Second], Gen.Long[-Start, 2 * Start],
            Gen.Int[-1, 1].Select(sign => sign * (long.MaxValue / 2)));
        Gen.Select(Gen.Select(moment, moment).List[1, 60], Gen.Select(moment, moment)).ForAll(
            (intervals, range) =>
            {
                using var directory = new TestDirectory();
                using Catalog catalog = Catalog.Open(directory.Path, create: true);
                SegmentEntry[] entries =
                [
                    .. intervals.Select((pair, i) => new SegmentEntry
                    {
                        Sequence = (ulong)i + 1, FileName = "f", Bytes = 1, FirstUtcNs = Math.Min(pair.Item1, pair.Item2), LastUtcNs = Math.Max(pair.Item1, pair.Item2),
                        SealedUtcNs = 0, ConfigRevision = 0, Repaired = false, Ports = [],
                    }),
                ];
                catalog.AddAll(entries);
                long from = Math.Min(range.Item1, range.Item2), to = Math.Max(range.Item1, range.Item2) + 1;
                Assert.Equal(
                    entries.Where(e => e.FirstUtcNs < to && e.LastUtcNs >= from).Select(e => e.Sequence),
                    catalog.InRange(from, to).Select(e => e.Sequence));
            },
            cases: 30, all: 300);
    }

    [Fact]
    public void What_came_went_or_changed_is_noticed()
    {
        using var directory = new TestDirectory();
        Fill(directory.Path, 50);
        Assert.Equal(50, Sync(directory.Path).Report.Added);
        string[] files = Directory.GetFiles(directory.Path, "*.pcapng").Order(StringComparer.Ordinal).ToArray();
        File.Delete(files[3]);
        File.Delete(files[49]);
        Fill(directory.Path, 5, 60);
        using (FileStream grown = File.OpenWrite(files[10]))
            grown.SetLength(grown.Length + 4096);
        (ulong[] sequences, CatalogReport report) = Sync(directory.Path);
        Assert.Equal(OnDisk(directory.Path), sequences);
        Assert.Equal((53, 6, 2, 1), (report.Segments, report.Added, report.Forgotten, report.Damaged));
        Assert.Null(report.Rebuilt);
        Assert.Equal((0, 0), (Sync(directory.Path).Report.Added, Sync(directory.Path).Report.Forgotten));
    }

    [Fact]
    public void Foreign_files_are_none_of_its_business()
    {
        using var directory = new TestDirectory();
        Fill(directory.Path, 3);
        string real = Directory.GetFiles(directory.Path, "*.pcapng")[0];
        directory.Write("notes.txt", [1]);
        directory.Write("capture.pcapng", [1]);
        directory.Write("20261123T083000.123456789Z-42.pcapng", [1]);
        directory.Write(Path.GetFileName(real) + ".bak", [1]);
        File.Copy(real, Path.Combine(directory.Path, "29990101T000000.000000000Z-" + Path.GetFileName(real).Split('-')[1]));
        Assert.Equal([1ul, 2, 3], Sync(directory.Path).Sequences);
    }

    [Fact]
    public void A_truncated_or_garbled_database_is_rebuilt_from_the_segments()
    {
        using var directory = new TestDirectory();
        Fill(directory.Path, 300);
        Sync(directory.Path);
        string path = Catalog.PathOf(directory.Path);
        byte[] good = File.ReadAllBytes(path);
        ulong[] expected = OnDisk(directory.Path);
        Random random = Seed.Random(2);
        int rebuilt = 0, rounds = Seed.Cases(3, 40);
        for (int round = 0; round < rounds; round++)
        {
            byte[] bad = good[..(round % 2 == 0 ? random.Next(good.Length) : good.Length)];
            for (int i = 0; i < 40 && round % 2 == 1; i++)
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(path, bad);
            (ulong[] sequences, CatalogReport report) = Sync(directory.Path);
            Assert.Equal(expected, sequences);
            rebuilt += report.Rebuilt is null ? 0 : 1;
            Assert.Equal(expected.Length, Sync(directory.Path).Sequences.Length);
        }

        Assert.True(rebuilt * 4 > rounds, $"only {rebuilt} of {rounds} damaged databases were noticed as such");
    }

    [Fact]
    public void A_log_that_a_crash_left_or_cut_costs_nothing()
    {
        using var directory = new TestDirectory();
        Fill(directory.Path, 100);
        string path = Catalog.PathOf(directory.Path), log = path.Replace(".db", "-log.db", StringComparison.Ordinal);
        byte[] database, journal;
        using (Catalog catalog = Catalog.Open(directory.Path, create: true))
        {
            foreach (string file in Directory.GetFiles(directory.Path, "*.pcapng"))
                catalog.Add(SegmentEntry.Read(file));
            // What a kill -9 leaves now: the log was never brought into the file.
            database = ReadShared(path);
            journal = ReadShared(log);
        }

        Assert.True(journal.Length > 8192, "the log should hold something");
        ulong[] expected = OnDisk(directory.Path);
        foreach (int length in new[] { journal.Length, journal.Length - 1, journal.Length - 8192, journal.Length / 2, 8192, 1, 0 })
        {
            File.WriteAllBytes(path, database);
            File.WriteAllBytes(log, journal[..length]);
            Assert.Equal(expected, Sync(directory.Path).Sequences);
        }
    }

    [Fact]
    public void A_segment_that_cannot_be_read_is_kept_as_damaged()
    {
        using var directory = new TestDirectory();
        Fill(directory.Path, 3);
        string file = Directory.GetFiles(directory.Path, "*.pcapng").Order(StringComparer.Ordinal).ElementAt(1);
        byte[] bytes = File.ReadAllBytes(file);
        bytes[^50] ^= 1;
        File.WriteAllBytes(file, bytes);
        (Catalog catalog, CatalogReport report) = CatalogSync.Open(directory.Path, _ => 0, null, null, None);
        using (catalog)
        {
            Assert.Equal((3, 1), (report.Segments, report.Damaged));
            SegmentEntry damaged = catalog.Find(2)!;
            Assert.True(damaged.Damaged);
            // It may hold what the rings kept before it began.
            Assert.Equal((bytes.Length, Start + (20 * Second) - (3_660 * Second)), (damaged.Bytes, damaged.FirstUtcNs));
        }
    }

    [Fact]
    public void A_closed_catalog_is_believed_only_as_long_as_the_directory_is_the_same()
    {
        using var directory = new TestDirectory();
        Fill(directory.Path, 20);
        Assert.Null(ArchiveIndex.FromCatalog(directory.Path, Start, Start + Second));
        CatalogSync.Rebuild(directory.Path, _ => 0, null, None);
        IndexAnswer answer = ArchiveIndex.FromCatalog(directory.Path, Start + (35 * Second), Start + (41 * Second))!;
        Assert.Equal([3ul, 4], answer.Segments.Select(s => s.Sequence));
        Assert.Equal(5ul, answer.Next!.Sequence);
        Assert.Equal(["eth0", "eth1"], answer.Ports);
        IndexAnswer slow = ArchiveIndex.FromSegments(directory.Path, Start + (35 * Second), Start + (41 * Second), null, None);
        Assert.Equal(answer.Candidates(directory.Path), slow.Candidates(directory.Path));
        Fill(directory.Path, 1, 21);
        Assert.Null(ArchiveIndex.FromCatalog(directory.Path, Start, Start + Second));
    }

    [Fact]
    public void Two_processes_never_have_it_open_at_once()
    {
        using var directory = new TestDirectory();
        using Catalog catalog = Catalog.Open(directory.Path, create: true);
        CatalogException e = Assert.Throws<CatalogException>(() => Catalog.Open(directory.Path, create: true));
        Assert.False(e.IsDamage);
        Assert.Throws<CatalogException>(() => CatalogSync.Rebuild(directory.Path, _ => 0, null, None));
        Assert.Null(ArchiveIndex.FromCatalog(directory.Path, 0, 1));
    }

    [Fact]
    public void No_type_is_mapped_to_documents()
    {
        foreach (string file in Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories).Where(f => !f.Contains("/obj/", StringComparison.Ordinal)))
        {
            string text = File.ReadAllText(file);
            Assert.All(
                ["BsonMapper", "LiteDatabase", "LiteRepository", "ILiteCollection", "GetCollection<", "[BsonId]", "[BsonField"],
                word => Assert.False(text.Contains(word, StringComparison.Ordinal), $"{file}: {word}: only documents, NativeAOT stores mapped types empty"));
        }
    }

    private static CancellationToken None => TestContext.Current.CancellationToken;

    private static byte[] ReadShared(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }
}
