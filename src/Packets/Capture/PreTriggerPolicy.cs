// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Capture;

/// <summary>
/// Decides in mode trigger which filled blocks of a ring are retained, discarded or written. Arithmetic alone: the ring thread reports its
/// blocks and carries out the decisions. Nothing is allocated after the constructor, and nothing depends on stamps of packets: the age of a
/// block counts from when it was seen handed over, by a monotonic clock.
///
///     kernel's -> handed over -> retained --too old, or the kernel runs short--> discarded -> kernel's
///                                      '---- in a window --> dequeued: rewritten, written -> kernel's
///
/// The retained blocks follow each other in the ring, oldest first, which is the order in which the kernel wants them back. They are
/// rewritten only when they are written, so retaining costs nothing a packet, and chunks are numbered without a gap.
/// </summary>
internal sealed class PreTriggerPolicy
{
    /// <summary>
    /// Blocks that stay free for the kernel: this part of the ring and two. Room is not the reason: before it stores a packet the kernel
    /// looks, without a lock, whether the block a quarter of the ring ahead is free (__tpacket_v3_has_room in net/packet/af_packet.c), and
    /// only if it is not, whether the one being filled is. That one is for a moment the one that was just handed over, and a packet that
    /// comes on another CPU then is dropped.
    /// </summary>
    private const int FreePart = 4, MoreFreeBlocks = 2;

    /// <summary>Longest handover this asks for, as in the configuration.</summary>
    private const int MaxHandoverMs = 10_000;

    /// <summary>A packet's stamp is taken before the packet is in its block: a window is ended this much later.</summary>
    private const long StampToBlockNs = 5_000_000;

    private readonly TriggerGate _gate;
    private readonly int _mostRetained;
    private readonly long _beforeNs, _quietNs;
    private readonly long[] _noticedNs; // by block
    private readonly ChunkRecord[] _losses; // by block: what was counted as lost or filtered since the block before it
    private int _first, _count;
    // Blocks since the start: handed over; dequeued or discarded; the last one of a window that ends
    private ulong _noticed, _gone, _lastWanted;
    private long _cutNs = long.MinValue, _closeAtNs;
    private bool _isEnding, _isDraining;
    private long _heldSinceNs = long.MaxValue, _seenVersion;
    private volatile bool _isSettled;

    /// <param name="gate">Windows to be written.</param>
    /// <param name="blocks">Blocks of the ring.</param>
    /// <param name="before">Time to be retained.</param>
    /// <param name="handoverMs">The ring's handover time: after two of them a block with a packet has been handed over.</param>
    public PreTriggerPolicy(TriggerGate gate, int blocks, TimeSpan before, int handoverMs)
    {
        _gate = gate;
        _mostRetained = MostRetained(blocks);
        _beforeNs = Nanoseconds(before);
        _quietNs = ((2 * handoverMs) + 50) * 1_000_000L;
        _noticedNs = new long[blocks];
        _losses = new ChunkRecord[blocks];
    }

    /// <summary>Most blocks that are retained; the rest is the kernel's.</summary>
    public static int MostRetained(int blocks) => Math.Max(1, blocks - (blocks / FreePart) - MoreFreeBlocks);

    /// <summary>
    /// The handover time a ring needs so that a trickle of packets, where each handover takes a block, does not fill it before
    /// <paramref name="before"/> has passed. At least what is configured.
    /// </summary>
    public static int HandoverMs(int configuredMs, int blocks, TimeSpan before)
    {
        double neededMs = Math.Ceiling(before.TotalMilliseconds / Math.Max(1, MostRetained(blocks) - 1));
        return (int)Math.Clamp(neededMs, configuredMs, Math.Max(configuredMs, MaxHandoverMs));
    }

    public static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;

    /// <summary>The block that will be handed over next.</summary>
    public int Next => (_first + _count) % _noticedNs.Length;

    /// <summary>False while the whole ring is retained, because the disk rejects writes.</summary>
    public bool CanNotice => _count < _noticedNs.Length;

    public int Retained => _count;

    /// <summary>True while retained blocks are to be written.</summary>
    public bool IsWriting { get; private set; }

    /// <summary>True if the oldest retained block is to be written now.</summary>
    public bool MayWrite => IsWriting && _count > 0;

    /// <summary>
    /// All packets that came after this moment (monotonic) are retained, written or counted as lost: none was discarded. For control.
    /// </summary>
    public long HeldSinceNs => Volatile.Read(ref _heldSinceNs);

    /// <summary>The last window this ring has acted on. For control.</summary>
    public long SeenVersion => Volatile.Read(ref _seenVersion);

    /// <summary>True when nothing is to be written and no write is under way. For control.</summary>
    public bool IsSettled => _isSettled;

    /// <summary>The ring begins to receive.</summary>
    public void Start(long nowNs) => Volatile.Write(ref _heldSinceNs, nowNs);

    /// <summary>The block <see cref="Next"/> has been handed over.</summary>
    /// <param name="nowNs">Monotonic; all of its packets came before.</param>
    /// <param name="losses">
    /// Counted since the block before it. They share its fate: what was lost long before a window is no loss of the window.
    /// </param>
    public void Notice(long nowNs, in ChunkRecord losses)
    {
        int block = Next;
        _noticedNs[block] = nowNs;
        _losses[block] = losses;
        _count++;
        _noticed++;
    }

    /// <summary>Opens and ends windows, after all blocks that are there have been noticed.</summary>
    /// <returns>True if a window has ended just now.</returns>
    public bool Decide(long nowNs)
    {
        if (_isDraining || _gate.Current is not { } window)
            return false;
        if (window.Version != _seenVersion)
        {
            _cutNs = IsWriting ? _cutNs : window.TriggeredNs - _beforeNs;
            IsWriting = true;
            _isSettled = false;
            _isEnding = false;
            Volatile.Write(ref _seenVersion, window.Version);
        }

        if (!IsWriting || nowNs < window.UntilNs + StampToBlockNs)
            return false;
        if (!_isEnding)
        {
            // The block being filled now may hold the window's last packets; an empty one is never handed over.
            _isEnding = true;
            _lastWanted = _noticed + 1;
            _closeAtNs = nowNs + _quietNs;
        }

        bool isQuiet = _count == 0 && nowNs >= _closeAtNs;
        IsWriting = _gone < _lastWanted && !isQuiet;
        return !IsWriting;
    }

    /// <summary>True if the oldest retained block is to be released unwritten.</summary>
    public bool MustDiscard(long nowNs)
    {
        if (_count == 0)
            return false;
        if (IsWriting)
            return _noticedNs[_first] < _cutNs;
        return _isDraining || _count > _mostRetained || nowNs - _noticedNs[_first] > _beforeNs;
    }

    /// <summary>The oldest retained block is released unwritten.</summary>
    public void Discard()
    {
        Volatile.Write(ref _heldSinceNs, _noticedNs[_first]);
        Advance();
    }

    /// <summary>The oldest retained block is written: its losses go into its record.</summary>
    public void Dequeue(ref ChunkRecord record)
    {
        record.AddLosses(_losses[_first]);
        Advance();
    }

    /// <summary>The ring stops: inside a window all is written, outside all is discarded.</summary>
    public void Drain()
    {
        _isDraining = true;
        Volatile.Write(ref _seenVersion, long.MaxValue);
    }

    /// <summary>Publishes to control whether writes are under way; once a round.</summary>
    public void Settle(bool isIdle) => _isSettled = isIdle && !IsWriting;

    private void Advance()
    {
        _first = _first + 1 == _noticedNs.Length ? 0 : _first + 1;
        _count--;
        _gone++;
    }
}
