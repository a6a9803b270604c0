// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Packets.Storage;

/// <summary>Writes through one io_uring: a system call to start each, none to take its completion.</summary>
internal sealed unsafe class IoUringWriteQueue : WriteQueue
{
    private readonly IoUring _ring;

    private IoUringWriteQueue(IoUring ring) => _ring = ring;

    public override string Name => "io_uring";

    /// <summary>Null when the kernel does not permit io_uring; errno has the reason.</summary>
    public static IoUringWriteQueue? TryCreate(int depth) => IoUring.TryCreate(depth) is { } ring ? new IoUringWriteQueue(ring) : null;

    public override int Write(int fd, nint buffer, int bytes, long offset, ulong tag) => _ring.Write(fd, (void*)buffer, bytes, offset, tag);

    public override bool TryTake(out ulong tag, out int result) => _ring.TryGetCompletion(out tag, out result);

    public override void Wait(int timeoutMs) => _ring.Wait(timeoutMs);

    public override void Dispose() => _ring.Dispose();
}
