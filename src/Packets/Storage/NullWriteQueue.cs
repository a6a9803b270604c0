// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Storage;

/// <summary>Completes every write at once: shows in the bench what capture costs without a disk.</summary>
internal sealed class NullWriteQueue(int depth) : WriteQueue
{
    private readonly (ulong Tag, int Bytes)[] _done = new (ulong, int)[depth];
    private int _first;
    private int _count;

    public override string Name => "null";

    public override int Write(int fd, nint buffer, int bytes, long offset, ulong tag)
    {
        if (_count == _done.Length)
            return Platform.Linux.Errno.EAGAIN;
        _done[(_first + _count++) % _done.Length] = (tag, bytes);
        return 0;
    }

    public override bool TryTake(out ulong tag, out int result)
    {
        (tag, result) = _done[_first];
        if (_count == 0)
            return false;
        _first = (_first + 1) % _done.Length;
        _count--;
        return true;
    }

    public override void Wait(int timeoutMs)
    {
        if (_count == 0)
            Thread.Sleep(timeoutMs);
    }

    public override void Dispose()
    {
    }
}
