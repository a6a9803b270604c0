// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Packets.Pcapng;

/// <summary>Checks a chunk's packets against its record, and the order of stamps and sequences within each ring.</summary>
internal sealed class ChunkVerifier(SegmentReader reader, VerifyFindings findings)
{
    /// <summary>
    /// Rings whose order is followed; a real segment has at most 64 per port. More than that is hostile and not followed.
    /// </summary>
    private const int MaxRings = 4096;

    private readonly Dictionary<(ushort Port, ushort Ring), RingOrder> rings = [];

    public void Check(in ChunkRecord chunk)
    {
        ChunkRecord seen = default;
        seen.FirstUtcNs = long.MaxValue;
        seen.LastUtcNs = long.MinValue;
        seen.Flags = ChunkFlags.InOrder;
        RingOrder? order = OrderOf(chunk);
        try
        {
            PacketEnumerator packets = reader.Packets(chunk);
            CheckStatistics(chunk, packets.Statistics);
            while (packets.MoveNext())
            {
                SegmentPacket packet = packets.Current;
                Count(ref seen, packet);
                order?.Packet(packet);
            }
        }
        catch (SegmentFormatException exception)
        {
            findings.Error(exception.Offset, $"{exception.Reason} (in the chunk at {chunk.FileOffset})");
            return;
        }

        Compare(chunk, seen);
    }

    /// <summary>Reports what was seen of the order in each ring.</summary>
    public void Finish()
    {
        foreach (((ushort port, ushort ring), RingOrder order) in rings)
        {
            if (order.StepsBack > 0)
                findings.Info(order.FirstStepBackOffset,
                    $"port {port} ring {ring}: {order.StepsBack} stamps earlier than the one before, by {order.MaxBackNs} ns at most");
            if (order.MissingBlocks > 0)
                findings.Info(order.FirstMissingOffset,
                    $"port {port} ring {ring}: {order.MissingBlocks} blocks are missing in the sequence");
        }
    }

    private RingOrder? OrderOf(in ChunkRecord chunk)
    {
        if (chunk.Kind == RecordKind.Filler)
            return null;
        if (!rings.TryGetValue((chunk.Port, chunk.Ring), out RingOrder? order))
        {
            if (rings.Count == MaxRings)
                return null;
            rings[(chunk.Port, chunk.Ring)] = order = new RingOrder();
        }

        order.Chunk(chunk);
        return order;
    }

    private static void Count(ref ChunkRecord seen, in SegmentPacket packet)
    {
        seen.Packets++;
        seen.CapturedBytes += (uint)packet.CapturedLength;
        seen.OriginalBytes += packet.OriginalLength;
        seen.HardwareStampedPackets += packet.HardwareStamped ? 1u : 0;
        seen.TruncatedPackets += packet.CapturedLength < packet.OriginalLength ? 1u : 0;
        if (packet.UtcNs < seen.LastUtcNs)
            seen.Flags = ChunkFlags.None;
        seen.FirstUtcNs = Math.Min(seen.FirstUtcNs, packet.UtcNs);
        seen.LastUtcNs = Math.Max(seen.LastUtcNs, packet.UtcNs);
    }

    private void Compare(in ChunkRecord chunk, in ChunkRecord seen)
    {
        long at = (long)chunk.FileOffset;
        Compare(at, "captured bytes", chunk.CapturedBytes, seen.CapturedBytes);
        Compare(at, "original bytes", chunk.OriginalBytes, seen.OriginalBytes);
        Compare(at, "hardware-stamped packets", chunk.HardwareStampedPackets, seen.HardwareStampedPackets);
        Compare(at, "truncated packets", chunk.TruncatedPackets, seen.TruncatedPackets);
        if (seen.Packets == 0)
            return;
        if (chunk.Flags.HasFlag(ChunkFlags.InOrder) && !seen.Flags.HasFlag(ChunkFlags.InOrder))
            findings.Error(at, "the chunk's record says that its stamps are in order, but they go back");
        Compare(at, "first stamp (UTC ns)", chunk.FirstUtcNs, seen.FirstUtcNs);
        Compare(at, "last stamp (UTC ns)", chunk.LastUtcNs, seen.LastUtcNs);
    }

    private void Compare<T>(long at, string what, T said, T found)
        where T : IEquatable<T>
    {
        if (!said.Equals(found))
            findings.Error(at, $"the chunk's record says {said} {what}, its packets {found}");
    }

    /// <summary>The standard counters of the ISB against the record that lies beside them.</summary>
    private void CheckStatistics(in ChunkRecord chunk, ReadOnlySpan<byte> options)
    {
        long at = (long)chunk.FileOffset;
        var option = new OptionReader(options, at + Format.IsbHeaderBytes);
        while (option.Next())
        {
            ulong? expected = option.Code switch
            {
                Format.IsbIfRecv => chunk.Packets + chunk.FilteredPackets + chunk.LostPackets,
                Format.IsbIfDrop => chunk.LostNic,
                Format.IsbFilterAccept => chunk.Packets + chunk.LostRing + chunk.LostDisk,
                Format.IsbOsDrop => chunk.LostRing + chunk.LostDisk + chunk.LostHost,
                Format.IsbUsrDeliv => chunk.Packets,
                _ => null,
            };
            if (expected is null)
                continue;
            if (option.Value.Length != 8)
                findings.Error(at, $"statistics option {option.Code} is {option.Value.Length} bytes long");
            else if (BinaryPrimitives.ReadUInt64LittleEndian(option.Value) is var found && found != expected)
                findings.Error(at, $"statistics option {option.Code} is {found}, the chunk's record makes it {expected}");
        }
    }

    /// <summary>What came before in one ring.</summary>
    private sealed class RingOrder
    {
        private readonly long[] lastRawNs = [long.MinValue, long.MinValue];
        private ulong lastSequence;
        private bool hasSequence;

        public long StepsBack { get; private set; }

        public long MaxBackNs { get; private set; }

        public long FirstStepBackOffset { get; private set; }

        public ulong MissingBlocks { get; private set; }

        public long FirstMissingOffset { get; private set; }

        public void Chunk(in ChunkRecord chunk)
        {
            if (hasSequence && chunk.RingSequence > lastSequence + 1)
            {
                FirstMissingOffset = MissingBlocks == 0 ? (long)chunk.FileOffset : FirstMissingOffset;
                MissingBlocks += chunk.RingSequence - lastSequence - 1;
            }

            hasSequence = true;
            lastSequence = chunk.RingSequence;
        }

        public void Packet(in SegmentPacket packet)
        {
            ref long last = ref lastRawNs[packet.HardwareStamped ? 1 : 0];
            if (packet.RawNs < last)
            {
                FirstStepBackOffset = StepsBack++ == 0 ? packet.FileOffset : FirstStepBackOffset;
                MaxBackNs = Math.Max(MaxBackNs, last - packet.RawNs);
            }

            last = packet.RawNs;
        }
    }
}
