// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Platform.Linux;
using Capbox.Platform.Time;
using Xunit;

namespace Capbox.Tests;

/// <summary>How full a ring is, on a real packet socket.</summary>
[Collection("Integration")]
public sealed class CaptureRingFillTests
{
    private const int BlockBytes = 64 * 1024, Blocks = 8;

    /// <summary>Blocks fill up, are prepared in order and given back in any order, over more than one round: the count is right after each step.</summary>
    [Fact]
    public void Filled_blocks_are_those_handed_over_and_not_given_back()
    {
        var options = new PacketRingOptions(1 /* lo, LOOPBACK_IFINDEX in the kernel */, BlockBytes, Blocks, 20, ChunkLayout.PrivateBytes, 14, false, false);
        PacketRing socket = PacketRing.Open(options);
        using var ring = new PacketBlockRing(socket, options, null, 0, Format.MaxSnapLength, false);
        Assert.Equal(0, ring.FilledBlocks());
        socket.SetFilter(FilterProgram.AcceptAll(Format.MaxSnapLength));
        int next = 0;
        for (int round = 0; round < 5; round++)
        {
            FillWhole(ring);
            Assert.Equal(Blocks, ring.FilledBlocks());
            for (int i = 0; i < 3; i++)
                ring.Prepare((next + i) % Blocks, UtcOffset.Since2017, out _);
            Assert.Equal(Blocks, ring.FilledBlocks());
            // The second first: the slot after the newest is still held from the round before and must not be counted again.
            ring.Release((next + 1) % Blocks);
            Assert.Equal(Blocks - 1, ring.FilledBlocks());
            ring.Release((next + 2) % Blocks);
            Assert.Equal(Blocks - 2, ring.FilledBlocks());
            ring.Release(next);
            next = (next + 3) % Blocks;
        }

        FillWhole(ring);
        socket.SetFilter(FilterProgram.RejectAll()); // nothing that other programs send on lo fills a block now
        for (int i = 0; i < Blocks; i++)
            ring.Release((next + i) % Blocks); // let go unprepared, as in mode trigger
        Assert.Equal(0, ring.FilledBlocks());
    }

    /// <summary>Sends until the kernel has no block left; more than the ring holds is dropped.</summary>
    private static void FillWhole(PacketBlockRing ring)
    {
        using var receiver = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        receiver.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        byte[] payload = new byte[1400];
        for (int i = 0; i < 100_000 && ring.FilledBlocks() < Blocks; i++)
            sender.SendTo(payload, receiver.LocalEndPoint!);
    }
}
