// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;

namespace Capbox.Bench;

/// <summary>Takes each packet of a file: captured bytes and the stamp, nanoseconds as stored (if_tsoffset is not added).</summary>
internal delegate void PacketSink(ReadOnlySpan<byte> frame, long stampNs);

/// <summary>
/// Reads pcap (micro- and nanoseconds), pcapng and stenotype's raw TPACKET_V3 blocks, either byte order, straight through. Written
/// apart from capbox's own reader, because it is its judge. A torn tail ends the reading; <see cref="Torn"/> tells.
/// </summary>
internal sealed class CaptureFile : IDisposable
{
    private const int BufferBytes = 8 << 20;
    private const int StenoBlockBytes = 1 << 20;
    private const int BlockBytesMost = 16 << 20;
    private readonly FileStream _file;
    private readonly List<long> _unitsPerSecond = [];
    private byte[] _block = new byte[1 << 20];
    private bool _bigEndian;

    public CaptureFile(string path) => _file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, BufferBytes);

    /// <summary>The file ended inside a record, or a record made no sense: what is wrong and where.</summary>
    public string? Torn { get; private set; }

    public void Dispose() => _file.Dispose();

    public void Read(PacketSink sink)
    {
        if (!Fill(0, 4))
            return;

        switch (BinaryPrimitives.ReadUInt32LittleEndian(_block))
        {
            case 0x0A0D0D0A: ReadPcapng(sink); break;
            case 0xA1B2C3D4: ReadPcap(sink, nano: false); break;
            case 0xA1B23C4D: ReadPcap(sink, nano: true); break;
            case 0xD4C3B2A1: _bigEndian = true; ReadPcap(sink, nano: false); break;
            case 0x4D3CB2A1: _bigEndian = true; ReadPcap(sink, nano: true); break;
            case 2: ReadSteno(sink); break;
            default: Torn = "neither pcap, pcapng nor stenotype"; break;
        }
    }

    private uint U32(int at) => _bigEndian
        ? BinaryPrimitives.ReadUInt32BigEndian(_block.AsSpan(at))
        : BinaryPrimitives.ReadUInt32LittleEndian(_block.AsSpan(at));

    private ushort U16(int at) => _bigEndian
        ? BinaryPrimitives.ReadUInt16BigEndian(_block.AsSpan(at))
        : BinaryPrimitives.ReadUInt16LittleEndian(_block.AsSpan(at));

    /// <summary>Reads so many bytes to a place in the block buffer; false at the end of the file.</summary>
    private bool Fill(int at, int bytes)
    {
        if (_block.Length < at + bytes)
            Array.Resize(ref _block, at + bytes);

        int got = _file.ReadAtLeast(_block.AsSpan(at, bytes), bytes, throwOnEndOfStream: false);
        if (got == bytes)
            return true;

        if (got > 0)
            Torn = $"torn at byte {_file.Length}";

        return false;
    }

    private void ReadPcap(PacketSink sink, bool nano)
    {
        if (!Fill(4, 20))
            return;

        while (Fill(0, 16))
        {
            long stampNs = (U32(0) * 1_000_000_000L) + (U32(4) * (nano ? 1L : 1000L));
            uint bytes = U32(8);
            if (bytes > BlockBytesMost)
            {
                Torn = $"packet of {bytes} bytes before byte {_file.Position}";
                return;
            }

            if (!Fill(0, (int)bytes))
            {
                Torn ??= "last packet is missing";
                return;
            }

            sink(_block.AsSpan(0, (int)bytes), stampNs);
        }
    }

    private void ReadPcapng(PacketSink sink)
    {
        bool more = Fill(4, 8);
        while (more)
        {
            if (U32(0) == 0x0A0D0D0A)
            {
                _bigEndian = _block[8] == 0x1A;
                _unitsPerSecond.Clear();
            }

            uint bytes = U32(4);
            if (bytes is < 12 or > BlockBytesMost || bytes % 4 != 0)
            {
                Torn = $"block of {bytes} bytes before byte {_file.Position}";
                return;
            }

            if (!Fill(12, (int)bytes - 12))
            {
                Torn ??= "last block is torn";
                return;
            }

            if (U32((int)bytes - 4) != bytes)
            {
                Torn = $"lengths of the block before byte {_file.Position} differ";
                return;
            }

            PcapngBlock(sink, (int)bytes);
            more = Fill(0, 12);
        }
    }

    private void PcapngBlock(PacketSink sink, int bytes)
    {
        switch (U32(0))
        {
            case 1:
                _unitsPerSecond.Add(TimeUnits(16, bytes - 4));
                break;
            case 6 when U32(20) <= bytes - 32 && U32(8) < _unitsPerSecond.Count:
                long units = _unitsPerSecond[(int)U32(8)];
                ulong stamp = ((ulong)U32(12) << 32) | U32(16);
                sink(_block.AsSpan(28, (int)U32(20)), (long)((UInt128)stamp * 1_000_000_000 / (ulong)units));
                break;
            case 6:
                Torn = $"packet block before byte {_file.Position} contradicts itself";
                break;
            case 3:
                sink(_block.AsSpan(12, Math.Min((int)U32(8), bytes - 16)), 0);
                break;
        }
    }

    /// <summary>if_tsresol among the options of an interface description; a million when absent.</summary>
    private long TimeUnits(int at, int end)
    {
        while (at + 4 <= end && U16(at) != 0)
        {
            if (U16(at) == 9)
            {
                int code = _block[at + 4];
                return code < 0x80 ? (long)Math.Pow(10, code) : 1L << (code & 0x3f);
            }

            at += 4 + ((U16(at + 2) + 3) & ~3);
        }

        return 1_000_000;
    }

    /// <summary>struct tpacket_block_desc and tpacket3_hdr as the kernel left them, 1 MiB per block.</summary>
    private void ReadSteno(PacketSink sink)
    {
        bool more = Fill(4, StenoBlockBytes - 4);
        while (more)
        {
            uint packets = U32(12);
            long at = U32(16);
            for (uint i = 0; i < packets; i++)
            {
                if (at + 48 > StenoBlockBytes || at + U16((int)at + 24) + U32((int)at + 12) > StenoBlockBytes)
                {
                    Torn = $"packet outside its block before byte {_file.Position}";
                    break;
                }

                int head = (int)at;
                sink(_block.AsSpan(head + U16(head + 24), (int)U32(head + 12)), (U32(head + 4) * 1_000_000_000L) + U32(head + 8));
                at += U32(head);
            }

            more = Fill(0, StenoBlockBytes);
        }
    }
}
