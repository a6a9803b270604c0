// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Microsoft.Win32.SafeHandles;

namespace Capbox.Packets.Pcapng;

/// <summary>A file that is read at offsets. What lies past its end is a fault of the format, not of the caller.</summary>
internal sealed class SegmentFile : IDisposable
{
    private readonly SafeFileHandle handle;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">No right to read it, or a directory.</exception>
    public SegmentFile(string path)
    {
        handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.RandomAccess);
        Length = RandomAccess.GetLength(handle);
    }

    /// <summary>For copying ranges inside the kernel.</summary>
    public SafeFileHandle Handle => handle;

    /// <summary>Starts reading a range into the page cache and returns at once.</summary>
    public void ReadAhead(long offset, long bytes) =>
        _ = Platform.Linux.LibC.posix_fadvise((int)handle.DangerousGetHandle(), offset, bytes, Platform.Linux.FileNumbers.POSIX_FADV_WILLNEED);

    /// <summary>Length when the file was opened.</summary>
    public long Length { get; }

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offset"/>.</summary>
    /// <exception cref="SegmentFormatException">The file ends before.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        if (ReadSome(offset, destination) != destination.Length)
            throw new SegmentFormatException(offset, $"the file ends within the {destination.Length} bytes that belong here");
    }

    /// <summary>Fills as much as there is; returns the number of bytes.</summary>
    public int ReadSome(long offset, Span<byte> destination)
    {
        int done = 0;
        while (done < destination.Length && offset + done < Length)
        {
            int bytes = RandomAccess.Read(handle, destination[done..], offset + done);
            if (bytes == 0)
                break;
            done += bytes;
        }

        return done;
    }

    public void Dispose() => handle.Dispose();
}
