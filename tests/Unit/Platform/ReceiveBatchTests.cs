// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Capbox.Platform.Linux;
using Xunit;

namespace Capbox.Ptp.Tests;

/// <summary>recvmmsg(2) on a UDP socket of the loopback interface.</summary>
public sealed class ReceiveBatchTests : IDisposable
{
    private readonly KernelSocket _socket = new(SocketNumbers.AF_INET, SocketNumbers.SOCK_DGRAM, 0, "test");
    private readonly Socket _sender = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly ReceiveBatch _batch = new();

    public ReceiveBatchTests()
    {
        // A port of 127.0.0.1 that nobody has; then struct sockaddr_in.
        using Socket finder = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        finder.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var free = (IPEndPoint)finder.LocalEndPoint!;
        finder.Dispose();
        byte[] address = new byte[16];
        BinaryPrimitives.WriteUInt16LittleEndian(address, SocketNumbers.AF_INET);
        BinaryPrimitives.WriteUInt16BigEndian(address.AsSpan(2), (ushort)free.Port);
        IPAddress.Loopback.GetAddressBytes().CopyTo(address, 4);
        _socket.Bind(address, "bind");
        _sender.Connect(free);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(ReceiveBatch.Slots - 1)]
    [InlineData(ReceiveBatch.Slots)]
    [InlineData((2 * ReceiveBatch.Slots) + 3)]
    public void All_come_once_and_in_order_and_an_emptied_socket_is_known(int count)
    {
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < count; i++)
                _sender.Send(new byte[1 + i]);
            for (int i = 0; i < count; i++)
            {
                ReceiveResult got = _batch.Receive(_socket);
                Assert.Equal((1 + i, 1 + i, false), (got.Bytes, _batch.Data.Length, got.IsTruncated));
                Assert.Equal(((IPEndPoint)_sender.LocalEndPoint!).Port, BinaryPrimitives.ReadUInt16BigEndian(_batch.Name[2..]));
                Assert.Equal(i + 1 < count || count % ReceiveBatch.Slots == 0, _batch.MayHaveMore);
            }

            Assert.False(_batch.HasLeft);
            Assert.Equal(-Errno.EAGAIN, _batch.Receive(_socket).Bytes);
            Assert.False(_batch.MayHaveMore);
        }
    }

    [Fact]
    public void What_is_too_long_is_told_and_the_next_is_whole()
    {
        _sender.Send(new byte[5_000]);
        _sender.Send([7]);
        Assert.True(_batch.Receive(_socket).IsTruncated);
        Assert.True(_batch.Data.Length < 5_000);
        Assert.False(_batch.Receive(_socket).IsTruncated);
        Assert.Equal([7], _batch.Data.ToArray());
    }

    [Fact]
    public void Nothing_is_allocated() => Assert.Equal(0, Allocation.LeastOfThisThread(() =>
    {
        for (int i = 0; i < 100; i++)
            _batch.Receive(_socket);
    }));

    public void Dispose()
    {
        _socket.Dispose();
        _sender.Dispose();
    }
}
