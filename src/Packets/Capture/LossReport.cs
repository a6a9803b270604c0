// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;

namespace Capbox.Packets.Capture;

/// <summary>
/// Losses of one ring that no chunk has reported yet, and the chunk without packets that reports them when no packets come. The ring's
/// thread owns it; nothing is allocated after the constructor.
/// </summary>
internal sealed unsafe class LossReport : IDisposable
{
    /// <summary>
    /// A chunk without packets reports losses when no other chunk was written for this long; mere filter counts after the longer time.
    /// </summary>
    private const int LossAfterMs = 1000, FilteredAfterMs = 60_000;

    private readonly RingSetup _setup;
    private readonly PortCounters _port;
    private readonly AlignedBuffer _page = new(Format.PageBytes);
    private ChunkRecord _unreported;
    private ChunkRecord _chunk;

    public LossReport(RingSetup setup, PortCounters port) => (_setup, _port) = (setup, port);

    /// <summary>Counts that no chunk has reported yet, without those that wait at the port.</summary>
    public ref ChunkRecord Unreported => ref _unreported;

    /// <summary>Record of the chunk without packets; valid from <see cref="Begin"/> until its write has completed.</summary>
    public ref ChunkRecord Chunk => ref _chunk;

    /// <summary>The chunk itself: one page, aligned for O_DIRECT.</summary>
    public byte* Page => (byte*)_page.Address;

    /// <summary>True while the chunk's write is in flight.</summary>
    public bool IsInFlight { get; set; }

    public bool HasUnreported => (_unreported.LostPackets | _unreported.FilteredPackets) != 0 || _port.HasPending;

    /// <summary>Whether a chunk without packets is due.</summary>
    /// <param name="idleMs">Time since the ring's last chunk.</param>
    public bool IsDue(long idleMs)
    {
        bool hasLoss = _unreported.LostPackets > 0 || _port.HasPending;
        return (hasLoss && idleMs >= LossAfterMs) || (_unreported.FilteredPackets > 0 && idleMs >= FilteredAfterMs);
    }

    /// <summary>Moves everything unreported into a record that is about to be written.</summary>
    public void MoveInto(ref ChunkRecord record)
    {
        record.AddLosses(_unreported);
        _unreported = default;
        _port.MoveInto(ref record);
    }

    /// <summary>Makes the chunk without packets; its losses come by <see cref="MoveInto"/>.</summary>
    public void Begin(ulong sequence, long nowUtcNs)
    {
        _chunk = new ChunkRecord
        {
            Magic = Format.RecordMagic,
            Version = Format.RecordVersion,
            Kind = RecordKind.Chunk,
            ChunkBytes = Format.PageBytes,
            RingSequence = sequence,
            Port = (ushort)_setup.Port,
            Ring = (ushort)_setup.Ring,
            FirstUtcNs = nowUtcNs,
            LastUtcNs = nowUtcNs,
        };
        _setup.Clocks.Describe(ref _chunk);
        byte* page = Page;
        ChunkLayout.Close(page, page + ChunkLayout.DescriptorBytes, page + Format.PageBytes);
    }

    /// <summary>The chunk was not written: its losses are unreported again.</summary>
    public void Restore()
    {
        // The port's own losses go back to the port: any chunk of it may report them.
        _port.Restore(_chunk);
        _chunk.LostNic = _chunk.LostHost = _chunk.GapNs = 0;
        _unreported.AddLosses(_chunk);
        _chunk = default;
    }

    public void Dispose() => _page.Dispose();
}
