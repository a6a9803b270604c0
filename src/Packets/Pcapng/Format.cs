// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Packets.Pcapng;

/// <summary>
/// Numbers of the PCAPNG format (draft-ietf-opsawg-pcapng) and of what capbox puts into its custom options. The whole
/// format is specified in docs/internals/segments.md; a change here changes that page, the golden files and <see cref="RecordVersion"/>.
/// </summary>
public static class Format
{
    /// <summary>Everything after the header starts on a multiple of this, so that every write can be O_DIRECT.</summary>
    public const int PageBytes = 4096;

    public const uint SectionHeaderBlock = 0x0A0D0D0A;
    public const uint InterfaceDescriptionBlock = 1;
    public const uint InterfaceStatisticsBlock = 5;
    public const uint EnhancedPacketBlock = 6;
    public const uint ByteOrderMagic = 0x1A2B3C4D;

    public const ushort OptEndOfOpt = 0;
    public const ushort OptComment = 1;
    public const ushort ShbHardware = 2;
    public const ushort ShbOs = 3;
    public const ushort ShbUserAppl = 4;
    public const ushort IfName = 2;
    public const ushort IfDescription = 3;
    public const ushort IfMacAddr = 6;
    public const ushort IfSpeed = 8;
    public const ushort IfTsResol = 9;
    public const ushort IfFilter = 11;
    public const ushort IfOs = 12;
    public const ushort IfTsOffset = 14;
    public const ushort IfHardware = 15;
    public const ushort EpbFlags = 2;
    public const ushort IsbStartTime = 2;
    public const ushort IsbEndTime = 3;
    public const ushort IsbIfRecv = 4;
    public const ushort IsbIfDrop = 5;
    public const ushort IsbFilterAccept = 6;
    public const ushort IsbOsDrop = 7;
    public const ushort IsbUsrDeliv = 8;

    /// <summary>opt_custom with binary data that a tool which rewrites the file must not copy.</summary>
    public const ushort OptCustomBinaryNoCopy = 19373;

    /// <summary>The documentation enterprise number (RFC 5612), until capbox has an own one.</summary>
    public const uint EnterpriseNumber = 32473;

    /// <summary>"CPBX" as it lies in the file: a custom option of ours that is a record, not padding.</summary>
    public const uint RecordMagic = 0x58425043;

    public const ushort RecordVersion = 1;

    /// <summary>libpcap refuses a larger if_snaplen (MAXIMUM_SNAPLEN).</summary>
    public const int MaxSnapLength = 262144;

    /// <summary>if_tsresol: stamps count nanoseconds.</summary>
    public const byte NanosecondResolution = 9;

    /// <summary>Block type, total length, interface, two halves of the stamp, captured and original length.</summary>
    public const int EpbHeaderBytes = 28;

    /// <summary>Block type, total length, interface, two halves of the stamp.</summary>
    public const int IsbHeaderBytes = 20;

    /// <summary>Option code, option length, enterprise number.</summary>
    public const int CustomOptionHeaderBytes = 8;

    /// <summary>Option lengths are 16 bits.</summary>
    public const int MaxOptionBytes = 65535;

    /// <summary>The interface of a port's software stamps (UTC, system clock).</summary>
    public static uint SoftwareInterface(int port) => (uint)port * 2;

    /// <summary>The interface of a port's hardware stamps (TAI, the NIC's clock; if_tsoffset brings readers to UTC).</summary>
    public static uint HardwareInterface(int port) => ((uint)port * 2) + 1;

    public static int AlignUp(int value, int alignment) => (value + alignment - 1) & ~(alignment - 1);

    public static long AlignUp(long value, int alignment) => (value + alignment - 1) & ~(alignment - 1L);
}

/// <summary>What a record (a custom option that starts with <see cref="Format.RecordMagic"/>) contains.</summary>
public enum RecordKind : ushort
{
    /// <summary><see cref="ChunkRecord"/> in the ISB that opens a chunk.</summary>
    Chunk = 1,

    /// <summary>
    /// <see cref="ChunkRecord"/> of a chunk without packets, put by the sealing or the repair where a chunk was never written whole.
    /// </summary>
    Filler = 2,

    /// <summary><see cref="IndexHeader"/> and <see cref="IndexEntry"/>s in a footer ISB.</summary>
    Index = 3,

    /// <summary><see cref="TotalRecord"/> in a port's final ISB.</summary>
    Total = 4,

    /// <summary><see cref="TrailerRecord"/> in the last ISB of the file.</summary>
    Trailer = 5,

    /// <summary><see cref="OriginRecord"/> in the SHB.</summary>
    Origin = 6,
}

/// <summary>How far the stamps of a chunk can be trusted.</summary>
public enum ClockState : ushort
{
    /// <summary>The system clock as it is, with no claim.</summary>
    Untraceable = 0,
    Unsynchronised = 1,
    Acquiring = 2,
    Locked = 3,
    Degraded = 4,
    Holdover = 5,
}

/// <summary>Which of two clock states is to be trusted less.</summary>
public static class ClockTrust
{
    /// <summary>0 for no claim at all up to 5 for locked.</summary>
    public static int Rank(ClockState state) => state switch
    {
        ClockState.Locked => 5,
        ClockState.Holdover => 4,
        ClockState.Degraded => 3,
        ClockState.Acquiring => 2,
        ClockState.Unsynchronised => 1,
        _ => 0,
    };

    public static ClockState Worse(ClockState left, ClockState right) => Rank(left) <= Rank(right) ? left : right;
}

/// <summary>What is known of a chunk beyond its counters.</summary>
[Flags]
public enum ChunkFlags : ushort
{
    None = 0,

    /// <summary>From packet to packet the stamps, as UTC, never go back. Not set: they may, or it was not checked.</summary>
    InOrder = 1,
}

/// <summary>
/// Record of a chunk: 144 bytes, little endian, after the enterprise number of the custom option in the ISB
/// that opens the chunk. Counters are those of this chunk alone; a reader adds them up.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public struct ChunkRecord
{
    public uint Magic;
    public ushort Version;
    public RecordKind Kind;

    /// <summary>From the first byte of the chunk's ISB to the next chunk, a multiple of 4096.</summary>
    public uint ChunkBytes;
    public uint Packets;

    /// <summary>Where this chunk starts in its file: distinguishes a chunk from stale data on the disk.</summary>
    public ulong FileOffset;
    public ulong SegmentSequence;

    /// <summary>Counts the blocks of one ring since the recorder started; a jump is a block that was given up.</summary>
    public ulong RingSequence;

    /// <summary>Index of the port in this file; its interfaces are 2 * port (software) and 2 * port + 1 (hardware).</summary>
    public ushort Port;
    public ushort Ring;
    public uint HardwareStampedPackets;

    /// <summary>Earliest stamp in the chunk, UTC nanoseconds, whichever clock gave it.</summary>
    public long FirstUtcNs;

    /// <summary>Latest stamp in the chunk, UTC nanoseconds.</summary>
    public long LastUtcNs;
    public ulong CapturedBytes;
    public ulong OriginalBytes;

    /// <summary>Packets that the port's filter rejected since the ring's chunk before.</summary>
    public ulong FilteredPackets;

    /// <summary>Lost because the ring was full (PACKET_STATISTICS tp_drops).</summary>
    public ulong LostRing;

    /// <summary>Lost because the disk did not take them: ring full while the disk refused writes, or a block given up.</summary>
    public ulong LostDisk;

    /// <summary>Lost in the NIC (rx_missed_errors, rx_fifo_errors).</summary>
    public ulong LostNic;

    /// <summary>
    /// Lost in the kernel before the ring: a CPU's backlog was full (rx_dropped of the interface and /proc/net/softnet_stat).
    /// </summary>
    public ulong LostHost;

    /// <summary>Packets stored with fewer bytes than they had.</summary>
    public uint TruncatedPackets;

    /// <summary>Times the kernel found every block of the ring in use (tp_freeze_q_cnt).</summary>
    public uint RingFreezes;

    /// <summary>Nanoseconds before this chunk in which the port was down or gone and nothing could be captured.</summary>
    public ulong GapNs;
    public ClockState ClockState;
    public ChunkFlags Flags;

    /// <summary>Bound of the stamps' error, nanoseconds; all ones when no bound is claimed.</summary>
    public uint ClockBoundNs;

    public readonly bool IsRecord(RecordKind kind) => Magic == Format.RecordMagic && Version == Format.RecordVersion && Kind == kind;

    public readonly ulong LostPackets => LostRing + LostDisk + LostNic + LostHost;

    /// <summary>Adds what another one counts beside its packets: the rejected, the lost, freezes and gaps.</summary>
    public void AddLosses(in ChunkRecord other)
    {
        FilteredPackets += other.FilteredPackets;
        LostRing += other.LostRing;
        LostDisk += other.LostDisk;
        LostNic += other.LostNic;
        LostHost += other.LostHost;
        RingFreezes += other.RingFreezes;
        GapNs += other.GapNs;
    }
}

/// <summary>Totals of one port in one segment: 120 bytes in the port's final ISB. The sum of its chunks' records.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public struct TotalRecord
{
    public uint Magic;
    public ushort Version;
    public RecordKind Kind;
    public ushort Port;

    /// <summary>The worst of its chunks with packets, in the order of <see cref="ClockTrust.Rank"/>.</summary>
    public ClockState ClockState;
    public uint Chunks;
    public ulong Packets;

    /// <summary>Earliest stamp, UTC nanoseconds; <see cref="long.MaxValue"/> when there is no packet.</summary>
    public long FirstUtcNs;

    /// <summary>Latest stamp, UTC nanoseconds; <see cref="long.MinValue"/> when there is no packet.</summary>
    public long LastUtcNs;
    public ulong CapturedBytes;
    public ulong OriginalBytes;
    public ulong FilteredPackets;
    public ulong LostRing;
    public ulong LostDisk;
    public ulong LostNic;
    public ulong LostHost;
    public ulong TruncatedPackets;
    public ulong HardwareStampedPackets;
    public ulong GapNs;

    public readonly ulong LostPackets => LostRing + LostDisk + LostNic + LostHost;

    public static TotalRecord Empty(int port) => new()
    {
        Magic = Format.RecordMagic,
        Version = Format.RecordVersion,
        Kind = RecordKind.Total,
        Port = (ushort)port,
        FirstUtcNs = long.MaxValue,
        LastUtcNs = long.MinValue,
    };

    /// <summary>Adds a chunk's own counters to the port's totals.</summary>
    public void Add(in ChunkRecord chunk)
    {
        if (chunk.Packets > 0)
            ClockState = Packets == 0 ? chunk.ClockState : ClockTrust.Worse(ClockState, chunk.ClockState);
        Chunks++;
        Packets += chunk.Packets;
        if (chunk.Packets > 0)
        {
            FirstUtcNs = Math.Min(FirstUtcNs, chunk.FirstUtcNs);
            LastUtcNs = Math.Max(LastUtcNs, chunk.LastUtcNs);
        }

        CapturedBytes += chunk.CapturedBytes;
        OriginalBytes += chunk.OriginalBytes;
        FilteredPackets += chunk.FilteredPackets;
        LostRing += chunk.LostRing;
        LostDisk += chunk.LostDisk;
        LostNic += chunk.LostNic;
        LostHost += chunk.LostHost;
        TruncatedPackets += chunk.TruncatedPackets;
        HardwareStampedPackets += chunk.HardwareStampedPackets;
        GapNs += chunk.GapNs;
    }
}

/// <summary>Opens an index option: 16 bytes, followed by <see cref="Count"/> entries.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public struct IndexHeader
{
    public uint Magic;
    public ushort Version;
    public RecordKind Kind;

    /// <summary>Number of the first entry of this option among all entries of the file.</summary>
    public uint FirstEntry;
    public uint Count;
}

/// <summary>One chunk in the footer's index: 40 bytes. Entries are in order of <see cref="FileOffset"/>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public struct IndexEntry
{
    public ulong FileOffset;
    public long FirstUtcNs;
    public long LastUtcNs;
    public uint ChunkBytes;
    public uint Packets;
    public ushort Port;
    public ushort Ring;

    /// <summary>Lost packets by any cause, as in the chunk's record; stops at 2^32-1.</summary>
    public uint Lost;

    public static IndexEntry From(in ChunkRecord chunk) => new()
    {
        FileOffset = chunk.FileOffset,
        FirstUtcNs = chunk.FirstUtcNs,
        LastUtcNs = chunk.LastUtcNs,
        ChunkBytes = chunk.ChunkBytes,
        Packets = chunk.Packets,
        Port = chunk.Port,
        Ring = chunk.Ring,
        Lost = (uint)Math.Min(chunk.LostPackets, uint.MaxValue),
    };
}

/// <summary>Flags of a <see cref="TrailerRecord"/>.</summary>
[Flags]
public enum TrailerFlags : uint
{
    None = 0,

    /// <summary>The segment was cut off and its footer was rebuilt at the next start.</summary>
    Repaired = 1,

    /// <summary>At least one chunk was never written whole and a filler stands in its place.</summary>
    HasFiller = 2,
}

/// <summary>The last record of a sealed segment: 56 bytes, so its ISB is the last 92 bytes of the file.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public struct TrailerRecord
{
    public uint Magic;
    public ushort Version;
    public RecordKind Kind;

    /// <summary>Where the footer (index ISBs, final ISBs, trailer) starts.</summary>
    public ulong FooterOffset;

    /// <summary>Length of the footer with the trailer; a multiple of 4096.</summary>
    public uint FooterBytes;
    public uint Chunks;

    /// <summary>CRC-32C (RFC 3720) over the footer up to the trailer's ISB.</summary>
    public uint FooterCrc32C;
    public TrailerFlags Flags;
    public ulong SegmentSequence;
    public long StartedUtcNs;
    public long SealedUtcNs;
}

/// <summary>What made the file: 56 bytes in the SHB.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public struct OriginRecord
{
    public uint Magic;
    public ushort Version;
    public RecordKind Kind;
    public ulong SegmentSequence;
    public long StartedUtcNs;
    public ulong ConfigRevision;

    /// <summary>Random, new at each start of the recorder: ring sequences are comparable within one run only.</summary>
    public Guid RunId;

    /// <summary>
    /// Length of SHB and IDBs with padding: where the first chunk starts. 4096 unless many ports or long filters need more.
    /// </summary>
    public uint HeaderBytes;
    public ushort Ports;
    public ushort Reserved;
}
