// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Capbox.Packets.Custody;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Capbox.Tests;

/// <summary>The custodian beside a recorder: catching up, tombstones, faults, and that it never holds anybody up.</summary>
public sealed class CustodianTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);
    private readonly CustodyArchive _archive = new();

    public void Dispose() => _archive.Dispose();

    private ChainSigner Start(ILogger? logger = null) => new(_archive.Root, _archive.KeyFile, logger ?? NullLogger.Instance);

    [Fact]
    public void What_was_sealed_without_it_is_entered_at_start_in_order_and_what_is_announced_follows()
    {
        _archive.Add(3);
        _archive.Add(1);
        using (ChainSigner custodian = Start())
        {
            Assert.True(custodian.Drain(s_limit));
            custodian.OnSealed(_archive.Add(4));
            custodian.OnSealed(_archive.Add(5));
            Assert.True(custodian.Drain(s_limit));
            Assert.Equal(5ul, custodian.State.Entries);
            Assert.Null(custodian.State.Fault);
        }

        Assert.Equal(["1", "3", "4", "5"], Sequences());
        Assert.True(_archive.Verify().Good);
    }

    [Fact]
    public void More_than_it_queues_is_found_by_listing()
    {
        const int Count = 1050; // it queues 1024
        using (ChainSigner custodian = Start())
        {
            for (int i = 1; i <= Count; i++)
                custodian.OnSealed(_archive.Add(i, 10));
            Assert.True(custodian.Drain(TimeSpan.FromSeconds(120)));
        }

        ChainReport report = _archive.Verify();
        Assert.True(report.Good);
        Assert.Equal((ulong)Count, report.Segments);
    }

    [Fact]
    public void A_deletion_has_its_tombstone_on_disk_first_and_an_unknown_segment_its_entry_before()
    {
        using (ChainSigner custodian = Start())
        {
            custodian.Drain(s_limit);
            string path = _archive.Add(1); // never announced
            custodian.OnDeleting(path, 1, "retention: max total");
            Assert.Equal(["genesis", "segment", "deletion"], Kinds());
            custodian.OnDeleting(path, 1, "again after a crash");
            File.Delete(path);
            custodian.OnSealed(path);
            Assert.True(custodian.Drain(s_limit));
            Assert.Equal(3, Kinds().Length);
            Assert.Throws<IOException>(() => custodian.OnDeleting(_archive.Add(2), 3, "wrong number"));
        }

        Assert.Equal(4ul, _archive.Seal().Entries); // number 2 came to the chain by listing
        Assert.True(_archive.Verify().Good);
    }

    [Fact]
    public void A_segment_that_vanishes_before_its_entry_is_told_for_ever()
    {
        using (ChainSigner custodian = Start())
        {
            custodian.Drain(s_limit);
            custodian.OnSealed(_archive.PathOf(1));
            Assert.True(custodian.Drain(s_limit));
        }

        ChainBreak found = Assert.Single(_archive.Verify().Breaks);
        Assert.Equal((2ul, CustodyArchive.NameOf(1)), (found.Entry, found.File));
    }

    [Fact]
    public void Announcing_returns_at_once_and_dispose_stops_amid_a_large_segment()
    {
        string path = _archive.PathOf(1);
        using (FileStream large = File.Create(path))
            large.SetLength(64L << 30); // a hole that takes half a minute to digest
        var clock = new Stopwatch();
        using (ChainSigner custodian = Start())
        {
            Tool.WaitFor(() => File.Exists(_archive.ChainPath) && _archive.Lines().Length == 1, "the chain to begin");
            clock.Start();
            for (int i = 0; i < 10_000; i++)
                custodian.OnSealed(path);
            Assert.InRange(clock.ElapsedMilliseconds, 0, 10_000);
            Assert.False(custodian.Drain(TimeSpan.FromMilliseconds(300)));
            clock.Restart();
        }

        Assert.InRange(clock.ElapsedMilliseconds, 0, 10_000);
        Assert.Single(_archive.Lines());
    }

    [Fact]
    public void A_broken_chain_stops_custody_with_an_error_and_lets_retention_go_on()
    {
        _archive.Seal(1, 2);
        _archive.Edit(2, line => line.Replace("\"bytes\":5000", "\"bytes\":5001", StringComparison.Ordinal));
        string before = File.ReadAllText(_archive.ChainPath);
        using (ChainSigner custodian = Start())
        {
            Assert.False(custodian.Drain(s_limit));
            Assert.Contains("does not follow", custodian.State.Fault, StringComparison.Ordinal);
            custodian.OnDeleting(_archive.PathOf(1), 1, "retention");
        }

        Assert.Equal(before, File.ReadAllText(_archive.ChainPath));
    }

    [Fact]
    public void A_chain_taken_away_while_it_is_kept_is_not_begun_anew()
    {
        using ChainSigner custodian = Start();
        custodian.Drain(s_limit);
        File.Delete(_archive.ChainPath);
        custodian.OnSealed(_archive.Add(1));
        custodian.OnSealed(_archive.Add(2));
        Tool.WaitFor(() => custodian.State.Fault is not null, "the fault");
        Assert.Contains("removed or changed", custodian.State.Fault, StringComparison.Ordinal);
        Assert.False(File.Exists(_archive.ChainPath));
    }

    [Fact]
    public void A_chain_that_another_process_keeps_is_waited_for()
    {
        _archive.Seal(1);
        using var key = ChainKey.LoadPrivate(_archive.KeyFile);
        ChainSigner custodian;
        using (ChainFile.Open(_archive.Root, key))
        {
            custodian = Start();
            Tool.WaitFor(() => custodian.State.Fault is not null, "the fault");
        }

        // A deletion waits with it.
        custodian.OnDeleting(_archive.PathOf(1), 1, "retention");
        Assert.Null(custodian.State.Fault);
        custodian.Dispose();
        Assert.Equal("deletion", Kinds()[^1]);
    }

    [Fact]
    public void A_key_that_does_not_keep_the_chain_is_refused_before_anything_starts()
    {
        _archive.Seal(1);
        string other = _archive.NewKey("other.key");
        Assert.Contains("belongs to key", Assert.Throws<CustodyException>(() => new ChainSigner(_archive.Root, other, NullLogger.Instance)).Message, StringComparison.Ordinal);
        Assert.Throws<CustodyException>(() => new ChainSigner(_archive.Root, other + "-not-there", NullLogger.Instance));
    }

    [Fact]
    public void Deletions_and_announcements_from_many_threads_keep_the_chain_whole()
    {
        using (ChainSigner custodian = Start())
        {
            Parallel.For(1, 200, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
            {
                string path = _archive.Add(i, 2000);
                custodian.OnSealed(path);
                if (i % 3 != 0)
                    return;
                custodian.OnDeleting(path, (ulong)i, "retention");
                File.Delete(path);
            });
            Assert.True(custodian.Drain(s_limit));
        }

        ChainReport report = _archive.Verify();
        Assert.True(report.Good, string.Join("; ", report.Breaks));
        Assert.Equal((133ul, 66ul), (report.Segments, report.Deleted));
    }

    private string[] Kinds() => [.. _archive.Lines().Select(line => line.Split("\"kind\":\"")[1].Split('"')[0])];

    private string[] Sequences() => [.. _archive.Lines().Skip(1).Select(line => line.Split("\"sequence\":")[1].Split(',')[0])];
}
