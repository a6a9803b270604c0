// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using Capbox.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Capbox.Packets.Custody;

/// <summary>SHA-256 of a whole file, read once and in order; what was read leaves the page cache again, which belongs to others.</summary>
internal static class SegmentDigest
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Large enough that dropping costs nothing, small enough to leave the page cache to others.</summary>
    private const long ForgetBytes = 8 << 20;

    /// <param name="path">A sealed segment: it does not change any more.</param>
    /// <param name="buffer">Working memory, of <see cref="NewBuffer"/>.</param>
    /// <param name="bytesDone">Called after each piece with its bytes; may be null.</param>
    /// <param name="stop">Asked after each piece, some milliseconds of work.</param>
    /// <returns>Length and digest in hex.</returns>
    /// <exception cref="IOException">It cannot be read; FileNotFoundException if it is not there.</exception>
    public static (ulong Bytes, string Sha256) Compute(string path, byte[] buffer, Action<int>? bytesDone, CancellationToken stop)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete,
            FileOptions.SequentialScan);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long offset = 0, forgotten = 0;
        try
        {
            int got;
            while ((got = RandomAccess.Read(file, buffer, offset)) > 0)
            {
                hash.AppendData(buffer, 0, got);
                offset += got;
                bytesDone?.Invoke(got);
                stop.ThrowIfCancellationRequested();
                if (offset - forgotten < ForgetBytes)
                    continue;
                FileSystem.DropCache(file, forgotten, offset - forgotten);
                forgotten = offset;
            }
        }
        finally
        {
            // Behind the offset as well: the kernel reads ahead.
            FileSystem.DropCache(file, forgotten, 0);
        }

        return ((ulong)offset, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    public static byte[] NewBuffer() => GC.AllocateUninitializedArray<byte>(BufferBytes, pinned: true);
}
