// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Timing.Raw;
using CsCheck;
using Xunit;

namespace Capbox.Tests;

/// <summary>t1 to t4 on disk: what is written is read, the files stay within their bound, and the clock's thread pays nothing.</summary>
public sealed class ExchangeLogTests : IDisposable
{
    private readonly string _archive = Directory.CreateTempSubdirectory("capbox-test-").FullName;

    public void Dispose() => Directory.Delete(_archive, recursive: true);

    [Fact]
    public void Every_record_reads_back_as_it_was_written_and_no_flipped_bit_is_believed() =>
        Gen.Select(Gen.Long, Gen.Long, Gen.Long, Gen.ULong, Gen.UShort, Gen.Byte, Gen.Bool, Gen.Int[0, (ExchangeFormat.Bytes * 8) - 1]).ForAll((utc, stamp, correction, identity, number, domain, flag, bit) =>
        {
            MeasurementSource source = new(domain, new(new(~identity), number), new(identity), flag, flag ? Timescale.Arbitrary : Timescale.Ptp);
            DelayExchange exchange = new(new(true, new(stamp), new(~stamp), new(correction), number), new(false, new(stamp ^ 7), new(stamp ^ 11), new(~correction), (ushort)~number));
            ExchangeRecord record = new(utc, source, exchange, identity is 0 ? 0 : (uint)identity);
            byte[] bytes = new byte[ExchangeFormat.Bytes];
            ExchangeFormat.Write(record, bytes);
            Assert.True(ExchangeFormat.TryRead(bytes, out ExchangeRecord read));
            Assert.Equal(record, read);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(ExchangeFormat.TryRead(bytes, out _));
        });

    [Fact]
    public void What_was_posted_is_there_after_the_end_and_after_a_restart_behind_a_torn_record()
    {
        using (ExchangeLog log = new(_archive, 1 << 20))
            Post(log, 0, 100);
        string path = ExchangeFiles.PathOf(_archive, 1);
        File.AppendAllBytes(path, new byte[5]);
        Assert.Equal(1, ExchangeFiles.Read(_archive, 1, _ => { }));
        using (ExchangeLog log = new(_archive, 1 << 20))
            Post(log, 100, 10);
        Assert.Equal(Enumerable.Range(0, 110).Select(i => (ushort)i), Sequences(out int damaged));
        Assert.Equal(0, damaged);
        Assert.Equal([1], ExchangeFiles.Numbers(_archive));
    }

    [Fact]
    public void The_files_stay_within_their_bound_and_the_youngest_are_kept()
    {
        const long Bound = 8 * 10 * ExchangeFormat.Bytes;
        for (int round = 0; round < 5; round++)
        {
            using ExchangeLog log = new(_archive, Bound);
            Post(log, round * 35, 35);
        }

        Assert.True(new DirectoryInfo(ExchangeFiles.Folder(_archive)).EnumerateFiles().Sum(f => f.Length) <= Bound);
        ushort[] kept = [.. Sequences(out _)];
        Assert.InRange(kept.Length, 71, 80);
        Assert.Equal(Enumerable.Range(175 - kept.Length, kept.Length).Select(i => (ushort)i), kept);
    }

    [Fact]
    public void What_finds_no_room_is_counted_in_the_next_record_and_nothing_is_allocated()
    {
        // A file where the directory should be: nothing can be written.
        string blocked = Path.Combine(_archive, "blocked");
        File.WriteAllText(blocked, "");
        using ExchangeLog log = new(blocked, 1 << 20);
        Post(log, 0, 1);
        Assert.Equal(0, Enumerable.Range(0, 5).Min(i => Allocation.OfThisThread(() => Post(log, 1 + (i * 2_000), 2_000))));
        Assert.True(SpinWait.SpinUntil(() => log.Fault is not null, TimeSpan.FromSeconds(60)), "no fault");
        File.Delete(blocked);
        Assert.True(SpinWait.SpinUntil(() => log.Fault is null && File.Exists(ExchangeFiles.PathOf(blocked, 1)), TimeSpan.FromSeconds(60)), log.Fault);
        Post(log, 20_000, 1);
        Assert.True(SpinWait.SpinUntil(() => LeftOut(blocked) > 0, TimeSpan.FromSeconds(60)), "what was left out is not told");
        Assert.Equal(10_001 - 8_192, LeftOut(blocked));
    }

    private static void Post(ExchangeLog log, int first, int count)
    {
        for (int i = first; i < first + count; i++)
        {
            MeasurementSource source = new(0, new(new(1), 1), new(1), true, Timescale.Ptp);
            log.Post(source, new(new(true, new(i), new(i + 1), default, (ushort)i), new(false, new(i + 2), new(i + 3), default, (ushort)i)));
        }
    }

    private List<ushort> Sequences(out int damaged)
    {
        List<ushort> sequences = [];
        damaged = 0;
        foreach (int number in ExchangeFiles.Numbers(_archive))
            damaged += ExchangeFiles.Read(_archive, number, r => sequences.Add(r.Exchange.Sync.SequenceId));
        return sequences;
    }

    private static long LeftOut(string archive)
    {
        long sum = 0;
        foreach (int number in ExchangeFiles.Numbers(archive))
            _ = ExchangeFiles.Read(archive, number, r => sum += r.LeftOut);
        return sum;
    }
}
