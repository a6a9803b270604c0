// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Time;

namespace Capbox.Packets.Capture;

/// <summary>What a ring has counted since it was asked last.</summary>
/// <param name="Received">
/// Packets that passed the filter and got into the ring. Modulo 2^64: a ring whose blocks the kernel reclaims counts back.
/// </param>
/// <param name="Dropped">Packets that passed the filter and did not, or whose block the kernel reclaimed.</param>
/// <param name="Filtered">Packets that the filter rejected.</param>
/// <param name="Freezes">Times the ring was found full.</param>
/// <param name="Refused">
/// Packets that passed the filter and no block can have: larger than one, or in memory that the CPU cannot read.
/// </param>
internal readonly record struct RingGrowth(ulong Received, ulong Dropped, ulong Filtered, ulong Freezes, ulong Refused = 0);

/// <summary>What a block that became a chunk is, before it is known where it goes.</summary>
internal struct RewrittenBlock
{
    /// <summary>Counts, stamps and bytes; the rest (offset, sequence, losses) is the recorder's to fill in.</summary>
    public ChunkRecord Record;

    /// <summary>The interface of the first packet, and its clock's first and last stamp.</summary>
    public uint InterfaceId;
    public ulong FirstStampNs;
    public ulong LastStampNs;

    /// <summary>Blocks before it in its ring that the kernel reclaimed.</summary>
    public ulong Skipped;
}

/// <summary>
/// A ring of blocks that the kernel fills, as its recorder sees it: slots 0 to <see cref="SlotCount"/> - 1 become the recorder's one after
/// the other, round and round, and go back in any order. One thread uses it.
/// </summary>
internal abstract unsafe class BlockRing : IDisposable
{
    public abstract int SlotCount { get; }

    /// <summary>
    /// True if the kernel has handed this slot over and it has not gone back since. Asked for slots in their order only, each before the
    /// one after it.
    /// </summary>
    public abstract bool IsHandedOver(int slot);

    /// <summary>Packets in a slot that was handed over.</summary>
    public abstract uint PacketsIn(int slot);

    /// <summary>Stamp of the first packet in a slot that was handed over and not prepared, ns; 0 if it has none.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="isTai">True: the NIC's, TAI. False: the system clock's, UTC.</param>
    public abstract long FirstStamp(int slot, out bool isTai);

    /// <summary>
    /// Makes the block of a slot that was handed over a chunk, but for the descriptor's numbers, which
    /// <see cref="ChunkLayout.WriteDescriptor"/> writes.
    /// </summary>
    /// <param name="slot">The slot.</param>
    /// <param name="offset">TAI - UTC of the segment that it goes to.</param>
    /// <param name="block">Counts and stamps.</param>
    public abstract void Prepare(int slot, UtcOffset offset, out RewrittenBlock block);

    /// <summary>Where the slot's chunk starts: on a page, to be written with O_DIRECT.</summary>
    public abstract byte* Chunk(int slot);

    /// <summary>The kernel may fill it again; every read of it is done.</summary>
    public abstract void Release(int slot);

    /// <summary>Asks the kernel. Once a block, and while idle.</summary>
    public abstract RingGrowth TakeStatistics();

    /// <summary>Blocks that the kernel cannot fill now: handed over and not released. <see cref="SlotCount"/>: the ring is full.</summary>
    public abstract int FilledBlocks();

    /// <summary>Packets in slots that were handed over and not prepared.</summary>
    public abstract ulong PacketsLeft();

    /// <summary>Sleeps until a block may be there, or the time has passed.</summary>
    public abstract void Wait(int timeoutMs);

    public abstract void Dispose();
}

/// <summary>
/// The rings of one port by one backend. The port's supervisor makes, starts and stops them; each ring is its recorder's.
/// </summary>
internal abstract class PortRings : IDisposable
{
    /// <summary>The backend, as in the configuration.</summary>
    public abstract string Backend { get; }

    public abstract IReadOnlyList<BlockRing> Rings { get; }

    /// <summary>Packets come from here on.</summary>
    public abstract void Start();

    /// <summary>
    /// Packets from now on are judged by another filter, each by one of the two; nothing is closed. Where the rejected are counted by a
    /// counter of its own, packets of the moment between the two may be counted twice or not at all as filtered.
    /// </summary>
    /// <param name="options">The port with its new filter; null: everything.</param>
    /// <param name="device">Its interface, for the compiler.</param>
    /// <param name="ifIndex">The same.</param>
    /// <exception cref="IOException">The kernel refused; what is in force is not known, the rings must be closed.</exception>
    public abstract void ChangeFilter(PortOptions options, string device, int ifIndex);

    /// <summary>
    /// True if the interface that they were opened on was deleted or left its namespace, and be it for a moment: what has its number now is
    /// not captured.
    /// </summary>
    public abstract bool HasLostInterface { get; }

    /// <summary>No packet comes any more; those that are there can be taken. Does not fail: the interface may be gone.</summary>
    public abstract void StopReceiving();

    /// <summary>Once the recorders of all rings have ended.</summary>
    public abstract void Dispose();
}
