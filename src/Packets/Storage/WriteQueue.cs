// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Storage;

/// <summary>
/// Writes in flight of one ring thread. The owner submits, takes completions in any order and sleeps; no other thread touches it. An
/// implementation takes at least the depth it was made with; the owner never submits more.
/// </summary>
internal abstract class WriteQueue : IDisposable
{
    /// <summary>As the user sees it: "io_uring", "threads", "null".</summary>
    public abstract string Name { get; }

    /// <summary>Starts a write. Returns 0, or errno when it could not be started.</summary>
    /// <param name="fd">Open file.</param>
    /// <param name="buffer">Memory that stays untouched until the completion is taken; 4096-aligned.</param>
    /// <param name="bytes">Length, a multiple of 4096.</param>
    /// <param name="offset">Place in the file, a multiple of 4096.</param>
    /// <param name="tag">Comes back with the completion.</param>
    public abstract int Write(int fd, nint buffer, int bytes, long offset, ulong tag);

    /// <summary>Takes one completion: the tag, and the bytes written or minus errno.</summary>
    public abstract bool TryTake(out ulong tag, out int result);

    /// <summary>Sleeps until a completion is there or the time has passed.</summary>
    public abstract void Wait(int timeoutMs);

    public abstract void Dispose();

    /// <summary>The engine the user asked for; io_uring falls back to threads only under <see cref="WriteEngine.Auto"/>.</summary>
    /// <exception cref="IOException">io_uring was asked for by name and the kernel does not permit it.</exception>
    public static WriteQueue Create(WriteEngine engine, int depth) => engine switch
    {
        WriteEngine.Null => new NullWriteQueue(depth),
        WriteEngine.Threads => new ThreadWriteQueue(depth),
        WriteEngine.IoUring => IoUringWriteQueue.TryCreate(depth)
            ?? throw new IOException($"io_uring is not permitted here: {Platform.Linux.Errno.LastText()} (use \"engine\": "
                + $"\"threads\")"),
        _ => IoUringWriteQueue.TryCreate(depth) ?? (WriteQueue)new ThreadWriteQueue(depth),
    };
}
