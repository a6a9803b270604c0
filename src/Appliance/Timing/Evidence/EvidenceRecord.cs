// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Text;
using Capbox.Packets.Pcapng;

namespace Capbox.Timing.Evidence;

/// <summary>A record of the evidence: a second of the source clock, or an event (<see cref="Text"/>).</summary>
internal sealed record EvidenceRecord
{
    /// <summary>CLOCK_REALTIME as it was.</summary>
    public required long UtcNs { get; init; }

    /// <summary>CLOCK_MONOTONIC_RAW: orders the records of a run, however the clocks were set.</summary>
    public required long RawNs { get; init; }

    /// <summary>The event; null for a second.</summary>
    public string? Text { get; init; }
    public ClockState State { get; init; }

    /// <summary>Estimated clock minus true time, ns.</summary>
    public double OffsetNs { get; init; }

    /// <summary>Divergence from UTC: no stamp was further off, offset included, ns. NaN: no bound was known.</summary>
    public double BoundNs { get; init; } = double.NaN;
    public ClockBoundParts? Parts { get; init; }
    public double FrequencyPpb { get; init; }

    /// <summary>Identity of the grandmaster; 0 without one.</summary>
    public ulong Grandmaster { get; init; }
    public int Domain { get; init; }
    public int ClockClass { get; init; }
    public int StepsRemoved { get; init; }

    /// <summary>TAI - UTC, s; 0 if unknown.</summary>
    public int UtcOffsetSeconds { get; init; }

    /// <summary>Steps since the start.</summary>
    public uint Steps { get; init; }

    /// <summary>State of the system clock; null if it does not follow.</summary>
    public ClockState? SystemState { get; init; }
    public double SystemOffsetNs { get; init; }
    public double SystemBoundNs { get; init; } = double.NaN;
}

/// <summary>The record on disk, little-endian, <see cref="Bytes"/> each (docs/internals/time.md, Evidence).</summary>
internal static class EvidenceFormat
{
    public const int Bytes = 128;

    /// <summary>Longest text of an event, bytes; longer ones are cut between characters.</summary>
    public const int TextBytes = CrcAt - TextAt;

    private const uint Magic = 0x5645_4243; // CBEV
    private const byte Version = 1, Second = 1, Event = 2, NoSystem = 0xFF;
    private const int TextAt = 24, CrcAt = 124;

    public static void Write(EvidenceRecord record, Span<byte> to)
    {
        to[..Bytes].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(to, Magic);
        (to[4], to[5], to[6]) = (Version, record.Text is null ? Second : Event, (byte)record.State);
        BinaryPrimitives.WriteInt64LittleEndian(to[8..], record.UtcNs);
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], record.RawNs);
        if (record.Text is { } text)
            Encoding.UTF8.GetBytes(Cut(text), to.Slice(TextAt, TextBytes));
        else
            WriteSecond(record, to);
        BinaryPrimitives.WriteUInt32LittleEndian(to[CrcAt..], Crc32C.Compute(to[..CrcAt]));
    }

    /// <summary>Reads a record; null if it is damaged or of another version.</summary>
    public static EvidenceRecord? Read(ReadOnlySpan<byte> from)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(from) != Magic || from[4] != Version
            || BinaryPrimitives.ReadUInt32LittleEndian(from[CrcAt..]) != Crc32C.Compute(from[..CrcAt]))
            return null;
        var head = new EvidenceRecord
        {
            UtcNs = BinaryPrimitives.ReadInt64LittleEndian(from[8..]),
            RawNs = BinaryPrimitives.ReadInt64LittleEndian(from[16..]),
            State = (ClockState)from[6],
        };
        return from[5] switch
        {
            Second => ReadSecond(head, from),
            Event => head with { Text = Encoding.UTF8.GetString(from.Slice(TextAt, TextBytes)).TrimEnd('\0') },
            _ => null,
        };
    }

    private static void WriteSecond(EvidenceRecord record, Span<byte> to)
    {
        to[7] = record.SystemState is { } system ? (byte)system : NoSystem;
        BinaryPrimitives.WriteDoubleLittleEndian(to[24..], record.OffsetNs);
        BinaryPrimitives.WriteDoubleLittleEndian(to[32..], record.BoundNs);
        ClockBoundParts parts = record.Parts ?? new(0, 0, 0, 0, 0, 0);
        double[] each = [parts.Grandmaster, parts.Asymmetry, parts.Statistical, parts.Read, parts.Holdover, parts.Unresolved];
        for (int i = 0; i < each.Length; i++)
            BinaryPrimitives.WriteSingleLittleEndian(to[(40 + (4 * i))..], (float)each[i]);
        BinaryPrimitives.WriteSingleLittleEndian(to[64..], (float)record.FrequencyPpb);
        BinaryPrimitives.WriteInt16LittleEndian(to[68..], (short)record.UtcOffsetSeconds);
        BinaryPrimitives.WriteUInt16LittleEndian(to[70..], (ushort)record.StepsRemoved);
        BinaryPrimitives.WriteUInt64LittleEndian(to[72..], record.Grandmaster);
        (to[80], to[81]) = ((byte)record.Domain, (byte)record.ClockClass);
        BinaryPrimitives.WriteUInt32LittleEndian(to[84..], record.Steps);
        BinaryPrimitives.WriteDoubleLittleEndian(to[88..], record.SystemOffsetNs);
        BinaryPrimitives.WriteDoubleLittleEndian(to[96..], record.SystemBoundNs);
    }

    private static EvidenceRecord ReadSecond(EvidenceRecord head, ReadOnlySpan<byte> from)
    {
        double bound = BinaryPrimitives.ReadDoubleLittleEndian(from[32..]);
        Span<float> part = stackalloc float[6];
        for (int i = 0; i < part.Length; i++)
            part[i] = BinaryPrimitives.ReadSingleLittleEndian(from[(40 + (4 * i))..]);
        return head with
        {
            SystemState = from[7] == NoSystem ? null : (ClockState)from[7],
            OffsetNs = BinaryPrimitives.ReadDoubleLittleEndian(from[24..]),
            BoundNs = bound,
            Parts = double.IsNaN(bound) ? null : new(part[0], part[1], part[2], part[3], part[4], part[5]),
            FrequencyPpb = BinaryPrimitives.ReadSingleLittleEndian(from[64..]),
            UtcOffsetSeconds = BinaryPrimitives.ReadInt16LittleEndian(from[68..]),
            StepsRemoved = BinaryPrimitives.ReadUInt16LittleEndian(from[70..]),
            Grandmaster = BinaryPrimitives.ReadUInt64LittleEndian(from[72..]),
            Domain = from[80],
            ClockClass = from[81],
            Steps = BinaryPrimitives.ReadUInt32LittleEndian(from[84..]),
            SystemOffsetNs = BinaryPrimitives.ReadDoubleLittleEndian(from[88..]),
            SystemBoundNs = BinaryPrimitives.ReadDoubleLittleEndian(from[96..]),
        };
    }

    private static string Cut(string text)
    {
        while (Encoding.UTF8.GetByteCount(text) > TextBytes)
            text = text[..^1];
        return text;
    }
}
