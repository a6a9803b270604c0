// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Microsoft.Win32.SafeHandles;

namespace Capbox.Packets.Custody;

/// <summary>
/// The lines of a chain file from its beginning, in constant memory. At the end <see cref="TryRead"/> may be called again: it continues
/// where the file has grown. A last line without a newline is not given out, it is still being written or was torn by a crash.
/// </summary>
internal sealed class ChainLines(SafeFileHandle file)
{
    private readonly byte[] _buffer = new byte[64 * ChainEntry.MaxLineBytes];
    private int _start;
    private int _end;

    /// <summary>Where the next line begins.</summary>
    public long Offset { get; private set; }

    /// <summary>Bytes behind the last whole line, once <see cref="TryRead"/> has come to the end.</summary>
    public int TornBytes => _end - _start;

    /// <param name="line">
    /// The line with its newline, valid until the next call. A line that is too long comes without: it is no entry.
    /// </param>
    /// <param name="offset">Where it begins in the file.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public bool TryRead(out ReadOnlySpan<byte> line, out long offset)
    {
        offset = Offset;
        int length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n') + 1;
        if (length == 0 && _end - _start <= ChainEntry.MaxLineBytes)
        {
            Fill();
            length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n') + 1;
        }

        if (length == 0 && _end - _start > ChainEntry.MaxLineBytes)
            length = ChainEntry.MaxLineBytes + 1;
        line = _buffer.AsSpan(_start, length);
        _start += length;
        Offset += length;
        return length > 0;
    }

    /// <summary>The entry at an offset that was read before.</summary>
    /// <exception cref="IOException">It is not there any more.</exception>
    public static ChainEntry ReadAt(SafeFileHandle file, long offset)
    {
        byte[] buffer = new byte[ChainEntry.MaxLineBytes];
        int got = RandomAccess.Read(file, buffer, offset);
        int length = buffer.AsSpan(0, got).IndexOf((byte)'\n') + 1;
        return ChainEntry.TryParse(buffer.AsSpan(0, length), out string reason)
            ?? throw new IOException($"chain at byte {offset}: {reason}");
    }

    private void Fill()
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
        int got;
        // A file gives less than was asked for only at its end, or when a signal came between.
        while (_end < _buffer.Length && (got = RandomAccess.Read(file, _buffer.AsSpan(_end), Offset + _end)) > 0)
            _end += got;
    }
}
