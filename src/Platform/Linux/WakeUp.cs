// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using static Capbox.Platform.Linux.FileNumbers;

namespace Capbox.Platform.Linux;

/// <summary>A number that another thread raises to end this one's poll(2): eventfd(2).</summary>
internal sealed unsafe class WakeUp : IDisposable
{
    private readonly FileDescriptor _fd;
    private readonly Lock _gate = new();
    private bool _isClosed;

    /// <exception cref="IOException">The process has no file descriptor left.</exception>
    public WakeUp()
    {
        int fd = LibC.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        _fd = fd >= 0 ? new FileDescriptor(fd) : throw new IOException($"eventfd: {Errno.LastText()}");
    }

    public int Fd => _fd.Value;

    /// <summary>Ends a wait that is under way, or the next one. Any thread.</summary>
    public void Raise()
    {
        ulong one = 1;
        // Once closed the number may be another file's.
        lock (_gate)
        {
            if (!_isClosed)
                _ = LibC.write(_fd.Value, &one, sizeof(ulong));
        }
    }

    /// <summary>Makes the next wait wait again.</summary>
    public void Clear()
    {
        ulong value;
        _ = LibC.read(_fd.Value, &value, sizeof(ulong));
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            _fd.Dispose();
        }
    }
}
