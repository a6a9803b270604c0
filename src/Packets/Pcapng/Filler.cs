// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Packets.Pcapng;

/// <summary>
/// A chunk that holds no packets and stands where a chunk was never written whole, so that a reader can hop over the hole. It counts as a
/// chunk: it has an index entry and adds its counters to its port.
/// </summary>
public static class Filler
{
    /// <summary>The largest block that Wireshark and libpcap read, and the largest chunk; a longer hole gets several fillers.</summary>
    public const int MaxBytes = 16 << 20;

    /// <summary>Length of the next filler in a hole.</summary>
    public static int NextBytes(long holeBytes) => (int)Math.Min(holeBytes, MaxBytes);

    /// <summary>Builds a filler; see <see cref="Record"/> for what it takes from the template.</summary>
    public static byte[] Build(in ChunkRecord template, long offset, int holeBytes)
    {
        byte[] chunk = new byte[holeBytes];
        Write(template, offset, chunk);
        return chunk;
    }

    /// <summary>Writes a filler over the whole of <paramref name="destination"/>, which is a multiple of 4096 up to 16 MiB.</summary>
    public static void Write(in ChunkRecord template, long offset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length & (Format.PageBytes - 1), 0, nameof(destination));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, MaxBytes, nameof(destination));
        ChunkRecord record = Record(template, offset, destination.Length);
        var writer = new BlockWriter();
        Footer.BeginStatistics(writer, Format.SoftwareInterface(record.Port), 0);
        Footer.WriteCounts(writer, 0, record.FilteredPackets, record.LostRing, record.LostDisk, record.LostNic, record.LostHost);
        writer.Record(record);
        int head = writer.Length;
        writer.Written.CopyTo(destination);
        Padding.Fill(destination[head..^4]);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], (uint)destination.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[^4..], (uint)destination.Length);
    }

    /// <summary>The filler's record: port, ring, sequences, losses, gap and clock of the template, and no packets.</summary>
    public static ChunkRecord Record(in ChunkRecord template, long offset, int holeBytes)
    {
        ChunkRecord record = template;
        record.Magic = Format.RecordMagic;
        record.Version = Format.RecordVersion;
        record.Kind = RecordKind.Filler;
        record.ChunkBytes = (uint)holeBytes;
        record.FileOffset = (ulong)offset;
        record.Packets = 0;
        record.HardwareStampedPackets = 0;
        record.TruncatedPackets = 0;
        record.CapturedBytes = 0;
        record.OriginalBytes = 0;
        record.FirstUtcNs = long.MaxValue;
        record.LastUtcNs = long.MinValue;
        return record;
    }
}
