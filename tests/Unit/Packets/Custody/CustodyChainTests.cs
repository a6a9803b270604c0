// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Capbox.Packets.Custody;
using CsCheck;
using Xunit;

namespace Capbox.Tests;

/// <summary>The chain against every way of tampering with it, and with what it is over.</summary>
public sealed class CustodyChainTests : IDisposable
{
    private readonly CustodyArchive _archive = new();

    public void Dispose() => _archive.Dispose();

    [Fact]
    public void A_sealed_archive_is_good_and_says_what_it_holds()
    {
        _archive.Seal(1, 2, 3);
        _archive.Delete(1, "retention: max age \"7d\" \\ reached\n");
        SealReport report = _archive.Seal(7);
        ChainReport good = _archive.Verify();
        Assert.True(good.Good, Text(good));
        Assert.Equal((6ul, 3ul, 1ul), (good.Entries, good.Segments, good.Deleted));
        Assert.Equal([new ChainGap(4, 6)], good.Gaps);
        Assert.Equal(report.Head, good.Head);
        Assert.Equal([report.Key], good.Keys);
        Assert.Empty(good.Warnings);
        Assert.Contains("\"reason\":\"retention: max age \\\"7d\\\" \\\\ reached\"", _archive.Lines()[4], StringComparison.Ordinal);
    }

    [Fact]
    public void Any_bit_flipped_in_a_segment_is_found_and_named()
    {
        _archive.Seal(1, 2, 3);
        Gen.Select(Gen.Int[0, 4999], Gen.Int[0, 7]).ForAll((at, bit) =>
        {
            byte[] bytes = File.ReadAllBytes(_archive.PathOf(2));
            bytes[at] ^= (byte)(1 << bit);
            File.WriteAllBytes(_archive.PathOf(2), bytes);
            AssertBreak(_archive.Verify(), 3, CustodyArchive.NameOf(2), "was changed");
            _archive.Add(2);
        }, cases: 20, all: 30);
        Assert.True(_archive.Verify().Good);
    }

    [Theory]
    [InlineData(4999)]
    [InlineData(5001)]
    [InlineData(0)]
    public void Another_length_is_found(int bytes)
    {
        _archive.Seal(1);
        _archive.Add(1, bytes);
        AssertBreak(_archive.Verify(), 2, CustodyArchive.NameOf(1), $"is {bytes} bytes long and was sealed with 5000");
    }

    /// <summary>Whatever byte of the chain changes, to whatever, is a break at its entry; or, in the last entry's newline, an unfinished entry and a segment without one.</summary>
    [Fact]
    public void Any_byte_changed_in_the_chain_is_found_at_its_entry()
    {
        _archive.Seal(1, 2);
        _archive.Delete(1);
        _archive.Seal(3);
        byte[] good = File.ReadAllBytes(_archive.ChainPath);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte).Where((at, value) => good[at] != value).ForAll((at, value) =>
        {
            byte[] bad = [.. good];
            bad[at] = value;
            File.WriteAllBytes(_archive.ChainPath, bad);
            ChainReport report = _archive.Verify();
            Assert.False(report.Good, $"byte {at}");
            ulong entry = (ulong)good.AsSpan(0, at).Count((byte)'\n') + 1;
            bool cutsLast = at == good.Length - 1;
            Assert.Equal(cutsLast ? (0ul, CustodyArchive.NameOf(3)) : (entry, "chain.jsonl"), (report.Breaks[0].Entry, report.Breaks[0].File));
        }, cases: 40, all: 300);
    }

    /// <summary>Base64 has spare bits before its padding, and decoders skip blanks: other letters for the same bytes, which the signature would not tell.</summary>
    [Fact]
    public void Other_base64_of_the_same_bytes_is_found()
    {
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (int sequence = 1; sequence < 40; sequence++)
        {
            // A signature is 70 to 72 bytes, so about every fourth has no spare bits.
            _archive.Seal(sequence);
            string line = _archive.Lines()[^1];
            int pad = line.IndexOf('=', StringComparison.Ordinal);
            if (pad < 0)
                continue;
            string good = File.ReadAllText(_archive.ChainPath);
            string spare = string.Concat(line.AsSpan(0, pad - 1), alphabet.AsSpan(alphabet.IndexOf(line[pad - 1], StringComparison.Ordinal) + 1, 1), line.AsSpan(pad));
            string blank = line.Insert(pad, " ");
            foreach (string other in new[] { spare, blank })
            {
                File.WriteAllText(_archive.ChainPath, good.Replace(line, other, StringComparison.Ordinal));
                AssertBreak(_archive.Verify(), (ulong)sequence + 1, "chain.jsonl", "not an entry");
            }

            return;
        }

        Assert.Fail("40 signatures without padding");
    }

    [Theory]
    [InlineData(1, "the first entry is no genesis")]
    [InlineData(2, "number is 3, 2 was to come")]
    [InlineData(4, "number is 5, 4 was to come")]
    public void A_removed_entry_is_found(int number, string reason)
    {
        _archive.Seal(1, 2, 3, 4);
        _archive.WriteLines(_archive.Lines().Where((_, i) => i != number - 1));
        AssertBreak(_archive.Verify(), (ulong)number, "chain.jsonl", reason);
    }

    [Fact]
    public void Reordered_doubled_and_inserted_entries_are_found()
    {
        _archive.Seal(1, 2, 3);
        string[] lines = _archive.Lines();
        _archive.WriteLines([lines[0], lines[2], lines[1], lines[3]]);
        AssertBreak(_archive.Verify(), 2, "chain.jsonl", "number is 3");
        _archive.WriteLines([lines[0], lines[1], lines[1], lines[2], lines[3]]);
        AssertBreak(_archive.Verify(), 3, "chain.jsonl", "number is 2");
        _archive.WriteLines([.. lines, lines[0]]);
        AssertBreak(_archive.Verify(), 5, "chain.jsonl", "number is 1");
    }

    [Theory]
    [InlineData("\"bytes\":5000", "\"bytes\":5001", "the signature is not that of key")]
    [InlineData("\"sequence\":2,", "\"sequence\":2 ,", "not in the canonical form")]
    [InlineData("{\"number\":3", "{\"bytes\":9,\"number\":3", "not in the canonical form")]
    [InlineData("\"bytes\":5000", "\"bytes\":-1", "not an entry")]
    [InlineData("\"bytes\":5000", "\"bytes\":null", "not an entry")]
    [InlineData("\"sequence\":2", "\"time\":null", "not an entry")]
    [InlineData("\"sequence\":2", "\"time\":[{}]", "not an entry")]
    [InlineData("\"after\":1", "\"after\":0", "the signature is not that of key")]
    [InlineData("\"kind\":\"segment\"", "\"kind\":\"note\"", "not an entry")]
    [InlineData("-0000000002.pcapng", "-0000000009.pcapng", "not an entry")]
    [InlineData("20261123T083000.", "../../../../etc.", "not an entry")]
    public void An_edited_entry_is_found(string from, string to, string reason)
    {
        _archive.Seal(1, 2, 3);
        _archive.Edit(3, line => line.Replace(from, to, StringComparison.Ordinal));
        AssertBreak(_archive.Verify(), 3, "chain.jsonl", reason);
    }

    [Fact]
    public void An_entry_signed_by_another_key_is_found()
    {
        _archive.Seal(1, 2, 3);
        string other = _archive.NewKey("other.key");
        _archive.Resign(3, other, entry => entry);
        AssertBreak(_archive.Verify(), 3, "chain.jsonl", "the signature is not that of key");
    }

    [Fact]
    public void The_right_key_may_not_contradict_the_chain_either()
    {
        _archive.Seal(1, 2, 3);
        string[] lines = _archive.Lines();
        _archive.Resign(3, _archive.KeyFile, entry => entry with { After = 0 });
        AssertBreak(_archive.Verify(), 3, "chain.jsonl", "it names segment 0 as the one before it, the chain has 1");
        _archive.WriteLines(lines);
        _archive.Resign(4, _archive.KeyFile, entry => entry with { Sequence = 2, After = 1, File = CustodyArchive.NameOf(2) });
        AssertBreak(_archive.Verify(), 4, "chain.jsonl", "segment 2 has an entry already");
        _archive.WriteLines(lines);
        _archive.Resign(4, _archive.KeyFile, entry => entry with { Kind = EntryKind.Deletion, Sequence = 2, File = CustodyArchive.NameOf(2), Entry = 3, Reason = "" });
        AssertBreak(_archive.Verify(), 4, "chain.jsonl", "it does not agree with entry 3 about segment 2");
        _archive.WriteLines(lines);
        _archive.Resign(4, _archive.KeyFile, entry => entry with { Kind = EntryKind.Deletion, Sequence = 9, File = CustodyArchive.NameOf(9), Entry = 3, Reason = "" });
        AssertBreak(_archive.Verify(), 4, "chain.jsonl", "segment 9 has no entry to delete");
    }

    [Fact]
    public void A_chain_made_anew_by_another_key_is_not_believed()
    {
        string other = _archive.NewKey("other.key");
        _archive.Add(1);
        _archive.SealAll(other);
        AssertBreak(_archive.Verify(), 1, "chain.jsonl", "no entry of the chain is signed by the given key");
    }

    [Fact]
    public void A_segment_deleted_without_a_tombstone_is_named_and_one_with_it_is_not()
    {
        _archive.Seal(1, 2, 3);
        _archive.Delete(1);
        Assert.True(_archive.Verify().Good);
        File.Delete(_archive.PathOf(2));
        AssertBreak(_archive.Verify(), 3, CustodyArchive.NameOf(2), "is not there, and no entry says that it was deleted");
    }

    [Fact]
    public void A_tombstone_that_is_removed_breaks_the_chain()
    {
        _archive.Seal(1, 2);
        _archive.Delete(1);
        _archive.WriteLines(_archive.Lines()[..3]);
        AssertBreak(_archive.Verify(), 2, CustodyArchive.NameOf(1), "no entry says that it was deleted");
    }

    [Fact]
    public void A_tombstone_without_its_deletion_is_a_warning_as_long_as_the_file_is_what_was_sealed()
    {
        _archive.Seal(1, 2);
        _archive.Delete(1);
        _archive.Add(1);
        ChainReport report = _archive.Verify();
        Assert.True(report.Good, Text(report));
        Assert.Contains("although entry 4 says that it was to be deleted", Assert.Single(report.Warnings), StringComparison.Ordinal);
        Assert.Equal(0ul, _archive.SealAll(_archive.KeyFile).Sealed);
        File.AppendAllText(_archive.PathOf(1), "x");
        AssertBreak(_archive.Verify(), 4, CustodyArchive.NameOf(1), "was deleted, and what lies there now is not what was sealed");
    }

    [Fact]
    public void Segments_without_an_entry_and_renamed_ones_are_named()
    {
        _archive.Seal(1, 2);
        _archive.Add(5);
        AssertBreak(_archive.Verify(), 0, CustodyArchive.NameOf(5), "has no entry in the chain");
        File.Delete(_archive.PathOf(5));
        string renamed = "20261123T083001.000000000Z-0000000002.pcapng";
        File.Move(_archive.PathOf(2), Path.Combine(_archive.Root, renamed));
        ChainReport report = _archive.Verify();
        Assert.Equal([CustodyArchive.NameOf(2), renamed], report.Breaks.Select(b => b.File));
    }

    [Fact]
    public void A_chain_that_lost_its_end_together_with_the_segments_is_found_by_a_remembered_head_alone()
    {
        _archive.Seal(1, 2);
        SealReport noted = _archive.Seal(3);
        _archive.Seal(4);
        Assert.True(_archive.Verify(head: noted.Head).Good, "a head noted earlier stays in the chain");
        File.Delete(_archive.PathOf(4));
        File.Delete(_archive.PathOf(3));
        string[] lines = _archive.Lines();
        _archive.WriteLines(lines[..3]);
        Assert.True(_archive.Verify().Good, "without the head this cannot be seen");
        AssertBreak(_archive.Verify(head: noted.Head), 0, "chain.jsonl", "no entry has the remembered head");
        _archive.WriteLines(lines[..4]);
        AssertBreak(_archive.Verify(head: noted.Head), 4, CustodyArchive.NameOf(3), "is not there");
    }

    [Fact]
    public void A_torn_last_line_is_told_cut_and_its_segment_entered_again()
    {
        _archive.Seal(1, 2);
        byte[] whole = File.ReadAllBytes(_archive.ChainPath);
        for (int cut = 1; cut < 400; cut += 57)
        {
            File.WriteAllBytes(_archive.ChainPath, whole[..^cut]);
            ChainReport torn = _archive.Verify();
            AssertBreak(torn, 0, CustodyArchive.NameOf(2), "has no entry");
            Assert.Contains("unfinished entry at the end", Assert.Single(torn.Warnings), StringComparison.Ordinal);
            SealReport report = _archive.SealAll(_archive.KeyFile);
            Assert.Equal((1ul, 3ul), (report.Sealed, report.Entries));
            Assert.True(report.TornBytes > 0);
            Assert.True(_archive.Verify().Good);
        }
    }

    [Fact]
    public void Foreign_files_and_segments_in_progress_are_left_alone()
    {
        foreach (string name in new[] { "notes.txt", CustodyArchive.NameOf(8) + ".part", CustodyArchive.NameOf(9) + ".part.broken", "x-0000000003.pcapng" })
            File.WriteAllText(Path.Combine(_archive.Root, name), name);
        SealReport report = _archive.Seal(1);
        Assert.Equal(1ul, report.Sealed);
        Assert.True(_archive.Verify().Good);
    }

    [Fact]
    public void A_late_segment_is_entered_behind_a_higher_one_and_closes_the_gap()
    {
        _archive.Seal(1, 4);
        Assert.Equal([new ChainGap(2, 3)], _archive.Verify().Gaps);
        _archive.Seal(3);
        ChainReport report = _archive.Verify();
        Assert.True(report.Good, Text(report));
        Assert.Equal([new ChainGap(2, 2)], report.Gaps);
        Assert.Contains("\"sequence\":3,\"after\":1,", _archive.Lines()[3], StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_hands_over_to_the_next_and_either_is_an_anchor()
    {
        string next = _archive.NewKey("next.key");
        _archive.Seal(1);
        _archive.Rotate(_archive.KeyFile, next);
        Assert.Contains("belongs to key", Assert.Throws<CustodyException>(() => _archive.SealAll(_archive.KeyFile)).Message, StringComparison.Ordinal);
        _archive.Add(2);
        _archive.SealAll(next);
        foreach (string key in new[] { _archive.KeyFile, next })
        {
            ChainReport report = _archive.Verify(key + ".pub");
            Assert.True(report.Good, Text(report));
            Assert.Equal(2, report.Keys.Count);
        }

        _archive.Resign(4, _archive.KeyFile, entry => entry);
        AssertBreak(_archive.Verify(), 4, "chain.jsonl", "the signature is not that of key");
    }

    /// <summary>Who has a key of his own cannot name a trusted one as his successor, neither to a verifier nor to a custodian that would sign on top of it.</summary>
    [Fact]
    public void A_key_does_not_take_over_what_its_holder_has_not_signed()
    {
        string forger = _archive.NewKey("forger.key");
        _archive.Add(1);
        _archive.SealAll(forger);
        string mine = _archive.NewKey("mine.key");
        _archive.Rotate(forger, mine);
        string foreignPublic;
        using (var key = ChainKey.LoadPublic(_archive.KeyFile + ".pub"))
            foreignPublic = Convert.ToBase64String(key.PublicKey);
        _archive.Resign(3, forger, entry => entry with { PublicKey = foreignPublic });
        AssertBreak(_archive.Verify(), 3, "chain.jsonl", "has not signed it");
        Assert.Contains("the signature is not that of key", Assert.Throws<CustodyException>(() => _archive.SealAll(_archive.KeyFile)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_chain_is_not_continued()
    {
        _archive.Seal(1, 2, 3);
        _archive.Edit(2, line => line.Replace("\"bytes\":5000", "\"bytes\":5001", StringComparison.Ordinal));
        string message = Assert.Throws<CustodyException>(() => _archive.SealAll(_archive.KeyFile)).Message;
        Assert.Contains("after entry 2: it does not follow from the entry before it", message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_keeper_at_a_time_and_readers_beside_it()
    {
        _archive.Seal(1);
        using var key = ChainKey.LoadPrivate(_archive.KeyFile);
        using var chain = ChainFile.Open(_archive.Root, key);
        Assert.Throws<ChainBusyException>(() => ChainFile.Open(_archive.Root, key));
        Assert.True(_archive.Verify().Good);
    }

    [Fact]
    public void Keys_are_private_and_never_overwritten()
    {
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_archive.KeyFile));
        Assert.Contains("exists", Assert.Throws<CustodyException>(() => ChainKey.Create(_archive.KeyFile)).Message, StringComparison.Ordinal);
        string half = _archive.KeyFile + "2";
        File.WriteAllText(half + ".pub", "");
        Assert.Throws<CustodyException>(() => ChainKey.Create(half));
        Assert.False(File.Exists(half));
        Assert.Contains("a public key", Assert.Throws<CustodyException>(() => ChainKey.LoadPrivate(_archive.KeyFile + ".pub")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_entry_reads_back_as_it_was_written()
    {
        var sha = Gen.Byte.Array[32].Select(bytes => Convert.ToHexStringLower(bytes));
        Gen.Select(Gen.ULong, Gen.ULong[1, ulong.MaxValue], Gen.String, sha).ForAll((number, sequence, reason, hash) =>
        {
            var entry = new ChainEntry
            {
                Number = number,
                Kind = EntryKind.Deletion,
                Time = "2026-11-23T08:30:00.123456789Z",
                Previous = hash,
                Sequence = sequence,
                File = new Packets.Pcapng.SegmentName("20261123T083000.123456789Z", sequence, InProgress: false).ToString(),
                Entry = number,
                Sha256 = hash,
                Reason = ChainEntry.CleanReason(reason),
                Key = hash,
                Signature = "MEQ=",
            };
            byte[] line = entry.ToLine();
            Assert.InRange(line.Length, 1, ChainEntry.MaxLineBytes);
            Assert.Equal(entry, ChainEntry.TryParse(line, out string why));
            Assert.True(Encoding.UTF8.GetString(line).EndsWith(",\"signature\":\"MEQ=\"}\n", StringComparison.Ordinal), why);
            Assert.Equal((entry with { Signature = "" }).ToLine(), ChainEntry.SignedPart(line).ToArray());
        });
    }

    [Fact]
    public void No_line_is_too_odd_to_be_refused()
    {
        Gen<string> member = OneOf("number", "kind", "time", "previous", "sequence", "file", "reason", "publicKey", "key", "signature", "x");
        Gen<string> value = Gen.OneOf(
            OneOf("null", "true", "{}", "[", "\"\"", "\"key\"", "\"\\ud800\"", "1e99", "-1", "18446744073709551616"),
            Gen.ULong.Select(n => n.ToString(System.Globalization.CultureInfo.InvariantCulture)),
            Gen.String);
        Gen.Select(member, value, (m, v) => $"\"{m}\":{v}").Array[0, 12].ForAll(members =>
            Assert.Null(ChainEntry.TryParse(Encoding.UTF8.GetBytes("{" + string.Join(',', members) + "}\n"), out _)));
        Gen.Byte.Array[0, 200].ForAll(bytes => Assert.Null(ChainEntry.TryParse(bytes, out _)));
    }

    private static Gen<string> OneOf(params string[] words) => Gen.Int[0, words.Length - 1].Select(i => words[i]);

    [Fact]
    public void Runs_of_numbers_are_a_set_with_gaps()
    {
        Gen.ULong[1, 40].Array[0, 60].ForAll(numbers =>
        {
            var runs = new SequenceRanges();
            var set = new SortedSet<ulong>();
            foreach (ulong number in numbers)
                Assert.Equal(set.Add(number), runs.Add(number));
            Assert.Equal((ulong)set.Count, runs.Count);
            for (ulong n = 1; n <= 41; n++)
            {
                Assert.Equal(set.Contains(n), runs.Contains(n));
                Assert.Equal(set.Where(m => m < n).DefaultIfEmpty(0ul).Max(), runs.Below(n));
            }

            ulong[] missing = [.. runs.Gaps().SelectMany(g => Enumerable.Range((int)g.First, (int)(g.Last - g.First + 1)).Select(n => (ulong)n))];
            Assert.Equal(Enumerable.Range(1, (int)set.DefaultIfEmpty(0ul).Max()).Select(n => (ulong)n).Except(set), missing);
        });
    }

    private static string Text(ChainReport report) => string.Join("; ", report.Breaks);

    private static void AssertBreak(ChainReport report, ulong entry, string file, string reason)
    {
        Assert.False(report.Good);
        ChainBreak first = report.Breaks[0];
        Assert.Equal((entry, file), (first.Entry, first.File));
        Assert.Contains(reason, first.Reason, StringComparison.Ordinal);
    }
}
