// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Capbox.Packets.Pcapng;

namespace Capbox.Bench;

/// <summary>
/// What a summary of hosts and ports in each chunk (a Bloom filter of 256 bytes, two bits for each of source and destination address and port) would cost for each stored packet. Nothing
/// of it is in the product: the figure decides whether it should be. The walk over the packets alone, which the rewriter does anyway, is taken off.
/// </summary>
internal sealed unsafe class SummaryStage(BenchOptions options)
{
    private const int FilterBytes = 256, ChunkBytes = (1 << 20) - Format.PageBytes;
    private const int Chunks = 96; // more than the caches hold, as a ring is
    private const int Hosts = 250;

    public JsonObject Run()
    {
        var result = new JsonObject();
        Console.WriteLine();
        Console.WriteLine("summary: a Bloom filter of hosts and ports for each chunk, ns a packet beyond the walk (target for building it: under 15)");
        foreach (int frameBytes in new[] { 64, 594, 1500 })
        {
            var cold = Measure(frameBytes, Chunks);
            var warm = Measure(frameBytes, 1);
            result[$"coldNs{frameBytes}"] = Stat.Finite(cold);
            result[$"warmNs{frameBytes}"] = Stat.Finite(warm);
            Console.WriteLine(Stat.Line($"  {frameBytes,5} B: {cold,6:F1} from memory, {warm,6:F1} from cache"));
        }

        return result;
    }

    private double Measure(int frameBytes, int chunkCount)
    {
        SyntheticChunk[] chunks = [.. Enumerable.Range(0, chunkCount).Select(_ => new SyntheticChunk(ChunkBytes, frameBytes, Hosts))];
        byte* filter = stackalloc byte[FilterBytes];
        var costs = new List<double>();
        long sink = 0;
        for (int round = 0; round < Math.Max(3, options.Rounds) + 1; round++)
        {
            double walk = Time(chunks, filter, summary: false, ref sink), both = Time(chunks, filter, summary: true, ref sink);
            // The first round is for the compiler.
            if (round > 0)
                costs.Add(both - walk);
        }

        foreach (SyntheticChunk chunk in chunks)
            chunk.Dispose();
        return sink == 0 ? double.NaN : Stat.Median(costs);
    }

    private static double Time(SyntheticChunk[] chunks, byte* filter, bool summary, ref long sink)
    {
        long packets = 0;
        int passes = Math.Max(1, 192 / chunks.Length);
        long started = Stopwatch.GetTimestamp();
        for (int pass = 0; pass < passes; pass++)
        {
            foreach (SyntheticChunk chunk in chunks)
            {
                new Span<byte>(filter, FilterBytes).Clear();
                packets += summary ? Walk<Summary>((byte*)chunk.Address, filter, ref sink) : Walk<Nothing>((byte*)chunk.Address, filter, ref sink);
                sink += filter[7];
            }
        }

        return Stopwatch.GetElapsedTime(started).TotalNanoseconds / packets;
    }

    /// <summary>Hops from block to block and touches each header, as the rewriter does.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Walk<TWork>(byte* chunk, byte* filter, ref long sink)
        where TWork : struct, IWork
    {
        int packets = 0;
        byte* end = chunk + ChunkBytes;
        for (byte* at = chunk + *(uint*)(chunk + 4); at < end; at += *(uint*)(at + 4), packets++)
        {
            sink += *(uint*)(at + 20);
            TWork.Do(at + Format.EpbHeaderBytes, filter);
        }

        return packets;
    }

    private interface IWork
    {
        static abstract void Do(byte* frame, byte* filter);
    }

    private readonly struct Nothing : IWork
    {
        public static void Do(byte* frame, byte* filter)
        {
        }
    }

    /// <summary>Untagged IPv4 with TCP or UDP in mind; IPv6 has two words more to hash.</summary>
    private readonly struct Summary : IWork
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Do(byte* frame, byte* filter)
        {
            if (*(ushort*)(frame + 12) != BinaryPrimitives.ReverseEndianness((ushort)0x0800))
                return;
            byte* transport = frame + 14 + ((frame[14] & 15) * 4);
            Put(filter, *(uint*)(frame + 26));
            Put(filter, *(uint*)(frame + 30));
            if (frame[23] is not (6 or 17))
                return;
            Put(filter, *(ushort*)transport | 0x10000u);
            Put(filter, *(ushort*)(transport + 2) | 0x10000u);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Put(byte* filter, uint key)
        {
            ulong hash = key * 0x9E3779B97F4A7C15ul;
            uint first = (uint)(hash >> 53), second = (uint)(hash >> 42) & 2047;
            filter[first >> 3] |= (byte)(1 << (int)(first & 7));
            filter[second >> 3] |= (byte)(1 << (int)(second & 7));
        }
    }
}
