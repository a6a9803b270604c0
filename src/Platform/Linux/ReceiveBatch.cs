// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using static Capbox.Platform.Linux.SocketNumbers;

namespace Capbox.Platform.Linux;

/// <summary>
/// Messages of one socket, fetched several in one system call and returned one by one. A call that brings fewer than there is room
/// for has emptied the socket: no second call is made to learn that.
/// Pinned memory, all of it made at the start.
/// </summary>
internal sealed unsafe class ReceiveBatch
{
    /// <summary>Messages in one call. What comes to a port between two looks fits, but for a flood.</summary>
    [OwnChoice] public const int Slots = 8;

    [OwnChoice] private const int DataBytes = 2048, ControlBytes = 512, NameBytes = 32;

    private readonly byte[] _data = GC.AllocateArray<byte>(Slots * DataBytes, pinned: true);
    private readonly byte[] _control = GC.AllocateArray<byte>(Slots * ControlBytes, pinned: true);
    private readonly byte[] _name = GC.AllocateArray<byte>(Slots * NameBytes, pinned: true);
    private readonly IoVector[] _vectors = GC.AllocateArray<IoVector>(Slots, pinned: true);
    private readonly MessageEntry[] _entries = GC.AllocateArray<MessageEntry>(Slots, pinned: true);
    private int _count;
    private int _next;

    public ReceiveBatch()
    {
        for (int i = 0; i < Slots; i++)
        {
            _vectors[i] = new IoVector { Base = At(_data, i * DataBytes), Bytes = DataBytes };
            _entries[i].Head = new MessageHead
            {
                Name = At(_name, i * NameBytes),
                Vectors = (IoVector*)Unsafe.AsPointer(ref _vectors[i]),
                VectorCount = 1,
                Control = At(_control, i * ControlBytes),
            };
        }
    }

    /// <summary>Whether a fetched message is left.</summary>
    public bool HasLeft => _next < _count;

    /// <summary>False when the last call emptied the socket and all that it brought was returned.</summary>
    public bool MayHaveMore => HasLeft || _count == Slots;

    /// <summary>
    /// The data of the last message, until the next call; valid if its <see cref="ReceiveResult.Bytes"/> are not negative.
    /// </summary>
    public ReadOnlySpan<byte> Data => _data.AsSpan(Last * DataBytes, (int)Math.Min(_entries[Last].Bytes, DataBytes));

    public ReadOnlySpan<byte> Control => _control.AsSpan(Last * ControlBytes, (int)_entries[Last].Head.ControlBytes);

    public ReadOnlySpan<byte> Name => _name.AsSpan(Last * NameBytes, NameBytes);

    private int Last => _next - 1;

    /// <summary>Returns the next message, from the socket if none is left; see recvmmsg(2).</summary>
    public ReceiveResult Receive(KernelSocket socket)
    {
        if (!HasLeft)
        {
            int errno = Fetch(socket);
            if (errno != 0)
                return new(-errno, 0, 0, false);
        }

        ref readonly MessageEntry entry = ref _entries[_next++];
        bool isTruncated = (entry.Head.Flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
        return new((int)entry.Bytes, (int)entry.Head.NameBytes, (int)entry.Head.ControlBytes, isTruncated);
    }

    private int Fetch(KernelSocket socket)
    {
        (_count, _next) = (0, 0);
        for (int i = 0; i < Slots; i++)
            (_entries[i].Head.NameBytes, _entries[i].Head.ControlBytes) = (NameBytes, ControlBytes);
        int count = LibC.recvmmsg(socket.Fd, (MessageEntry*)Unsafe.AsPointer(ref _entries[0]), Slots, MSG_DONTWAIT, null);
        if (count < 0)
            return Errno.Last;
        _count = count;
        return 0;
    }

    /// <summary>Of an array that does not move.</summary>
    private static void* At(byte[] pinned, int offset) => Unsafe.AsPointer(ref pinned[offset]);
}
